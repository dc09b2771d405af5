"""Plain DNS messages (RFC 1035, RFC 6891), written and read without a library: a check begins with a dozen of them.

Whatever is not plain (errors, odd names, loops) is None here and goes the long way, through dnspython, in
`dns_message.py`.
"""

import re
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from bot.core.model import Answer

PAYLOAD = 1232
TYPES = {"A": 1, "CNAME": 5, "MX": 15, "AAAA": 28, "SRV": 33}
_CNAME, _IN, _OPT = 5, 1, 41
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_OPT_RECORD = b"\0" + _RECORD.pack(_OPT, PAYLOAD, 0, 0)
_ANSWER, _TRUNCATED, _RECURSE, _UNCHECKED, _OPCODE = 0x8000, 0x0200, 0x0100, 0x0010, 0x7800
_NOERROR, _NXDOMAIN = 0, 3
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")
_LABEL = re.compile(rb"[a-z0-9_-]+\Z")
_MOST_ALIASES = 16


class Reply(NamedTuple):
    """What a message says; `truncated` where the whole must be asked for over TCP."""

    answer: Answer
    rcode: int
    truncated: bool = False


class Query(NamedTuple):
    name: str
    kind: str
    question: bytes
    unchecked: bool

    def wire(self, number: int) -> bytes:
        flags = _RECURSE | (_UNCHECKED if self.unchecked else 0)
        return _HEADER.pack(number, flags, 1, 0, 0, 1) + self.question + _OPT_RECORD


def query(name: str, kind: str, *, unchecked: bool = False) -> Query | None:
    """The question in bytes, None for a name that is not plain. `unchecked` asks not to validate (RFC 4035, 3.2.2)."""
    name = name.lower().removesuffix(".")
    if not _NAME.match(name):
        return None
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return Query(name, kind, labels + struct.pack("!BHH", 0, TYPES[kind], _IN), unchecked)


def read(data: bytes, asked: Query) -> Reply | None:
    """The reply in a message, None where it is not a plain answer to the question."""
    try:
        return _read(data, asked)
    except (IndexError, ValueError, struct.error):  # the long way says what it is
        return None


def _read(data: bytes, asked: Query) -> Reply | None:
    _, flags, questions, *counts = _HEADER.unpack_from(data)
    start, rcode = 12 + len(asked.question), flags & 15
    if not flags & _ANSWER or flags & _OPCODE or questions != 1 or data[12:start].lower() != asked.question:
        return None
    if flags & _TRUNCATED:
        return Reply(Answer("failed", detail="truncated"), rcode, truncated=True)
    if rcode == _NXDOMAIN:
        return Reply(Answer("nxdomain"), rcode)
    if rcode != _NOERROR:
        return None
    records: dict[str, dict[tuple[object, ...], str]] = {}
    aliases: dict[str, str] = {}
    wanted, at = TYPES[asked.kind], start
    for number in range(sum(counts)):
        owner, at = _name(data, at)
        kind, cls, ttl, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + length > len(data) or (kind == _OPT and ttl >> 24):  # an extended error (RFC 6891, 6.1.3)
            return None
        if number < counts[0] and cls == _IN and kind == wanted:
            key, text = _READERS[asked.kind](data, at, length)
            records.setdefault(owner, {}).setdefault(key, text)
        elif number < counts[0] and cls == _IN and kind == _CNAME:
            aliases[owner] = _name(data, at)[0]
        at += length
    return _follow(asked.name, records, aliases)


def _follow(name: str, records: dict[str, dict[tuple[object, ...], str]], aliases: dict[str, str]) -> Reply | None:
    for _ in range(_MOST_ALIASES):
        if found := records.get(name):
            texts = dict.fromkeys(text for _, text in sorted(found.items()))
            return Reply(Answer("ok", tuple(texts)), _NOERROR)
        if name not in aliases:
            return Reply(Answer("nodata"), _NOERROR)
        name = aliases[name]
    return None


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name that stands there in lower case, and where it ends. Raises ValueError where it is not plain."""
    labels: list[str] = []
    end, lowest = -1, at
    while (length := data[at]) != 0:
        if length >= 0xC0:  # noqa: PLR2004 - a pointer (RFC 1035, 4.1.4), which must lead back
            end = at + 2 if end < 0 else end
            at = (length & 0x3F) << 8 | data[at + 1]
            if at >= lowest:
                raise ValueError("a pointer that leads nowhere")
            lowest = at
            continue
        label = data[at + 1 : at + 1 + length].lower()
        if len(label) != length or not _LABEL.match(label):
            raise ValueError("a label that is not plain")
        labels.append(label.decode())
        at += 1 + length
    return ".".join(labels) or ".", at + 1 if end < 0 else end


def _backwards(name: str) -> tuple[str, ...]:
    return tuple(reversed(name.split(".")))


def _address(family: socket.AddressFamily) -> Callable[[bytes, int, int], tuple[tuple[object, ...], str]]:
    def read_address(data: bytes, at: int, length: int) -> tuple[tuple[object, ...], str]:
        return (at,), socket.inet_ntop(family, data[at : at + length])

    return read_address


def _mx(data: bytes, at: int, _length: int) -> tuple[tuple[object, ...], str]:
    """By preference, then by name, so that everybody tries the same one first."""
    host, _ = _name(data, at + 2)
    return (int.from_bytes(data[at : at + 2], "big"), _backwards(host)), host


def _srv(data: bytes, at: int, _length: int) -> tuple[tuple[object, ...], str]:
    """By priority, then by weight (RFC 2782)."""
    priority, weight, port = struct.unpack_from("!3H", data, at)
    host, _ = _name(data, at + 6)
    return (priority, -weight, _backwards(host), port), f"{host}:{port}"


def _alias(data: bytes, at: int, _length: int) -> tuple[tuple[object, ...], str]:
    host, _ = _name(data, at)
    return (host,), host


_READERS = {
    "A": _address(socket.AF_INET),
    "AAAA": _address(socket.AF_INET6),
    "CNAME": _alias,
    "MX": _mx,
    "SRV": _srv,
}
