"""Lark's checks, imported only where Lark is used."""

from collections.abc import Sequence

from bot.health.outcome import Outcome
from bot.settings import Settings


async def check_lark(settings: Settings) -> Sequence[Outcome]:
    """What `handlers.lark.doctor` finds."""
    if not settings.lark.enabled:
        return []
    from handlers.lark.doctor import check_lark as examine  # noqa: PLC0415

    return await examine(settings)
