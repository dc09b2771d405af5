"""A scripted IMAP server (RFC 3501, with what RFC 2971, 4959, 5161, 5819, 7888 and 8438 add)."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.servers.sasl import Cancelled, check, text
from tests.servers.script import Say, says
from tests.servers.server import MailServer, Script, decode
from tests.servers.wire import Wire

UNSAFE = "{tag} NO {verb} Unsafe Login. Please contact kefu@188.com for help"
"""NetEase's words to a client that sent no ID."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox by its name on the wire (modified UTF-7, RFC 3501, 5.1.3)."""

    name: str
    messages: int = 0
    size: int = 0
    flags: str = "\\HasNoChildren"
    selectable: bool = True
    literal: bool = False
    """Send the name as a literal."""

    @property
    def wire_name(self) -> bytes:
        if self.literal:
            return b"{%d}\r\n%s" % (len(self.name.encode()), self.name.encode())
        escaped = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'.encode()


INBOX = Folder("INBOX", 12, 34567)


def many_folders(count: int) -> tuple[Folder, ...]:
    """INBOX and enough others to make `count`."""
    return (INBOX, *(Folder(f"Archive/{n:05}", n % 7, n * 1000) for n in range(1, count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapScript(Script):
    capabilities: tuple[str, ...] = ("ID", "LITERAL+", "SASL-IR", "NAMESPACE", "LIST-STATUS")
    """Besides IMAP4rev1, STARTTLS, LOGINDISABLED and AUTH=."""
    greeting_capabilities: bool = True
    login_capabilities: bool = True
    """Say the capabilities again in the log-in's OK."""
    login_disabled: bool = False
    preauth: bool = False
    wants_id: bool = False
    """Open no mailbox for a client that sent no ID after its log-in (NetEase)."""
    folders: tuple[Folder, ...] = (INBOX, Folder("Sent", 3, 4000), Folder("&Xn8wazBXMGY-", 1, 100))
    inbox: Say | str | bytes | None = None
    """What to answer to EXAMINE or SELECT instead."""
    delimiter: str = "/"
    takes_8bit: bool = False
    """Take UTF-8 in quoted strings, as Dovecot does."""


class ImapServer(MailServer[ImapScript]):
    async def converse(self, wire: Wire) -> None:
        session = _Session(self, wire)
        await wire.say(says(self.script.greeting if self.script.greeting is not None else session.greeting()))
        while True:
            await session.command()


class _Session:
    """One connection: who is logged in, what was opened."""

    def __init__(self, server: ImapServer, wire: Wire) -> None:
        self.server, self.script, self.wire = server, server.script, wire
        self.user = "preauth" if server.script.preauth else ""
        self.identified = False
        self.tag = "*"

    def capabilities(self) -> str:
        script, words = self.script, ["IMAP4rev1", *self.script.capabilities]
        if not self.wire.secure and script.security != "plain" and script.starttls != "missing":
            words.append("STARTTLS")
        if script.login_disabled or (script.tls_before_login and not self.wire.secure):
            words.append("LOGINDISABLED")
        if not (script.tls_before_login and not self.wire.secure):
            words += [f"AUTH={mechanism}" for mechanism in script.mechanisms]
        return " ".join(words)

    def greeting(self) -> str:
        word = "PREAUTH" if self.script.preauth else "OK"
        inside = f"[CAPABILITY {self.capabilities()}] " if self.script.greeting_capabilities else ""
        return f"* {word} {inside}practice IMAP server ready"

    async def command(self) -> None:
        tag, verb, arguments = await self._read()
        self.tag = tag
        self.server.note(verb)
        if verb in self.script.replies:
            return await self._say(self.script.replies[verb], verb)
        act = _COMMANDS.get(verb)
        if act is None:
            return await self._say("{tag} BAD Unknown command")
        if verb in _NEEDS_LOGIN and not self.user:
            return await self._say("{tag} BAD Log in first")
        return await act(self, verb, arguments)

    async def _say(self, words: Say | str | bytes, verb: str = "") -> None:
        await self.wire.say(says(words), {"tag": self.tag, "verb": verb})

    async def _read(self) -> tuple[str, str, list[bytes]]:
        parts, line = [], await self.wire.read_line()
        while match := re.search(rb"\{(\d+)(\+?)\}$", line):
            parts += await self._words(line[: match.start()])
            await self._permit(int(match[1]), unasked=bool(match[2]))
            parts.append(await self.wire.read_exactly(int(match[1])))
            line = await self.wire.read_line()
        parts += await self._words(line)
        if len(parts) < 2:
            return "*", "", []
        return text(parts[0]), text(parts[1]).upper(), parts[2:]

    async def _words(self, line: bytes) -> list[bytes]:
        """Octets above 127 belong into literals (RFC 3501, section 9: QUOTED-CHAR)."""
        if not line.isascii() and not self.script.takes_8bit:
            await self._say(Say("* BAD 8-bit data outside a literal", after="close"))
        return _words(line)

    async def _permit(self, size: int, *, unasked: bool) -> None:
        """Ask for a literal, or end where the client may not send it unasked (RFC 7888, sections 4 and 5)."""
        limit = 1 << 30 if "LITERAL+" in self.script.capabilities else 4096
        known = {"LITERAL+", "LITERAL-"} & set(self.script.capabilities)
        if not unasked:
            await self.wire.write(b"+ Ready for the literal\r\n")
        elif not known or size > limit:
            await self._say(Say("* BYE [TOOBIG] Unasked literal", after="close"))

    async def capability(self, _verb: str, _arguments: list[bytes]) -> None:
        await self._say(f"* CAPABILITY {self.capabilities()}\r\n{{tag}} OK done")

    async def done(self, _verb: str, _arguments: list[bytes]) -> None:
        await self._say("{tag} OK done")

    async def logout(self, _verb: str, _arguments: list[bytes]) -> None:
        await self._say(Say("* BYE until later\r\n{tag} OK done", after="close"))

    async def identify(self, _verb: str, _arguments: list[bytes]) -> None:
        self.identified = bool(self.user) or self.identified
        await self._say('* ID ("name" "practice")\r\n{tag} OK done')

    async def starttls(self, _verb: str, _arguments: list[bytes]) -> None:
        await self.server.upgrade(self.wire, f"{self.tag} OK begin TLS", f"{self.tag} BAD TLS is not available")

    async def login(self, verb: str, arguments: list[bytes]) -> None:
        if "LOGINDISABLED" in self.capabilities().split():
            return await self._say("{tag} NO [PRIVACYREQUIRED] LOGIN is disabled")
        if verb in self.script.unsupported or len(arguments) != 2:
            return await self._say("{tag} BAD LOGIN is not supported")
        claim = check(self.script.accounts, text(arguments[0]), text(arguments[1]))
        return await self._conclude("LOGIN COMMAND", claim)

    async def authenticate(self, _verb: str, arguments: list[bytes]) -> None:
        if self.script.tls_before_login and not self.wire.secure:
            return await self._say("{tag} NO [PRIVACYREQUIRED] TLS first")
        mechanism = text(arguments[0]).upper() if arguments else ""
        if len(arguments) > 1 and "SASL-IR" not in self.script.capabilities:
            return await self._say("{tag} BAD No initial response is taken (RFC 4959 is not announced)")
        try:
            initial = decode(arguments[1]) if len(arguments) > 1 else None
            claim = await self.server.authenticate(self.wire, mechanism, initial, b"+")
        except Cancelled:
            return await self._say("{tag} BAD Authentication cancelled")
        if claim is None:
            return await self._say("{tag} NO Unsupported authentication mechanism")
        return await self._conclude(mechanism, claim)

    async def _conclude(self, mechanism: str, claim) -> None:
        default = "{tag} NO [AUTHENTICATIONFAILED] Authentication failed."
        refusal = self.server.judge(self.wire, mechanism, claim, default)
        if refusal:
            return await self._say(refusal)
        self.user = claim.user
        inside = f"[CAPABILITY {self.capabilities()}] " if self.script.login_capabilities else ""
        return await self._say(f"{{tag}} OK {inside}Logged in")

    async def open(self, verb: str, arguments: list[bytes]) -> None:
        if self.script.wants_id and not self.identified:
            return await self._say(UNSAFE, verb)
        if self.script.inbox is not None:
            return await self._say(self.script.inbox, verb)
        name = text(arguments[0]) if arguments else ""
        folder = next((f for f in self.script.folders if f.name.upper() == name.upper()), None)
        if folder is None:
            return await self._say("{tag} NO [NONEXISTENT] No such mailbox")
        mode = "READ-ONLY" if verb == "EXAMINE" else "READ-WRITE"
        return await self._say(
            f"* FLAGS (\\Seen \\Deleted)\r\n* {folder.messages} EXISTS\r\n* 0 RECENT\r\n"
            f"* OK [UIDVALIDITY 1] valid\r\n{{tag}} OK [{mode}] opened"
        )

    async def folders(self, verb: str, arguments: list[bytes]) -> None:
        wants_status = any(b"STATUS" in word.upper() for word in arguments[2:])
        lines = bytearray()
        for folder in self._matching(text(arguments[1]) if len(arguments) > 1 else "*"):
            lines += f'* {verb} ({folder.flags}) "{self.script.delimiter}" '.encode() + folder.wire_name + b"\r\n"
            if wants_status and folder.selectable:
                lines += self._status_line(folder, b" ".join(arguments[2:]))
        await self.wire.write(bytes(lines) + f"{self.tag} OK done\r\n".encode())

    def _matching(self, pattern: str) -> list[Folder]:
        if pattern == "":
            return [Folder("", flags="\\Noselect", selectable=False)]
        wanted = re.escape(pattern).replace(r"\*", ".*").replace("%", f"[^{re.escape(self.script.delimiter)}]*")
        return [folder for folder in self.script.folders if re.fullmatch(wanted, folder.name, re.IGNORECASE)]

    async def status(self, _verb: str, arguments: list[bytes]) -> None:
        name = text(arguments[0]) if arguments else ""
        folder = next((f for f in self.script.folders if f.name == name), None)
        if folder is None or not folder.selectable:
            return await self._say("{tag} NO No such mailbox")
        line = self._status_line(folder, b" ".join(arguments[1:]))
        return await self.wire.write(line + f"{self.tag} OK done\r\n".encode())

    def _status_line(self, folder: Folder, asked: bytes) -> bytes:
        values = {"MESSAGES": folder.messages, "UIDNEXT": folder.messages + 1, "UIDVALIDITY": 1, "UNSEEN": 0}
        if "STATUS=SIZE" in self.script.capabilities:
            values["SIZE"] = folder.size
        words = re.findall(r"[A-Z]+", text(asked).upper())
        pairs = " ".join(f"{word} {values[word]}" for word in values if word in words)
        return b"* STATUS " + folder.wire_name + f" ({pairs})\r\n".encode()

    async def namespace(self, _verb: str, _arguments: list[bytes]) -> None:
        await self._say(f'* NAMESPACE (("" "{self.script.delimiter}")) NIL NIL\r\n{{tag}} OK done')


_NEEDS_LOGIN = {"SELECT", "EXAMINE", "LIST", "LSUB", "STATUS", "NAMESPACE", "CLOSE", "UNSELECT", "ENABLE"}
_COMMANDS: dict[str, Callable[[_Session, str, list[bytes]], Awaitable[None]]] = {
    "CAPABILITY": _Session.capability,
    "NOOP": _Session.done,
    "CLOSE": _Session.done,
    "UNSELECT": _Session.done,
    "ENABLE": _Session.done,
    "LOGOUT": _Session.logout,
    "ID": _Session.identify,
    "STARTTLS": _Session.starttls,
    "LOGIN": _Session.login,
    "AUTHENTICATE": _Session.authenticate,
    "SELECT": _Session.open,
    "EXAMINE": _Session.open,
    "LIST": _Session.folders,
    "LSUB": _Session.folders,
    "STATUS": _Session.status,
    "NAMESPACE": _Session.namespace,
}


def _words(line: bytes) -> list[bytes]:
    """Atoms, quoted strings (unquoted) and parenthesised groups (as they are) of one piece of a command."""
    found = re.findall(rb'"((?:[^"\\]|\\.)*)"|(\((?:[^()"]|"[^"]*"|\([^()]*\))*\))|([^\s"]+)', line)
    return [
        re.sub(rb"\\(.)", rb"\1", quoted) if not (group or atom) else group or atom for quoted, group, atom in found
    ]
