"""IMAP, one function a step: greeting, STARTTLS, capabilities, log-in. Each returns facts and no verdict."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from bot.checks import sasl
from bot.checks.imap import wire
from bot.checks.link.faults import Malformed
from bot.checks.link.line import Line
from bot.checks.link.protocols import service_of
from bot.checks.link.stream import Stream, VerifiedStream, printable
from bot.core.cloud_mail import Token
from bot.core.model import Capabilities, Greeting, LoginReply, StartTlsReply, TlsFacts
from bot.core.secret import Secret

MAX_LITERAL = 1024 * 1024
_MAX_REPLIES = 200
_COMMAND = "LOGIN command"
_ROOM = 4096
"""Octets of an initial response that goes with its command; servers take lines of 8192 (RFC 7162, 4)."""


async def read_reply(stream: Stream, tag: str, timeout: float) -> wire.Reply:
    """One reply with its literals. Raises Malformed besides network errors."""
    data = await stream.read_line(timeout)
    while (size := wire.literal_size(data)) is not None:
        if size > MAX_LITERAL or len(data) > MAX_LITERAL:
            raise Malformed("a literal of more than a megabyte")
        data += await stream.read_exactly(size, timeout)
        data += await stream.read_line(timeout)
    try:
        return wire.parse(data, tag)
    except wire.ImapSyntaxError as error:
        raise Malformed(str(error)) from None


async def replies(stream: Stream, tag: str, timeout: float) -> AsyncIterator[wire.Reply]:
    """The replies to a command up to its tagged one."""
    for _ in range(_MAX_REPLIES):
        reply = await read_reply(stream, tag, timeout)
        yield reply
        if isinstance(reply, wire.Tagged):
            return
    raise Malformed("too many replies")


async def command(line: Line, tag: str, text: str) -> tuple[wire.Tagged, list[wire.Untagged]]:
    """Send a command and collect its replies; a continuation request is not expected."""
    stream, timeout = line.opened, line.net.timeouts.reply
    await stream.write(f"{tag} {text}\r\n".encode(), timeout)
    return await _collect(stream, tag, timeout)


async def _collect(stream: Stream, tag: str, timeout: float) -> tuple[wire.Tagged, list[wire.Untagged]]:
    untagged: list[wire.Untagged] = []
    async for reply in replies(stream, tag, timeout):
        if isinstance(reply, wire.Tagged):
            return reply, untagged
        if isinstance(reply, wire.Untagged):
            untagged.append(reply)
    raise Malformed("no tagged reply")


async def greet(line: Line) -> Greeting:
    greeting = await _greeting(line.opened, line.net.timeouts.reply)
    line.memory |= {"capabilities": greeting.capabilities, "preauth": greeting.preauth}
    line.prelude = _prelude
    return greeting


async def _greeting(stream: Stream, timeout: float) -> Greeting:
    first = await stream.read_line(timeout)
    service = service_of(first)
    text = printable(first)
    if service != "imap":
        return Greeting(text, service, welcome=False)
    reply = wire.parse(first, "")
    assert isinstance(reply, wire.Untagged)
    known = "imap" if reply.status is not None else None
    welcome = reply.status in ("OK", "PREAUTH")
    return Greeting(text, known, welcome, wire.capability_words(reply), reply.status == "PREAUTH")


async def start_tls(line: Line) -> TlsFacts | StartTlsReply:
    """STARTTLS where it is offered (RFC 9051, 6.2.1), then the handshake. Bytes that come with its OK are an attack."""
    offered = await _offer(line)
    if "STARTTLS" not in offered:
        return StartTlsReply(offered=False, accepted=False, text=" ".join(offered))
    reply, _ = await command(line, "a2", "STARTTLS")
    if reply.status != "OK":
        return StartTlsReply(offered=True, accepted=False, text=reply.line)
    line.memory["capabilities"] = None  # what was said in plain text does not count any more
    return await line.secure()


async def _offer(line: Line) -> tuple[str, ...]:
    known: tuple[str, ...] | None = line.memory.get("capabilities")
    return known if known is not None else (await _ask_capabilities(line))[0]


async def _prelude(stream: Stream, timeout: float) -> None:
    await _greeting(stream, timeout)
    await stream.write(b"a1 STARTTLS\r\n", timeout)
    await _collect(stream, "a1", timeout)


async def _ask_capabilities(line: Line) -> tuple[tuple[str, ...], str]:
    tagged, untagged = await command(line, "a1", "CAPABILITY")
    every: list[wire.Tagged | wire.Untagged] = [*untagged, tagged]
    words = next((found for reply in every if (found := wire.capability_words(reply)) is not None), ())
    bye = next((reply.line for reply in untagged if reply.status == "BYE"), "")
    return words, "" if tagged.status == "OK" and words else bye or tagged.line


async def capabilities(line: Line) -> Capabilities:
    """From the greeting where it told them, otherwise by asking."""
    known: tuple[str, ...] | None = line.memory.get("capabilities")
    words, refusal = (known, "") if known else await _ask_capabilities(line)
    line.memory["capabilities"] = words
    return Capabilities(
        words,
        tuple(word.removeprefix("AUTH=") for word in words if word.startswith("AUTH=")),
        starttls="STARTTLS" in words,
        login_disabled="LOGINDISABLED" in words,
        refusal=refusal,
    )


async def log_in(line: Line, account: str, secret: Secret) -> LoginReply:
    """One log-in with the strongest mechanism; another one only where the server does not take the first."""
    words: tuple[str, ...] = line.memory["capabilities"]
    if line.memory["preauth"]:  # logged in by address or certificate: LOGIN is no command then (RFC 9051, 7.1.4)
        return LoginReply(True, "PREAUTH", "", 0)
    offered = tuple(word.removeprefix("AUTH=") for word in words if word.startswith("AUTH="))
    refused: list[str] = []
    said = ""
    while True:
        mechanism = sasl.choose(offered, refused, secret)
        if mechanism is not None:
            reply, text = await _authenticate(line, mechanism, account, secret)
        elif "LOGINDISABLED" not in words and not isinstance(secret, Token):
            mechanism = _COMMAND
            reply, text = await _login_command(line, account, secret)
        else:
            return LoginReply(False, refused[-1] if refused else "", said, 0, offered, refused_mechanism=True)
        unsupported = _mechanism_refused(reply)
        if not unsupported or mechanism == _COMMAND:
            _remember(line, reply)
            return LoginReply(
                reply.status == "OK", mechanism, text, 1, offered, unsupported, sasl.fault_in(line.memory)
            )
        refused.append(mechanism)
        said = text


def _mechanism_refused(reply: wire.Tagged) -> bool:
    """Whether the server speaks of the mechanism, or knows no AUTHENTICATE, and says nothing of the credentials."""
    if reply.status == "OK":
        return False
    return sasl.speaks_of_mechanism(reply.text) or (reply.status == "BAD" and sasl.speaks_of_command(reply.text))


def _remember(line: Line, reply: wire.Tagged) -> None:
    line.memory["capabilities"] = wire.capability_words(reply) or line.memory["capabilities"]


async def _authenticate(line: Line, mechanism: str, account: str, secret: Secret) -> tuple[wire.Tagged, str]:
    """AUTHENTICATE (RFC 9051, 6.2.2), with the initial response where SASL-IR is offered (RFC 4959)."""
    stream, timeout = line.opened, line.net.timeouts.reply
    tag, dialogue = _next_tag(line), sasl.exchange(mechanism, account, secret, stream)
    first = dialogue.initial(_ROOM if "SASL-IR" in line.memory["capabilities"] else 0)
    start = f"{tag} AUTHENTICATE {mechanism}".encode()
    await stream.write(start + (b" " + (first or b"=") if first is not None else b"") + b"\r\n", timeout)

    async def answer(request: wire.Continuation) -> None:
        await stream.write(dialogue.respond(request.coded) + b"\r\n", timeout)

    try:
        return await _outcome(stream, tag, timeout, answer)
    finally:
        line.memory["sasl fault"] = dialogue.fault


async def _outcome(
    stream: Stream, tag: str, timeout: float, answer: Callable[[wire.Continuation], Awaitable[None]]
) -> tuple[wire.Tagged, str]:
    """The tagged reply to a log-in, with what was said before; the last words of a server that hangs up are a NO."""
    said: list[str] = []
    try:
        async for reply in replies(stream, tag, timeout):
            match reply:
                case wire.Tagged():
                    return reply, "\n".join([*said, reply.line])
                case wire.Untagged(status="BYE" | "NO" | "BAD"):
                    said.append(reply.line)
                case wire.Continuation(coded=coded):
                    said += [f"+ {printable(coded)}"] if sasl.says_why(coded) else []
                    await answer(reply)
    except (ConnectionError, TimeoutError, ssl.SSLError):
        if not said:
            raise
    text = "\n".join(said)
    return wire.Tagged(tag, "NO", None, "", text, text), text


async def _login_command(line: Line, account: str, secret: Secret) -> tuple[wire.Tagged, str]:
    """LOGIN (RFC 9051, 6.2.3) with quoted strings where they can hold the words, literals otherwise."""
    stream, timeout = line.opened, line.net.timeouts.reply
    tag = _next_tag(line)
    assert isinstance(stream, VerifiedStream)
    words: tuple[str, ...] = line.memory["capabilities"]
    chunks = [f"{tag} LOGIN".encode()]
    for value in sasl.plain_words(account, secret, stream):
        quoted = wire.quote(value)
        if quoted is not None:
            chunks[-1] += b" " + quoted
        else:
            data = value.encode()
            at_once = "LITERAL+" in words or ("LITERAL-" in words and len(data) <= 4096)  # noqa: PLR2004 - RFC 7888
            chunks[-1] += b" {%d%s}\r\n" % (len(data), b"+" if at_once else b"")
            chunks += [data] if not at_once else []
            chunks[-1] += data if at_once else b""
    chunks[-1] += b"\r\n"
    await stream.write(chunks.pop(0), timeout)

    async def go_on(_request: wire.Continuation) -> None:
        if chunks:
            await stream.write(chunks.pop(0), timeout)

    return await _outcome(stream, tag, timeout, go_on)


def _next_tag(line: Line) -> str:
    line.memory["tags"] = line.memory.get("tags", 2) + 1
    return f"a{line.memory['tags']}"
