"""A secret that shows nothing of itself, and the scrubbing of words in which a server may echo it."""

import base64
import binascii
import functools
import html
import json
import re
import urllib.parse
from dataclasses import fields, is_dataclass, replace
from typing import Any, NoReturn, TypeVar, cast

MASK = "***"
T = TypeVar("T")


class Secret:
    """A password or code on its way to one log-in.

    `unwrap` is called in `bot.checks.sasl` alone; a test lists every call. Printing, comparing, hashing, copying,
    pickling and encoding a secret show nothing or fail.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: str | None = value

    def unwrap(self) -> str:
        """The secret itself. Raises ValueError once it was wiped."""
        if self._value is None:
            raise ValueError("the secret is gone")
        return self._value

    def wipe(self) -> None:
        """Drop the value: nothing can be read from this object any more."""
        self._value = None

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared")

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return True

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("secrets are not copied or pickled")

    def scrubber(self, account: str | None = None) -> "Scrubber":
        """What takes this secret out of texts."""
        return Scrubber(self.unwrap(), account)


class Scrubber:
    """Takes one secret out of words in every encoding that a server could echo it in."""

    __slots__ = ("_needles", "_short")

    def __init__(self, secret: str, account: str | None = None) -> None:
        self._needles = _needles(secret, account)
        self._short = secret if 0 < len(secret) < _TOO_SHORT else None

    def text(self, text: str) -> str:
        """The text with the secret masked. A secret too short to be told from ordinary words masks the whole text."""
        if self._short is not None and self._short.casefold() in text.casefold():
            return MASK
        folded = text.casefold()
        for needle in self._needles:
            if needle in folded:
                text = re.sub(re.escape(needle), MASK, text, flags=re.IGNORECASE)
                folded = text.casefold()
        return text

    def facts(self, value: T) -> T:
        """The same facts with every text in them scrubbed, at any depth."""
        return cast("T", _walk(value, self.text))

    def __repr__(self) -> str:
        return "Scrubber(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("scrubbers are not copied or pickled")


_TOO_SHORT = 4


def _walk(value: Any, scrub: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _walk(getattr(value, f.name), scrub) for f in fields(value) if f.init}
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(_walk(part, scrub) for part in value)
    if isinstance(value, list):
        return [_walk(part, scrub) for part in value]
    if isinstance(value, dict):
        return {_walk(key, scrub): _walk(part, scrub) for key, part in value.items()}
    return value


def _needles(secret: str, account: str | None) -> tuple[str, ...]:
    """Every encoding of the secret, case-folded, the longest first."""
    raw = secret.encode("utf-8", "surrogatepass")
    found: set[str] = set()
    blobs = {raw, secret.encode("utf-16-le", "surrogatepass"), secret.encode("utf-16-be", "surrogatepass")}
    for user in {account or "", (account or "").partition("@")[0]}:
        blobs.add(b"\0" + user.encode() + b"\0" + raw)
        blobs.add(user.encode() + b":" + raw)
    for blob in blobs:
        found |= _base64s(blob)
        found.add(binascii.hexlify(blob).decode())
        found.add(binascii.hexlify(blob, " ").decode())
        found.add(binascii.hexlify(blob, ":").decode())
    variants = {secret, secret.strip(), secret[::-1]}
    for variant in tuple(variants):
        variants |= _written(variant)
    found |= variants
    found |= {_reread(raw, codec) for codec in ("latin-1", "cp1252", "cp932", "gbk")}
    found |= _parts(secret)
    return tuple(sorted({n.casefold() for n in found if len(n) >= _TOO_SHORT}, key=len, reverse=True))


def _written(text: str) -> set[str]:
    """The text as URLs, JSON, HTML, IMAP and SQL quoting, Python and quoted-printable write it."""
    slashed = text.replace("\\", "\\\\").replace('"', '\\"')
    dumped = json.dumps(text)[1:-1]
    return {
        urllib.parse.quote(text, safe=""),
        urllib.parse.quote(text),
        urllib.parse.quote_plus(text),
        dumped,
        json.dumps(dumped)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        html.escape(text),
        html.escape(text, quote=False),
        text.encode("ascii", "xmlcharrefreplace").decode(),
        slashed,
        slashed.replace("'", "\\'"),
        text.replace("'", "''"),
        repr(text)[1:-1],
        ascii(text)[1:-1],
        repr(text.encode("utf-8", "surrogatepass"))[2:-1],
        binascii.b2a_qp(text.encode("utf-8", "surrogatepass")).decode(),
        "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")),
        "".join(f"\\x{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")),
    }


def _base64s(blob: bytes) -> set[str]:
    """The characters of base64 that depend on the blob alone, at each of the three offsets that it may stand at."""
    found = set()
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + blob).decode()
        start = -(-offset * 8 // 6)
        whole = (offset + len(blob)) * 8 // 6
        for text in (coded[start:whole], coded[start:whole].replace("+", "-").replace("/", "_")):
            found |= {text, urllib.parse.quote(text, safe="")}
    return {text for text in found if len(text) >= _TOO_SHORT + 2}


def _reread(raw: bytes, codec: str) -> str:
    """The secret's UTF-8 bytes read as another character set: what people call mojibake."""
    return raw.decode(codec, "replace")


def _parts(secret: str) -> set[str]:
    """Halves of a long secret: servers cut what they echo."""
    length = len(secret)
    size = max(12, length // 2)
    return {secret[i : i + size] for i in range(length - size + 1)} if length > size else set()


@functools.lru_cache(maxsize=1)
def _assignments() -> re.Pattern[str]:
    return re.compile(
        r"(?i)(pass(?:word|wd|phrase)?|pwd|secret|パスワード|密码|密碼|口令|授权码)(\s*[:=：＝]\s*|\s+(?=\S*[\d\W_])(?!is\b|was\b))(\S+)"
    )


def mask_assignments(text: str) -> str:
    """A text that somebody pasted with what looks like a password masked: `password: x`, `パスワード：x`, `密码：x`.

    This guards logs and stores against secrets that the bot never asked for.
    """
    return _assignments().sub(lambda match: match[1] + match[2] + MASK, text)
