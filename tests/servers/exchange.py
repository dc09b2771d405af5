"""A fake Exchange: EWS and Autodiscover over real TLS, with real NTLM (pyspnego's acceptor), Negotiate and Basic."""

import base64
import contextlib
import hashlib
import os
import re
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import spnego
from cryptography.hazmat.primitives.serialization import Encoding
from spnego._ntlm_raw.crypto import ntowfv1
from spnego._ntlm_raw.messages import AvId, Challenge, TargetInfo
from spnego.channel_bindings import GssChannelBindings

from tests.servers.certs import Identity
from tests.servers.exchange_words import IIS_401_1, Reply, busy, folder_reply, soap_fault
from tests.servers.listener import Gone, Listener
from tests.servers.script import HANG, RESET, Attempt, Transcript
from tests.servers.wire import Wire

EWS = "/EWS/Exchange.asmx"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeScript:
    """How the server behaves; a sound one with one account unless told."""

    identity: Identity = field(repr=False)
    context: ssl.SSLContext | None = None
    """Instead of `identity`, where more than its certificate matters."""
    accounts: Mapping[str, str] = field(default_factory=dict, repr=False)
    r"""Passwords by log-in name: a user principal name, or DOMAIN\user."""
    mailboxes: Mapping[str, str] = field(default_factory=dict)
    """Addresses of further mailboxes, with the response code that opening them by impersonation gives."""
    own: str = "NoError"
    """The response code of GetFolder on the account's own inbox."""
    may_impersonate: bool = True
    schemes: tuple[str, ...] = ("Negotiate", "NTLM", "Basic")
    taken: tuple[str, ...] = ("Negotiate", "NTLM", "Basic")
    """Schemes that work; those that are offered only do not, as Negotiate where only Kerberos is meant."""
    netbios: str = "PRACTICE"
    dns: str = "practice.test"
    bindings: bool = False
    """Extended Protection: NTLM must be bound to this TLS channel."""
    once: bool = False
    """NTLM can be begun but once a connection, unlike in IIS; who begins again is hung up on."""
    closes: bool = False
    """Ends the connection after every answer to a client without credentials."""
    pages: Mapping[str, Reply] = field(default_factory=dict)
    """Answers by path, whoever asks; `authenticated:PATH` for those that have logged in."""
    refusal: Reply = field(default_factory=lambda: Reply(401, IIS_401_1))
    autodiscover: Reply | None = None
    marks: tuple[tuple[str, str], ...] = (("Server", "Microsoft-IIS/10.0"), ("X-FEServer", "EX01"))


