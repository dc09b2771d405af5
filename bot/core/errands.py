"""What a case does besides its check: explaining words, being watched, being shown to others, being held back."""

from collections.abc import Mapping
from dataclasses import replace

from bot.core import asides, speech
from bot.core.abilities import Abilities, Mind, Outcome
from bot.core.case import Case
from bot.core.events import Amend, Limited, Post, Share, Shared, StopWatch, Support, Watch, WatchEnded
from bot.core.model import Request
from bot.core.pasted import without_secrets
from bot.core.wisdom import Wisdom

_OVER = ("reported", "closed")
"""A report stays one when the talk about it was ended: it can be watched and shown to others."""


def pressed(case: Case, action: str, wisdom: Wisdom, abilities: Abilities) -> Outcome:
    """Buttons that concern no check. What cannot be done now does nothing."""
    match action:
        case "watch" if abilities.watch and case.blocked and not case.watching and case.phase in _OVER:
            request = Request(case.domain, case.scenario, case.account, dict(case.endpoints), case.lang, case.mailbox)
            watching = replace(case, watching=True)
            return watching, (Watch(request, case.blocked), Post("watch", asides.watching(watching, wisdom)))
        case "unwatch" if case.watching:
            return replace(case, watching=False), (StopWatch(), Post("watch", asides.watch_stopped(case, wisdom)))
        case "share" if abilities.share and case.phase in _OVER:
            return case, (Post("share", asides.ask_share(case, wisdom)),)
        case "support" if case.run:
            return case, (Support("support"),)
        case _:
            return case, ()


def share(case: Case, values: Mapping[str, str], abilities: Abilities) -> Outcome:
    """The person chose where to show the report."""
    channel = values.get("channel", "")
    if not channel or not abilities.share or case.phase not in _OVER:
        return case, ()
    return case, (Share(channel, bool(values.get("show_account"))),)


def pasted(case: Case, text: str, mind: Mind) -> Outcome:
    """Words to be explained: as far as they can be, and never more than the words."""
    clean, seen = without_secrets(text)
    case = replace(case, phase="asking" if case.phase == "new" else case.phase)
    wisdom = mind.wisdom(case.lang)
    told = speech.explained(clean, case, wisdom) or asides.not_explained(clean, case, wisdom)
    warning = (Post("pasted", speech.pasted_secret(case, wisdom)),) if seen else ()
    return case, (*warning, Post("explained", told))


def told(case: Case, event: Limited | WatchEnded | Shared, mind: Mind) -> Outcome:
    """What happened outside the talk is told."""
    wisdom = mind.wisdom(case.lang)
    match event:
        case Limited(run=run, kind=kind, minutes=minutes):
            if run != case.run or case.phase != "checking":
                return case, ()
            back = replace(case, phase="reported", marks=(), with_secret=False)
            return back, (
                Amend(f"progress:{run}", speech.done(case, wisdom, stopped=True)),
                Post("limited", asides.limited(case, wisdom, kind, minutes)),
            )
        case WatchEnded(recovered=recovered):
            if not case.watching:
                return case, ()
            return replace(case, watching=False), (Post("watch", asides.watch_ended(case, wisdom, recovered)),)
        case Shared(problem=problem):
            return case, (Post("shared", asides.shared(case, wisdom, problem)),)
