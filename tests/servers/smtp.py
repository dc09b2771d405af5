"""A scripted submission server (RFC 5321, 6409, 4954, 3207)."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.servers.sasl import Cancelled, text
from tests.servers.script import Say, says
from tests.servers.server import MailServer, Script, decode
from tests.servers.wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpScript(Script):
    name: str = "smtp.practice.test"
    capabilities: tuple[str, ...] = ("PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES")
    """Besides STARTTLS and AUTH."""
    helo_only: bool = False
    """A server from before 1995: EHLO is no command."""
    auth_line: bool = True
    """Announce AUTH once log-in is allowed."""
    mail: Say | str | bytes = "250 2.1.0 Ok"
    rcpt: Say | str | bytes = "250 2.1.5 Ok"


class SmtpServer(MailServer[SmtpScript]):
    injection = "250 AUTH PLAIN"

    async def converse(self, wire: Wire) -> None:
        session = _Session(self, wire)
        default = f"220 {self.script.name} ESMTP practice"
        await wire.say(says(self.script.greeting if self.script.greeting is not None else default))
        while True:
            await session.command()


class _Session:
    def __init__(self, server: SmtpServer, wire: Wire) -> None:
        self.server, self.script, self.wire = server, server.script, wire
        self.user = ""
        self.has_sender = self.has_recipient = False

    async def command(self) -> None:
        verb, _, rest = text(await self.wire.read_line()).partition(" ")
        verb = verb.upper()
        self.server.note(verb)
        if verb in self.script.replies:
            return await self._say(self.script.replies[verb])
        act = _COMMANDS.get(verb)
        if act is None:
            return await self._say("502 5.5.1 Command not recognised")
        return await act(self, rest.strip())

    async def _say(self, words: Say | str | bytes) -> None:
        await self.wire.say(says(words), {"user": self.user})

    @property
    def may_log_in(self) -> bool:
        return self.wire.secure or not self.script.tls_before_login

    async def ehlo(self, _name: str) -> None:
        if self.script.helo_only:
            return await self._say("502 5.5.1 Command not recognised")
        lines = [self.script.name, *self.script.capabilities]
        if not self.wire.secure and self.script.security != "plain" and self.script.starttls != "missing":
            lines.append("STARTTLS")
        if self.script.auth_line and self.script.mechanisms and self.may_log_in:
            lines.append("AUTH " + " ".join(self.script.mechanisms))
        marked = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        return await self._say("\r\n".join(marked))

    async def helo(self, _name: str) -> None:
        await self._say(f"250 {self.script.name}")

    async def starttls(self, _rest: str) -> None:
        await self.server.upgrade(self.wire, "220 2.0.0 Ready to start TLS", "454 4.7.0 TLS is not available")

    async def auth(self, rest: str) -> None:
        if not self.may_log_in:
            return await self._say("530 5.7.0 Must issue a STARTTLS command first")
        if not self.script.auth_line:
            return await self._say("503 5.5.1 Authentication not enabled")
        mechanism, _, response = rest.partition(" ")
        try:
            initial = decode(response.encode()) if response else None
            claim = await self.server.authenticate(self.wire, mechanism, initial, b"334")
        except Cancelled:
            return await self._say("501 5.5.2 Authentication cancelled")
        if claim is None:
            return await self._say("504 5.5.4 Unrecognised authentication type")
        refusal = self.server.judge(self.wire, mechanism, claim, "535 5.7.8 Authentication credentials invalid")
        if refusal:
            return await self._say(refusal)
        self.user = claim.user
        return await self._say("235 2.7.0 Authentication successful")

    async def mail(self, rest: str) -> None:
        self.server.transcript.senders.append(_path(rest))
        if not self.user:
            return await self._say("530 5.7.0 Authentication required")
        words = says(self.script.mail)
        self.has_sender = words.raw.startswith(b"2")
        return await self._say(words)

    async def rcpt(self, rest: str) -> None:
        self.server.transcript.recipients.append(_path(rest))
        if not self.has_sender:
            return await self._say("503 5.5.1 MAIL first")
        words = says(self.script.rcpt)
        self.has_recipient = words.raw.startswith(b"2")
        return await self._say(words)

    async def data(self, _rest: str) -> None:
        """Nothing the project does may ever come here; tests look for DATA in the transcript's commands."""
        await self._say("554 5.5.1 No message is taken")

    async def rset(self, _rest: str) -> None:
        self.has_sender = self.has_recipient = False
        await self._say("250 2.0.0 Ok")

    async def noop(self, _rest: str) -> None:
        await self._say("250 2.0.0 Ok")

    async def quit(self, _rest: str) -> None:
        await self._say(Say("221 2.0.0 Bye", after="close"))


def _path(rest: str) -> str:
    match = re.search(r"<([^>]*)>", rest)
    return match[1] if match else rest


_COMMANDS: dict[str, Callable[[_Session, str], Awaitable[None]]] = {
    "EHLO": _Session.ehlo,
    "HELO": _Session.helo,
    "STARTTLS": _Session.starttls,
    "AUTH": _Session.auth,
    "MAIL": _Session.mail,
    "RCPT": _Session.rcpt,
    "DATA": _Session.data,
    "RSET": _Session.rset,
    "NOOP": _Session.noop,
    "QUIT": _Session.quit,
}
