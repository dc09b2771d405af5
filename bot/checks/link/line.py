"""One connection to one server, opened step by step. Each step happens once, whoever asks for it first."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bot.checks.link import tls
from bot.checks.link.connect import Dialled, dial, dropped
from bot.checks.link.dns import Questions
from bot.checks.link.faults import NETWORK_ERRORS, Malformed, fault_of
from bot.checks.link.policy import NetworkPolicy
from bot.checks.link.stream import Stream, VerifiedStream
from bot.checks.link.tls import TrustStore
from bot.checks.link.transcript import Tape, Transcript
from bot.core.model import ConnectFacts, DnsFacts, Endpoint, Fault, Service, TlsFacts

T = TypeVar("T")
Prelude = Callable[[Stream, float], Awaitable[object]]
"""Brings a fresh plain stream to where TLS begins; for the second handshake of STARTTLS."""

_ALERT_TIME = 1.0
"""Seconds in which a server that wants a client certificate says so after a TLS 1.3 handshake (RFC 8446, 4.4)."""
_WATCH = 0.3
"""Seconds for which a second connection is watched for a hang-up that comes of itself."""
_CHAIN_UNKNOWN = (20, 21)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds; `total` bounds one whole check."""

    connect: float = 10.0
    tls: float = 10.0
    reply: float = 20.0
    total: float = 60.0


@dataclass(slots=True)
class Net:
    """What a check reaches the network through: questions, rules, trust, time limits, and the lines that it opened."""

    questions: Questions
    policy: NetworkPolicy
    trust: TrustStore
    timeouts: Timeouts
    lines: dict[tuple[str, Endpoint], "Line"] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    """When the check began."""
    transcripts: dict[str, Transcript] = field(default_factory=dict)
    """What was said, by service; `web` is what discovery fetched."""

    def line(self, service: Service, endpoint: Endpoint) -> "Line":
        """The line to an endpoint: one for a check, so that what discovery opened goes on in the steps."""
        key = (service, endpoint)
        if key not in self.lines:
            self.lines[key] = Line(self, endpoint, service, greets=service not in ("ews", "m365"))
        return self.lines[key]

    def transcript(self, service: str) -> Transcript:
        if service not in self.transcripts:
            self.transcripts[service] = Transcript(self.begun)
        return self.transcripts[service]

    def close(self) -> None:
        for line in self.lines.values():
            line.close()
        self.lines.clear()
        self.questions.close()


