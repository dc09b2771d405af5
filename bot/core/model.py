"""The words that every part of the bot shares: what is asked, what was seen, what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.core import told
from bot.core.cloud import RealmFacts, SignInFacts, TenantsFacts
from bot.core.web import EwsReply, HttpFacts

Security = Literal["tls", "starttls"]
Service = Literal["imap", "smtp", "pop", "ews", "m365"]
Scenario = Literal["saas", "manual", "m365", "exchange", "member"]
Severity = Literal["fail", "unknown", "warn", "info"]
Status = Literal["pass", "warn", "fail", "unknown", "skipped"]
Verdict = Literal["pass", "warn", "fail", "unknown"]
Lang = Literal["ja", "en", "zh"]

SERVICES: tuple[Service, ...] = ("imap", "smtp", "pop")
"""The mail protocols, in plan order."""
EVERY_SERVICE: tuple[Service, ...] = (*SERVICES, "ews", "m365")
LANGS: tuple[Lang, ...] = ("ja", "en", "zh")
SCENARIOS: tuple[Scenario, ...] = ("saas", "manual", "m365", "exchange", "member")
DEFAULT_PORTS: dict[Service, int] = {"imap": 993, "smtp": 465, "pop": 995, "ews": 443, "m365": 443}

STARTTLS_PORTS = frozenset({25, 110, 143, 587})
"""Ports that begin in plain text and are raised to TLS; every other port speaks TLS from the first byte."""


def scenario_of(text: str | None) -> Scenario | None:
    """The scenario of that name; None for `auto` and everything else."""
    return next((scenario for scenario in SCENARIOS if scenario == text), None)


def lang_of(text: str | None) -> Lang | None:
    """The language of that code, None where it is none of ours."""
    return next((lang for lang in LANGS if lang == text), None)


def security_of(port: int) -> Security:
    """How a port is protected: RFC 8314 for implicit TLS, RFC 3207, 2595 and 9051 for STARTTLS."""
    return "starttls" if port in STARTTLS_PORTS else "tls"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server to talk to. `host` is lower case, an A-label name or an address without brackets."""

    host: str
    port: int
    security: Security
    url: str = ""
    """The whole address, where the service is found by one (EWS, Microsoft 365)."""
    typed: str = ""
    """What the person typed, where the address had to be corrected."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def endpoint(host: str, port: int) -> Endpoint:
    return Endpoint(host, port, security_of(port))


@dataclass(frozen=True, slots=True)
class Request:
    """What a check is asked to do. It never holds a secret.

    `endpoints` are the servers that the person named; the others are discovered.
    """

    domain: str | None
    scenario: Scenario | None = None
    account: str | None = None
    endpoints: Mapping[Service, Endpoint] = field(default_factory=dict)
    lang: Lang = "ja"
    mailbox: str | None = None
    """Exchange: the mailbox to open as the account (impersonation)."""


# Facts: what a probe saw, without a verdict.

FaultKind = Literal[
    "refused", "timeout", "unreachable", "reset", "closed", "blocked", "overflow", "malformed", "tls_alert", "tls_error"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """A network error as a fact. `after` names what was being done, `detail` the words of the system or of the peer."""

    kind: FaultKind
    after: str
    detail: str = ""
    heard: str = ""
    """What the peer had sent before, as printable text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One DNS question's outcome. `records` are in presentation form."""

    outcome: Literal["ok", "nxdomain", "nodata", "failed", "bogus"]
    records: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """What DNS says of the domain itself. `mx` records are host names, best preference first; "." is a null MX."""

    domain: str
    mx: Answer
    address: Answer


