"""A scripted name server, UDP and TCP on one port, with the faults that real ones have."""

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.servers.listener import Listener

Records = Mapping[str, Mapping[str, str | Sequence[str]]]
"""{"example.test": {"MX": ["10 mail.example.test."], "A": "127.77.0.1"}}; host names in data end with a dot."""

FaultKind = Literal[
    "nxdomain", "nodata", "servfail", "refused", "silent", "bogus", "truncated", "wrong_id", "spoofed", "lame"
]


@dataclass(frozen=True, slots=True)
class DnsFault:
    """What goes wrong with a name; `types` limits it to some questions (empty: all).

    bogus: SERVFAIL unless the question sets CD, with extended error 6 (RFC 8914) where `extended`.
    truncated: TC over UDP, the whole over TCP. wrong_id, spoofed: a false answer first (other id, other question).
    lame: an answer for a question that nobody asked, and nothing else.
    """

    kind: FaultKind | None = None
    types: tuple[str, ...] = ()
    extended: bool = True
    delay: float = 0.0
    """Seconds before the answer."""

    def concerns(self, kind: str) -> bool:
        return not self.types or kind in self.types


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    kind: str
    over: Literal["udp", "tcp"]


@dataclass(slots=True)
class DnsServer:
    """Answers from `records`; names below a listed name exist too, all else under `zones` or anywhere is NXDOMAIN.

    `rebinding`: successive answers for a name and type, used in turn (a new one a question).
    """

    records: Records
    faults: Mapping[str, DnsFault] = field(default_factory=dict)
    rebinding: Mapping[tuple[str, str], Iterable[Sequence[str]]] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    fallback: DnsFault | None = None
    """What befalls names that are in neither."""
    questions: list[Question] = field(default_factory=list)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, repr=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    _turns: dict[tuple[str, str], "itertools.cycle[Sequence[str]]"] = field(default_factory=dict, repr=False)

    async def __aenter__(self) -> Self:
        listener = Listener(self._serve_tcp, self.host, self.port)
        for attempt in itertools.count():
            await listener.__aenter__()
            try:
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Udp(self), local_addr=(self.host, listener.port)
                )
            except OSError:
                await listener.__aexit__()
                if self.port or attempt > 20:
                    raise
                listener = Listener(self._serve_tcp, self.host, 0)
                continue
            break
        self._stack.push_async_exit(listener)
        self._stack.callback(transport.close)
        self.port = listener.port
        self._turns = {key: itertools.cycle(answers) for key, answers in self.rebinding.items()}
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    @property
    def address(self) -> str:
        """As `network.nameservers` wants it."""
        return f"{self.host}:{self.port}"

    def asked(self, name: str, kind: str) -> int:
        """How often a question was asked."""
        return sum(q.name == name and q.kind == kind for q in self.questions)

    def spawn(self, data: bytes, address: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        task = asyncio.create_task(self._answer_udp(data, address, transport))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_udp(self, data: bytes, address: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        for message in await self._answer(data, "udp"):
            transport.sendto(message, address)

    async def _serve_tcp(self, client: socket.socket, _number: int) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        try:
            while True:
                (size,) = struct.unpack("!H", await reader.readexactly(2))
                for message in await self._answer(await reader.readexactly(size), "tcp"):
                    writer.write(struct.pack("!H", len(message)) + message)
                await writer.drain()
        finally:
            writer.transport.abort()

    async def _answer(self, data: bytes, over: Literal["udp", "tcp"]) -> list[bytes]:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append(Question(name, kind, over))
        fault = self._fault(name, kind)
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        answer = self._sound(query, name, kind)
        if fault and fault.kind:
            return _with_fault(query, answer, fault, over)
        return [_fit(query, answer, over)]

    def _fault(self, name: str, kind: str) -> DnsFault | None:
        fault = self.faults.get(name)
        if fault is None and not self._exists(name):
            fault = self.fallback
        return fault if fault and fault.concerns(kind) else None

    def _exists(self, name: str) -> bool:
        names = {*self.records, *(key[0] for key in self._turns)}
        return any(known == name or known.endswith("." + name) for known in names)

    def _sound(self, query: dns.message.Message, name: str, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True)
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            values = self._values(name, kind)
            if values:
                answer.answer.append(_rrset(name, kind, values))
                return answer
            alias = self._values(name, "CNAME")
            if not alias:
                break
            answer.answer.append(_rrset(name, "CNAME", alias))
            name = alias[0].rstrip(".").lower()
        if not self._exists(name):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def _values(self, name: str, kind: str) -> Sequence[str]:
        if turn := self._turns.get((name, kind)):
            return next(turn)
        values = self.records.get(name, {}).get(kind, ())
        return (values,) if isinstance(values, str) else values


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self.server = server

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.server.spawn(data, addr, self.transport)


def _rrset(name: str, kind: str, values: Sequence[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(dns.name.from_text(name), 60, "IN", kind, list(values))


def _fit(query: dns.message.Message, answer: dns.message.Message, over: str) -> bytes:
    """The answer, cut with TC where it exceeds what the client takes over UDP (RFC 1035, 4.2.1; RFC 6891, 6.2.3)."""
    if over == "tcp":
        return answer.to_wire(max_size=65535)
    limit = max(512, query.payload if query.edns >= 0 else 512)
    wire = answer.to_wire(max_size=65535)
    return wire if len(wire) <= limit else _truncated(query)


def _truncated(query: dns.message.Message) -> bytes:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.flags |= dns.flags.TC
    return answer.to_wire()


def _failed(query: dns.message.Message, rcode: dns.rcode.Rcode) -> dns.message.Message:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.set_rcode(rcode)
    return answer


def _bogus(query: dns.message.Message, *, extended: bool) -> bytes:
    answer = _failed(query, dns.rcode.SERVFAIL)
    if extended and query.edns >= 0:
        answer.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "signature does not verify")])
    return answer.to_wire()


def _false(query: dns.message.Message, *, same_id: bool) -> bytes:
    """An answer that must not be taken: for another question, or with another id and a tempting address."""
    asked = query.question[0]
    name = dns.name.from_text("spoofed.invalid") if same_id else asked.name
    false = dns.message.make_query(name, asked.rdtype, id=query.id if same_id else query.id ^ 0x5555)
    answer = dns.message.make_response(false, recursion_available=True)
    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "127.66.66.66"))
    return answer.to_wire()


def _with_fault(query: dns.message.Message, answer: dns.message.Message, fault: DnsFault, over: str) -> list[bytes]:
    sound = _fit(query, answer, over)
    match fault.kind:
        case "silent":
            return []
        case "bogus":
            return [sound if query.flags & dns.flags.CD else _bogus(query, extended=fault.extended)]
        case "truncated":
            return [_truncated(query) if over == "udp" else sound]
        case "wrong_id":
            return [_false(query, same_id=False), sound]
        case "spoofed":
            return [_false(query, same_id=True), sound]
        case "lame":
            return [_false(query, same_id=True)]
        case "nodata":
            return [_failed(query, dns.rcode.NOERROR).to_wire()]
        case _:
            return [_failed(query, dns.rcode.from_text(fault.kind or "SERVFAIL")).to_wire()]