class Line:
    """A connection on its way: resolve, connect, secure. `stream` is what can be read and written now."""

    def __init__(self, net: Net, endpoint: Endpoint, service: str = "", *, greets: bool = False) -> None:
        """`service` is whose transcript keeps what is said; none keeps it where that is empty."""
        self.net = net
        self.endpoint = endpoint
        self.service = service
        self.stream: Stream | None = None
        self.prelude: Prelude | None = None
        self.memory: dict[str, Any] = {}
        """What a service remembers from step to step: capabilities, a reply that came early."""
        self._greets = greets
        self.any_port = False
        """Whether the port was allowed by other rules than those for mail servers."""
        self.spans: dict[str, tuple[float, float]] = {}
        """When dns, connect and tls began and ended, by the monotonic clock: discovery may have gone ahead."""
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._dialled: Dialled | None = None

    def _once(self, name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Task[T]":
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._timed(name, make))
        return self._tasks[name]

    async def _timed(self, name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The coroutine is made here: a check that is cut off before this begins leaves none that nobody awaits."""
        begun = time.monotonic()
        try:
            return await make()
        finally:
            self.spans[name] = begun, time.monotonic()

    @property
    def opened(self) -> Stream:
        """The stream, for steps that are taken only once there is one."""
        assert self.stream is not None
        return self.stream

    async def resolve(self) -> DnsFacts:
        return await self._once("dns", lambda: self.net.questions.addresses(self.endpoint.host))

    async def connect(self) -> ConnectFacts | Fault:
        return await self._once("connect", self._connect)

    async def secure(self) -> TlsFacts:
        return await self._once("tls", self._secure)

    async def complete(self) -> ConnectFacts | None:
        """The connect facts with every address's outcome, known some time after the first one answered."""
        return await self._dialled.complete() if self._dialled else None

    async def _connect(self) -> ConnectFacts | Fault:
        if not self.any_port and self.net.policy.port_refused(self.endpoint.port):
            return Fault("blocked", "connect", f"port {self.endpoint.port} is not a mail port")
        found = await self.resolve()
        self._dialled = await dial(found, self.endpoint.port, self.net.timeouts.connect)
        sock, tape = self._dialled.sock, self._tape(self._dialled.facts)
        if sock is None:
            return self._dialled.facts
        self.stream = Stream(sock)
        self.stream.tape = tape
        fault = await dropped(sock) if self._greets else None
        # Where the server speaks first, an orderly end belongs to the greeting.
        if fault is not None and (fault.kind == "reset" or self.endpoint.security == "tls"):
            return fault
        return self._dialled.facts

    def _tape(self, facts: ConnectFacts) -> Tape | None:
        """What notes this connection; it begins with where that leads."""
        if not self.service:
            return None
        tape = self.net.transcript(self.service).tape()
        if facts.address is not None:
            tape.remark(f"connected to {facts.address} for {self.endpoint}")
        else:
            tape.remark(f"no connection to {self.endpoint}")
        return tape

    async def _secure(self) -> TlsFacts:
        stream, host, trust = self.stream, self.endpoint.host, self.net.trust
        assert stream is not None
        if stream.buffer:
            stream.close()
            return TlsFacts(0, None, fault=tls.not_tls(bytes(stream.buffer), "data before the handshake"))
        facts, verified = await tls.handshake(stream.sock, host, trust, self.net.timeouts.tls)
        if stream.tape is not None:
            stream.tape.remark(_handshake_in_words(facts))
        if verified is None:
            self.stream = None
            return await self._evidence(facts)
        self.stream, verified.tape = verified, stream.tape
        alert = await self._late_alert(verified) if self._greets and self.endpoint.security == "tls" else None
        return replace(facts, fault=alert) if alert else facts

    async def handshake_only(self) -> TlsFacts:
        """The strict handshake without evidence: for pages, where only success counts."""
        assert self.stream is not None
        tape = self.stream.tape
        facts, self.stream = await tls.handshake(
            self.stream.sock, self.endpoint.host, self.net.trust, self.net.timeouts.tls
        )
        if tape is not None:
            tape.remark(_handshake_in_words(facts))
        if self.stream is not None:
            self.stream.tape = tape
        return facts

    async def _late_alert(self, stream: VerifiedStream) -> Fault | None:
        """An alert that follows the handshake. Anything else that happens meanwhile is kept for the greeting."""
        if stream.tls.version() != "TLSv1.3":
            return None
        reading = asyncio.create_task(stream.fill(self.net.timeouts.reply))
        stream.filling = reading
        done, _ = await asyncio.wait([reading], timeout=_ALERT_TIME)
        error = reading.exception() if done else None
        return fault_of(error, "handshake") if isinstance(error, ssl.SSLError) else None

    async def _evidence(self, facts: TlsFacts) -> TlsFacts:
        """What a second connection without demands shows, after a failure only; no secret goes over it."""
        from bot.checks.link import certificates  # noqa: PLC0415 - cryptography can be loaded during a wait

        if facts.fault is not None and facts.fault.kind in ("malformed", "timeout"):
            return facts
        if facts.fault is not None and await self._was_dropped(facts.fault):
            return replace(facts, fault=replace(facts.fault, after="connect"))
        version, cipher, sent = await self._look()
        agreed = f"{version} {cipher}" if version else None
        facts = replace(facts, tolerant=agreed, tolerant_version=version, chain=certificates.read_chain(sent))
        if facts.verify_code in _CHAIN_UNKNOWN and sent:
            added = await self._issuers(sent)
            found = certificates.issuer_found_in(sent, added, tls.anchors(self.net.trust))
            facts = replace(facts, fetched=certificates.read_fetched(added), completed=found)
        return facts

    async def _was_dropped(self, fault: Fault) -> bool:
        """Whether a server that answered nothing hangs up on a silent client, too: no matter of TLS then."""
        silent = fault.kind in ("closed", "reset") and fault.after == "handshake"
        if not silent or self.endpoint.security != "tls":
            return False
        again = await dial(await self.resolve(), self.endpoint.port, self.net.timeouts.connect)
        if again.sock is None:
            return True
        try:
            return await dropped(again.sock, _WATCH) is not None
        finally:
            again.close()

    async def _look(self) -> tuple[str | None, str | None, list[bytes]]:
        nothing: tuple[str | None, str | None, list[bytes]] = (None, None, [])
        again = await dial(await self.resolve(), self.endpoint.port, self.net.timeouts.connect)
        if again.sock is None:
            return nothing
        stream = Stream(again.sock)
        try:
            if self.prelude is not None:
                await self.prelude(stream, self.net.timeouts.reply)
            return await tls.look(stream.sock, self.endpoint.host, self.net.timeouts.tls)
        except (*NETWORK_ERRORS, Malformed):
            return nothing
        finally:
            again.close()

    async def _issuers(self, sent: list[bytes]) -> list[bytes]:
        """The issuers that the server should have sent, from the addresses in the certificates."""
        from bot.checks.link.fetch import fetch_issuers  # noqa: PLC0415 - only for broken chains, and it uses lines

        return await fetch_issuers(self.net, sent)

    def close(self) -> None:
        """End it, and let go of everything at once: what OpenSSL holds for a connection is large."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        if self.stream is not None:
            self.stream.close()
            self.stream = None
        if self._dialled is not None:
            self._dialled.close()
            self._dialled = None


def _handshake_in_words(facts: TlsFacts) -> str:
    """What came of a strict handshake, for the transcript."""
    if facts.fault is not None:
        return f"no TLS: {facts.fault.kind} {facts.fault.detail}".rstrip()
    if facts.verify_code:
        return f"no TLS: {facts.verify_text} ({facts.verify_code})"
    return f"{facts.version} {facts.cipher}, certificate verified"
