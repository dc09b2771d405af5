"""Whether people reach the pages where `web.public_url` says, and for how long the certificate there is good."""

import asyncio
import http.client
import ssl
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from bot.checks.link.tls import TrustStore, strict_context
from bot.health.outcome import Outcome
from bot.settings import Settings

_PATIENCE = 5.0
_SOON = 14
"""Days; by then a certificate that renews itself has been renewed."""
_WHAT = "public address"


async def check_public_answer(settings: Settings) -> list[Outcome]:
    """Ask /healthz under the public address. Seen from this machine, which a firewall may treat otherwise."""
    parts = urlsplit(settings.web.public_url or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return []
    try:
        status, days = await asyncio.to_thread(_ask, parts, settings.network.ca_file)
    except ssl.SSLCertVerificationError as error:
        todo = "renew or complete it: browsers and chat platforms refuse it"
        return [Outcome("fail", _WHAT, f"its certificate is refused: {error.verify_message}", todo)]
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", "") or type(error).__name__
        todo = "start the bot, then look at the name's DNS, the balancer and the firewall"
        return [Outcome("warn", _WHAT, f"{parts.netloc} does not answer from here: {reason}", todo)]
    if status != http.client.OK:
        todo = "let the balancer pass requests on to web.listen, with their Host header"
        return [Outcome("fail", _WHAT, f"{parts.netloc} answers /healthz with {status}", todo)]
    if days is not None and days < _SOON:
        return [Outcome("warn", _WHAT, f"its certificate ends in {days} days", "look why it was not renewed")]
    good = "" if days is None else f", certificate good for {days} days"
    return [Outcome("pass", _WHAT, f"{parts.netloc} answers{good}")]


def _ask(parts: SplitResult, ca_file: Path | None) -> tuple[int, int | None]:
    """The status of /healthz, and the days that the certificate has left. Raises OSError, HTTPException, ValueError."""
    connection = _connection(parts, ca_file)
    try:
        connection.connect()
        days = _days_left(connection.sock)
        connection.request("GET", "/healthz", headers={"User-Agent": "migcheck"})
        return connection.getresponse().status, days
    finally:
        connection.close()


def _connection(parts: SplitResult, ca_file: Path | None) -> http.client.HTTPConnection:
    if parts.scheme != "https":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    trust = strict_context(TrustStore(str(ca_file) if ca_file else None))
    return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_PATIENCE, context=trust)


def _days_left(sock: object) -> int | None:
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    if not certificate:
        return None
    return int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // 86400)
