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

    `unwrap` is called in `bot.checks` (sasl, httpauth, m365.signin) alone; a test lists every call. Printing,
    comparing, hashing, copying, pickling and encoding a secret show nothing or fail.
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
    """Takes one secret out of words in every encoding that a server could echo it in, whole or cut."""

    __slots__ = ("_forms", "_grams", "_lengths", "_short")

    def __init__(self, secret: str, account: str | None = None) -> None:
        self._forms = _forms(secret, account)
        self._grams = frozenset(gram for form in self._forms for gram in _grams_of(form))
        self._lengths = sorted({len(gram) for gram in self._grams}, reverse=True)
        self._short = secret if 0 < len(secret) < _TOO_SHORT else None

    def text(self, text: str) -> str:
        """The text with the secret masked. A secret too short to be told from ordinary words masks the whole text."""
        folded = _fold(text)
        if self._short is not None and _fold(self._short) in folded:
            return MASK
        spans = [
            (i, i + length)
            for length in self._lengths
            for i in range(len(folded) - length + 1)
            if folded[i : i + length] in self._grams
        ]
        if len(text) >= _PERHAPS_CUT and (begun := self._begun_at_the_end(folded)):
            spans.append((len(text) - begun, len(text)))
        return _masked(text, spans)

    def _begun_at_the_end(self, folded: str) -> int:
        """How many characters at the end of a long text are a secret's beginning: what is kept is cut somewhere."""
        tail = folded[-_GRAM:]
        ends = (n for form in self._forms for n in range(_TOO_SHORT - 1, _GRAM) if tail.endswith(form[:n]))
        return max(ends, default=0)

    def facts(self, value: T) -> T:
        """The same facts with every text in them scrubbed, at any depth."""
        return cast("T", _walk(value, self.text))

    def __repr__(self) -> str:
        return "Scrubber(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("scrubbers are not copied or pickled")


_TOO_SHORT = 4
_GRAM = 12
"""Characters in a row of any form of a secret that are taken for it."""
_PERHAPS_CUT = 490
"""Characters from which a text may have been cut when it was received."""


def _fold(text: str) -> str:
    """Lower case, one character for each, so that places in it are places in the text."""
    return "".join(folded if len(folded := c.lower()) == 1 else c for c in text) if not text.isascii() else text.lower()


def _grams_of(form: str) -> list[str]:
    return [form[i : i + _GRAM] for i in range(max(1, len(form) - _GRAM + 1))]


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with a mask for each run of overlapping or touching spans."""
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start > done or (start == 0 and not parts):
            parts += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*parts, text[done:]])


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


def _forms(secret: str, account: str | None) -> tuple[str, ...]:
    """Every encoding of the secret, folded."""
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
    variants = {secret, secret.strip(), secret[::-1], secret.strip()[::-1]}
    for variant in tuple(variants):
        variants |= _written(variant)
    found |= variants
    found |= {_reread(raw, codec) for codec in ("latin-1", "cp1252", "cp932", "gbk")}
    return tuple({_fold(form) for form in found if len(form) >= _TOO_SHORT})


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


@functools.lru_cache(maxsize=1)
def _assignments() -> re.Pattern[str]:
    return re.compile(
        r"(?im)(pass(?:word|wd|phrase)?|pwd|secret|パスワード|密码|密碼|口令|授权码)"
        r"(?:((?:\\*[\"'])?\s*[:=：＝]\s*)(?:(\\*[\"']).*?(?:(?<!\\)\3|$)|\S+)|(\s+)(?=\S*[\d\W_])(?!is\b|was\b)\S+)"
    )


def mask_assignments(text: str) -> str:
    """A pasted text with what looks like a password masked: `password: x`, `パスワード：x`, `密码：x`, `"pwd": "x y"`.

    This guards logs and stores against secrets that the bot never asked for.
    """
    return _assignments().sub(lambda m: f"{m[1]}{m[2] or m[4]}{m[3] or ''}{MASK}{m[3] or ''}", text)
