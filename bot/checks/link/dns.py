"""Questions to the name servers: all at once, each name and type once a check, spread over several sockets.

The sockets are ours, since a burst over one socket loses answers, and since a lost answer should be asked for again
early and of another server. Plain messages are read in `dns_wire`, all others by dnspython, in `dns_message`.
"""

import asyncio
import contextlib
import errno
import ipaddress
import secrets
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from bot.checks.link import dns_wire
from bot.checks.link.dns_wire import Query, Reply
from bot.checks.link.policy import NetworkPolicy
from bot.core.model import Answer, DnsFacts

_RETRY_AFTER = (0.8, 1.6, 2.6)
"""Seconds after which a question that got no answer is asked again, of the next server."""
_SOCKETS = 4
_AT_ONCE = 200
"""Questions under way at once: a name server's socket holds about 280 of them, and drops what comes on top."""
_DATAGRAM = 65535
_SERVFAIL = 2

Nameserver = tuple[str, int]


def nameservers(configured: Sequence[str]) -> tuple[Nameserver, ...]:
    """The configured servers ("127.0.0.1:53", "[::1]:53"), or the system's. Raises ValueError for what is neither."""
    if configured:
        return tuple(_nameserver(text) for text in configured)
    found = []
    with contextlib.suppress(OSError), open("/etc/resolv.conf", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - cheap start
        for line in lines:
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                found.append((words[1], 53))
    return tuple(found) or (("127.0.0.1", 53),)


def _nameserver(text: str) -> Nameserver:
    host, _, port = (
        text.rpartition(":") if not text.endswith("]") and (text.count(":") == 1 or "]:" in text) else (text, "", "53")
    )
    if not port.isdecimal():
        raise ValueError(f"not a name server: {text!r} (an example: 127.0.0.1:53)")
    return host.strip("[]"), int(port)


class Resolver:
    """A stub resolver over the given name servers. One for a process; `Questions` remember answers for one check."""

    def __init__(self, servers: Sequence[Nameserver], timeout: float = 5.0) -> None:
        self._servers = tuple(servers)
        self._timeout = timeout
        self._channels: dict[Nameserver, list[_Channel]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, name: str, kind: str) -> Answer:
        """One question's outcome. Never raises: no usable answer is an outcome too (`failed`)."""
        try:
            reply = await self._exchange(_query(name, kind))
        except ValueError as error:
            return Answer("nxdomain", detail=str(error))
        if reply.rcode == _SERVFAIL and reply.answer.outcome == "failed":
            # A validating resolver answers when asked not to check: then the fault is DNSSEC's (RFC 4035, 3.2.2).
            unchecked = await self._exchange(_query(name, kind, unchecked=True))
            if unchecked.answer.outcome == "ok":
                return Answer("bogus", detail=reply.answer.detail)
        return reply.answer

    async def _exchange(self, query: Query) -> Reply:
        failure = Reply(Answer("failed", detail="time-out"), -1)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        for attempt in range(len(_RETRY_AFTER) * max(1, len(self._servers))):
            server = self._servers[attempt % len(self._servers)]
            left = deadline - loop.time()
            if left <= 0:
                break
            patience, waiting = min(left, _RETRY_AFTER[min(attempt, len(_RETRY_AFTER) - 1)]), loop.time()
            try:
                async with self._places:
                    deadline += loop.time() - waiting
                    reply = await self._ask_one(server, query, patience, left)
            except (TimeoutError, OSError, EOFError) as error:
                detail = "time-out" if isinstance(error, TimeoutError) else _named(error)
                failure = Reply(Answer("failed", detail=f"{server[0]}: {detail}"), failure.rcode)
                continue
            if reply.answer.outcome != "failed":
                return reply
            failure = reply
            if attempt + 1 >= len(self._servers):
                break
        return failure

    async def _ask_one(self, server: Nameserver, query: Query, patience: float, left: float) -> Reply:
        channel = self._channel(server)
        reply = await channel.ask(query, patience)
        if reply.truncated:
            async with asyncio.timeout(left):
                return await _ask_over_tcp(server, query)
        return reply

    def _channel(self, server: Nameserver) -> "_Channel":
        """A socket to the server: another one while all are in use, up to a few. Raises OSError."""
        channels = self._channels.setdefault(server, [])
        if len(channels) < _SOCKETS and all(channel.waiting for channel in channels):
            channels.append(_Channel(server))
            return channels[-1]
        return min(channels, key=lambda channel: len(channel.waiting))

    def close(self) -> None:
        for channels in self._channels.values():
            for channel in channels:
                channel.close()
        self._channels.clear()


class _Channel:
    """One connected UDP socket and the questions that wait on it, told apart by id and question."""

    def __init__(self, server: Nameserver) -> None:
        self.waiting: dict[int, tuple[Query, asyncio.Future[Reply]]] = {}
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.connect(server)
        except BaseException:
            self._sock.close()
            raise
        self._loop.add_reader(self._sock, self._readable)

    async def ask(self, query: Query, patience: float) -> Reply:
        """Raises TimeoutError, OSError."""
        while (number := secrets.randbits(16)) in self.waiting:
            pass
        future: asyncio.Future[Reply] = self._loop.create_future()
        self.waiting[number] = (query, future)
        # A timer of its own: a dozen questions a check, and asyncio.timeout costs as much as all the rest of one.
        timer = self._loop.call_later(patience, _give_up, future)
        try:
            self._sock.send(query.wire(number))
            return await future
        finally:
            timer.cancel()
            self.waiting.pop(number, None)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_DATAGRAM)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        number = int.from_bytes(data[:2], "big")
        if number not in self.waiting:
            return
        query, future = self.waiting[number]
        # What does not answer the question is not ours, or forged: go on waiting.
        if not future.done() and (reply := _read(data, query)) is not None:
            future.set_result(reply)

    def _fail(self, error: Exception) -> None:
        """Nothing will be answered: the server's machine says that nobody listens there."""
        for _, future in self.waiting.values():
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        self._loop.remove_reader(self._sock)
        self._sock.close()
        self._fail(ConnectionAbortedError())


