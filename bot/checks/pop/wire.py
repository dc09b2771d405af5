"""POP3 replies in bytes to values (RFC 1939, RFC 2449). No network here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.checks.link.stream import printable

_STATUS = re.compile(rb"(\+OK|-ERR)(?: (.*))?\r?\n?\Z", re.DOTALL | re.IGNORECASE)
_CODE = re.compile(r"\[([A-Z0-9/_-]+)\]", re.IGNORECASE)
_APOP = re.compile(rb"<[^<>\s]+@[^<>\s]*>")


class PopSyntaxError(ValueError):
    """What was received is no POP3 reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status reply; `code` is the extended response code (RFC 2449, 8; RFC 3206) without brackets."""

    ok: bool
    code: str | None
    text: str
    line: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """A SASL challenge (RFC 5034), still in base64."""

    coded: bytes


def reply(line: bytes) -> Reply | Challenge:
    """One line of reply. Raises PopSyntaxError."""
    if line.startswith(b"+ ") or line.rstrip() == b"+":
        return Challenge(line[1:].strip())
    match = _STATUS.match(line)
    if not match:
        raise PopSyntaxError(printable(line))
    text = printable(match[2] or b"")
    code = _CODE.match(text)
    return Reply(match[1].upper() == b"+OK", code[1].upper() if code else None, text, printable(line))


def timestamp(greeting: bytes) -> bytes | None:
    """The time stamp of a greeting that offers APOP (RFC 1939, 7)."""
    match = _APOP.search(greeting)
    return match[0] if match else None


def capabilities(lines: Sequence[bytes]) -> tuple[str, ...]:
    """The lines of a CAPA answer, upper case, without the final dot."""
    return tuple(printable(line).upper() for line in lines if line.rstrip() != b".")


def mechanisms(words: Sequence[str]) -> tuple[str, ...]:
    """The SASL mechanisms of a CAPA answer, and USER where the plain log-in is offered."""
    sasl = [mechanism for word in words if word.split(" ")[0] == "SASL" for mechanism in word.split()[1:]]
    return (*sasl, *(["USER"] if "USER" in words else []))