@dataclass(frozen=True, slots=True)
class ServersFacts:
    """Which servers are to be probed and where each was learnt from: typed, provider, srv, autoconfig, ispdb, guess."""

    endpoints: Mapping[Service, Endpoint]
    sources: Mapping[Service, str]
    tried: tuple[str, ...] = ()
    customer_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DnsFacts:
    """A server's addresses: `public` may be connected to, `private` (with reasons) may not."""

    host: str
    outcome: Literal["ok", "nxdomain", "nodata", "failed", "bogus"]
    public: tuple[str, ...] = ()
    private: tuple[tuple[str, str], ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One address that was connected to; `fault` is None where it answered."""

    address: str
    milliseconds: float
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class ConnectFacts:
    """`address` is the one in use, None where none answered. `local` is this side's address."""

    address: str | None
    local: str | None
    attempts: tuple[Attempt, ...]
    private: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate as it was sent. Times are POSIX seconds; names are RFC 4514 strings."""

    subject: str
    issuer: str
    not_before: float
    not_after: float
    key: str
    signature: str
    names: tuple[str, ...]
    ca: bool
    issuer_urls: tuple[str, ...]
    fingerprint: str
    sent_as: int
    """Position in the chain as sent, from 0; -1 where it was fetched from the address in a certificate."""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """The outcome of the strict handshake. `verify_code` is OpenSSL's (0: ok); None where the handshake failed."""

    at: float
    verify_code: int | None
    verify_text: str = ""
    version: str | None = None
    cipher: str | None = None
    fault: Fault | None = None
    chain: tuple[CertificateFacts, ...] = ()
    fetched: tuple[CertificateFacts, ...] = ()
    """Issuers that were not sent but found at the addresses in the certificates."""
    completed: bool | None = None
    """Whether the chain verifies once `fetched` is added."""
    tolerant: str | None = None
    """What a handshake without any demands agreed on: version and cipher. None where that failed or was not tried."""
    tolerant_version: str | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first words of a server. `service` is the protocol they belong to, None where it is none that is known."""

    text: str
    service: str | None
    welcome: bool
    capabilities: tuple[str, ...] | None = None
    preauth: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server offers, upper case. `mechanisms` are SASL names; `starttls` whether it is offered now."""

    words: tuple[str, ...]
    mechanisms: tuple[str, ...]
    starttls: bool = False
    login_disabled: bool = False
    refusal: str = ""
    """The server's words where it refused to tell."""


@dataclass(frozen=True, slots=True)
class StartTlsReply:
    """The answer to STARTTLS, or to the missing offer of it."""

    offered: bool
    accepted: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class LoginReply:
    """The answer to a log-in. `text` is what the server said, with any challenge that it sent before."""

    accepted: bool
    mechanism: str
    text: str
    attempts: int = 1
    mechanisms: tuple[str, ...] = ()
    refused_mechanism: bool = False
    """The server says that it does not take the mechanism."""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    name: str
    messages: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class MailboxFacts:
    """What the mailbox holds; `refusal` is set where INBOX could not be opened, `list_refusal` where LIST failed."""

    messages: int | None = None
    folders: int = 0
    total_messages: int | None = None
    total_bytes: int | None = None
    largest: tuple[Folder, ...] = ()
    refusal: str | None = None
    list_refusal: str | None = None


@dataclass(frozen=True, slots=True)
class SubmissionFacts:
    """Replies to MAIL, RCPT and RSET. `refused_at` is the command that was refused."""

    accepted: bool
    refused_at: str | None = None
    text: str = ""


Facts = (
    DomainFacts
    | ServersFacts
    | DnsFacts
    | ConnectFacts
    | TlsFacts
    | Greeting
    | Capabilities
    | StartTlsReply
    | LoginReply
    | MailboxFacts
    | SubmissionFacts
    | HttpFacts
    | EwsReply
    | TenantsFacts
    | RealmFacts
    | SignInFacts
    | Fault
)


# Results: what the facts mean.


@dataclass(frozen=True, slots=True)
class Finding:
    code: str
    severity: Severity
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepResult:
    id: str
    status: Status
    findings: tuple[Finding, ...] = ()
    target: str | None = None
    skipped_because: str | None = None
    duration_ms: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What is good to know although it is no finding; shown to people, not part of the report's schema."""
    started: float | None = None
    """Seconds since the check began; not part of the schema either."""


Link = told.Link
Advice = told.Advice


@dataclass(frozen=True, slots=True)
class Report:
    """One check's outcome: `report.schema.json` as a type."""

    case: str
    domain: str | None
    provider: str | None
    scenario: Scenario
    verdict: Verdict
    failing_step: str | None
    cause: str | None
    steps: tuple[StepResult, ...]
    advice: tuple[Advice, ...]
    attempts: Mapping[str, int]
    vantage: str | None
    started_at: str
    duration_ms: float
    transcript: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What was said over the wire, by service; `web` is what discovery fetched. For support only, not in the schema."""
