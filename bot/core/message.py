"""Reports to platform-neutral messages. Every surface renders the same blocks; foreign words travel as `Untrusted`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.core.advice import MOST_AT_ONCE, Catalogue, Circumstances, words_of
from bot.core.exchange import form_to_type
from bot.core.model import Advice, Finding, Link, Report, StepResult


@dataclass(frozen=True, slots=True)
class Text:
    """The bot's own words."""

    text: str
    style: Literal["title", "plain", "note"] = "plain"


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A server's or a person's words: shown as literal text, never as markup. `label` is the bot's."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Fields:
    """Names and values; values are foreign words."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two columns side by side: rows of (label, left, right, whether they agree). The values are foreign words."""

    left: str
    right: str
    rows: tuple[tuple[str, str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class StepMark:
    id: str
    label: str
    status: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """The path of a check, one row a service: (service, marks)."""

    rows: tuple[tuple[str, tuple[StepMark, ...]], ...]


@dataclass(frozen=True, slots=True)
class Actions:
    """One piece of advice: what to do, who can, and where it is described."""

    title: str
    who: str
    actions: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class More:
    """Blocks that are behind "more"."""

    label: str
    blocks: tuple["Block", ...]


@dataclass(frozen=True, slots=True)
class Button:
    """`action` is one of run, secret, signin, recheck, watch, cancel, share, or choose:FIELD:VALUE.

    With `url` it is a link.
    """

    action: str
    label: str
    primary: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Buttons:
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form. `error` stands beside it when what was typed cannot be used."""

    name: str
    label: str
    value: str = ""
    example: str = ""
    error: str = ""
    optional: bool = True
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """Fields that are sent together as a `Submitted` event."""

    name: str
    inputs: tuple[Input, ...]
    submit: str


Block = Text | Untrusted | Fields | Comparison | Steps | Actions | More | Buttons | Form


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that goes with a message; a surface that cannot show it has a link to it among the buttons.

    `alt` says in words what it shows. `png` is only there on the way out: it is not kept.
    """

    alt: str
    png: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What is shown. `text` reads well alone: for notifications, screen readers and plain clients."""

    text: str
    blocks: tuple[Block, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    """What a program may read: case, verdict, failing step and cause of a report."""
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """In which words and circumstances a report is told."""

    catalogue: Catalogue
    circumstances: Circumstances

    def word(self, key: str, **values: Any) -> str:
        """A phrase of the reader's language with its placeholders filled."""
        return str(self.catalogue.texts["words"][key]).format_map({k: str(v) for k, v in values.items()})

    def label(self, step: str) -> str:
        return self.word(f"stage.{step.partition('.')[2]}")

    def source(self, name: str) -> str:
        """How servers are found, in words (`provider.zoho`, `srv`); an address that was asked is told as it is."""
        return str(self.catalogue.texts["web"].get(f"report.source.{name.partition('.')[0]}", name))

    def service(self, step: str) -> str:
        return self.word(f"service.{step.partition('.')[0]}")

    def where(self, step: str) -> dict[str, str]:
        """Service and stage of a step for a phrase. Japanese and Chinese set a space after Latin letters."""
        service = self.service(step)
        apart = " " if self.circumstances.lang != "en" and service[-1].isascii() else ""
        return {"service": service + apart, "stage": self.label(step)}


_EVIDENCE_ROWS = (
    "target",
    "expected_name",
    "names",
    "verify_code",
    "not_after",
    "missing_issuer",
    "issuer_url",
    "tried",
    "mx",
    "speaks",
    "use",
    "type_as",
    "exchange_version",
    "tenant",
    "account_tenant",
    "cloud",
    "sign_in_at",
    "aadsts",
)


def report_message(report: Report, reader: Reader, buttons: Iterable[Button] = ()) -> Message:
    """The report as people read it: what fails, why, the server's words, the path, what to do, what was not tested."""
    headline = _headline(report, reader)
    blocks: list[Block] = [Text(headline, "title")]
    failing = decisive_step(report)
    finding = _worst(failing) if failing else None
    if failing is not None and finding is not None:
        _, why = words_of(finding.code, failing.id.partition(".")[0], reader.circumstances, reader.catalogue)
        blocks += [Text(why), *_evidence(failing, finding, reader)]
    blocks += _others(report, finding, reader)
    blocks.append(Steps(_rows(report, reader)))
    blocks += _advice(report.advice, reader)
    blocks += [Text(line, "note") for line in _notes(report, reader)]
    if shown := tuple(buttons):
        blocks.append(Buttons(shown))
    data = {"case": report.case, "verdict": report.verdict, "failing_step": report.failing_step, "cause": report.cause}
    return Message(headline, tuple(blocks), data)


def decisive_step(report: Report) -> StepResult | None:
    """The step that the verdict rests on: the failing one, else the first that is undecided or warns."""
    return _step(report, report.failing_step) or _first(report, "unknown") or _first(report, "warn")


def time_of(report: Report) -> str:
    """When the check began, as people read it."""
    return report.started_at[:16].replace("T", " ") + " UTC"


def _headline(report: Report, reader: Reader) -> str:
    shown = report.domain or next((step.target for step in report.steps if step.target), "")
    if report.failing_step and report.cause:
        title, _ = words_of(report.cause, report.failing_step.partition(".")[0], reader.circumstances, reader.catalogue)
        return reader.word("headline.fail", domain=shown, title=title, **reader.where(report.failing_step))
    uncertain = _first(report, "unknown")
    if report.verdict == "unknown" and uncertain is not None:
        finding = _worst(uncertain)
        title = (
            words_of(finding.code, uncertain.id.partition(".")[0], reader.circumstances, reader.catalogue)[0]
            if finding
            else ""
        )
        return reader.word("headline.unknown", domain=shown, title=title)
    tested = any(step.id.endswith((".login", ".signin")) and step.status != "skipped" for step in report.steps)
    return reader.word(f"headline.{report.verdict}" if tested else f"headline.{report.verdict}.untested", domain=shown)


def _step(report: Report, step: str | None) -> StepResult | None:
    return next((s for s in report.steps if s.id == step), None)


def _first(report: Report, status: str) -> StepResult | None:
    return next((step for step in report.steps if step.status == status), None)


def _worst(step: StepResult) -> Finding | None:
    order = ("fail", "unknown", "warn", "info")
    return min(step.findings, key=lambda finding: order.index(finding.severity), default=None)


def _evidence(step: StepResult, finding: Finding, reader: Reader) -> list[Block]:
    """The server's own words, and the few facts by which somebody else can verify the finding."""
    evidence = finding.evidence
    rows = [(reader.word("evidence.target"), step.target or "")] if step.target else []
    shown = {key: evidence[key] for key in _EVIDENCE_ROWS if key in evidence}
    if "tried" in shown:
        shown["tried"] = [reader.source(str(one)) for one in shown["tried"]]
    rows += [(reader.word(f"evidence.{key}"), _shown(value)) for key, value in shown.items()]
    blocks: list[Block] = [Fields(tuple(rows))] if rows else []
    if text := evidence.get("verify_text"):
        blocks.append(Untrusted(reader.word("openssl_words"), str(text)))
    if words := evidence.get("server"):
        blocks.append(Untrusted(reader.word("server_words"), str(words)))
    if finding.code == "login.unrecognised" or (finding.code.startswith("login.") and evidence.get("alternatives")):
        others = [
            words_of(code, step.id.partition(".")[0], reader.circumstances, reader.catalogue)[0]
            for code in evidence.get("alternatives", ())[:2]
        ]
        if others:
            blocks.append(Text(reader.word("could_also_be", others=reader.word("between").join(others)), "note"))
    return blocks


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_shown(part) for part in value[:8])
    if isinstance(value, Mapping):
        return " ".join(str(part) for part in value.values())
    return str(value)


def _others(report: Report, shown: Finding | None, reader: Reader) -> list[Block]:
    """What else was found, a line each; the same cause at another service is a line too."""
    lines: dict[str, None] = {}
    for step, finding in [(s, f) for s in report.steps for f in s.findings]:
        if finding is not shown:
            title, _ = words_of(finding.code, step.id.partition(".")[0], reader.circumstances, reader.catalogue)
            lines[reader.word("also_found", title=title, **reader.where(step.id))] = None
    return [Text("\n".join(lines))] if lines else []


def _rows(report: Report, reader: Reader) -> tuple[tuple[str, tuple[StepMark, ...]], ...]:
    rows: dict[str, list[StepMark]] = {}
    for step in report.steps:
        rows.setdefault(reader.service(step.id), []).append(mark(step, reader))
    return tuple((service, tuple(marks)) for service, marks in rows.items())


def mark(step: StepResult, reader: Reader) -> StepMark:
    """One step's mark; its note says what was found or why it was skipped."""
    note = ""
    if (finding := _worst(step)) is not None:
        note = words_of(finding.code, step.id.partition(".")[0], reader.circumstances, reader.catalogue)[0]
    elif step.status == "skipped":
        reason = step.skipped_because or ""
        note = (
            reader.word("skipped_after", stage=reader.label(reason))
            if "." in reason
            else reader.word(f"skipped.{reason}")
        )
    return StepMark(step.id, reader.label(step.id), step.status, note)


def _advice(advice: tuple[Advice, ...], reader: Reader) -> list[Block]:
    made = [Actions(a.title, reader.word(f"who.{a.who}"), a.actions, a.links) for a in advice]
    if not made:
        return []
    blocks: list[Block] = [Text(reader.word("what_to_do"), "title"), *made[:MOST_AT_ONCE]]
    rest = made[MOST_AT_ONCE:]
    return [*blocks, More(reader.word("more_advice", count=len(rest)), tuple(rest))] if rest else blocks


def _notes(report: Report, reader: Reader) -> list[str]:
    """What was not tested, what was found in the mailbox, attempts, vantage and the case id."""
    lines = []
    if any(step.skipped_because in ("no_secret", "no_account") for step in report.steps):
        lines.append(reader.word("not_tested.login"))
    if any(step.skipped_because == "no_sign_in" for step in report.steps):
        lines.append(reader.word("not_tested.sign_in"))
    if report.verdict != "pass" and any(step.id.endswith(".tls") and step.status == "fail" for step in report.steps):
        lines.append(reader.word("outlook_proves_nothing"))
    box = next((step.notes for step in report.steps if step.id == "imap.mailbox" and step.notes), None)
    if box is not None:
        lines.append(_mailbox_line(box, reader))
    if report.attempts:
        lines.append(reader.word("attempts", attempts=attempts_of(report, reader)))
    if (typed := _account_to_type(report, reader)) is not None:
        lines.append(reader.word("type_account", account=typed))
    if report.vantage:
        lines.append(reader.word("case_line", case=report.case, vantage=report.vantage))
    else:
        lines.append(reader.word("picture.case", case=report.case))
    return lines


def attempts_of(report: Report, reader: Reader) -> str:
    """How many log-ins were tried, by service; empty where none was."""
    names = {"pop": "POP3", "m365": "Microsoft 365"}
    return reader.word("comma").join(f"{names.get(one, one.upper())} {count}" for one, count in report.attempts.items())


def _account_to_type(report: Report, reader: Reader) -> str | None:
    """Exchange: the account in the form that the migration page wants, None where there is none to be shown."""
    account = reader.circumstances.account
    if report.scenario != "exchange" or not account or report.failing_step == "domain.input":
        return None
    told = [step.notes for step in report.steps if step.id == "ews.endpoint"]
    told += [finding.evidence for step in report.steps if step.id == "ews.login" for finding in step.findings]
    login_domain = next((str(one["login_domain"]) for one in told if one.get("login_domain")), "")
    proven = any(step.id == "ews.login" and step.status == "pass" for step in report.steps)
    return form_to_type(account, report.domain, "" if proven else login_domain)


def _mailbox_line(box: Mapping[str, Any], reader: Reader) -> str:
    """What the server said of the mailbox; many do not tell how large it is."""
    counts = [(name, box.get(name)) for name in ("folders", "inbox", "messages")]
    known = [reader.word(f"mailbox.{name}", count=f"{count:,}") for name, count in counts if count is not None]
    if box.get("bytes") is not None:
        known.append(f"{box['bytes'] / 1_000_000:,.1f} MB")
    return reader.word("mailbox", known=reader.word("comma").join(known))
