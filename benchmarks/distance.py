"""Two network namespaces with a wire between them that takes its time, for packets of every kind, SYNs too.

    with Distance() as distance:
        servers = distance.far.start([...])     # a process at 10.77.1.1 to 10.77.1.254
        client = distance.near.start([...])     # a process at 10.77.0.1
        distance.round_trip = 0.060

The wire is a process that copies packets between two TUN devices and holds each for half a round trip. Whoever is not
root gets the namespaces inside a user namespace, where the system allows that. Nothing is left behind: namespaces,
devices and processes end with the wire.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing import Value
from pathlib import Path
from typing import Any, Self

NEAR, FAR, BEYOND = "10.77.0.1", "10.77.255.1", "10.77.1.1"
"""The client, the far end of the wire, and the servers' network behind it: all of 10.77.1.0/24 is local there."""
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_TUN, _NO_HEADER, _SET_TUN = 0x0001, 0x1000, 0x400454CA
_SET_ADDRESS, _SET_MASK, _SET_FLAGS, _UP_RUNNING = 0x8916, 0x891C, 0x8914, 0x41
_LIBC = ctypes.CDLL(None, use_errno=True)


class Unavailable(RuntimeError):  # noqa: N818 - a state of this system
    """This system lets us make no network namespace or TUN device; the message says why."""


def _unshare(kinds: int) -> None:
    if _LIBC.unshare(kinds):
        raise Unavailable(f"network namespaces: {os.strerror(ctypes.get_errno())}")


def _enter(kinds: int) -> None:
    """A new network namespace for this process, inside a new user namespace where it is not root."""
    user, group = os.getuid(), os.getgid()
    _unshare(kinds)
    if kinds & _NEW_USER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path(f"/proc/self/{name}").write_text(text, encoding="ascii")


def _device(address: str) -> int:
    """A TUN device with an address in 10.77.0.0/16; loopback is raised as well."""
    try:
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, _SET_TUN, struct.pack("16sH22x", b"wire", _TUN | _NO_HEADER))
    except OSError as error:
        raise Unavailable(f"TUN devices: {error.strerror}") from None
    _configure(b"wire", address, "255.255.0.0")
    _configure(b"lo", "127.0.0.1", "255.0.0.0")
    return tun


def _configure(device: bytes, address: str, mask: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, value in ((_SET_ADDRESS, address), (_SET_MASK, mask)):
            packed = struct.pack("16sHH4s8x", device, socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(control, request, packed)
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH22x", device, _UP_RUNNING))


class Place:
    """One end of the wire: processes are started there."""

    def __init__(self, anchor: int) -> None:
        self._anchor = anchor

    def start(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        enter = ["nsenter", f"--net=/proc/{self._anchor}/ns/net"]
        if os.getuid():
            enter += ["--preserve-credentials", f"--user=/proc/{self._anchor}/ns/user"]
        return subprocess.Popen([*enter, "--", *command], **options)


class Distance:
    """The two ends and the wire. `round_trip` is in seconds and may be changed at any time."""

    def __init__(self) -> None:
        self._half = Value("d", 0.0, lock=False)
        self._children: list[int] = []

    @property
    def round_trip(self) -> float:
        return float(self._half.value * 2)

    @round_trip.setter
    def round_trip(self, seconds: float) -> None:
        self._half.value = seconds / 2

    def __enter__(self) -> Self:
        ready, tell = os.pipe()
        self._spawn(lambda: self._be_the_wire(tell))
        os.close(tell)
        with os.fdopen(ready, "rb") as pipe:
            told = pipe.readline().decode()
        if not told.startswith("pids "):
            self.__exit__()
            raise Unavailable(told.strip() or "the wire ended")
        anchor, wire = map(int, told.split()[1:])
        self.far, self.near = Place(anchor), Place(wire)
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self._children.clear()

    def _spawn(self, run: Any) -> int:
        child = os.fork()
        if child == 0:
            try:
                run()
            finally:
                os._exit(1)
        self._children.append(child)
        return child

    def _be_the_wire(self, tell: int) -> None:
        """Runs as the wire: the far namespace first, which an idle child keeps alive, then the near one."""
        try:
            _enter(_NEW_NET if os.getuid() == 0 else _NEW_USER | _NEW_NET)
            far = _device(FAR)
            _configure(b"lo:1", BEYOND, "255.255.255.0")
            anchor = os.fork()
            if anchor == 0:
                _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the wire
                signal.pause()
            _enter(_NEW_NET)
            near = _device(NEAR)
        except (Unavailable, OSError) as error:
            os.write(tell, f"{error}\n".encode())
            return
        _LIBC.prctl(1, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.write(tell, f"pids {anchor} {os.getpid()}\n".encode())
        os.close(tell)
        carry(near, far, self._half)


def carry(near: int, far: int, half: Any) -> None:
    """Copy packets both ways, each held for half a round trip; in order, as on one line."""
    held: dict[int, deque[tuple[float, bytes]]] = {near: deque(), far: deque()}
    other = {near: far, far: near}
    while True:
        due = [queue[0][0] for queue in held.values() if queue]
        left = max(0.0, min(due) - time.monotonic()) if due else None
        for device in select.select([near, far], [], [], left)[0]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = os.read(device, 65536)
                    held[other[device]].append((time.monotonic() + half.value, packet))
        now = time.monotonic()
        for device, queue in held.items():
            while queue and queue[0][0] <= now:
                with contextlib.suppress(OSError):  # an end that is going away
                    os.write(device, queue.popleft()[1])
