"""What scripted servers are told, and what they keep of what was done to them."""

import base64
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Manner = Literal["whole", "bytewise", "endless"]
After = Literal["go on", "close", "reset", "hang"]


@dataclass(frozen=True, slots=True)
class Say:
    """Words of a server, and how they come.

    A `str` is sent as UTF-8 with CR LF added, `bytes` go out as they are. {tag}, {user}, {secret} and its encodings
    (see `spellings`) are filled in. `endless` repeats the text without a line's end until the client leaves.
    """

    text: str | bytes = b""
    manner: Manner = "whole"
    after: After = "go on"
    delay: float = 0.0
    """Seconds before the first byte."""
    pace: float = 1.0
    """Seconds between bytes when `bytewise`."""

    def filled(self, fields: Mapping[str, str]) -> "Say":
        """The same with {names} replaced; unknown names stay."""
        if isinstance(self.text, bytes):
            return self
        text = self.text
        for name, value in fields.items():
            text = text.replace("{" + name + "}", value)
        return replace(self, text=text)

    @property
    def raw(self) -> bytes:
        if isinstance(self.text, bytes):
            return self.text
        return self.text.encode("utf-8", "surrogateescape") + b"\r\n"


HANG = Say(after="hang")
CLOSE = Say(after="close")
RESET = Say(after="reset")


def says(words: "Say | str | bytes") -> Say:
    return words if isinstance(words, Say) else Say(words)


def spellings(secret: str, user: str = "") -> dict[str, str]:
    """The ways in which servers echo a secret, by the name used in {…}; with the user's name a SASL PLAIN response."""
    raw = secret.encode("utf-8", "surrogateescape")
    return {
        "secret": secret,
        "secret_base64": base64.b64encode(raw).decode(),
        "secret_base64url": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "secret_url": urllib.parse.quote(raw, safe=""),
        "secret_form": urllib.parse.quote_plus(raw),
        "secret_hex": raw.hex(),
        "secret_json": json.dumps(secret)[1:-1],
        "sasl_plain": base64.b64encode(b"\0" + user.encode() + b"\0" + raw).decode(),
        "secret_quoted": secret.replace("\\", "\\\\").replace('"', '\\"'),
    }


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in attempt as a server saw it; the secret itself is not kept here."""

    mechanism: str
    user: str
    accepted: bool
    secure: bool
    """Over TLS. Whether the client had verified it only the client knows."""
    connection: int


@dataclass(slots=True)
class Transcript:
    """What a server received and did, for assertions."""

    connections: int = 0
    handshakes: int = 0
    """TLS handshakes that were completed."""
    handshake_errors: list[str] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    """SNI, one a handshake."""
    commands: list[str] = field(default_factory=list)
    """Verbs in upper case, in order, over all connections."""
    attempts: list[Attempt] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray, repr=False)
    """After TLS is taken off."""
    received_plain: bytearray = field(default_factory=bytearray, repr=False)
    """What came without TLS."""
    sent: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def used(self) -> int:
        """How many log-in attempts there were."""
        return len(self.attempts)

    def saw(self, secret: str) -> bool:
        """Whether a secret arrived in any spelling, alone or inside a SASL response."""
        return _holds(bytes(self.received), secret)

    def saw_in_plain(self, secret: str) -> bool:
        """Whether a secret arrived without TLS."""
        return _holds(bytes(self.received_plain), secret)


def _holds(data: bytes, secret: str) -> bool:
    found = [data]
    for word in data.split():
        try:
            found.append(base64.b64decode(word, validate=True))
        except ValueError:
            continue
    forms = [form.encode() for form in spellings(secret).values()]
    return any(form in piece for piece in found for form in forms)
