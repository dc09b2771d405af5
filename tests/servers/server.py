"""What the scripted IMAP, SMTP and POP3 servers have in common."""

import base64
import binascii
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, Self, TypeVar

from tests.servers.certs import Identity
from tests.servers.listener import Gone, Listener
from tests.servers.sasl import KNOWN, Cancelled, Claim, Exchange, authenticate
from tests.servers.script import Attempt, Say, Transcript, says, spellings
from tests.servers.wire import Wire

Security = Literal["tls", "starttls", "plain"]
StartTls = Literal["offered", "missing", "refused", "garbage", "injected", "close", "hang"]
"""What becomes of STARTTLS; `injected`: plain text stands behind the go-ahead, which a client must not believe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a server behaves; a sound one unless told. Each protocol adds its own."""

    security: Security = "tls"
    identity: Identity | None = field(default=None, repr=False)
    """What it serves TLS with; needed unless `security` is plain."""
    context: ssl.SSLContext | None = None
    """Instead of `identity`, where more than its certificate matters. Not shared between servers: SNI is noted in it."""
    accounts: Mapping[str, str] = field(default_factory=dict, repr=False)
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    """SASL mechanisms that are announced."""
    unsupported: tuple[str, ...] = ()
    """Mechanisms that are announced and then not taken."""
    greeting: Say | str | bytes | None = None
    refuse: Say | str | bytes | None = None
    """Words for wrong credentials."""
    refuse_all: Say | str | bytes | None = None
    """Words for any log-in, right credentials too: the protocol is off, the account is locked."""
    refusals: Mapping[str, Say | str | bytes] = field(default_factory=dict)
    """Words by user name, right credentials or not."""
    replies: Mapping[str, Say | str | bytes] = field(default_factory=dict)
    """What to answer to a command, by its verb, instead of carrying it out."""
    starttls: StartTls = "offered"
    forge_signature: bool = False
    tls_before_login: bool = False
    """Refuse log-in until TLS is on, in the protocol's own words."""


S = TypeVar("S", bound=Script)


class MailServer(Generic[S]):
    """A scripted server; a protocol gives `converse`."""

    def __init__(self, script: S, host: str = "127.0.0.1", port: int = 0) -> None:
        self.context = script.context or (script.identity.server_context() if script.identity else None)
        if script.security == "tls" and not self.context:
            raise ValueError("a server with TLS needs an identity")
        self.script, self.host, self.port = script, host, port
        self.transcript = Transcript()
        self._listener = Listener(self._serve, host, port)
        if self.context:
            self.context.sni_callback = self._note_name

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self.port = self._listener.port
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._listener.__aexit__(*exc)

    def _note_name(self, _socket: object, name: str | None, _context: ssl.SSLContext) -> None:
        self.transcript.server_names.append(name)

    async def _serve(self, client: socket.socket, number: int) -> None:
        self.transcript.connections += 1
        wire = Wire(client, number, self.transcript)
        if self.script.security == "tls" and self.context:
            await wire.start_tls(self.context)
        await self.converse(wire)

    async def converse(self, wire: Wire) -> None:
        raise NotImplementedError

    def note(self, verb: str) -> None:
        self.transcript.commands.append(verb)

    async def authenticate(self, wire: Wire, mechanism: str, initial: bytes | None, prompt: bytes) -> Claim | None:
        """Run a SASL exchange with challenges behind `prompt`; None where the mechanism is not taken."""

        async def ask(challenge: bytes) -> bytes:
            await wire.write(prompt + b" " + base64.b64encode(challenge) + b"\r\n")
            return decode(await wire.read_line())

        mechanism = mechanism.upper()
        if mechanism not in self.script.mechanisms or mechanism in self.script.unsupported or mechanism not in KNOWN:
            return None
        exchange = Exchange(self.script.accounts, ask, initial, self.script.forge_signature)
        return await authenticate(mechanism, exchange)

    def judge(self, wire: Wire, mechanism: str, claim: Claim, default: str) -> Say | None:
        """Keep the attempt and give the words of refusal, None where it is accepted."""
        refusal = self.script.refusals.get(claim.user, self.script.refuse_all)
        if refusal is None and not claim.accepted:
            refusal = self.script.refuse if self.script.refuse is not None else default
        attempt = Attempt(mechanism.upper(), claim.user, refusal is None, wire.secure, wire.number)
        self.transcript.attempts.append(attempt)
        if refusal is None:
            return None
        return says(refusal).filled({"user": claim.user, **spellings(claim.secret, claim.user)})

    async def upgrade(self, wire: Wire, ready: str, refused: str) -> None:
        """Answer STARTTLS as the script says and go on in TLS where it is offered."""
        match self.script.starttls:
            case "offered" if self.context:
                await wire.say(says(ready))
                await wire.start_tls(self.context)
            case "injected" if self.context:
                await wire.say(says(f"{ready}\r\n{self.injection}"))
                await wire.start_tls(self.context)
            case "garbage":
                await wire.say(Say(f"{ready}\r\n".encode() + b"\x00\x01garbage that is no TLS record" * 8))
                await wire.wait_for_end()
                raise Gone
            case "close":
                await wire.say(Say(ready, after="close"))
            case "hang":
                await wire.say(Say(ready, after="hang"))
            case _:
                await wire.say(says(refused))

    injection = "* CAPABILITY IMAP4rev1 AUTH=PLAIN"


def decode(line: bytes) -> bytes:
    """One base64 line of a SASL exchange; `=` is an empty response (RFC 4959, section 3)."""
    if line == b"=":
        return b""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise Cancelled from error
