"""IMAP replies in bytes to values (RFC 9051, RFC 3501). No network here; every malformed reply is an ImapSyntaxError.

Until the log-in every byte matters, since it tells why: greeting, response codes, challenges. `aioimaplib` drops those,
so it takes over only once the log-in is accepted.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.checks.link.stream import printable

_LITERAL = re.compile(rb"\{(\d{1,10})\+?\}\r?\n\Z")
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)
_CODE = re.compile(rb"\[([^\]\s]+)(?: ([^\]]*))?\] ?", re.DOTALL)


class ImapSyntaxError(ValueError):
    """What was received is no IMAP reply."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A command's outcome: `status` OK, NO or BAD, the response code in capitals without brackets, and the text."""

    tag: str
    status: str
    code: str | None
    argument: str
    text: str
    line: str


@dataclass(frozen=True, slots=True)
class Untagged:
    """`status` for OK, NO, BAD, BYE, PREAUTH; otherwise `data` is the whole reply, its literals inline."""

    status: str | None
    code: str | None
    argument: str
    text: str
    line: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Continuation:
    """A request for more: a SASL challenge, still in base64, or words before a literal."""

    coded: bytes


Reply = Tagged | Untagged | Continuation


def literal_size(line: bytes) -> int | None:
    """How many bytes of literal follow this line, None where the reply ends with it."""
    match = _LITERAL.search(line)
    return int(match[1]) if match else None


def parse(data: bytes, tag: str) -> Reply:
    """One whole reply. Raises ImapSyntaxError."""
    line = data.rstrip(b"\r\n")
    if line.startswith(b"* "):
        return _untagged(line[2:], printable(line))
    if line.startswith(b"+"):
        return Continuation(line[1:].strip(b" "))
    name, _, rest = line.partition(b" ")
    match = _STATUS.match(rest)
    if name.decode("ascii", "replace") != tag or not match or match[1].upper() in (b"BYE", b"PREAUTH"):
        raise ImapSyntaxError(printable(line))
    code, argument, text = _coded(match[2] or b"")
    return Tagged(tag, match[1].decode().upper(), code, argument, text, printable(line))


def _untagged(rest: bytes, line: str) -> Untagged:
    match = _STATUS.match(rest)
    if not match:
        return Untagged(None, None, "", "", line, rest)
    code, argument, text = _coded(match[2] or b"")
    return Untagged(match[1].decode().upper(), code, argument, text, line, rest)


def _coded(text: bytes) -> tuple[str | None, str, str]:
    match = _CODE.match(text)
    if not match:
        return None, "", printable(text)
    return printable(match[1]).upper(), printable(match[2] or b"", 4000), printable(text[match.end() :])


def capability_words(reply: Tagged | Untagged) -> tuple[str, ...] | None:
    """The capabilities that a reply carries, as data or as a response code (RFC 9051, 7.2.2 and 7.1)."""
    if reply.code == "CAPABILITY":
        return tuple(reply.argument.upper().split())
    if isinstance(reply, Untagged) and reply.status is None:
        word, _, rest = reply.data.partition(b" ")
        if word.upper() == b"CAPABILITY":
            return tuple(printable(rest, 4000).upper().split())
    return None


def quote(text: str) -> bytes | None:
    """A quoted string (RFC 9051, 4.3), None where only a literal will do: non-ASCII, CR, LF or NUL."""
    if not text.isascii() or any(c in text for c in "\r\n\0"):
        return None
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


def unquote(data: bytes) -> str:
    """An astring as it stands in LIST and STATUS replies, its literal inline, as text."""
    data = re.sub(rb"\A\{\d+\+?\}\r?\n", b"", data)
    if data.startswith(b'"') and data.endswith(b'"') and len(data) > 1:
        data = re.sub(rb"\\(.)", rb"\1", data[1:-1])
    return printable(data, 500)


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder of a LIST reply; `name` as it stands on the wire, for use in commands, and to be shown."""

    wire: bytes
    name: str
    selectable: bool


_LIST = re.compile(rb'\(([^)]*)\) (?:"(?:\\.|[^"\\])*"|NIL) ?(.*)\Z', re.IGNORECASE | re.DOTALL)


def listed(parts: Sequence[bytes]) -> Listed | None:
    """The folder of one LIST reply: its line without `LIST `, and the literal where the name is one."""
    match = _LIST.match(parts[0].strip())
    if not match:
        return None
    name = match[2]
    if re.fullmatch(rb"\{\d+\}", name):
        if len(parts) < 2:  # noqa: PLR2004 - line and literal
            return None
        name = quote(parts[1].decode("utf-8", "surrogateescape")) or parts[1]
    flags = match[1].lower()
    return Listed(name, unutf7(unquote(name)), rb"\noselect" not in flags and rb"\nonexistent" not in flags)


_STATUS_DATA = re.compile(rb"STATUS (.*) \(([^()]*)\)\Z", re.IGNORECASE | re.DOTALL)


def status_data(data: bytes) -> tuple[str, dict[str, int]] | None:
    """Folder and numbers of a STATUS reply (RFC 9051, 7.3.4; SIZE: RFC 8438)."""
    match = _STATUS_DATA.match(data)
    if not match:
        return None
    words = match[2].split()
    numbers = {
        k.decode("ascii", "replace").upper(): int(v)
        for k, v in zip(words[::2], words[1::2], strict=False)
        if v.isdigit()
    }
    return unutf7(unquote(match[1])), numbers


def unutf7(name: str) -> str:
    """A folder name in modified UTF-7 (RFC 3501, 5.1.3) as people read it; as it is where it is none."""

    def decoded(match: re.Match[str]) -> str:
        coded = match[1].replace(",", "/")
        return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be") if coded else "&"

    try:
        return re.sub(r"&([A-Za-z0-9+,]*)-", decoded, name)
    except (ValueError, UnicodeDecodeError):
        return name
