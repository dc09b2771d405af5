"""Slack's checks, imported only where Slack is used: its libraries take long."""

from collections.abc import Sequence

from bot.health.outcome import Outcome
from bot.settings import Settings


async def check_slack(settings: Settings) -> Sequence[Outcome]:
    """What `handlers.slack.doctor` finds."""
    if not settings.slack.enabled:
        return []
    from handlers.slack.doctor import check_slack as examine  # noqa: PLC0415

    return await examine(settings)
