"""What the report page shows, as plain values: times as bars, certificates as a chain, servers, folders. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.advice import fill, words_of
from bot.core.message import Reader, mark
from bot.core.model import Endpoint, Finding, Report, StepResult
from bot.core.report import endpoints_of

_MOST = 1_000
"""Characters of a foreign text that are shown."""
_STARTTLS_NAMES = {"imap": "imap", "smtp": "smtp", "pop": "pop3"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A step's time: begin and length in milliseconds."""

    start: float
    took: float


@dataclass(frozen=True, slots=True)
class FoundHere:
    """A finding of a step: its title, its code, and its evidence as names and texts."""

    code: str
    severity: str
    title: str
    why: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A step in the tree. `bar` is None for what did not run."""

    label: str
    status: str
    note: str
    target: str
    bar: Bar | None
    findings: tuple[FoundHere, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """The steps of one service."""

    service: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """`kind` is leaf, intermediate, root or missing."""

    kind: str
    subject: str
    issuer: str
    begins: str
    ends: str
    expired: bool
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificates that one or several servers sent, and how the connection was protected."""

    servers: tuple[str, ...]
    certificates: tuple[Certificate, ...]
    names: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Server:
    service: str
    where: str
    source: str
    address: str


def layout(report: Report) -> dict[str, Bar]:
    """Where each step's bar begins: as it was measured, otherwise as near as the durations tell.

    The domain's steps come first, servers that were typed at once; services run side by side; a log-in waits for the
    log-ins of the services before it.
    """
    bars: dict[str, Bar] = {}
    discovered = any(step.id == "domain.servers" and step.duration_ms is not None for step in report.steps)
    domain_end = 0.0
    login_end = 0.0
    ends: dict[str, float] = {}
    for step in report.steps:
        service, _, stage = step.id.partition(".")
        if step.duration_ms is None:
            continue
        if service == "domain":
            begin = domain_end if stage == "servers" else 0.0
            domain_end = max(domain_end, begin + step.duration_ms)
        else:
            begin = ends.get(service, domain_end if discovered else 0.0)
            begin = max(begin, login_end) if stage == "login" else begin
        begin = begin if step.started is None else step.started * 1000
        bars[step.id] = Bar(begin, step.duration_ms)
        ends[service] = begin + step.duration_ms
        login_end = ends[service] if stage == "login" else login_end
    return bars


def branches(report: Report, reader: Reader) -> tuple[Branch, ...]:
    bars = layout(report)
    grouped: dict[str, list[Row]] = {}
    for step in report.steps:
        shown = mark(step, reader)
        found = tuple(_found(step, finding, reader) for finding in step.findings)
        row = Row(shown.label, step.status, shown.note, step.target or "", bars.get(step.id), found)
        grouped.setdefault(reader.service(step.id), []).append(row)
    return tuple(Branch(service, tuple(rows)) for service, rows in grouped.items())


def _found(step: StepResult, finding: Finding, reader: Reader) -> FoundHere:
    service = step.id.partition(".")[0]
    title, why = words_of(finding.code, service, reader.circumstances, reader.catalogue)
    rows = tuple((key, text_of(value)) for key, value in finding.evidence.items() if key not in ("chain", "missing"))
    return FoundHere(finding.code, finding.severity, title, why, rows)


