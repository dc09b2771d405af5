"""What is asked of the bot in a line: by the command, an @mention, or `!migcheck`. Pure."""

import re
from dataclasses import dataclass, field
from typing import Literal

from bot.core.understanding import Understanding, understand

_VERB = re.compile(r"(explain|説明|解释|解釋)(?:\s+(.*)|\s*)\Z", re.IGNORECASE | re.DOTALL)
_BANG = re.compile(r"\s*[!！/]([a-z0-9_-]{2,32})(?:\s+|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """`form`, `help`, `history`, `explain` and `unclear` are as they say; `check` goes into the dialogue as it is."""

    kind: Literal["form", "help", "history", "explain", "check", "unclear"]
    text: str = field(default="", repr=False)


def read_request(text: str) -> Asked:
    """A line of the command."""
    text = text.strip()
    if not text:
        return Asked("form")
    if (match := _VERB.match(text)) is not None:
        return Asked("explain", match[2].strip()) if match[2] and match[2].strip() else Asked("help")
    said = understand(text)
    if said.wish is not None:
        return Asked("history" if said.wish == "history" else "help")
    return Asked("check", text) if _says_something(said) else Asked("unclear")


def _says_something(said: Understanding) -> bool:
    return bool(said.domain or said.account or said.endpoints or said.error_text or said.secret_seen or said.scenario)


def without_command(text: str, command: str) -> str | None:
    """What follows `!migcheck` or the command written as text; None where the text does not begin with it."""
    match = _BANG.match(text)
    if match is None or match[1].lower() not in ("migcheck", command.lstrip("/").lower()):
        return None
    return text[match.end() :]
