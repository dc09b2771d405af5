"""What the bot says in a dialogue, as platform-neutral messages. The words are in advice/texts, under `words`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.advice import Circumstances, advice_for_code, words_of
from bot.core.case import Case
from bot.core.exchange import form_to_type
from bot.core.intake import EXAMPLES, InputError
from bot.core.mailprogram import Difference, ProgramSettings, compare
from bot.core.message import (
    Actions,
    Block,
    Button,
    Buttons,
    Comparison,
    Form,
    Input,
    Message,
    Reader,
    StepMark,
    Steps,
    Text,
    Untrusted,
    report_message,
)
from bot.core.model import Report
from bot.core.providers import find_by_domain
from bot.core.refusal import NOT_A_FAILURE, UNRECOGNISED, Context, explain
from bot.core.report import endpoints_of
from bot.core.wisdom import Wisdom


def reader(case: Case, wisdom: Wisdom, report: Report | None = None) -> Reader:
    """The words for a case, with its own host names filled in."""
    provider = _provider(case, wisdom, report)
    endpoints = {**case.endpoints, **(endpoints_of(report) if report else {})}
    scenario = (report.scenario if report else None) or case.scenario or "manual"
    return Reader(wisdom.catalogue, Circumstances(scenario, case.lang, provider, case.domain, case.account, endpoints))


def _provider(case: Case, wisdom: Wisdom, report: Report | None) -> Mapping[str, Any] | None:
    if report is not None and report.provider:
        return wisdom.providers.get(report.provider)
    match = find_by_domain(wisdom.providers, case.domain) if case.domain else None
    return match.provider if match else None


def said(told: Reader, key: str, *blocks: Block, **values: Any) -> Message:
    text = told.word(key, **values)
    return Message(text, (Text(text), *blocks))


def progress(case: Case, wisdom: Wisdom) -> Message:
    """The steps of the run under way, as far as they are through."""
    told = reader(case, wisdom)
    text = told.word("talk.checking_login" if case.with_secret else "talk.checking", subject=subject(case))
    cancel = Buttons((Button("cancel", told.word("button.cancel")),))
    return Message(text, (Text(text), Steps(_rows(case, told)), cancel), {"progress": "running"})


def done(case: Case, wisdom: Wisdom, *, stopped: bool = False) -> Message:
    """The progress message once the run is over, in one way or the other: its steps stay, its button goes."""
    told = reader(case, wisdom)
    text = told.word("talk.stopped" if stopped else "talk.checked", subject=subject(case))
    return Message(text, (Text(text), Steps(_rows(case, told))), {"progress": "done"})


def subject(case: Case) -> str:
    """What the check is about, in a word."""
    return case.domain or ", ".join(str(where) for where in case.endpoints.values())


def _rows(case: Case, told: Reader) -> tuple[tuple[str, tuple[StepMark, ...]], ...]:
    rows: dict[str, list[StepMark]] = {}
    for step, status, code in case.marks:
        known = code in told.catalogue.texts["findings"]
        note = words_of(code, step.partition(".")[0], told.circumstances, told.catalogue)[0] if known else ""
        rows.setdefault(told.service(step), []).append(StepMark(step, told.label(step), status, note))
    return tuple((service, tuple(marks)) for service, marks in rows.items())


@dataclass(frozen=True, slots=True)
class Offers:
    """What can be done about a report here."""

    secrets: bool = True
    watch: bool = False
    share: bool = False
    sign_in: bool = False


def report(case: Case, finished: Report, wisdom: Wisdom, offers: Offers) -> Message:
    """The report with what can be done next."""
    told = reader(case, wisdom, finished)
    buttons = [Button("recheck", told.word("button.recheck"))]
    untested = any(step.skipped_because in ("no_secret", "no_account") for step in finished.steps)
    if offers.secrets and case.account and (untested or case.with_secret):
        buttons.insert(0, Button("secret", told.word("button.secret"), primary=True))
    if offers.sign_in and any(step.skipped_because == "no_sign_in" for step in finished.steps):
        buttons.insert(0, Button("signin", told.word("button.signin"), primary=True))
    if finished.scenario != "m365":  # there are no servers to be typed
        buttons.append(Button("servers", told.word("button.servers")))
    support = finished.verdict != "pass"
    more = [name for name, on in (("watch", offers.watch), ("share", offers.share), ("support", support)) if on]
    buttons += [Button(action, told.word(f"button.{action}")) for action in more]
    return report_message(finished, told, buttons)


def explained(text: str, case: Case, wisdom: Wisdom) -> Message | None:
    """What a pasted error means, None where these words do not tell."""
    told = reader(case, wisdom)
    provider = told.circumstances.provider or {}
    found = explain(
        text,
        Context(provider=provider.get("id"), password=provider.get("password"), account=case.account),
        wisdom.rules,
    )
    if found.code == UNRECOGNISED:
        return None
    if found.code == NOT_A_FAILURE:
        return said(told, "explain.none")
    title, why = words_of(found.code, "imap", told.circumstances, told.catalogue)
    headline = told.word("explain.cause", title=title, confidence=round(found.confidence * 100))
    blocks: list[Block] = [Text(headline, "title"), Text(why), Untrusted(told.word("talk.your_words"), text[:1000])]
    others = [
        words_of(c, "imap", told.circumstances, told.catalogue)[0]
        for c in found.alternatives[:2]
        if c in told.catalogue.texts["findings"]
    ]
    if others:
        blocks.append(Text(told.word("explain.alternatives", others=told.word("between").join(others)), "note"))
    advice = advice_for_code(found.code, "imap", told.circumstances, told.catalogue)[:2]
    blocks += [Actions(entry.title, told.word(f"who.{entry.who}"), entry.actions, entry.links) for entry in advice]
    if case.domain or case.endpoints:
        blocks.append(Buttons((Button("run", told.word("button.check", subject=subject(case)), primary=True),)))
    else:
        blocks.append(Text(told.word("talk.ask_domain_after_error", example=EXAMPLES["domain"])))
    return Message(headline, tuple(blocks))


def ask_domain(case: Case, wisdom: Wisdom) -> Message:
    told = reader(case, wisdom)
    return said(told, "talk.ask_domain", example=EXAMPLES["domain"])


def ask_account(case: Case, wisdom: Wisdom, *, secrets: bool) -> Message:
    """Asks for the account, or says why the log-in cannot be tested here."""
    told = reader(case, wisdom)
    if not secrets:
        return said(told, "talk.secrets_off")
    field = Input(
        "account",
        told.word("field.account"),
        case.address or "",
        f"taro@{case.domain}" if case.domain else EXAMPLES["account"],
        optional=False,
    )
    return said(told, "talk.ask_account", Form("account", (field,), told.word("button.next")))


def ask_servers(
    case: Case, wisdom: Wisdom, errors: Mapping[str, str], typed: Mapping[str, str] | None = None
) -> Message:
    """A form for the servers, filled with what is known."""
    told = reader(case, wisdom)
    values = typed or {service: str(where) for service, where in case.endpoints.items()}
    inputs = [
        Input(
            name,
            told.word(f"field.{name}"),
            values.get(name, ""),
            f"{name}.{case.domain or 'example.co.jp'}:{port}",
            errors.get(name, ""),
        )
        for name, port in (("imap", 993), ("smtp", 465))
    ]
    account = Input(
        "account",
        told.word("field.account"),
        values.get("account", case.account or ""),
        EXAMPLES["account"],
        errors.get("account", ""),
    )
    form = Form("servers", (*inputs, account), told.word("button.check_now"))
    return said(
        told, "talk.form_again" if errors else "talk.ask_servers", form, *([] if errors else [_situations(told)])
    )


def _situations(told: Reader) -> Buttons:
    """The situations in which there are no servers of IMAP and SMTP to be typed."""
    names = told.catalogue.texts["web"]
    return Buttons(tuple(Button(f"choose:scenario:{s}", names[f"report.scenario.{s}"]) for s in ("m365", "exchange")))


def form_again(
    form: str, case: Case, wisdom: Wisdom, values: Mapping[str, str], errors: Sequence[InputError]
) -> Message:
    """The same form with what was typed, and beside each wrong field what is wrong with it and an example."""
    told = reader(case, wisdom)
    named = wrong_fields(told, errors)
    if form == "servers":
        return ask_servers(case, wisdom, named, values)
    inputs = tuple(
        Input(name, told.word(f"field.{name}"), value, EXAMPLES.get(name, ""), named.get(name, ""), optional=False)
        for name, value in values.items()
    )
    return said(told, "talk.form_again", Form(form, inputs, told.word("button.next")))


def wrong_fields(told: Reader, errors: Sequence[InputError]) -> dict[str, str]:
    """By field, what is wrong with what was typed there."""
    return {
        error.field: told.word(
            "input_error", field=told.word(f"field.{error.field}"), typed=error.typed[:100], example=error.example
        )
        for error in errors
    }


def compared(case: Case, program: ProgramSettings, wisdom: Wisdom) -> Message:
    """The two columns, what differs in words, and the offer to check with the program's servers."""
    told = reader(case, wisdom)
    rows = compare(program, {**case.found, **case.endpoints}, case.account)
    differ = [row for row in rows if not row.same and row.migration]
    names = told.word("comma").join(dict.fromkeys(_row_label(row, told) for row in differ))
    text = told.word("talk.compared.differ", names=names) if differ else told.word("talk.compared.same")
    if not any(row.migration for row in rows):
        text = told.word("talk.compared.only")
    table = Comparison(
        told.word("compare.migration"),
        told.word("compare.program"),
        tuple(
            (_row_label(row, told), _shown(row, row.migration, told), _shown(row, row.program, told), row.same)
            for row in rows
        ),
    )
    notes: list[Block] = [Text(told.word("talk.compared.strict"), "note")]
    if any(row.field == "protection" and row.program == "none" for row in rows):
        notes.insert(0, Text(told.word("talk.compared.unprotected")))
    button = Buttons((Button("program", told.word("button.program"), primary=True),))
    return Message(text, (Text(text), table, *notes, button))


