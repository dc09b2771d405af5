"""POP3, one function a step: greeting, STLS, capabilities, log-in."""

from dataclasses import replace

from bot.checks import sasl
from bot.checks.link.faults import Malformed
from bot.checks.link.line import Line
from bot.checks.link.protocols import service_of
from bot.checks.link.stream import Stream, VerifiedStream, printable
from bot.checks.pop import wire
from bot.core.model import Capabilities, Greeting, LoginReply, StartTlsReply, TlsFacts
from bot.core.secret import Secret

_MAX_LINES = 100
_MAX_CHALLENGES = 8
_COMMAND_LIMIT = 255
"""Octets of a command line (RFC 2449, 4)."""


async def read_reply(stream: Stream, timeout: float) -> wire.Reply | wire.Challenge:
    """One line of reply. Raises Malformed besides network errors."""
    try:
        return wire.reply(await stream.read_line(timeout))
    except wire.PopSyntaxError as error:
        raise Malformed(str(error)) from None


async def _status(stream: Stream, timeout: float) -> wire.Reply:
    answer = await read_reply(stream, timeout)
    if isinstance(answer, wire.Challenge):
        raise Malformed("a challenge where none was asked for")
    return answer


async def command(line: Line, text: bytes) -> wire.Reply:
    stream, timeout = line.opened, line.net.timeouts.reply
    await stream.write(text + b"\r\n", timeout)
    return await _status(stream, timeout)


async def greet(line: Line) -> Greeting:
    line.prelude = _prelude
    first = await line.opened.read_line(line.net.timeouts.reply)
    line.memory["timestamp"] = wire.timestamp(first)
    service = service_of(first)
    name = "pop" if service == "pop3" else service
    return Greeting(printable(first), name, welcome=first.upper().startswith(b"+OK"))


async def _ask_capabilities(line: Line) -> tuple[str, ...] | None:
    """The lines of CAPA (RFC 2449), None where the server does not know the command."""
    if not (await command(line, b"CAPA")).ok:
        return None
    lines: list[bytes] = []
    while len(lines) < _MAX_LINES:
        lines.append(await line.opened.read_line(line.net.timeouts.reply))
        if lines[-1].rstrip() == b".":
            return wire.capabilities(lines)
    raise Malformed(f"a list of more than {_MAX_LINES} lines")


async def start_tls(line: Line) -> TlsFacts | StartTlsReply:
    """STLS where it is offered (RFC 2595, 4), then the handshake. Bytes that come with its +OK are an attack."""
    words = await _ask_capabilities(line)
    if words is not None and "STLS" not in words:
        return StartTlsReply(offered=False, accepted=False, text=" ".join(words))
    answer = await command(line, b"STLS")
    if not answer.ok:
        return StartTlsReply(offered=words is not None, accepted=False, text=answer.line)
    return await line.secure()


async def _prelude(stream: Stream, timeout: float) -> None:
    await stream.read_line(timeout)
    await stream.write(b"STLS\r\n", timeout)
    await _status(stream, timeout)


async def capabilities(line: Line) -> Capabilities:
    """A server without CAPA is taken to know USER and PASS, as all did before RFC 2449. APOP stands in the greeting."""
    words = await _ask_capabilities(line)
    found = ("USER",) if words is None else words
    if line.memory["timestamp"]:
        found = (*found, "APOP")
    line.memory["words"] = found
    return Capabilities(found, wire.mechanisms(found), "STLS" in found)


async def log_in(line: Line, account: str, secret: Secret) -> LoginReply:
    """One log-in: SASL where offered, else APOP, else USER and PASS; another one only where the first is not taken."""
    words: tuple[str, ...] = line.memory["words"]
    offered = tuple(m for m in wire.mechanisms(words) if m != "USER")
    refused: list[str] = []
    said = ""
    while (mechanism := sasl.choose(offered, refused)) is not None:
        answer = await _authenticate(line, mechanism, account, secret)
        if not _mechanism_refused(answer):
            return replace(_reply(answer, mechanism, offered), fault=sasl.fault_in(line.memory))
        refused.append(mechanism)
        said = answer.line
    if "USER" in words:
        return await _user_and_pass(line, account, secret, offered)
    if "APOP" in words:
        digest = sasl.apop_digest(line.memory["timestamp"], secret, line.opened)
        return _reply(await command(line, f"APOP {account} {digest}".encode()), "APOP", offered)
    return LoginReply(False, refused[-1] if refused else "", said, 0, offered, refused_mechanism=True)


def _reply(answer: wire.Reply, mechanism: str, offered: tuple[str, ...]) -> LoginReply:
    return LoginReply(answer.ok, mechanism, answer.line, 1, offered)


def _mechanism_refused(answer: wire.Reply) -> bool:
    return not answer.ok and (sasl.speaks_of_mechanism(answer.text) or sasl.speaks_of_command(answer.text))


async def _user_and_pass(line: Line, account: str, secret: Secret, offered: tuple[str, ...]) -> LoginReply:
    stream = line.opened
    assert isinstance(stream, VerifiedStream)
    user, password = sasl.plain_words(account, secret, stream)
    answer = await command(line, b"USER " + user.encode())
    if not answer.ok:
        return LoginReply(False, "USER", answer.line, 0, offered)
    if any(c in password for c in "\r\n\0"):
        raise Malformed("PASS cannot carry a line break")
    return _reply(await command(line, b"PASS " + password.encode()), "USER", offered)


async def _authenticate(line: Line, mechanism: str, account: str, secret: Secret) -> wire.Reply:
    """AUTH (RFC 5034); the initial response goes with the command where it fits into a line of 255 octets."""
    stream, timeout = line.opened, line.net.timeouts.reply
    dialogue = sasl.exchange(mechanism, account, secret, stream)
    start = f"AUTH {mechanism}".encode()
    first = dialogue.initial(_COMMAND_LIMIT - len(start) - 3)
    await stream.write(start + (b" " + (first or b"=") if first is not None else b"") + b"\r\n", timeout)
    for _ in range(_MAX_CHALLENGES):
        answer = await read_reply(stream, timeout)
        if isinstance(answer, wire.Reply):
            line.memory["sasl fault"] = dialogue.fault
            return answer
        await stream.write(dialogue.respond(answer.coded) + b"\r\n", timeout)
    raise Malformed("an endless exchange")
