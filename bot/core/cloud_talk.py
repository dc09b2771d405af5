"""What the dialogue does and says besides, where the old mail service is Microsoft 365: no password is asked for."""

from bot.core import asides, speech
from bot.core.abilities import Abilities, Mind, Outcome
from bot.core.access import may_log_in
from bot.core.case import Case
from bot.core.events import CodeGiven, Post
from bot.core.intake import EXAMPLES, read_account, read_address
from bot.core.message import Actions, Button, Buttons, Form, Input, Message, Text
from bot.core.model import Link, Report
from bot.core.speech import reader, said
from bot.core.wisdom import Wisdom

FORM = "admin"


def is_m365(case: Case) -> bool:
    return case.scenario == "m365"


def lacks_admin(case: Case, report: Report) -> bool:
    """Whether to ask for the administrator: where Microsoft knows the domain, his address can be held against it."""
    return is_m365(case) and not case.account and report.verdict != "fail"


def read_admin(typed: str, case: Case) -> str:
    """An account as it is typed; administrators of Microsoft 365 sign in by a mail address. Raises InputError."""
    return read_address(typed) if is_m365(case) else read_account(typed)


def ask_admin(case: Case, wisdom: Wisdom) -> Message:
    """Asks for the address with which the administrator signs in at Microsoft, and says that nothing else is needed."""
    told = reader(case, wisdom)
    example = f"admin@{case.domain}" if case.domain else EXAMPLES["account"]
    field = Input("account", told.word("field.admin"), case.account or "", example, optional=False)
    return said(told, "talk.ask_m365_admin", Form(FORM, (field,), told.word("button.check_now")))


def signs_in(case: Case, abilities: Abilities) -> bool:
    """Whether a check can go as far as a sign-in: somebody is named, and this person may check that account."""
    return is_m365(case) and bool(case.account) and abilities.sign_in and may_log_in(case, abilities.access)


def held_back(case: Case, mind: Mind, abilities: Abilities) -> Outcome:
    """Somebody wants to sign in and cannot: who is missing is asked for, and who may not is told so."""
    wisdom = mind.wisdom(case.lang)
    if not is_m365(case) or not abilities.sign_in:
        return case, ()
    told = ask_admin(case, wisdom) if not case.account else asides.refused(case, wisdom, "account")
    return case, (Post("ask" if not case.account else "refused", told),)


def offer(case: Case, wisdom: Wisdom, code: str, url: str | None) -> Message:
    """The offer to sign in from a page of the bot's own; the same as `speech.secret_offer` where it is no sign-in."""
    if not is_m365(case):
        return speech.secret_offer(case, wisdom, code, url)
    told = reader(case, wisdom)
    text = told.word("talk.sign_in_page", account=case.account or "", code=code)
    go = Button("microsoft", told.word("button.signin"), primary=True, url=url)
    buttons = Buttons((go, Button("cancel", told.word("button.cancel"))))
    return Message(text, (Text(text), Text(told.word("talk.sign_in_page.safety"), "note"), buttons))


def expired(case: Case, wisdom: Wisdom) -> Message:
    """The offer ran out."""
    if not is_m365(case):
        return speech.expired(case, wisdom)
    told = reader(case, wisdom)
    return said(told, "talk.sign_in_expired", Buttons((Button("signin", told.word("button.signin")),)))


def code_given(case: Case, event: CodeGiven, mind: Mind) -> Outcome:
    """Shows where to sign in and with which code; the code is of no use without the person's own sign-in."""
    if event.run != case.run or case.phase != "checking":
        return case, ()
    told = reader(case, mind.wisdom(case.lang))
    text = told.word("talk.sign_in", account=case.account or "", minutes=event.minutes)
    steps = told.word("talk.sign_in.open"), told.word("talk.sign_in.enter", code=event.code, account=case.account or "")
    way = Actions(told.word("button.signin"), "", steps, (Link(event.url, event.url),))
    message = Message(text, (Text(text), way, Text(told.word("talk.sign_in.safety"), "note")))
    return case, (Post(f"code:{event.run}", message),)
