"""The dialogue: what a case becomes through an event, and what is to be done. Pure; the same on every platform.

It asks only for what is missing, starts what needs no secret at once, and never uses a secret that was typed into the
conversation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.core import asides, cloud_talk, errands, exchange_talk, speech
from bot.core.abilities import Abilities, Mind, Outcome
from bot.core.access import may_know, may_log_in, refusal
from bot.core.case import Case
from bot.core.events import (
    Amend,
    CodeGiven,
    Effect,
    Event,
    Expired,
    Finished,
    ForgetSecret,
    Interrupted,
    Limited,
    Meet,
    Met,
    OfferSecret,
    Pasted,
    Post,
    Pressed,
    SecretTaken,
    Shared,
    StartCheck,
    StepDone,
    StopCheck,
    StopWatch,
    Submitted,
    Support,
    Typed,
    WatchEnded,
)
from bot.core.forms import ask_servers, form_again, read_form, without_secrets_in
from bot.core.mailprogram import ProgramSettings, read_program
from bot.core.model import Report, Request, StepResult, scenario_of
from bot.core.pasted import without_secrets
from bot.core.privilege import neutral
from bot.core.report import endpoints_of
from bot.core.understanding import Understanding, understand
from bot.core.wisdom import Wisdom

EVERYTHING = Abilities()
__all__ = ["Abilities", "Mind", "advance"]


def advance(case: Case, event: Event, mind: Mind, abilities: Abilities = EVERYTHING) -> Outcome:
    """The case after the event, and what is to be done. Nothing else happens here."""
    after, effects = _react(case, event, mind, abilities)
    return _numbered(after, effects)


def _react(case: Case, event: Event, mind: Mind, abilities: Abilities) -> Outcome:
    if not case.met and isinstance(event, Typed | Pasted | Submitted):
        return _unmet(case, event)
    match event:
        case Typed(text=text):
            return _typed(case, text, mind, abilities)
        case Pasted(text=text):
            return errands.pasted(case, text, mind)
        case Met():
            return _met(case, event, mind, abilities)
        case Limited() | WatchEnded() | Shared():
            return errands.told(case, event, mind)
        case Pressed(action=action):
            return _pressed(case, action, mind, abilities)
        case Submitted(form=form, values=values):
            return _submitted(case, form, values, mind, abilities)
        case SecretTaken(handle=handle):
            return _secret_taken(case, handle, mind, abilities)
        case CodeGiven():
            return cloud_talk.code_given(case, event, mind)
        case StepDone():
            return _step_done(case, event, mind)
        case Finished():
            return _finished(case, event, mind, abilities)
        case Interrupted(run=run, own_fault=own_fault):
            if run != case.run or case.phase != "checking":
                return case, ()
            told = speech.interrupted(case, mind.wisdom(case.lang), own_fault=own_fault)
            return replace(case, phase="reported", marks=()), (*_halt(case, mind)[1:], Post(f"interrupted:{run}", told))
        case Expired():
            if not case.offered or case.phase == "closed":
                return case, ()
            return replace(case, offered=False), (
                ForgetSecret(),
                Post("expired", cloud_talk.expired(case, mind.wisdom(case.lang))),
            )


def _unmet(case: Case, event: Typed | Pasted | Submitted) -> Outcome:
    """First it must be known who speaks. What is kept meanwhile is free of secrets."""
    if isinstance(event, Submitted):
        values, seen = without_secrets_in(event.values)
        return case, (Meet(replace(event, values=values), seen),)
    clean, seen = without_secrets(event.text)
    return case, (Meet(replace(event, text=clean), seen),)


def _met(case: Case, event: Met, mind: Mind, abilities: Abilities) -> Outcome:
    """Go on with what was said first; also with what was said while the platform had not told yet who speaks."""
    known = replace(case, met=True, lang=event.lang or case.lang, address=event.address, admin=event.admin)
    known = case if case.met else known
    after, effects = _react(known, event.first, mind, abilities)
    if event.secret_seen:
        effects = (Post("pasted", speech.pasted_secret(known, mind.wisdom(after.lang))), *effects)
    return after, effects


def _numbered(case: Case, effects: tuple[Effect, ...]) -> Outcome:
    """Messages without a number of their own get the next one of the case, so that each is a message of its own."""
    said = case.said
    numbered: list[Effect] = []
    for effect in effects:
        if isinstance(effect, Post | OfferSecret | Support) and ":" not in effect.key:
            said += 1
            numbered.append(replace(effect, key=f"{effect.key}:{said}"))
        else:
            numbered.append(effect)
    return replace(case, said=said), tuple(numbered)


def _typed(case: Case, text: str, mind: Mind, abilities: Abilities) -> Outcome:
    said = understand(text, offered=case.offered, domain=case.domain)
    if said.lang is not None:
        case = replace(case, lang=said.lang)
    if not said.secret_seen:
        return _understood(case, said, mind, abilities)
    warning = Post("pasted", speech.pasted_secret(case, mind.wisdom(case.lang)))
    case, effects = _understood(case, said, mind, abilities)
    return case, (warning, *effects)


def _understood(case: Case, said: Understanding, mind: Mind, abilities: Abilities) -> Outcome:
    """A wish is followed, a pasted error explained without any probe; otherwise the talk goes on with what was said."""
    if said.wish is not None:
        return _wish(case, said.wish, mind, abilities)
    known, wisdom = _learn(case, said), mind.wisdom(case.lang)
    if said.error_text is not None:
        told = speech.explained(said.error_text, known, wisdom)
        if told is not None:
            return replace(known, phase="asking" if case.phase == "new" else case.phase), (Post("explained", told),)
    if said.error_text is None and (program := read_program(said.text)) is not None:
        return _compared(case, program, wisdom)
    if known == case and case.phase != "new":
        return case, () if said.secret_seen else (Post("unclear", speech.unclear(case, wisdom)),)
    return _go_on(case, known, mind, abilities)


def _compared(case: Case, program: ProgramSettings, wisdom: Wisdom) -> Outcome:
    """What a mail program has beside what the migration was told; nothing is taken over before the person says so."""
    theirs = {service: setting.endpoint(service) for service, setting in program.servers.items()}
    known = replace(case, program=theirs)
    return known, (Post("compared", speech.compared(known, program, wisdom)),)


def _learn(case: Case, said: Understanding) -> Case:
    """The case with what was said. Another domain begins anew with everything that belonged to the old one.

    An account of another domain is only an account: some services log in under names of their own.
    """
    domain = said.domain or case.domain
    if case.domain and said.account and said.domain == said.account.rpartition("@")[2]:
        domain = case.domain
    if case.domain and domain != case.domain:
        case = replace(
            case, account=None, endpoints={}, scenario=None, mailbox=None, login_domain="", login_asked=False
        )
    return replace(
        case,
        domain=domain,
        account=said.account or case.account,
        scenario=said.scenario or case.scenario,
        endpoints={**case.endpoints, **said.endpoints},
    )


def _go_on(before: Case, known: Case, mind: Mind, abilities: Abilities) -> Outcome:
    """Check again where the servers changed; otherwise ask for what is missing, or offer to take the secret."""
    if known.domain is None and not known.endpoints:
        return replace(known, phase="asking"), (Post("ask", speech.ask_domain(known, mind.wisdom(known.lang))),)
    if before.phase in ("new", "asking", "closed") or _subject(known) != _subject(before):
        return _start(known, None, mind, abilities)
    return _after_account(known, mind, abilities)


def _subject(case: Case) -> object:
    """What a check without a secret is about."""
    return case.domain, dict(case.endpoints), case.scenario, case.account if cloud_talk.is_m365(case) else None


def _after_account(case: Case, mind: Mind, abilities: Abilities) -> Outcome:
    if cloud_talk.is_m365(case):
        return case, (Post("ask", cloud_talk.ask_admin(case, mind.wisdom(case.lang))),)
    if not may_log_in(case, abilities.access):
        return replace(case, account=None), (Post("refused", asides.refused(case, mind.wisdom(case.lang), "account")),)
    wisdom = mind.wisdom(case.lang)
    lacking = abilities.secrets and exchange_talk.lacks_login_domain(case)
    if case.account and abilities.secrets and not lacking:
        return replace(case, offered=True), (OfferSecret("offer"),)
    if abilities.secrets and exchange_talk.is_exchange(case):
        asked = replace(case, login_asked=bool(case.login_domain))
        return asked, (Post("ask", exchange_talk.ask_account(case, wisdom)),)
    return case, (Post("ask", speech.ask_account(case, wisdom, secrets=abilities.secrets)),)


def _start(case: Case, handle: str | None, mind: Mind, abilities: Abilities, *, sign_in: bool = False) -> Outcome:
    """Begin a run, where this person may check this."""
    if (why := refusal(case, abilities.access)) is not None:
        told = asides.refused(case, mind.wisdom(case.lang), why, abilities.access)
        return replace(case, phase="asking", offered=False), (ForgetSecret(), Post("refused", told))
    run = case.run + 1
    stop = _halt(case, mind)
    fresh = replace(
        case,
        run=run,
        phase="checking",
        marks=(),
        with_secret=handle is not None and not sign_in,
        offered=case.offered and handle is None,
    )
    request = Request(case.domain, case.scenario, case.account, dict(case.endpoints), case.lang, case.mailbox)
    progress = Post(f"progress:{run}", speech.progress(fresh, mind.wisdom(case.lang)))
    return fresh, (*stop, progress, StartCheck(run, request, handle, sign_in))


def _halt(case: Case, mind: Mind) -> tuple[Effect, ...]:
    """Stop the run under way, where there is one, and take the button off its message."""
    if case.phase != "checking":
        return ()
    told = speech.done(case, mind.wisdom(case.lang), stopped=True)
    return StopCheck(case.run), Amend(f"progress:{case.run}", told)


def _secret_taken(case: Case, handle: str, mind: Mind, abilities: Abilities) -> Outcome:
    sign_in = cloud_talk.is_m365(case)
    if case.phase == "closed" or not may_log_in(case, abilities.access):
        return case, (ForgetSecret(),)
    return _start(replace(case, offered=False), handle, mind, abilities, sign_in=sign_in)


def _step_done(case: Case, event: StepDone, mind: Mind) -> Outcome:
    if event.run != case.run or case.phase != "checking":
        return case, ()
    known = _marked(case, (event.step,))
    return known, (Amend(f"progress:{case.run}", speech.progress(known, mind.wisdom(case.lang))),)


def _marked(case: Case, steps: Iterable[StepResult]) -> Case:
    """The case, told of what these steps came to."""
    marks = {mark[0]: mark for mark in case.marks}
    for step in steps:
        code = step.findings[0].code if step.findings else step.skipped_because or ""
        marks[step.id] = (step.id, step.status, code)
    return replace(case, marks=tuple(marks.values()))


def _finished(case: Case, event: Finished, mind: Mind, abilities: Abilities) -> Outcome:
    if event.run != case.run or case.phase != "checking":
        return case, ()
    wisdom = mind.wisdom(case.lang)
    done = replace(case, phase="reported", marks=(), found=endpoints_of(event.report), blocked=_watchable(event.report))
    done = exchange_talk.learn(done, event.report)
    reader = speech.reader(done, wisdom, event.report)
    known = event.report if may_know(done, abilities.access) else neutral(event.report, reader)
    watch, sign_in = abilities.watch and bool(done.blocked), cloud_talk.signs_in(done, abilities)
    offers = speech.Offers(abilities.secrets, watch, abilities.share, sign_in)
    report = speech.report(done, known, wisdom, offers)
    effects: list[Effect] = [
        Amend(f"progress:{case.run}", speech.done(_marked(case, event.report.steps), wisdom)),
        Post(f"report:{case.run}", report),
    ]
    if event.report.cause is None and any(
        f.code == "dns.servers_not_found" for s in event.report.steps for f in s.findings
    ):
        effects.append(Post(f"servers:{case.run}", ask_servers(done, wisdom)))
        return done, tuple(effects)
    asks = _may_log_in(event) or cloud_talk.lacks_admin(done, event.report)
    if not case.with_secret and asks and not case.offered:
        done, more = _after_account(done, mind, abilities)
        effects += more
    return done, tuple(effects)


def _watchable(report: Report) -> str:
    """The failing step where it takes no secret to see that it works again, else nothing."""
    step = report.failing_step or ""
    return "" if step.endswith((".login", ".mailbox", ".submission", ".input", ".impersonation")) else step


def _may_log_in(event: Finished) -> bool:
    """Whether a log-in could be tried at all: some service came as far as that."""
    return any(
        step.skipped_because in ("no_secret", "no_account") and step.id.endswith(".login")
        for step in event.report.steps
    )


def _pressed(case: Case, action: str, mind: Mind, abilities: Abilities) -> Outcome:
    wisdom = mind.wisdom(case.lang)
    match action.split(":", 2):
        case ["cancel"] if case.phase == "closed" and not case.offered and not case.watching:
            return case, ()  # it was pressed before
        case ["cancel"]:
            return _wish(case, "cancel", mind, abilities)
        case ["run" | "recheck"]:
            return _wish(case, "recheck", mind, abilities)
        case ["secret"]:
            return _after_account(case, mind, abilities)
        case ["signin"] if cloud_talk.signs_in(case, abilities) and abilities.sign_in_page:
            return replace(case, offered=True), (OfferSecret("signin"),)
        case ["signin"] if cloud_talk.signs_in(case, abilities):
            return _start(case, None, mind, abilities, sign_in=True)
        case ["signin"]:
            return cloud_talk.held_back(case, mind, abilities)
        case ["program"] if case.program:
            theirs = {**case.endpoints, **case.program}
            return _start(replace(case, endpoints=theirs, offered=False), None, mind, abilities)
        case ["servers"] if not cloud_talk.is_m365(case):
            return case, (Post("ask", ask_servers(case, wisdom)),)
        case ["choose", "scenario", name]:
            return _go_on(case, replace(case, scenario=scenario_of(name)), mind, abilities)
        case _:
            return errands.pressed(case, action, wisdom, abilities)


def _wish(case: Case, wish: str, mind: Mind, abilities: Abilities) -> Outcome:
    wisdom = mind.wisdom(case.lang)
    match wish:
        case "cancel":
            stop = _halt(case, mind)
            unwatch: tuple[Effect, ...] = (StopWatch(),) if case.watching else ()
            closed = replace(case, phase="closed", offered=False, marks=(), watching=False)
            return closed, (*stop, *unwatch, ForgetSecret(), Post("cancelled", speech.cancelled(case, wisdom)))
        case "recheck" if case.phase == "checking" and not case.with_secret:
            return case, ()  # it is under way: of two presses at once one counts
        case "recheck" if case.domain or case.endpoints:
            again, effects = _start(replace(case, offered=False), None, mind, abilities)
            return again, (ForgetSecret(), *effects)
        case "yes" if case.account and case.phase == "reported":
            return _after_account(case, mind, abilities)
        case "thanks" | "works":
            return case, (Post("remark", speech.remark(case, wisdom, wish)),)
        case _:
            return case, (Post("help", speech.help_text(case, wisdom)),)


def _submitted(case: Case, form: str, values: Mapping[str, str], mind: Mind, abilities: Abilities) -> Outcome:
    """A form's fields; what cannot be read comes back beside its field, with everything that was typed."""
    if form == "share":
        return errands.share(case, values, abilities)
    wisdom, (typed, seen) = mind.wisdom(case.lang), without_secrets_in(values)
    warning = (Post("pasted", speech.pasted_secret(case, wisdom)),) if seen else ()
    known, errors = read_form(case, typed)
    if errors:
        return case, (*warning, Post("form", form_again(form, case, wisdom, typed, errors)))
    after, effects = _go_on(case, known, mind, abilities)
    return after, (*warning, *effects)