def _row_label(row: Difference, told: Reader) -> str:
    name = told.word(f"compare.{row.field}")
    return told.word("compare.of", service=told.word(f"service.{row.service}"), name=name) if row.service else name


def _shown(row: Difference, value: str, told: Reader) -> str:
    return told.word(f"protection.{value}") if row.field == "protection" and value else value


def secret_offer(case: Case, wisdom: Wisdom, code: str, url: str | None) -> Message:
    """The offer to type the secret: what it is for, where it goes, how long it is kept, and the code of the page."""
    told = reader(case, wisdom)
    provider = told.circumstances.provider or {}
    hint = f"talk.secret_kind.{provider.get('password')}"
    kind = (
        [Text(told.word(hint, provider=provider["names"][case.lang]))] if hint in told.catalogue.texts["words"] else []
    )
    if case.account and (case.scenario == "exchange" or "ews" in case.endpoints):
        kind = [Text(told.word("type_account", account=form_to_type(case.account, case.domain)))]
    button = Button("secret", told.word("button.secret"), primary=True, url=url)
    text = told.word("talk.secret_offer", account=case.account or "", code=code)
    return Message(
        text,
        (
            Text(text),
            *kind,
            Text(told.word("talk.secret_safety"), "note"),
            Buttons((button, Button("cancel", told.word("button.cancel")))),
        ),
    )


