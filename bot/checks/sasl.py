"""Unwraps a Secret for mail servers: SASL exchanges and the plain log-in commands.

Every one of them demands a `VerifiedStream`, which a strict TLS handshake alone can make, so that no secret leaves over
a connection whose peer was not verified.
"""

import base64
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.checks.link.stream import Stream, VerifiedStream
from bot.core.cloud_mail import Token
from bot.core.model import Fault
from bot.core.secret import Secret

STRENGTH = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
"""The mechanisms that are spoken here with a password, strongest first."""
BEARER = ("XOAUTH2",)
"""Those that an access token is spoken with, and nothing else."""
_COMMAND = rb"(?:\w+ )?(?:AUTH(?:ENTICATE)? [A-Z0-9-]+|LOGIN|USER|APOP)(?= |\r)"
"""How a log-in begins: the only part of it that a transcript shows."""
_MAX_ITERATIONS = 1_000_000
_MIN_NONCE = 8


class SaslError(Exception):
    """The server's part of an exchange is wrong: a challenge that cannot be answered, or a false proof."""


def choose(offered: Sequence[str], refused: Sequence[str] = (), secret: Secret | None = None) -> str | None:
    """The strongest mechanism that both sides have for this kind of secret, None where there is none."""
    spoken = BEARER if isinstance(secret, Token) else STRENGTH
    return next((name for name in spoken if name in offered and name not in refused), None)


def says_why(challenge: bytes) -> bool:
    """Whether a challenge, in base64, is the JSON with which Google and Microsoft say why they refuse a token."""
    return challenge.startswith(b"eyJ")


_NOT_TAKEN = (
    r"(?:un|not (?:being )?)(?:supported|known|recogni[sz]ed|available|implemented|allowed|enabled)|invalid|disabled"
)
_MECHANISM = r"(?:mechanisms?|auth(?:entication)? (?:type|method|scheme)|sasl)"


def speaks_of_mechanism(text: str) -> bool:
    """Whether a refusal is about the mechanism and says nothing of the credentials."""
    near = r"[^.;\n]{0,40}"
    pattern = rf"(?:\b(?:{_NOT_TAKEN}|no such)\b{near}\b{_MECHANISM}\b|\b{_MECHANISM}\b{near}\b(?:{_NOT_TAKEN})\b)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def speaks_of_command(text: str) -> bool:
    """Whether a server says that it does not know the command itself."""
    pattern = (
        r"\b(?:un(?:known|recogni[sz]ed|supported|implemented)|invalid|bad) command\b|\bcommand (?:is )?(?:un|not )"
    )
    return re.search(pattern, text, re.IGNORECASE) is not None


class Exchange(Protocol):
    """One log-in's client side. `initial` is None where the server speaks first."""

    def initial(self) -> bytes | None: ...

    def respond(self, challenge: bytes) -> bytes: ...


class Dialogue:
    """One exchange in base64, as IMAP, SMTP and POP3 carry it. `fault` says why it was cancelled by this side."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._unsent: bytes | None = None
        self.fault = ""

    def initial(self, room: int) -> bytes | None:
        """The initial response where it takes less than `room` octets; otherwise it follows on the first request."""
        first = self._exchange.initial()
        coded = None if first is None else _coded(first)
        if coded is not None and len(coded) >= room:
            self._unsent, coded = coded, None
        return coded

    def respond(self, challenge: bytes) -> bytes:
        """The answer to a challenge; `*` to cancel (RFC 4954, 4; RFC 9051, 6.2.2; RFC 5034, 4)."""
        if self._unsent is not None and challenge in (b"", b"="):
            unsent, self._unsent = self._unsent, None
            return unsent
        try:
            return _coded(self._exchange.respond(base64.b64decode(challenge)))
        except (SaslError, ValueError) as error:
            self.fault = str(error) if isinstance(error, SaslError) else "a challenge that cannot be read"
            return b"*"


def fault_in(memory: Mapping[str, str]) -> Fault | None:
    """Why this side cancelled the last exchange, as a fact: the server's words about that say nothing then."""
    words = memory.get("sasl fault")
    return Fault("malformed", "login", words) if words else None


def _coded(response: bytes) -> bytes:
    return base64.b64encode(response)


def exchange(mechanism: str, account: str, secret: Secret, stream: Stream) -> Dialogue:
    """The client side of a mechanism. Raises TypeError for a stream not verified, or a secret of another kind."""
    _demand_verified(stream)
    _demand_kind(secret, token=mechanism in BEARER)
    return Dialogue(_client(mechanism, account, secret.unwrap()))


def _client(mechanism: str, account: str, password: str) -> Exchange:
    match mechanism:
        case "PLAIN":
            return _Plain(account, password)
        case "LOGIN":
            return _Login(account, password)
        case "CRAM-MD5":
            return _CramMd5(account, password)
        case "XOAUTH2":
            return _Xoauth2(account, password)
        case "SCRAM-SHA-1" | "SCRAM-SHA-256":
            return _Scram(account, password, mechanism.removeprefix("SCRAM-").replace("-", "").lower())
        case _:
            raise ValueError(f"mechanism {mechanism} is not spoken here")


