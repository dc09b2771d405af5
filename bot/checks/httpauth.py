"""The second and last place that unwraps a Secret: HTTP authentication by Basic and NTLM.

Like `bot.checks.sasl`, every function demands a `VerifiedStream`, which a strict TLS handshake alone can make. A secret
can be guessed at from an NTLM answer, so that is treated as the secret is: nothing here logs or keeps it.
"""

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Any

from bot.checks.link.stream import Stream, VerifiedStream
from bot.core.secret import Secret

_REQUEST = rb"(?:GET|POST) [!-~]+ HTTP/1\.1(?=\r\n)"
"""The only part of a request with credentials that a transcript shows."""


class HttpAuthError(Exception):
    """The server's part of the exchange is wrong: a challenge that cannot be answered."""


@dataclass(frozen=True, slots=True)
class Login:
    r"""Who logs in, as the server knows the name (DOMAIN\user, or a user principal name), and the secret."""

    name: str
    secret: Secret


def basic(login: Login, stream: Stream) -> str:
    """The Authorization value of Basic, in UTF-8 (RFC 7617). Raises TypeError for a stream that was not verified."""
    _demand_verified(stream)
    return "Basic " + base64.b64encode(f"{login.name}:{login.secret.unwrap()}".encode()).decode()


class Ntlm:
    """One NTLM log-in (MS-NTHT), bound to its TLS channel, as servers with Extended Protection demand (RFC 5929).

    `scheme` is NTLM or Negotiate: Windows takes the bare NTLM message under either name.
    """

    def __init__(self, scheme: str, login: Login, stream: Stream, host: str) -> None:
        import spnego  # noqa: PLC0415 - slow to import, and only some servers need it

        verified = _demand_verified(stream)
        self._scheme, self._stream = scheme, verified
        self._client: Any = spnego.client(
            login.name,
            login.secret.unwrap(),
            hostname=host,
            service="HTTP",
            channel_bindings=_bindings(verified),
            protocol="ntlm",
            options=spnego.NegotiateOptions.use_ntlm,
        )

    def begin(self) -> str:
        """The Authorization value that begins. It holds neither the name nor anything of the secret."""
        return self._value(self._client.step())

    def answer(self, challenge: bytes) -> str:
        """The Authorization value for the server's challenge. Raises HttpAuthError."""
        import spnego.exceptions  # noqa: PLC0415 - as above

        _demand_verified(self._stream)
        try:
            # An acceptor that wraps its answer in SPNEGO still means this message.
            return self._value(self._client.step(challenge[max(0, challenge.find(b"NTLMSSP\0")) :]))
        except (spnego.exceptions.SpnegoError, ValueError, LookupError, ArithmeticError, struct.error) as error:
            raise HttpAuthError(f"the NTLM challenge cannot be read ({type(error).__name__})") from None

    def _value(self, token: bytes | None) -> str:
        return f"{self._scheme} {base64.b64encode(token or b'').decode()}"

    def __repr__(self) -> str:
        return "Ntlm(***)"


def _bindings(stream: VerifiedStream) -> Any:
    """The TLS channel's binding: a digest of the server's certificate (RFC 5929, 4.1), None where it has none."""
    from spnego.channel_bindings import GssChannelBindings  # noqa: PLC0415 - as above

    from bot.checks.link import certificates  # noqa: PLC0415 - as above

    der = stream.tls.getpeercert(binary_form=True)
    certificate = certificates.load(der) if der else None
    if der is None or certificate is None or certificate.signature_hash_algorithm is None:
        return None
    name = certificate.signature_hash_algorithm.name
    digest = hashlib.new("sha256" if name in ("md5", "sha1") else name, der).digest()
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest)


def _demand_verified(stream: Stream) -> VerifiedStream:
    """See that the secret goes to nobody else, and that no transcript keeps what is sent from now on."""
    if not isinstance(stream, VerifiedStream):
        raise TypeError("no secret goes over a stream that was not verified")
    stream.hide(_REQUEST)
    return stream