def text_of(value: Any) -> str:
    """Evidence as one text. The words of a server stay as they are, but not endless."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {text_of(part)}" for key, part in value.items())
    elif isinstance(value, list | tuple):
        text = "\n".join(text_of(part) for part in value)
    else:
        text = str(value)
    return literal(text)


def literal(text: str) -> str:
    """Foreign words without control and direction characters, cut to a readable length."""
    clean = "".join(c for c in text if c.isprintable() or c in "\n\t ")
    return clean if len(clean) <= _MOST else clean[:_MOST] + "…"


def chains(report: Report, reader: Reader) -> tuple[Chain, ...]:
    """The chains that were sent; servers that sent the same one share it."""
    shared: dict[tuple[str, ...], Chain] = {}
    for step in report.steps:
        if not step.id.endswith(".tls"):
            continue
        evidence = next((f.evidence for f in step.findings if f.evidence.get("chain")), {})
        sent = evidence.get("chain") or step.notes.get("chain") or ()
        if not sent:
            continue
        missing = [Certificate("missing", **_parts(c, report)) for c in evidence.get("missing", ())]
        certificates = (*_sent(sent, report), *missing)
        name = f"{reader.service(step.id)} {step.target or ''}".strip()
        key = tuple(c.fingerprint + c.kind for c in certificates)
        names = tuple(literal(str(n)) for n in evidence.get("names", ())[:50])
        before = shared[key].servers if key in shared else ()
        shared[key] = Chain((*before, name), certificates, names, _tls_facts(step, evidence))
    return tuple(shared.values())


def _sent(sent: Sequence[Mapping[str, Any]], report: Report) -> Iterable[Certificate]:
    for place, certificate in enumerate(sent):
        self_issued = certificate.get("subject") == certificate.get("issuer")
        kind = "leaf" if place == 0 else "root" if self_issued else "intermediate"
        yield Certificate(kind, **_parts(certificate, report))


def _parts(certificate: Mapping[str, Any], report: Report) -> dict[str, Any]:
    ends = str(certificate.get("not_after", ""))
    return {
        "subject": literal(str(certificate.get("subject", ""))),
        "issuer": literal(str(certificate.get("issuer", ""))),
        "begins": str(certificate.get("not_before", ""))[:10],
        "ends": ends[:10],
        "expired": bool(ends) and ends[:19] < report.started_at[:19],
        "key": f"{certificate.get('key', '')}, {certificate.get('signature', '')}",
        "fingerprint": str(certificate.get("sha256", "")),
    }


def _tls_facts(step: StepResult, evidence: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    facts = []
    if version := step.notes.get("version") or evidence.get("version"):
        cipher = step.notes.get("cipher") or evidence.get("cipher") or ""
        facts.append(("tls", f"{version} {cipher}".strip()))
    if evidence.get("verify_code") is not None:
        facts.append(("verify", f"{evidence['verify_code']} ({evidence.get('verify_text', '')})"))
    elif step.status == "pass":
        facts.append(("verify", "0 (ok)"))
    return tuple(facts)


def servers(report: Report, reader: Reader) -> tuple[Server, ...]:
    """Each service's server, how it was found, and the address in use."""
    steps = {step.id: step.notes for step in report.steps}
    notes: Mapping[str, Any] = steps.get("domain.servers", {}).get("servers", {})
    found = []
    for service, where in endpoints_of(report).items():
        source = str(notes.get(service, "")).rpartition(" (")[2].rstrip(")") or "typed"
        address = steps.get(f"{service}.connect", {}).get("address", "")
        found.append(Server(reader.service(f"{service}.connect"), where.url or str(where), source, str(address)))
    return tuple(found)


def folders(report: Report) -> tuple[tuple[str, int | None, int | None], ...]:
    """The largest folders: name, messages, bytes."""
    largest = next((s.notes.get("largest", ()) for s in report.steps if s.id == "imap.mailbox"), ())
    return tuple((literal(str(folder["name"])), folder["messages"], folder["bytes"]) for folder in largest)


def commands(report: Report, reader: Reader) -> tuple[str, ...]:
    """What somebody else can run to see the same, a line a server."""
    known = reader.catalogue.advice["commands"]
    lines = []
    for service, where in endpoints_of(report).items():
        name = "openssl_starttls" if where.security == "starttls" else "openssl"
        lines.append(fill(known[name], _values(service, where)))
    return tuple(line for line in lines if line is not None)


def _values(service: str, where: Endpoint) -> dict[str, str]:
    return {"host": where.host, "port": str(where.port), "starttls": _STARTTLS_NAMES.get(service, service)}
