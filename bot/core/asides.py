"""What the bot says besides the check itself: refusals, limits, watching, sharing, a person's cases."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.core.access import Access, domains_for
from bot.core.case import Case
from bot.core.codec import from_json, to_json
from bot.core.intake import EXAMPLES
from bot.core.message import (
    Actions,
    Block,
    Button,
    Buttons,
    Fields,
    Form,
    Input,
    Message,
    Text,
    Untrusted,
    report_message,
)
from bot.core.model import Link, Report
from bot.core.speech import reader, said, subject
from bot.core.wisdom import Wisdom

_MOST_DOMAINS = 5
HIDDEN = "•••"
"""Stands for an account's name where others read along."""


def refused(case: Case, wisdom: Wisdom, why: str, access: Access | None = None) -> Message:
    """Why nothing is probed for this person, and what can be done about it."""
    told = reader(case, wisdom)
    theirs = domains_for(case, access or Access())
    return said(
        told,
        f"talk.refused.{why}",
        domain=subject(case),
        account=case.account or "",
        own=case.address or "",
        theirs=told.word("comma").join(theirs[:_MOST_DOMAINS]) + ("…" if len(theirs) > _MOST_DOMAINS else ""),
    )


def not_explained(text: str, case: Case, wisdom: Wisdom) -> Message:
    told = reader(case, wisdom)
    words = told.word("explain.unknown")
    ask = Text(told.word("talk.ask_domain_after_error", example=EXAMPLES["domain"]))
    return Message(words, (Text(words), Untrusted(told.word("talk.your_words"), text[:1000]), ask))


def limited(case: Case, wisdom: Wisdom, kind: str, minutes: int) -> Message:
    told = reader(case, wisdom)
    again = Buttons((Button("recheck", told.word("button.recheck")),))
    return said(told, f"talk.limited.{kind}", again, minutes=minutes, subject=subject(case), account=case.account or "")


def watching(case: Case, wisdom: Wisdom) -> Message:
    told = reader(case, wisdom)
    return said(
        told, "talk.watching", Buttons((Button("unwatch", told.word("button.unwatch")),)), subject=subject(case)
    )


def watch_stopped(case: Case, wisdom: Wisdom) -> Message:
    return said(reader(case, wisdom), "talk.watch_stopped", subject=subject(case))


def watch_ended(case: Case, wisdom: Wisdom, recovered: bool) -> Message:
    told = reader(case, wisdom)
    again = Buttons((Button("recheck", told.word("button.recheck"), primary=True),))
    return said(told, "talk.watch_recovered" if recovered else "talk.watch_over", again, subject=subject(case))


def ask_share(case: Case, wisdom: Wisdom) -> Message:
    """Asks where a report may be shown, and whether with the account's name."""
    told = reader(case, wisdom)
    inputs = (
        Input("channel", told.word("field.channel"), optional=False),
        Input("show_account", told.word("field.show_account"), options=(("yes", told.word("field.show_account")),)),
    )
    return said(told, "talk.ask_share", Form("share", inputs, told.word("button.share_now")))


def shared(case: Case, wisdom: Wisdom, problem: str) -> Message:
    return said(reader(case, wisdom), f"talk.shared.{problem}" if problem else "talk.shared")


def shown_to_others(case: Case, finished: Report, wisdom: Wisdom, *, account: bool) -> Message:
    """The report as others see it: no buttons, and the account's name only where the person wants it."""
    message = report_message(finished, reader(case if account else replace(case, account=None), wisdom, finished))
    if account or not case.account:
        return message
    hidden: Message = from_json(blotted(to_json(message), case.account))
    return hidden


def blotted(value: Any, account: str) -> Any:
    """The same with the account's name blotted out wherever it stands, in a server's words as well."""
    if isinstance(value, str):
        return re.sub(re.escape(account), HIDDEN, value, flags=re.IGNORECASE)
    if isinstance(value, Mapping):
        return {key: blotted(part, account) for key, part in value.items()}
    return [blotted(part, account) for part in value] if isinstance(value, list) else value


def history(cases: Sequence[tuple[Case, str, str | None]], wisdom: Wisdom, told: Case) -> Message:
    """A person's cases: each with its last state and, where there is one, the address of its conversation."""
    words = reader(told, wisdom)
    if not cases:
        return said(words, "talk.no_history")
    lines = tuple(
        (f"{case.id}  {when}", f"{subject(case) or '-'} · {words.word(f'phase.{case.phase}')}")
        for case, when, _ in cases
    )
    links = tuple(Link(f"{case.id} {subject(case)}", url) for case, _, url in cases if url)
    title = words.word("talk.history")
    found: list[Block] = [Text(title, "title"), Fields(lines)]
    return Message(title, (*found, Actions(words.word("talk.history.open"), "", (), links)) if links else tuple(found))
