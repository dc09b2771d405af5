"""HTTP/1.1 by h11 over one line that is kept alive, since NTLM authenticates the connection."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import h11

from bot.checks.ews.wire import Answer
from bot.checks.link.faults import Malformed
from bot.checks.link.line import Line, Net
from bot.checks.link.stream import EndOfStream, Stream, VerifiedStream, printable
from bot.core.model import ConnectFacts, DnsFacts, Endpoint, Fault, TlsFacts

MAX_BODY = 256 * 1024
_MOST_PIECES = 8192
"""Parts of one answer: chunks, reads, and answers that only announce others. A server could send them without end."""
USER_AGENT = "migcheck"
_LOOK = 0.005
"""Seconds for which a kept connection is looked at."""
_AS_LONG_AS_ALLOWED = 3600.0
"""Seconds; the limit for the whole answer, which stands around, is shorter."""
Broken = DnsFacts | ConnectFacts | TlsFacts | Fault


class Talk:
    """Requests and answers over one line, one after another; the line is opened again where the server closed it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._http: h11.Connection | None = h11.Connection(h11.CLIENT)

    @property
    def kept(self) -> bool:
        """Whether the connection of the last answer is still there."""
        return self._http is not None and self.line.stream is not None

    @property
    def stream(self) -> Stream:
        assert self.line.stream is not None
        return self.line.stream

    async def ready(self) -> None:
        """See that there is a connection to ask over, so that a secret is not sent into one that has ended meanwhile.

        Raises network errors.
        """
        if not await self.alive():
            await self.reopen()

    async def alive(self) -> bool:
        """Whether the last answer's connection is still there: looked at for a moment, as some end it silently."""
        if not self.kept:
            return False
        stream = self.stream
        if stream.filling is None:  # the next read takes its outcome
            stream.filling = asyncio.create_task(stream.fill(self.line.net.timeouts.reply))
        done, _ = await asyncio.wait([stream.filling], timeout=_LOOK)
        for reading in done:
            reading.exception()
        return not done  # an end, or words that nobody asked for

    async def reopen(self) -> None:
        """Another connection to the same server, verified as the first was. Raises ConnectionResetError."""
        fresh = _again(self.line)
        broken = await open_line(fresh)
        if broken is not None:
            fresh.close()
            raise ConnectionResetError("the server closed the connection and takes no new one")
        if self.line.stream is not None:
            self.line.stream.close()
        self.line.stream = fresh.stream
        self._http = h11.Connection(h11.CLIENT)

    async def ask(
        self, url: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", method: str = "POST"
    ) -> Answer:
        """One request and its answer, within the time limit for replies. Raises network errors and Malformed."""
        if not self.kept:
            await self.reopen()
        http = self._http
        assert http is not None
        self._http = None  # until the answer is read to its end
        try:
            async with asyncio.timeout(self.line.net.timeouts.reply):
                await self.stream.send(_request(http, url, headers, body, method))
                answer = await _answer(http, self.stream, url)
        except h11.RemoteProtocolError as error:
            raise Malformed(f"no HTTP: {error}") from None
        except h11.LocalProtocolError as error:
            raise Malformed(f"not an address that can be asked: {error}") from None
        if http.our_state is h11.DONE and http.their_state is h11.DONE:
            http.start_next_cycle()
            self._http = http
        return answer


def _again(line: Line) -> Line:
    fresh = Line(line.net, line.endpoint, line.service)
    fresh.any_port = line.any_port
    return fresh


def _request(http: h11.Connection, url: str, headers: Sequence[tuple[str, str]], body: bytes, method: str) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    always = [
        ("Host", parts.netloc),
        ("User-Agent", USER_AGENT),
        ("Accept", "text/xml, */*"),
        ("Accept-Encoding", "identity"),
        ("Content-Type", "text/xml; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    if method == "GET":
        always = always[:4]
    data = http.send(h11.Request(method=method, target=target, headers=[*always, *headers])) or b""
    if body:
        data += http.send(h11.Data(data=body)) or b""
    return data + (http.send(h11.EndOfMessage()) or b"")


async def _answer(http: h11.Connection, stream: Stream, url: str) -> Answer:
    status, headers, body, heard = 0, [], bytearray(), False
    for _ in range(_MOST_PIECES):
        match event := http.next_event():
            case h11.Response():
                status = event.status_code
                headers = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in event.headers]
            case h11.Data():
                body += event.data
                if len(body) > MAX_BODY:  # what came says enough; the rest is not read, so the connection is spent
                    return Answer(url, status, tuple(headers), bytes(body[:MAX_BODY]))
            case h11.EndOfMessage() | h11.PAUSED:
                return Answer(url, status, tuple(headers), bytes(body))
            case h11.ConnectionClosed():
                raise EndOfStream("")
            case h11.NEED_DATA:
                heard = await _feed(http, stream, heard=heard)
    raise Malformed("no HTTP: in too many pieces")


async def _feed(http: h11.Connection, stream: Stream, *, heard: bool) -> bool:
    """Give h11 what comes next. An end before any byte is the server's hanging up, which h11 has no name for."""
    try:
        await stream.fill(_AS_LONG_AS_ALLOWED)
    except EndOfStream:
        if not heard:
            raise
        http.receive_data(b"")
        return heard
    data = bytes(stream.buffer)
    stream.buffer.clear()
    if not heard and not b"HTTP/".startswith(data[:5]) and not data.startswith(b"HTTP/"):
        raise Malformed(f"no HTTP: {printable(data, 200)}")
    http.receive_data(data)
    return True


async def open_line(line: Line) -> Broken | None:
    """Resolve, connect and shake hands strictly; the facts of what failed, None where all is well."""
    found = await line.resolve()
    if not found.public:
        return found
    connected = await line.connect()
    if not isinstance(connected, ConnectFacts) or connected.address is None:
        return connected
    if line.endpoint.security != "tls":
        return None
    secured = await line.secure()
    return None if isinstance(line.stream, VerifiedStream) else secured


def line_to(net: Net, url: str, *, any_port: bool = False) -> Line:
    """A line to where a URL points; https only. Raises Malformed for an address that is not gone to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        raise Malformed("not a URL") from None
    if parts.scheme != "https" or not host or parts.username is not None:
        raise Malformed("not an https URL")
    line = Line(net, Endpoint(host.lower(), port, "tls", url), "ews")
    line.any_port = any_port
    return line
