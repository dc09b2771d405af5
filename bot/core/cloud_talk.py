"""What the dialogue does and says besides, where the old mail service is Microsoft 365: no password is asked for."""

from bot.core.case import Case
from bot.core.intake import EXAMPLES, read_account, read_address
from bot.core.message import Form, Input, Message
from bot.core.model import Report
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
