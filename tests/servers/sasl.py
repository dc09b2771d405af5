"""The server's side of SASL: PLAIN, LOGIN, CRAM-MD5, SCRAM, XOAUTH2 and OAUTHBEARER, really verified."""

import base64
import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a challenge and gives the response, both without base64."""


class Cancelled(Exception):  # noqa: N818
    """The client gave the exchange up with `*` or spoke no base64."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claimed to be there, and whether it is true. `secret` is what came in the clear, if anything did."""

    user: str
    accepted: bool
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one authentication needs from the server."""

    accounts: Mapping[str, str]
    ask: Ask
    initial: bytes | None = None
    forge_signature: bool = False
    """SCRAM: prove oneself with a wrong server signature (RFC 5802, section 5: the client must then give up)."""
    token_scope: str = "https://mail.practice.test/"

    async def first(self, challenge: bytes = b"") -> bytes:
        """The initial response, asked for where it did not come with the command."""
        return self.initial if self.initial is not None else await self.ask(challenge)


async def authenticate(mechanism: str, exchange: Exchange) -> Claim | None:
    """Run one exchange; None for a mechanism that is not known here."""
    run = _MECHANISMS.get(mechanism.upper())
    return await run(exchange) if run else None


def check(accounts: Mapping[str, str], user: str, secret: str) -> Claim:
    return Claim(user, accounts.get(user) == secret, secret)


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


async def _plain(exchange: Exchange) -> Claim:
    parts = (await exchange.first()).split(b"\0")
    if len(parts) != 3:
        raise Cancelled
    return check(exchange.accounts, text(parts[1]), text(parts[2]))


async def _login(exchange: Exchange) -> Claim:
    user = await exchange.first(b"Username:")
    return check(exchange.accounts, text(user), text(await exchange.ask(b"Password:")))


async def _cram_md5(exchange: Exchange) -> Claim:
    challenge = f"<{secrets.randbelow(10**9)}.1@practice.test>".encode()
    user, _, digest = text(await exchange.ask(challenge)).rpartition(" ")
    secret = exchange.accounts.get(user)
    if secret is None:
        return Claim(user, accepted=False)
    wanted = hmac.new(secret.encode(), challenge, "md5").hexdigest()
    return Claim(user, hmac.compare_digest(wanted.encode(), digest.encode()))


def _scram(name: str) -> Callable[[Exchange], Awaitable[Claim]]:
    """SCRAM without channel binding (RFC 5802, 7677)."""

    async def run(exchange: Exchange) -> Claim:
        header, user, nonce, bare = _client_first(text(await exchange.first()))
        password = exchange.accounts.get(user)
        salt, rounds = secrets.token_bytes(12), 4096
        nonce += secrets.token_urlsafe(12)
        server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
        final = text(await exchange.ask(server_first.encode()))
        without_proof, _, proof = final.rpartition(",p=")
        fields = dict(part.split("=", 1) for part in without_proof.split(","))
        fits = fields["r"] == nonce and fields["c"] == base64.b64encode(header.encode()).decode()
        if password is None:
            return Claim(user, accepted=False)
        salted = hashlib.pbkdf2_hmac(name, prepared(password).encode(), salt, rounds)
        message = f"{bare},{server_first},{without_proof}".encode()
        if not (fits and _proves(name, salted, message, base64.b64decode(proof))):
            return Claim(user, accepted=False)
        signature = hmac.digest(hmac.digest(salted, b"Server Key", name), message, name)
        if exchange.forge_signature:
            signature = bytes(len(signature))
        await exchange.ask(b"v=" + base64.b64encode(signature))
        return Claim(user, accepted=True)

    return run


def _client_first(message: str) -> tuple[str, str, str, str]:
    """Split into GS2 header, user name, nonce and the bare message."""
    binding, identity, bare = message.split(",", 2)
    if binding not in ("n", "y"):
        raise Cancelled
    fields = dict(part.split("=", 1) for part in bare.split(","))
    user = fields["n"].replace("=2C", ",").replace("=3D", "=")
    return f"{binding},{identity},", user, fields["r"], bare


def _proves(name: str, salted: bytes, message: bytes, proof: bytes) -> bool:
    client_key = hmac.digest(salted, b"Client Key", name)
    stored = hashlib.new(name, client_key).digest()
    signature = hmac.digest(stored, message, name)
    shown = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
    return hmac.compare_digest(hashlib.new(name, shown).digest(), stored)


def prepared(password: str) -> str:
    """SASLprep's mapping and normalisation (RFC 4013, sections 2.1 and 2.2); nothing is prohibited here."""
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password if c != "\u00ad")
    return unicodedata.normalize("NFKC", spaced)


async def _bearer(exchange: Exchange) -> Claim:
    """XOAUTH2 and OAUTHBEARER: a token is refused by a challenge of JSON, which the client answers (RFC 7628, 3.2.3)."""
    words = text(await exchange.first())
    user = next((part[5:] for part in words.split("\x01") if part.startswith("user=")), "")
    token = next((part[12:] for part in words.split("\x01") if part.startswith("auth=Bearer ")), "")
    claim = check(exchange.accounts, user, token)
    if not claim.accepted:
        refusal = {"status": "400", "schemes": "Bearer", "scope": exchange.token_scope}
        await exchange.ask(json.dumps(refusal).encode())
    return claim


_MECHANISMS: dict[str, Callable[[Exchange], Awaitable[Claim]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "SCRAM-SHA-1": _scram("sha1"),
    "SCRAM-SHA-256": _scram("sha256"),
    "XOAUTH2": _bearer,
    "OAUTHBEARER": _bearer,
}
KNOWN = tuple(_MECHANISMS)
