"""SMTP replies in bytes to values (RFC 5321, 4.2). No network here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.checks.link.stream import printable

_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\r?\n?\Z", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")


class SmtpSyntaxError(ValueError):
    """What was received is no SMTP reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code, the enhanced status code where there is one (RFC 3463), and all its lines."""

    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(f"{self.code} {line}".rstrip() for line in self.lines)

    @property
    def positive(self) -> bool:
        return self.code < 400  # noqa: PLR2004 - RFC 5321, 4.2.1

    @property
    def permanent(self) -> bool:
        return self.code >= 500  # noqa: PLR2004 - as above


def last_line(line: bytes) -> bool:
    """Whether the reply ends with this line. Raises SmtpSyntaxError where it is no line of a reply."""
    match = _LINE.match(line)
    if not match:
        raise SmtpSyntaxError(printable(line))
    return match[2] != b"-"


def reply(lines: Sequence[bytes]) -> Reply:
    """One whole reply. Raises SmtpSyntaxError."""
    matches = [_LINE.match(line) for line in lines]
    if not matches or None in matches:
        raise SmtpSyntaxError(printable(b"".join(lines)))
    texts = tuple(printable(m[3] or b"") for m in matches if m is not None)
    code = int(matches[-1][1])  # type: ignore[index]
    enhanced = _ENHANCED.match(texts[0])
    return Reply(code, enhanced[1] if enhanced else None, texts)


def ehlo_words(answer: Reply) -> tuple[str, ...]:
    """The keywords of an EHLO reply with their parameters, upper case; `AUTH=LOGIN` of old servers as `AUTH LOGIN`."""
    return tuple(re.sub(r"^AUTH=", "AUTH ", line.upper()).strip() for line in answer.lines[1:])


def mechanisms(words: Sequence[str]) -> tuple[str, ...]:
    """The SASL mechanisms that EHLO offers (RFC 4954)."""
    found: dict[str, None] = {}
    for word in words:
        if word.split(" ")[0] == "AUTH":
            found |= dict.fromkeys(word.split()[1:])
    return tuple(found)
