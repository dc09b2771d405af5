"""A scripted POP3 server (RFC 1939, 2449, 2595, 5034)."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.servers.sasl import Cancelled, Claim, check, text
from tests.servers.script import Say, says
from tests.servers.server import MailServer, Script, decode
from tests.servers.wire import Wire

TIMESTAMP = "<1896.697170952@practice.test>"


@dataclass(frozen=True, slots=True, kw_only=True)
class PopScript(Script):
    capabilities: tuple[str, ...] = ("TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING")
    """Besides USER, STLS and SASL."""
    capa: bool = True
    """Whether CAPA is known at all."""
    user_command: bool = True
    """Announce USER and take USER and PASS."""
    apop: bool = False
    """Put a time stamp into the greeting and take APOP."""
    refuse_user: Say | str | bytes | None = None
    """What to answer to USER instead of +OK."""
    messages: int = 2
    size: int = 320


class PopServer(MailServer[PopScript]):
    injection = "+OK believe me"

    async def converse(self, wire: Wire) -> None:
        session = _Session(self, wire)
        default = "+OK practice POP3 server ready" + (f" {TIMESTAMP}" if self.script.apop else "")
        await wire.say(says(self.script.greeting if self.script.greeting is not None else default))
        while True:
            await session.command()


class _Session:
    def __init__(self, server: PopServer, wire: Wire) -> None:
        self.server, self.script, self.wire = server, server.script, wire
        self.named = self.user = ""

    async def command(self) -> None:
        verb, _, rest = text(await self.wire.read_line()).partition(" ")
        verb = verb.upper()
        self.server.note(verb)
        if verb in self.script.replies:
            return await self._say(self.script.replies[verb])
        act = _COMMANDS.get(verb)
        if act is None or (verb in _NEEDS_LOGIN and not self.user):
            return await self._say("-ERR Unknown command")
        return await act(self, rest)

    async def _say(self, words: Say | str | bytes) -> None:
        await self.wire.say(says(words), {"user": self.user or self.named})

    @property
    def may_log_in(self) -> bool:
        return self.wire.secure or not self.script.tls_before_login

    async def capa(self, _rest: str) -> None:
        if not self.script.capa:
            return await self._say("-ERR Unknown command")
        lines = list(self.script.capabilities)
        if not self.wire.secure and self.script.security != "plain" and self.script.starttls != "missing":
            lines.append("STLS")
        if self.may_log_in:
            lines += ["USER"] if self.script.user_command else []
            lines += ["SASL " + " ".join(self.script.mechanisms)] if self.script.mechanisms else []
        return await self._say("\r\n".join(["+OK", *lines, "."]))

    async def stls(self, _rest: str) -> None:
        await self.server.upgrade(self.wire, "+OK Begin TLS negotiation", "-ERR TLS is not available")

    async def take_user(self, rest: str) -> None:
        if not self.may_log_in:
            return await self._say("-ERR [AUTH] Plaintext authentication disallowed on non-secure connections.")
        if not self.script.user_command:
            return await self._say("-ERR Unknown command")
        self.named = rest
        return await self._say("+OK" if self.script.refuse_user is None else self.script.refuse_user)

    async def take_pass(self, rest: str) -> None:
        if not self.named:
            return await self._say("-ERR USER first")
        return await self._conclude("USER", check(self.script.accounts, self.named, rest))

    async def take_apop(self, rest: str) -> None:
        if not self.script.apop:
            return await self._say("-ERR Unknown command")
        user, _, digest = rest.rpartition(" ")
        secret = self.script.accounts.get(user)
        wanted = hashlib.md5((TIMESTAMP + secret).encode()).hexdigest() if secret is not None else ""
        return await self._conclude("APOP", Claim(user, wanted == digest.lower()))

    async def auth(self, rest: str) -> None:
        if not rest:
            return await self._say("\r\n".join(["+OK", *self.script.mechanisms, "."]))
        if not self.may_log_in:
            return await self._say("-ERR [AUTH] TLS first")
        mechanism, _, response = rest.partition(" ")
        try:
            initial = decode(response.encode()) if response else None
            claim = await self.server.authenticate(self.wire, mechanism, initial, b"+")
        except Cancelled:
            return await self._say("-ERR Authentication cancelled")
        if claim is None:
            return await self._say("-ERR Unrecognised authentication type")
        return await self._conclude(mechanism, claim)

    async def _conclude(self, mechanism: str, claim: Claim) -> None:
        refusal = self.server.judge(self.wire, mechanism, claim, "-ERR [AUTH] Authentication failed.")
        if refusal:
            return await self._say(refusal)
        self.user = claim.user
        return await self._say("+OK Logged in.")

    async def stat(self, _rest: str) -> None:
        await self._say(f"+OK {self.script.messages} {self.script.size}")

    async def list(self, _rest: str) -> None:
        lines = [f"{number} 160" for number in range(1, self.script.messages + 1)]
        await self._say("\r\n".join(["+OK", *lines, "."]))

    async def noop(self, _rest: str) -> None:
        await self._say("+OK")

    async def quit(self, _rest: str) -> None:
        await self._say(Say("+OK Bye", after="close"))


_NEEDS_LOGIN = {"STAT", "LIST", "UIDL", "NOOP"}
_COMMANDS: dict[str, Callable[[_Session, str], Awaitable[None]]] = {
    "CAPA": _Session.capa,
    "STLS": _Session.stls,
    "USER": _Session.take_user,
    "PASS": _Session.take_pass,
    "APOP": _Session.take_apop,
    "AUTH": _Session.auth,
    "STAT": _Session.stat,
    "LIST": _Session.list,
    "UIDL": _Session.list,
    "NOOP": _Session.noop,
    "QUIT": _Session.quit,
}
