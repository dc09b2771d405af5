"""A scanner for secrets in texts, written apart from the bot's own scrubbing so that both cannot be blind to the same."""

import base64
import html
import json
import quopri
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping

_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){4,}")


def spell(secret: str, account: str = "taro@practice.test") -> Mapping[str, str]:
    """Ways in which a server could give a secret back."""
    raw, wide = secret.encode(), secret.encode("utf-16-le")
    plain = b"\0" + account.encode() + b"\0" + raw
    return {
        "as it is": secret,
        "upper": secret.upper(),
        "base64": base64.b64encode(raw).decode(),
        "base64 offset 1": base64.b64encode(b"x" + raw + b"y").decode(),
        "base64 offset 2": base64.b64encode(b"xy" + raw + b"z").decode(),
        "base64 without padding": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "base64 of UTF-16": base64.b64encode(wide).decode(),
        "SASL PLAIN": base64.b64encode(plain).decode(),
        "SASL PLAIN for another": base64.b64encode(b"admin\0" + plain[1:]).decode(),
        "basic": "Basic " + base64.b64encode(account.encode() + b":" + raw).decode(),
        "URL": urllib.parse.quote(secret, safe=""),
        "URL lower": urllib.parse.quote(secret, safe="").lower(),
        "form": urllib.parse.quote_plus(secret),
        "every byte": "".join(f"%{byte:02X}" for byte in raw),
        "hex": raw.hex(),
        "hex upper": raw.hex().upper(),
        "hex parted": raw.hex(" "),
        "hex colons": raw.hex(":"),
        "hex of UTF-16": wide.hex(),
        "JSON": json.dumps(secret),
        "JSON in JSON": json.dumps(json.dumps({"password": secret})),
        "HTML": html.escape(secret),
        "entities": secret.encode("ascii", "xmlcharrefreplace").decode(),
        "quoted": '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"',
        "SQL": "'" + secret.replace("'", "''") + "'",
        "repr": repr(secret),
        "repr of bytes": repr(raw),
        "quoted-printable": quopri.encodestring(raw).decode().strip(),
        "reversed": secret[::-1],
        "half": secret[: max(12, len(secret) // 2 + 1)],
        "inside": f"password={secret};user={account}",
    }


def find_leaks(text: str, secret: str) -> list[str]:
    """The readings of a text in which the secret stands, or the better part of it; [] where it does not."""
    wanted = {secret.casefold(), secret[::-1].casefold(), secret[: max(12, len(secret) // 2 + 1)].casefold()}
    wanted |= {secret.strip().casefold(), secret.strip()[::-1].casefold()}
    return [name for name, reading in _readings(text) if any(word in reading.casefold() for word in wanted)]


def _readings(text: str) -> Iterator[tuple[str, str]]:
    decoders: Mapping[str, Callable[[str], str]] = {
        "as it is": lambda t: t,
        "JSON": _unescape,
        "JSON twice": lambda t: _unescape(_unescape(t)),
        "URL": urllib.parse.unquote_plus,
        "HTML": html.unescape,
        "quoted-printable": lambda t: quopri.decodestring(t.encode("ascii", "replace")).decode("utf-8", "replace"),
        "SQL": lambda t: t.replace("''", "'"),
        "quoted": lambda t: re.sub(r"\\(.)", r"\1", _unescape(t)),
        "latin": lambda t: t.encode("latin-1", "replace").decode("utf-8", "replace"),
        "escapes": _bytes_escapes,
    }
    for name, decode in decoders.items():
        yield name, decode(text)
    for token in _TOKEN.findall(text):
        for offset in range(4):
            yield "base64", _unbase64(token[offset:])
    for found in _HEX.findall(text):
        digits = re.sub(r"[ :]", "", found)
        raw = bytes.fromhex(digits[: len(digits) // 2 * 2])
        yield "hex", raw.decode("utf-8", "replace") + raw.decode("utf-16-le", "replace")


def _unescape(text: str) -> str:
    """\\uXXXX, \\" and their like undone, wherever they stand."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text).replace('\\"', '"').replace("\\\\", "\\")


def _bytes_escapes(text: str) -> str:
    """\\xNN undone, as Python and C write bytes."""
    raw = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), text.encode())
    return raw.decode("utf-8", "replace").replace("\\'", "'").replace("\\\\", "\\")


def _unbase64(token: str) -> str:
    token = token.replace("-", "+").replace("_", "/")
    raw = base64.b64decode(token[: len(token) // 4 * 4], validate=False)
    rest = token[len(token) // 4 * 4 :]
    if len(rest) > 1:
        raw += base64.b64decode(rest + "=" * (4 - len(rest)))
    texts = [raw.decode("utf-8", "replace"), *(raw[i:].decode("utf-16-le", "replace") for i in (0, 1))]
    return "\n".join(texts)
