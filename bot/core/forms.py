"""The dialogue's forms: which one fits a case, what was typed into it, and the same again with what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.core import cloud_talk, exchange_talk, speech
from bot.core.case import Case
from bot.core.exchange import read_ews
from bot.core.intake import InputError, read_domain, read_endpoint, read_mailbox
from bot.core.message import Message
from bot.core.model import SERVICES, Endpoint, Service, scenario_of
from bot.core.pasted import without_secrets
from bot.core.wisdom import Wisdom


def ask_servers(case: Case, wisdom: Wisdom) -> Message:
    """Asks for the servers: for an Exchange of one's own the address of EWS, otherwise those of IMAP and SMTP."""
    if exchange_talk.is_exchange(case):
        return exchange_talk.ask_address(case, wisdom)
    return speech.ask_servers(case, wisdom, {})


def form_again(
    form: str, case: Case, wisdom: Wisdom, values: Mapping[str, str], errors: Sequence[InputError]
) -> Message:
    """The same form with what was typed, and beside each wrong field what is wrong with it."""
    values, _ = without_secrets_in(values)
    if form != exchange_talk.FORM:
        return speech.form_again(form, case, wisdom, values, errors)
    wrong = speech.wrong_fields(speech.reader(case, wisdom), errors)
    return exchange_talk.form_again(case, wisdom, values, wrong)


def without_secrets_in(values: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """A form's values without what looks like a password in them; and whether there was any."""
    clean = {name: without_secrets(typed) for name, typed in values.items()}
    kept = {name: text if seen else values[name] for name, (text, seen) in clean.items()}
    return kept, any(seen for _, seen in clean.values())


def read_form(case: Case, values: Mapping[str, str]) -> tuple[Case, Sequence[InputError]]:
    """The case with a form's values, and what could not be read. An empty field changes nothing."""
    errors: list[InputError] = []
    domain, account, scenario, mailbox = case.domain, case.account, case.scenario, case.mailbox
    endpoints: dict[Service, Endpoint] = dict(case.endpoints)
    for name, typed in without_secrets_in(values)[0].items():
        if not typed.strip():
            continue
        try:
            if name == "domain":
                domain = read_domain(typed)
            elif name == "account":
                account = cloud_talk.read_admin(typed, replace(case, scenario=scenario))
            elif name in SERVICES:
                endpoints[name] = read_endpoint(typed, name)
            elif name == "ews":
                endpoints["ews"] = read_ews(typed)
            elif name == "mailbox":
                mailbox = read_mailbox(typed)
            elif name == "scenario":
                scenario = scenario_of(typed) or scenario
        except InputError as error:
            errors.append(error)
    if domain is None and account is not None and "@" in account and not errors:
        domain = account.rpartition("@")[2]
    known = replace(case, domain=domain, account=account, scenario=scenario, endpoints=endpoints, mailbox=mailbox)
    fault = exchange_talk.fault_in_form(known, values) if not errors else None
    return known, [fault] if fault else errors
