"""`doctor`: is everything there that the bot needs? One line a check, with what to do."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from bot.commands.status import DONE, FAILED, UNKNOWN
from bot.faults import own_fault
from bot.health.house import check_knowledge, check_process, check_settings
from bot.health.lark import check_lark
from bot.health.m365 import check_m365
from bot.health.outcome import Check, Mark, Outcome
from bot.health.pages import check_listen, check_public_url, check_secret_entry
from bot.health.public import check_public_answer
from bot.health.slack import check_slack
from bot.health.stored import check_queue, check_store
from bot.health.surroundings import check_fonts, check_nameservers, check_surroundings, check_trust
from bot.settings import Settings, SettingsError, load_settings

CHECKS: tuple[Check, ...] = (
    check_settings,
    check_nameservers,
    check_trust,
    check_surroundings,
    check_fonts,
    check_store,
    check_queue,
    check_knowledge,
    check_process,
    check_listen,
    check_public_url,
    check_public_answer,
    check_secret_entry,
    check_m365,
    check_slack,
    check_lark,
)
"""In the order in which they are told. Slack and Lark add theirs."""


def doctor_command() -> int:
    """Print every check's outcome; 0 where all is well, 1 where something is wrong, 3 where something is undecided."""
    try:
        settings = load_settings()
    except SettingsError as error:
        told = "; ".join(str(error).splitlines())
        print(Outcome("fail", "settings", told, "correct app.yaml or the variable MIGCHECK_..."))
        return FAILED
    marks = asyncio.run(_examine(settings))
    return FAILED if marks["fail"] else UNKNOWN if marks["unknown"] else DONE


async def _examine(settings: Settings) -> Counter[Mark]:
    marks: Counter[Mark] = Counter()
    for check in CHECKS:
        for outcome in await _tried(check, settings):
            print(outcome, flush=True)
            marks[outcome.mark] += 1
    return marks


async def _tried(check: Check, settings: Settings) -> Sequence[Outcome]:
    """A check that fails by itself decides nothing, and the next ones go on."""
    try:
        return await check(settings)
    except Exception as error:  # noqa: BLE001 - any
        return [Outcome("unknown", check.__name__.removeprefix("check_"), own_fault(error))]