def pasted_secret(case: Case, wisdom: Wisdom) -> Message:
    return said(reader(case, wisdom), "talk.pasted_secret")


def unclear(case: Case, wisdom: Wisdom) -> Message:
    return said(reader(case, wisdom), "talk.unclear", example=EXAMPLES["domain"])


def help_text(case: Case, wisdom: Wisdom) -> Message:
    return said(reader(case, wisdom), "talk.help", example=EXAMPLES["domain"])


def remark(case: Case, wisdom: Wisdom, about: str) -> Message:
    """The answer to thanks, or to somebody whose mail program `works`."""
    return said(reader(case, wisdom), f"talk.{about}")


def cancelled(case: Case, wisdom: Wisdom) -> Message:
    return said(reader(case, wisdom), "talk.cancelled")


def expired(case: Case, wisdom: Wisdom) -> Message:
    told = reader(case, wisdom)
    return said(told, "talk.expired", Buttons((Button("secret", told.word("button.secret")),)))


def interrupted(case: Case, wisdom: Wisdom, *, own_fault: bool) -> Message:
    told = reader(case, wisdom)
    key = "talk.own_fault" if own_fault else "talk.interrupted"
    return said(told, key, Buttons((Button("recheck", told.word("button.recheck"), primary=True),)), case=case.id)
