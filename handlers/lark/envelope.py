"""What comes by webhook: who sent it, when, whether it came before, and what is in it.

Lark signs SHA-256(timestamp + nonce + Encrypt Key + body) and encrypts with AES-256-CBC under SHA-256(Encrypt Key), the
initial vector in front (open.larksuite.com, "Encrypt key usage"). Its SDK checks neither age nor nonce.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

FRESH = 300.0
"""Seconds that a signature is good for, in both directions: clocks differ."""
_BLOCK = 16
_MOST_NONCES = 100_000


class Forged(Exception):  # noqa: N818 - somebody else's doing
    """A request that Lark did not send, or not now. The message says why, and shows nothing of it."""


class Envelopes:
    """Opens requests. `key` is the Encrypt Key; without a `token` the Verification Token is not compared."""

    def __init__(self, key: str, token: str | None, clock: Callable[[], float] = time.time) -> None:
        self._key, self._token, self._clock = key, token, clock
        self._seen: dict[tuple[str, str, str], float] = {}

    def open(self, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """The payload of a request. Raises Forged.

        Only the question whether this address is ours (`url_verification`) may come unsigned: Lark sends it so.
        """
        signature = headers.get("X-Lark-Signature")
        if signature is not None:
            self._check(headers, raw, signature)
        body = _object(raw)
        encrypted = "encrypt" in body
        if encrypted:
            body = _object(decrypt(self._key, str(body["encrypt"])))
        if signature is None and (body.get("type") != "url_verification" or not (encrypted or self._token)):
            raise Forged("unsigned")
        self._check_token(body)
        if signature is not None:
            self._remember(headers)
        return body

    def forget(self, headers: Mapping[str, str]) -> None:
        """The request was not dealt with: Lark may send the very same one again."""
        self._seen.pop(_name(headers), None)

    def _check(self, headers: Mapping[str, str], raw: bytes, signature: str) -> None:
        stamp, nonce, _ = name = _name(headers)
        right = sign(self._key, stamp, nonce, raw)
        if not hmac.compare_digest(right.encode(), signature.encode()):
            raise Forged("signature")
        if not stamp.isdecimal() or abs(self._clock() - int(stamp)) > FRESH:
            raise Forged("stale")
        if name in self._seen:
            raise Forged("replayed")

    def _check_token(self, body: Mapping[str, Any]) -> None:
        header = body.get("header")
        token = str((header if isinstance(header, dict) else {}).get("token") or body.get("token") or "")
        if self._token and not hmac.compare_digest(self._token.encode(), token.encode()):
            raise Forged("verification token")

    def _remember(self, headers: Mapping[str, str]) -> None:
        now = self._clock()
        if len(self._seen) >= _MOST_NONCES or (self._seen and next(iter(self._seen.values())) < now - 2 * FRESH):
            self._seen = {name: at for name, at in self._seen.items() if at >= now - 2 * FRESH}
        self._seen[_name(headers)] = now


def sign(key: str, stamp: str, nonce: str, raw: bytes) -> str:
    """The signature of a request."""
    return hashlib.sha256(f"{stamp}{nonce}{key}".encode() + raw).hexdigest()


def decrypt(key: str, text: str) -> bytes:
    """The plain text of an `encrypt` field. Raises Forged, with one word for whatever is wrong."""
    try:
        sealed = base64.b64decode(text, validate=True)
        cipher = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(sealed[:_BLOCK]))
        opener, padding = cipher.decryptor(), PKCS7(_BLOCK * 8).unpadder()
        padded = opener.update(sealed[_BLOCK:]) + opener.finalize()
        return padding.update(padded) + padding.finalize()
    except (ValueError, binascii.Error):
        raise Forged("encryption") from None


def _name(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """What a request is known by: the same time, nonce and signature are the same request."""
    parts = ("X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature")
    stamp, nonce, signature = (headers.get(part, "") for part in parts)
    return stamp, nonce, signature


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Forged("not JSON") from None
    if not isinstance(body, dict):
        raise Forged("not an object")
    return body
