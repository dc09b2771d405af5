"""TCP: address families raced (RFC 8305), every address tried once, so that one that does not answer is named."""

import asyncio
import contextlib
import errno
import itertools
import socket
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from bot.checks.link.faults import fault_of
from bot.core.model import Attempt, ConnectFacts, DnsFacts, Fault

STAGGER = 0.25
"""Seconds before the next address is tried as well (RFC 8305, 8: Connection Attempt Delay)."""
_STRAGGLERS = 3.0
"""Seconds from the beginning after which an address that has not answered is called dead while another one works."""
SETTLE = 0.01
"""Seconds in which a server that drops every client at once has mostly dropped this one."""
_MOST = 6

_Winner: TypeAlias = "asyncio.Future[tuple[str, socket.socket]]"
"""The address that answered first, and the socket to it."""


@dataclass(slots=True)
class Dialled:
    """The sockets of one host and port: the first that answered, and the attempts at the other addresses."""

    facts: ConnectFacts
    begun: float
    """When, by the loop's clock."""
    sock: socket.socket | None = None
    others: list["asyncio.Task[Attempt]"] = field(default_factory=list)

    async def complete(self) -> ConnectFacts:
        """The facts with the other addresses' outcomes; waits a moment for those, once."""
        if self.others:
            left = self.begun + _STRAGGLERS - asyncio.get_running_loop().time()
            done, late = await asyncio.wait(self.others, timeout=max(0.0, left))
            for task in late:
                task.cancel()
            found = [task.result() for task in self.others if task in done]
            missing = [_late(task.get_name()) for task in late]
            self.facts = replace(self.facts, attempts=(*self.facts.attempts, *found, *missing))
            self.others = []
        return self.facts

    def close(self) -> None:
        for task in self.others:
            task.cancel()
        if self.sock is not None:
            self.sock.close()


def _late(address: str) -> Attempt:
    return Attempt(address, _STRAGGLERS * 1000, Fault("timeout", "connect", "no answer"))


async def dial(found: DnsFacts, port: int, timeout: float) -> Dialled:
    """Connect to the first of the judged addresses that answers. `found.public` must not be empty."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    order = _interleave(found.public)[:_MOST]
    winner: _Winner = loop.create_future()
    running: list[asyncio.Task[Attempt]] = []
    try:
        for address in order:
            running.append(asyncio.create_task(_attempt(address, port, timeout, winner), name=address))
            await _until(winner, running, STAGGER if len(running) < len(order) else None)
            if winner.done():
                break
        rest = order[len(running) :] if winner.done() else []
        running += [asyncio.create_task(_attempt(a, port, timeout, winner), name=a) for a in rest]
    except BaseException:
        _abandon(running, winner)
        raise
    done = tuple(task.result() for task in running if task.done())
    attempts = tuple(attempt for attempt in done if not _no_route_of_ours(attempt, len(order)))
    if not winner.done():
        return Dialled(ConnectFacts(None, None, attempts, found.private), begun)
    address, sock = winner.result()
    facts = ConnectFacts(address, sock.getsockname()[0], attempts, found.private)
    return Dialled(facts, begun, sock, [task for task in running if not task.done()])


async def _until(winner: _Winner, running: list["asyncio.Task[Attempt]"], delay: float | None) -> None:
    """Until somebody answered, the newest attempt failed, or the delay is over; without delay until all are through."""
    deadline = None if delay is None else asyncio.get_running_loop().time() + delay
    while not winner.done():
        waiting: set[asyncio.Future[Any]] = {task for task in running if not task.done()}
        if not waiting or (deadline is not None and running[-1].done()):
            return
        left = None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait({*waiting, winner}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return


async def _attempt(address: str, port: int, timeout: float, winner: _Winner) -> Attempt:
    loop = asyncio.get_running_loop()
    started = loop.time()
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(timeout):
            await loop.sock_connect(sock, (address, port))
        took = (loop.time() - started) * 1000
    except OSError as error:
        sock.close()
        return Attempt(address, (loop.time() - started) * 1000, fault_of(error, "connect"))
    except BaseException:
        sock.close()
        raise
    if winner.done():
        sock.close()
    else:
        winner.set_result((address, sock))
    return Attempt(address, took)


def _abandon(running: list["asyncio.Task[Attempt]"], winner: _Winner) -> None:
    for task in running:
        task.cancel()
    if winner.done() and not winner.cancelled():
        winner.result()[1].close()
    else:
        winner.cancel()


def _no_route_of_ours(attempt: Attempt, addresses: int) -> bool:
    """Whether the attempt failed only because this machine has no such network, which says nothing of the server."""
    fault = attempt.fault
    ours = {errno.errorcode[errno.ENETUNREACH], errno.errorcode[errno.EADDRNOTAVAIL]}
    return addresses > 1 and ":" in attempt.address and fault is not None and fault.detail in ours


def _interleave(addresses: tuple[str, ...]) -> list[str]:
    """IPv6 and IPv4 in turn, IPv6 first (RFC 8305, 4)."""
    six = [address for address in addresses if ":" in address]
    four = [address for address in addresses if ":" not in address]
    pairs = itertools.zip_longest(six, four)
    return [address for pair in pairs for address in pair if address is not None]


async def dropped(sock: socket.socket, patience: float = SETTLE) -> Fault | None:
    """Whether the server hung up before anything was sent to it: looked at for a moment, nothing is read away."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await _readable(sock)
    try:
        return None if sock.recv(1, socket.MSG_PEEK) else Fault("closed", "connect", "closed by the server")
    except BlockingIOError:
        return None
    except OSError as error:
        return fault_of(error, "connect")


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(sock, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(sock)
