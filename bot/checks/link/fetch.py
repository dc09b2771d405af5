"""HTTP GET through the network guard: for autoconfig files, issuers' certificates and so on. Bounded in every way."""

import asyncio
import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

import h11
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from bot.checks.link import certificates
from bot.checks.link.faults import NETWORK_ERRORS, Malformed
from bot.checks.link.line import Line, Net
from bot.checks.link.stream import Stream
from bot.core.model import ConnectFacts, Endpoint, Fault, TlsFacts

MAX_BODY = 512 * 1024
_MOST_PIECES = 8192
"""Parts of one answer: chunks, reads, and answers that only announce others. A server could send them without end."""
_REDIRECTS = 4
_HOPS = 4
_OK = 200
_REDIRECT = frozenset({301, 302, 303, 307, 308})
_USER_AGENT = "migcheck"


@dataclass(frozen=True, slots=True)
class Page:
    url: str
    status: int
    body: bytes
    local: str = ""
    """This side's address."""
    location: str = ""
    """Where a redirect leads."""


async def fetch(net: Net, url: str, timeout: float) -> Page | None:
    """The page at a URL after at most a few redirects, None where there is none, for whatever reason.

    Every host on the way is resolved, judged by the policy and connected to at the judged address.
    """
    with contextlib.suppress(*NETWORK_ERRORS, Malformed, h11.ProtocolError, ValueError):
        async with asyncio.timeout(timeout):
            for _ in range(_REDIRECTS + 1):
                page, location = await _get(net, url)
                if location is None:
                    return page if page.status == _OK else None
                url = urljoin(url, location)
    return None


async def ask(net: Net, url: str, form: bytes | None = None, headers: Sequence[tuple[str, str]] = ()) -> Page:
    """The answer at an address of the operator's, whatever its status; redirects are not followed, any port will do.

    GET, or POST with the fields of a form. Raises network errors and Malformed.
    """
    try:
        page, _ = await _get(net, url, form, headers, any_port=True)
    except h11.ProtocolError as error:
        raise Malformed(f"no HTTP: {error}") from None
    return page


async def _get(
    net: Net,
    url: str,
    form: bytes | None = None,
    headers: Sequence[tuple[str, str]] = (),
    *,
    any_port: bool = False,
) -> tuple[Page, str | None]:
    parts = urlsplit(url)
    host, secure = parts.hostname, parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    allowed = any_port or _port_allowed(net, port)
    if not host or parts.scheme not in ("http", "https") or parts.username is not None or not allowed:
        raise Malformed("not a URL that is fetched")
    # What is posted, or sent with headers of its own, may hold codes and its answer tokens: no transcript keeps it.
    line = Line(net, Endpoint(host.lower(), port, "tls"), "web" if form is None and not headers else "")
    try:
        stream, local = await _open(line, secure=secure)
        client = h11.Connection(h11.CLIENT)
        await stream.write(_written(client, url, form, headers), net.timeouts.reply)
        page, location = await _answer(client, stream, url, net.timeouts.reply)
        return replace(page, local=local, location=location or ""), location
    finally:
        line.close()


def _port_allowed(net: Net, port: int) -> bool:
    return port in (80, 443) or net.policy.any_port


async def _open(line: Line, *, secure: bool) -> tuple[Stream, str]:
    """The stream to talk over, and this side's address. Malformed says what there is none for."""
    line.any_port = True
    found = await line.resolve()
    if not found.public:
        why = "private address" if found.private else found.outcome
        raise Malformed(f"no address: {why}")
    connected = await line.connect()
    if not isinstance(connected, ConnectFacts) or line.stream is None:
        raise Malformed(f"no connection: {_why(connected)}")
    if secure:
        facts = await line.handshake_only()
        if line.stream is None:
            raise Malformed(f"no TLS: {facts.verify_text if facts.verify_code else _why(facts)}")
    return line.stream, connected.local or ""


def _why(facts: ConnectFacts | TlsFacts | Fault) -> str:
    """What ended a connection, in a word or two."""
    match facts:
        case ConnectFacts(attempts=attempts):
            return next((f"{tried.address} {tried.fault.kind}" for tried in attempts if tried.fault), "no answer")
        case TlsFacts(fault=fault):
            return f"{fault.kind} {fault.detail}".strip() if fault else "no handshake"
        case Fault(kind=kind, detail=detail):
            return f"{kind} {detail}".strip()


def _written(client: h11.Connection, url: str, form: bytes | None, headers: Sequence[tuple[str, str]]) -> bytes:
    """The request as bytes; HTTP/1.1, one for a connection."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    always = [
        ("Host", parts.netloc),
        ("User-Agent", _USER_AGENT),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *headers,
    ]
    if form is not None:
        always += [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(form)))]
    method = "GET" if form is None else "POST"
    data = client.send(h11.Request(method=method, target=target, headers=always)) or b""
    if form:
        data += client.send(h11.Data(data=form)) or b""
    return data + (client.send(h11.EndOfMessage()) or b"")


async def _answer(client: h11.Connection, stream: Stream, url: str, timeout: float) -> tuple[Page, str | None]:
    status, location, body = 0, None, bytearray()
    for _ in range(_MOST_PIECES):
        match event := client.next_event():
            case h11.Response():
                status = event.status_code
                named = dict(event.headers)
                if status in _REDIRECT:
                    location = named.get(b"location", b"").decode("latin-1")
            case h11.Data():
                body += event.data
                if len(body) > MAX_BODY:
                    raise Malformed("too large")
            case h11.EndOfMessage() | h11.ConnectionClosed():
                return Page(url, status, bytes(body)), location
            case h11.PAUSED:
                return Page(url, status, bytes(body)), location
            case h11.NEED_DATA:
                async with asyncio.timeout(timeout):
                    client.receive_data(await stream.receive())
    raise Malformed("in too many pieces")


async def fetch_issuers(net: Net, sent: Sequence[bytes]) -> list[bytes]:
    """Certificates between the top of what was sent and a root, as far as addresses lead (RFC 5280, 4.2.2.1)."""
    known, added = list(sent), []
    for _ in range(_HOPS):
        top = certificates.top_of(known)
        if top is None or top.issuer == top.subject:
            break
        found = await _first_issuer(net, certificates.issuer_urls(top))
        fresh = [der for der in found if der not in known]
        if not fresh:
            break
        known += fresh
        added += fresh
    return added


async def _first_issuer(net: Net, urls: Sequence[str]) -> list[bytes]:
    for url in urls[:2]:
        page = await fetch(net, url, net.timeouts.connect)
        if page is not None and (found := _certificates(page.body)):
            return found
    return []


def _certificates(body: bytes) -> list[bytes]:
    """One certificate in DER or PEM, or those of a PKCS #7 bundle."""
    if certificates.load(body) is not None:
        return [body]
    for read in (x509.load_pem_x509_certificates, pkcs7.load_der_pkcs7_certificates):
        with contextlib.suppress(ValueError, UnsupportedAlgorithm), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [certificate.public_bytes(Encoding.DER) for certificate in read(body)]
    return []