def plain_words(account: str, secret: Secret, stream: Stream) -> tuple[str, str]:
    """User name and password for the log-in commands that are no SASL: IMAP LOGIN, POP3 USER and PASS."""
    _demand_verified(stream)
    _demand_kind(secret, token=False)
    return account, secret.unwrap()


def apop_digest(timestamp: bytes, secret: Secret, stream: Stream) -> str:
    """The digest of APOP (RFC 1939, 7)."""
    _demand_verified(stream)
    return hashlib.md5(timestamp + secret.unwrap().encode()).hexdigest()  # noqa: S324 - the protocol's


def _demand_verified(stream: Stream) -> None:
    """See that the secret goes to nobody else, and that no transcript keeps what is sent from now on."""
    if not isinstance(stream, VerifiedStream):
        raise TypeError("no secret goes over a stream that was not verified")
    stream.hide(_COMMAND)


def _demand_kind(secret: Secret, *, token: bool) -> None:
    if isinstance(secret, Token) is not token:
        raise TypeError("tokens are for XOAUTH2, and passwords for everything else")


class _Plain:
    """RFC 4616."""

    def __init__(self, account: str, password: str) -> None:
        self._message = b"\0" + account.encode() + b"\0" + password.encode()

    def initial(self) -> bytes | None:
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        if challenge:
            raise SaslError("the server sends a challenge that PLAIN does not have")
        return self._message


class _Login:
    """draft-murchison-sasl-login: two prompts, whose words differ from server to server, so they are counted only."""

    def __init__(self, account: str, password: str) -> None:
        self._answers = [account.encode(), password.encode()]

    def initial(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - only its number counts
        if not self._answers:
            raise SaslError("the server asks for more than user name and password")
        return self._answers.pop(0)


class _Xoauth2:
    """Google: XOAUTH2; Microsoft: SASL XOAUTH2. A refusal comes as a challenge, and wants an empty answer."""

    def __init__(self, account: str, token: str) -> None:
        self._message = f"user={account}\x01auth=Bearer {token}\x01\x01".encode()

    def initial(self) -> bytes | None:
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        if not challenge:
            raise SaslError("the server asks for the token a second time")
        return b""


class _CramMd5:
    """RFC 2195."""

    def __init__(self, account: str, password: str) -> None:
        self._account, self._password = account.encode(), password.encode()

    def initial(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        digest = hmac.new(self._password, challenge, hashlib.md5).hexdigest()
        return self._account + b" " + digest.encode()


class _Scram:
    """RFC 5802 and RFC 7677, without channel binding. The server proves in the end that it knows the password too."""

    def __init__(self, account: str, password: str, digest: str) -> None:
        self._digest = digest
        self._password = _saslprep(password).encode()
        name = _saslprep(account).replace("=", "=3D").replace(",", "=2C")
        self._nonce = secrets.token_urlsafe(24)
        self._first = f"n={name},r={self._nonce}"
        self._signature: bytes | None = None
        self.proven = False

    def initial(self) -> bytes | None:
        return b"n,," + self._first.encode()

    def respond(self, challenge: bytes) -> bytes:
        if not challenge and self._signature is None:
            return self.initial() or b""
        if self._signature is not None:
            return self._check(challenge)
        return self._proof(challenge)

    def _check(self, challenge: bytes) -> bytes:
        values = _attributes(challenge)
        if not hmac.compare_digest(base64.b64decode(values.get("v", "")), self._signature or b""):
            raise SaslError("the server does not prove that it knows the password")
        self.proven = True
        return b""

    def _proof(self, challenge: bytes) -> bytes:
        values = _attributes(challenge)
        try:
            nonce, salt, rounds = values["r"], base64.b64decode(values["s"]), int(values["i"])
        except (KeyError, ValueError) as error:
            raise SaslError("the server's first SCRAM message is malformed") from error
        if (
            not nonce.startswith(self._nonce)
            or len(nonce) < len(self._nonce) + _MIN_NONCE
            or not 0 < rounds <= _MAX_ITERATIONS
        ):
            raise SaslError("the server's first SCRAM message is malformed")
        salted = hashlib.pbkdf2_hmac(self._digest, self._password, salt, rounds)
        client_key = self._hmac(salted, b"Client Key")
        without_proof = f"c=biws,r={nonce}"
        message = f"{self._first},{challenge.decode()},{without_proof}".encode()
        stored_key = hashlib.new(self._digest, client_key).digest()
        proof = bytes(a ^ b for a, b in zip(client_key, self._hmac(stored_key, message), strict=True))
        self._signature = self._hmac(self._hmac(salted, b"Server Key"), message)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.new(key, message, self._digest).digest()


def _attributes(message: bytes) -> dict[str, str]:
    return {part[0]: part[2:] for part in message.decode("utf-8", "replace").split(",") if part[1:2] == "="}


def _saslprep(text: str) -> str:
    """RFC 4013, mapping and normalisation; what it prohibits is left to the server to refuse."""
    mapped = (" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    return unicodedata.normalize("NFKC", "".join(mapped))