@dataclass(slots=True)
class _Client:
    """One connection: who it is known to be, and the NTLM log-in under way."""

    wire: Wire
    user: str | None = None
    acceptor: Any = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class ExchangeServer:
    """Keeps every request in `requests`, and log-ins in the transcript."""

    def __init__(self, script: ExchangeScript, host: str = "127.0.0.1", port: int = 0) -> None:
        self.script, self.host, self.port = script, host, port
        self.context = script.context or script.identity.server_context()
        self.transcript = Transcript()
        self.requests: list[HttpRequest] = []
        self._listener = Listener(self._serve, host, port)

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="migcheck-ntlm-")
        self._users = Path(self._folder.name) / "users"
        self._users.write_text(
            "".join(_user_line(name, secret) for name, secret in self.script.accounts.items()) or "x:y:z"
        )
        await self._listener.__aenter__()
        self.port = self._listener.port
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._folder.cleanup()
        await self._listener.__aexit__(*exc)

    async def _serve(self, client: socket.socket, number: int) -> None:
        self.transcript.connections = number
        wire = Wire(client, number, self.transcript)
        await wire.start_tls(self.context)
        state = _Client(wire)
        while True:
            request = await _read(wire)
            self.requests.append(request)
            reply = self._reply(state, request)
            await _send(wire, reply, self.script.marks)
            if self.script.closes and state.user is None:
                await wire.close()
                raise Gone

    def _reply(self, client: _Client, request: HttpRequest) -> Reply:
        page = self.script.pages.get(request.path)
        if page is not None:
            return page
        if request.path.lower().startswith("/autodiscover/") and self.script.autodiscover is not None:
            return self.script.autodiscover
        if request.path != EWS and not request.path.lower().startswith("/autodiscover/"):
            return Reply(404, b"<html><head><title>404 - File or directory not found.</title></head></html>")
        reply = self._authenticate(client, request)
        if reply is not None:
            return reply
        return self.script.pages.get(f"authenticated:{request.path}") or self._folder_of(client, request)

    def _authenticate(self, client: _Client, request: HttpRequest) -> Reply | None:
        """None where the client is known; otherwise what to answer."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            return None if client.user is not None else self._unauthorised()
        client.user = None
        if scheme not in self.script.taken:
            return self._unauthorised()
        if scheme == "Basic":
            return self._basic(client, base64.b64decode(token).decode())
        return self._ntlm(client, scheme, base64.b64decode(token))

    def _basic(self, client: _Client, pair: str) -> Reply | None:
        name, _, secret = pair.partition(":")
        known = {user.lower(): password for user, password in self.script.accounts.items()}
        accepted = known.get(name.lower()) == secret
        self._note(client, "Basic", name, accepted)
        if not accepted:
            return self._refused()
        client.user = name
        return None

    def _ntlm(self, client: _Client, scheme: str, token: bytes) -> Reply | None:
        if token[8:9] == b"\x01" and (client.acceptor is None or not self.script.once):
            client.acceptor = self._acceptor()
        elif token[8:9] == b"\x01":
            raise Gone
        if client.acceptor is None:
            return self._unauthorised()
        with _user_file(self._users):
            try:
                answer = client.acceptor.step(token)
            except spnego.exceptions.SpnegoError:
                self._note(client, scheme, _user_in(token), False)
                client.acceptor = None
                return self._refused()
        if answer is not None:
            answer = self._named(client.acceptor, answer)
            return Reply(401, headers=(("WWW-Authenticate", f"{scheme} {base64.b64encode(answer).decode()}"),))
        client.user = client.acceptor.client_principal
        self._note(client, scheme, client.user or "", True)
        return None

    def _acceptor(self) -> Any:
        bindings = None
        if self.script.bindings:
            der = self.script.identity.leaf.public_bytes(Encoding.DER)
            bindings = GssChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(der).digest())
        with _user_file(self._users):
            return spnego.server(protocol="ntlm", channel_bindings=bindings, options=spnego.NegotiateOptions.use_ntlm)

    def _named(self, acceptor: Any, token: bytes) -> bytes:
        """The challenge with the names of this server's Windows domain."""
        challenge = Challenge.unpack(token)
        target = TargetInfo()
        target[AvId.nb_computer_name], target[AvId.nb_domain_name] = "EX01", self.script.netbios
        if self.script.dns:
            target[AvId.dns_computer_name], target[AvId.dns_domain_name] = f"ex01.{self.script.dns}", self.script.dns
        target[AvId.timestamp] = challenge.target_info[AvId.timestamp]
        named = Challenge(
            challenge.flags,
            challenge.server_challenge,
            target_name=self.script.netbios,
            target_info=target,
            version=challenge.version,
        )
        acceptor._temp_challenge = named
        return named.pack()

    def _note(self, client: _Client, mechanism: str, user: str, accepted: bool) -> None:
        self.transcript.attempts.append(Attempt(mechanism, user, accepted, True, client.wire.number))

    def _unauthorised(self) -> Reply:
        return Reply(401, headers=self._offers())

    def _refused(self) -> Reply:
        refusal = self.script.refusal
        return replace(refusal, headers=(*self._offers(), *refusal.headers))

    def _offers(self) -> tuple[tuple[str, str], ...]:
        words = {
            "Basic": 'Basic realm="ex01.practice.test"',
            "Bearer": 'Bearer client_id="00000002", trusted_issuers="0001@*"',
        }
        return tuple(("WWW-Authenticate", words.get(scheme, scheme)) for scheme in self.script.schemes)

    def _folder_of(self, client: _Client, request: HttpRequest) -> Reply:
        wanted = re.search(rb"PrimarySmtpAddress>([^<]*)<", request.body)
        if wanted is None:
            return folder_reply(self.script.own) if self.script.own != "ErrorServerBusy" else busy()
        if not self.script.may_impersonate:
            return soap_fault(
                "ErrorImpersonateUserDenied", "The account does not have permission to impersonate the requested user."
            )
        code = self.script.mailboxes.get(wanted[1].decode(), "ErrorNonExistentMailbox")
        if code == "ErrorNonExistentMailbox":
            return soap_fault(code, "The SMTP address has no mailbox associated with it.")
        return folder_reply(code)


def _user_line(name: str, secret: str) -> str:
    """A line of a credential file: hashes, so that a password may hold any character."""
    return f"{name}:1000:{'0' * 32}:{ntowfv1(secret).hex().upper()}:[U]:LCT-1589398321\n"


def _user_in(token: bytes) -> str:
    """The name in an NTLM AUTHENTICATE message (MS-NLMP, 2.2.1.3)."""
    size, at = int.from_bytes(token[36:38], "little"), int.from_bytes(token[40:44], "little")
    return token[at : at + size].decode("utf-16-le", "replace")


@contextlib.contextmanager
def _user_file(path: Path) -> Iterator[None]:
    """pyspnego finds its accounts through the environment only; nothing is awaited meanwhile."""
    before = os.environ.get("NTLM_USER_FILE")
    os.environ["NTLM_USER_FILE"] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["NTLM_USER_FILE"]
        else:
            os.environ["NTLM_USER_FILE"] = before


async def _read(wire: Wire) -> HttpRequest:
    method, target, _ = (await wire.read_line()).decode("latin-1").split(" ", 2)
    headers = {}
    while line := await wire.read_line():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await wire.read_exactly(int(headers.get("content-length", 0)))
    return HttpRequest(method, target.partition("?")[0], headers, body)


async def _send(wire: Wire, reply: Reply, marks: tuple[tuple[str, str], ...]) -> None:
    if reply.hang:
        await wire.say(HANG)
    if reply.reset:
        await wire.say(RESET)
    fixed = (("Content-Type", reply.kind), ("Content-Length", str(len(reply.body))), ("request-id", "0f8fad5b-d9cb"))
    lines = [
        f"HTTP/1.1 {reply.status} Practice",
        *(f"{name}: {value}" for name, value in (*marks, *fixed, *reply.headers)),
    ]
    await wire.write("\r\n".join([*lines, "", ""]).encode() + reply.body)
