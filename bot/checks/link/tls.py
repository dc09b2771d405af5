"""TLS: one strict handshake, and only when it fails a second one without demands that gathers the evidence.

The verdict is OpenSSL's: its code and words, with the host name checked, on the system's trust store.
"""

import asyncio
import functools
import os
import socket
import ssl
import time
from dataclasses import dataclass, replace

from bot.checks.link.faults import fault_of
from bot.checks.link.stream import EndOfStream, VerifiedStream, printable
from bot.core.model import Fault, TlsFacts

_CIPHERS = "DEFAULT:@SECLEVEL=2"
"""What `openssl s_client` offers on Debian and Ubuntu; Python's own list is narrower."""
_ANY = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class TrustStore:
    """The trust anchors: the system's, and further ones from a PEM file."""

    ca_file: str | None = None


@functools.cache
def strict_context(trust: TrustStore) -> ssl.SSLContext:
    """Verify the chain and the host name, as `s_client -verify_return_error -verify_hostname` does.

    One a process and trust store: loading the anchors costs as much as several handshakes.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # OpenSSL's own default also takes `mail*.example.com`; Python forbids it. The verdict shall be OpenSSL's.
    context._host_flags = 0  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public setter
    _load_system_anchors(context)
    if trust.ca_file:
        context.load_verify_locations(trust.ca_file)
    return context


def _load_system_anchors(context: ssl.SSLContext) -> None:
    """The system's anchors; Mozilla's from certifi where the system has none."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile and os.path.exists(paths.cafile):  # noqa: PTH110 - cheap start
        context.load_verify_locations(paths.cafile)
    elif os.path.exists("/etc/ssl/certs/ca-certificates.crt"):  # noqa: PTH110
        context.load_verify_locations("/etc/ssl/certs/ca-certificates.crt")
    else:
        import certifi  # noqa: PLC0415 - needed only there

        context.load_verify_locations(certifi.where())


@functools.cache
def tolerant_context() -> ssl.SSLContext:
    """Takes any certificate, version and cipher. Evidence only: no secret goes over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(_ANY)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    return context


class _Handshake:
    """One handshake over a socket, driven by hand so that the first bytes of the peer are seen."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.sock = sock
        self.first = b""

    async def run(self, timeout: float) -> None:
        """Raises OSError, TimeoutError, EndOfStream, ssl.SSLError."""
        async with asyncio.timeout(timeout):
            loop = asyncio.get_running_loop()
            while True:
                try:
                    self.tls.do_handshake()
                except ssl.SSLWantReadError:
                    await self._flush()
                except ssl.SSLError:
                    await self._flush()
                    raise
                else:
                    await self._flush()
                    return
                data = await loop.sock_recv(self.sock, _CHUNK)
                if not data:
                    raise EndOfStream(printable(self.first))
                if len(self.first) < _CHUNK:
                    self.first += data
                self.incoming.write(data)

    async def _flush(self) -> None:
        if self.outgoing.pending:
            await asyncio.get_running_loop().sock_sendall(self.sock, self.outgoing.read())


async def handshake(
    sock: socket.socket, host: str, trust: TrustStore, timeout: float
) -> tuple[TlsFacts, VerifiedStream | None]:
    """The strict handshake: its facts, and the stream where it succeeded (the socket is closed otherwise)."""
    shake = _Handshake(sock, strict_context(trust), host)
    now = time.time()
    try:
        await shake.run(timeout)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        return TlsFacts(now, error.verify_code, error.verify_message), None
    except (OSError, TimeoutError) as error:
        sock.close()
        return TlsFacts(now, None, fault=_handshake_fault(error, shake.first)), None
    facts = _agreed(shake.tls, TlsFacts(now, 0, "ok"))
    return facts, VerifiedStream(sock, shake.tls, shake.incoming, shake.outgoing)


def _agreed(tls: ssl.SSLObject, facts: TlsFacts) -> TlsFacts:
    from bot.checks.link.certificates import read_chain  # noqa: PLC0415 - cryptography can be loaded during a wait

    cipher = tls.cipher()
    return replace(facts, version=tls.version(), cipher=cipher[0] if cipher else None, chain=read_chain(_sent(tls)))


def _sent(tls: ssl.SSLObject) -> list[bytes]:
    """The certificates as the peer sent them, in DER (public from Python 3.13, one level deeper before)."""
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain() or ())
    return [c.public_bytes(2) for c in tls._sslobj.get_unverified_chain() or ()]  # type: ignore[attr-defined]  # noqa: SLF001


def _handshake_fault(error: Exception, first: bytes) -> Fault:
    fault = fault_of(error, "handshake")
    if first and not _is_tls(first):
        return not_tls(first, "plain text" if _is_text(first) else "neither TLS nor text")
    after = "server hello" if first else "handshake"
    if _asks_for_certificate(first):
        after = "certificate request"
    return replace(fault, after=after, heard="")


def not_tls(data: bytes, detail: str) -> Fault:
    """Bytes that came where TLS should begin; they are kept where they can be read."""
    return Fault("malformed", "handshake", detail, printable(data) if _is_text(data) else "")


def _asks_for_certificate(data: bytes) -> bool:
    """Whether a flight up to TLS 1.2, which is in plain text, holds a CertificateRequest (RFC 5246, 7.4.4)."""
    messages, at = bytearray(), 0
    while at + 5 <= len(data) and data[at] == 22:  # noqa: PLR2004 - handshake records
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        messages += data[at + 5 : at + 5 + length]
        at += 5 + length
    at = 0
    while at + 4 <= len(messages):
        if messages[at] == 13:  # noqa: PLR2004 - certificate_request
            return True
        at += 4 + int.from_bytes(messages[at + 1 : at + 4], "big")
    return False


def _is_tls(first: bytes) -> bool:
    """Whether the bytes begin like a TLS record (RFC 8446, 5.1): alert, handshake, change_cipher_spec; 3.x."""
    return first[0] in (20, 21, 22) and (len(first) < 2 or first[1] == 3)  # noqa: PLR2004


def _is_text(data: bytes) -> bool:
    """Whether the bytes are words: no control characters, and mostly ASCII."""
    control = any(byte < 32 and byte not in (9, 10, 13) for byte in data)  # noqa: PLR2004 - tab and line ends are text
    return not control and sum(byte < 127 for byte in data) >= len(data) * 0.9  # noqa: PLR2004 - ASCII


async def look(sock: socket.socket, host: str, timeout: float) -> tuple[str | None, str | None, list[bytes]]:
    """A handshake without demands: version, cipher and the chain as sent. Sends nothing else."""
    shake = _Handshake(sock, tolerant_context(), host)
    try:
        await shake.run(timeout)
    except (OSError, TimeoutError):
        return None, None, []
    cipher = shake.tls.cipher()
    return shake.tls.version(), cipher[0] if cipher else None, _sent(shake.tls)


@functools.cache
def anchors(trust: TrustStore) -> tuple[bytes, ...]:
    return tuple(strict_context(trust).get_ca_certs(binary_form=True))
