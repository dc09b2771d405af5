"""What the dialogue does and says besides, where the old mail service is an Exchange of one's own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.core.case import Case
from bot.core.exchange import fault_in_names, form_to_type, read_logon, same_domain
from bot.core.intake import EXAMPLES, InputError
from bot.core.message import Form, Input, Message, Reader
from bot.core.model import Report
from bot.core.speech import reader, said
from bot.core.wisdom import Wisdom

FORM = "exchange"


def is_exchange(case: Case) -> bool:
    return case.scenario == "exchange" or "ews" in case.endpoints


def learn(case: Case, report: Report) -> Case:
    """The case with the Windows domain at which the server logs people in, where it told that."""
    notes = next((step.notes for step in report.steps if step.id == "ews.endpoint"), {})
    return replace(case, login_domain=str(notes.get("login_domain") or case.login_domain))


def lacks_login_domain(case: Case) -> bool:
    """Whether the log-in domain is to be asked for: not the mail domain, not in the account, and not asked before."""
    if not is_exchange(case) or not case.account or not case.login_domain or case.login_asked:
        return False
    known = read_logon(case.account)
    return not known.login_domain and not same_domain(case.login_domain, known.mail_domain or case.domain or "")


def ask_address(case: Case, wisdom: Wisdom) -> Message:
    """Asks for the EWS address, which could not be found, and for what else is missing."""
    told = reader(case, wisdom)
    return said(told, "talk.ask_ews", _form(case, told, ("ews", "account", "mailbox")), example=EXAMPLES["ews"])


def ask_account(case: Case, wisdom: Wisdom) -> Message:
    """Asks for the account with which the migration logs in, in the form that its page wants."""
    told, names = reader(case, wisdom), ("account", "mailbox")
    if not case.login_domain or same_domain(case.login_domain, case.domain or ""):
        return said(told, "talk.ask_exchange_account", _form(case, told, names))
    known = {"login_domain": case.login_domain, "domain": case.domain or "", "example": _example(case)}
    return said(told, "talk.ask_login_domain", _form(case, told, names), **known)


def form_again(case: Case, wisdom: Wisdom, values: Mapping[str, str], errors: Mapping[str, str]) -> Message:
    """The form with what was typed, and beside each wrong field what is wrong with it."""
    told = reader(case, wisdom)
    return said(told, "talk.form_again", _form(case, told, tuple(values), values, errors))


def _form(
    case: Case,
    told: Reader,
    names: Iterable[str],
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Form:
    ews = case.endpoints.get("ews")
    known = {
        "ews": ews.url if ews else "",
        "account": form_to_type(case.account, case.domain, case.login_domain) if case.account else "",
        "mailbox": case.mailbox or "",
    }
    examples = {**EXAMPLES, "account": _example(case)}
    inputs = tuple(
        Input(
            name,
            told.word(f"field.{name}"),
            (typed or known).get(name, ""),
            examples.get(name, ""),
            (errors or {}).get(name, ""),
            optional=name == "mailbox",
        )
        for name in names
    )
    return Form(FORM, inputs, told.word("button.next"))


def _example(case: Case) -> str:
    return form_to_type("admin", case.domain or "example.co.jp", case.login_domain)


def fault_in_form(case: Case, values: Mapping[str, str]) -> InputError | None:
    """Why the migration page could not take the names that were typed, with how they should look."""
    fault = fault_in_names(case.account, case.mailbox, case.domain) if is_exchange(case) else None
    if fault is None or fault[1]["field"] not in values:
        return None
    code, evidence = fault
    return InputError(code, evidence["field"], evidence["typed"], evidence.get("type_as") or _example(case))