def _give_up(future: "asyncio.Future[Reply]") -> None:
    if not future.done():
        future.set_exception(TimeoutError())


async def _ask_over_tcp(server: Nameserver, query: Query) -> Reply:
    reader, writer = await asyncio.open_connection(*server)
    try:
        wire = query.wire(secrets.randbits(16))
        writer.write(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        data = await reader.readexactly(length)
    finally:
        writer.close()
    reply = _read(data, query) if data[:2] == wire[:2] else None
    return reply or Reply(Answer("failed", detail="FormError"), -1)


def _query(name: str, kind: str, *, unchecked: bool = False) -> Query:
    """Raises ValueError for what is no name."""
    query = dns_wire.query(name, kind, unchecked=unchecked)
    if query is not None:
        return query
    from bot.checks.link import dns_message  # noqa: PLC0415 - dnspython is large and seldom needed

    return dns_message.query(name, kind, unchecked=unchecked)


def _read(data: bytes, query: Query) -> Reply | None:
    reply = dns_wire.read(data, query)
    if reply is not None:
        return reply
    from bot.checks.link import dns_message  # noqa: PLC0415 - as above

    return dns_message.read(data, query)


def _named(error: BaseException) -> str:
    return errno.errorcode.get(error.errno or 0, "") if isinstance(error, OSError) else type(error).__name__


@dataclass(slots=True)
class Questions:
    """The questions of one check: each name and type is asked once, however many parts want to know."""

    resolver: Resolver
    policy: NetworkPolicy
    _asked: dict[tuple[str, str], asyncio.Task[Answer]]

    def ask(self, name: str, kind: str) -> "asyncio.Future[Answer]":
        """Begin to ask, at once; await the answer. Whoever stops waiting does not stop the others."""
        key = (name, kind)
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self.resolver.ask(name, kind))
        return asyncio.shield(self._asked[key])

    def expect(self, host: str) -> None:
        """Ask for a host's addresses now, since they will probably be wanted."""
        self.ask(host, "A")
        self.ask(host, "AAAA")

    async def addresses(self, host: str) -> DnsFacts:
        """A host's addresses, judged by the policy. An address stands for itself."""
        if _is_address(host):
            public, private = self.policy.split([host])
            return DnsFacts(host, "ok", public, private)
        six, four = await asyncio.gather(self.ask(host, "AAAA"), self.ask(host, "A"))
        records = six.records + four.records
        public, private = self.policy.split(records)
        if records:
            return DnsFacts(host, "ok", public, private)
        worst = next((a for a in (four, six) if a.outcome in ("bogus", "failed")), four)
        outcome = (
            "nxdomain" if "nxdomain" in (four.outcome, six.outcome) and worst.outcome != "bogus" else worst.outcome
        )
        return DnsFacts(host, outcome, detail=worst.detail)

    def close(self) -> None:
        for task in self._asked.values():
            task.cancel()
        self._asked.clear()


def questions(resolver: Resolver, policy: NetworkPolicy) -> Questions:
    return Questions(resolver, policy, {})


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
