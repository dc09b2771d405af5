"""SMTP submission, one function a step: greeting, EHLO, STARTTLS, log-in, and whether mail would be taken."""

from collections.abc import Sequence

from bot.checks import sasl
from bot.checks.link.faults import Malformed
from bot.checks.link.line import Line
from bot.checks.link.protocols import service_of
from bot.checks.link.stream import Stream, printable
from bot.checks.smtp import wire
from bot.core.model import Capabilities, Greeting, LoginReply, StartTlsReply, SubmissionFacts, TlsFacts
from bot.core.secret import Secret

_MAX_LINES = 100
_MAX_CHALLENGES = 8
_READY, _ACCEPTED, _CONTINUE, _NOT_TAKEN = 220, 235, 334, 504
_NO_EHLO = (500, 502, 504)
"""Of servers that do not know EHLO, and so no extension at all (RFC 5321, 4.1.4)."""
_COMMAND_LIMIT = 512
"""Octets of a command line (RFC 5321, 4.5.3.1.4); a longer initial response is sent on its own line (RFC 4954, 4)."""


async def read_reply(stream: Stream, timeout: float) -> wire.Reply:
    """One reply of one or more lines. Raises Malformed besides network errors."""
    return await _reply_from(stream, await stream.read_line(timeout), timeout)


async def _reply_from(stream: Stream, first: bytes, timeout: float) -> wire.Reply:
    lines = [first]
    try:
        while not wire.last_line(lines[-1]):
            if len(lines) >= _MAX_LINES:
                raise Malformed(f"a reply of more than {_MAX_LINES} lines")
            lines.append(await stream.read_line(timeout))
        return wire.reply(lines)
    except wire.SmtpSyntaxError as error:
        raise Malformed(str(error)) from None


async def command(line: Line, text: str) -> wire.Reply:
    stream, timeout = line.opened, line.net.timeouts.reply
    await stream.write(text.encode() + b"\r\n", timeout)
    return await read_reply(stream, timeout)


async def greet(line: Line) -> Greeting:
    line.prelude = _prelude
    return await _greeting(line.opened, line.net.timeouts.reply)


async def _greeting(stream: Stream, timeout: float) -> Greeting:
    first = await stream.read_line(timeout)
    service = service_of(first)
    if service != "smtp":
        return Greeting(printable(first), service, welcome=False)
    answer = await _reply_from(stream, first, timeout)
    return Greeting(answer.text, "smtp", answer.code == _READY)


def _name(stream: Stream) -> str:
    """Who says EHLO: an address literal, as RFC 5321, 4.1.4 asks of a client without a name of its own."""
    address = stream.sock.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _hello(line: Line) -> wire.Reply:
    return await command(line, f"EHLO {_name(line.opened)}")


async def start_tls(line: Line) -> TlsFacts | StartTlsReply:
    """STARTTLS where EHLO offers it (RFC 3207), then the handshake. Bytes that come with its 220 are an attack."""
    hello = await _hello(line)
    if hello.code in _NO_EHLO or (hello.positive and "STARTTLS" not in wire.ehlo_words(hello)):
        return StartTlsReply(offered=False, accepted=False, text=hello.text)
    if not hello.positive:
        return StartTlsReply(offered=True, accepted=False, text=hello.text)
    answer = await command(line, "STARTTLS")
    if answer.code != _READY:
        return StartTlsReply(offered=True, accepted=False, text=answer.text)
    return await line.secure()


async def _prelude(stream: Stream, timeout: float) -> None:
    await _greeting(stream, timeout)
    for text in (f"EHLO {_name(stream)}", "STARTTLS"):
        await stream.write(text.encode() + b"\r\n", timeout)
        await read_reply(stream, timeout)


async def capabilities(line: Line) -> Capabilities:
    """EHLO; HELO where the server knows no EHLO, and then there is no AUTH either."""
    hello = await _hello(line)
    if hello.code in _NO_EHLO:
        answer = await command(line, f"HELO {_name(line.opened)}")
        line.memory["words"] = ()
        return Capabilities((), (), refusal="" if answer.positive else answer.text)
    words = wire.ehlo_words(hello) if hello.positive else ()
    line.memory["words"] = words
    return Capabilities(
        words, wire.mechanisms(words), "STARTTLS" in words, refusal="" if hello.positive else hello.text
    )


async def log_in(line: Line, account: str, secret: Secret) -> LoginReply:
    """One log-in with the strongest mechanism; another one only where the server does not take the first."""
    offered = wire.mechanisms(line.memory["words"])
    refused: list[str] = []
    text = ""
    while (mechanism := sasl.choose(offered, refused, secret)) is not None:
        answer, text = await _authenticate(line, mechanism, account, secret)
        if not _mechanism_refused(answer):
            fault = sasl.fault_in(line.memory)
            return LoginReply(answer.code == _ACCEPTED, mechanism, text, 1, offered, fault=fault)
        refused.append(mechanism)
    return LoginReply(False, refused[-1] if refused else "", text, 0, offered, refused_mechanism=True)


def _mechanism_refused(answer: wire.Reply) -> bool:
    """504, or the enhanced codes for it behind another code of a command's form (RFC 4954, 4; RFC 5248)."""
    return answer.code == _NOT_TAKEN or (answer.code in (500, 501, 502) and answer.enhanced in ("5.5.4", "5.7.4"))


async def _authenticate(line: Line, mechanism: str, account: str, secret: Secret) -> tuple[wire.Reply, str]:
    """AUTH with an initial response where it fits (RFC 4954, 4). The text holds the challenges that say something."""
    dialogue = sasl.exchange(mechanism, account, secret, line.opened)
    start = f"AUTH {mechanism}"
    first = dialogue.initial(_COMMAND_LIMIT - len(start) - 3)
    answer = await command(line, start if first is None else f"{start} {first.decode() or '='}")
    said: list[str] = []
    for _ in range(_MAX_CHALLENGES):
        if answer.code != _CONTINUE:
            break
        challenge = answer.lines[0]
        if sasl.says_why(challenge.encode()):
            said.append(answer.text)
        answer = await command(line, dialogue.respond(challenge.encode()).decode())
    line.memory["sasl fault"] = dialogue.fault
    return answer, "\n".join([*said, answer.text])


async def submission(line: Line, address: str) -> SubmissionFacts:
    """Whether the server would take mail from the account to itself: MAIL, RCPT, RSET, never DATA.

    Some hosts accept the log-in and refuse here. The three are sent together where PIPELINING allows it (RFC 2920).
    """
    stream, timeout = line.opened, line.net.timeouts.reply
    commands = (f"MAIL FROM:<{address}>", f"RCPT TO:<{address}>", "RSET")
    if "PIPELINING" in line.memory["words"]:
        await stream.write("".join(f"{text}\r\n" for text in commands).encode(), timeout)
        answers = [await read_reply(stream, timeout) for _ in commands]
    else:
        answers = await _one_by_one(line, commands)
    return _submission_facts(answers)


async def _one_by_one(line: Line, commands: Sequence[str]) -> list[wire.Reply]:
    answers = []
    for text in commands:
        answers.append(await command(line, text))
        if not answers[-1].positive:
            break
    return answers


def _submission_facts(answers: Sequence[wire.Reply]) -> SubmissionFacts:
    for name, answer in zip(("MAIL", "RCPT"), answers, strict=False):
        if not answer.positive:
            return SubmissionFacts(False, name, answer.text)
    return SubmissionFacts(True)
