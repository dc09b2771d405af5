"""What is around the bot: name servers, trust anchors, the autoconfig database, the clock, fonts."""

import asyncio
import email.utils
import http.client
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cryptography import x509

from bot.checks.link.dns import Nameserver, Resolver, nameservers
from bot.checks.link.tls import TrustStore, strict_context
from bot.core.model import Answer
from bot.fonts import FOLDERS, PACKAGE, fonts_for
from bot.health.outcome import Mark, Outcome
from bot.settings import Settings

_QUESTION = ("example.com", "MX")
"""A name that every public resolver knows (RFC 2606) and the kind of record that a check asks for first."""
_PATIENCE = 5.0
_CLOCK_OFF = 30.0
_CLOCK_WRONG = 240.0
"""Slack's signatures are refused when they are five minutes old."""


async def check_nameservers(settings: Settings) -> list[Outcome]:
    """Each name server is asked on its own: a dead one among several makes every check slower."""
    servers = nameservers(settings.network.nameservers)
    answers = await asyncio.gather(*(_ask(server) for server in servers))
    dead = sum(answer.outcome in ("failed", "bogus") for answer, _ in answers)
    return [
        _nameserver(server, answer, took, others_answer=dead < len(servers))
        for server, (answer, took) in zip(servers, answers, strict=True)
    ]


async def _ask(server: Nameserver) -> tuple[Answer, float]:
    resolver, begun = Resolver([server], _PATIENCE), time.perf_counter()
    try:
        answer = await resolver.ask(*_QUESTION)
    finally:
        resolver.close()
    return answer, (time.perf_counter() - begun) * 1000


def _nameserver(server: Nameserver, answer: Answer, took: float, *, others_answer: bool) -> Outcome:
    what, name = f"name server {server[0]}:{server[1]}", _QUESTION[0]
    match answer.outcome:
        case "ok" | "nodata":
            return Outcome("pass", what, f"answers within {took:.0f} ms")
        case "nxdomain":
            todo = "it seems to know internal names only; name one that asks the Internet in network.nameservers"
            return Outcome("warn", what, f"answers within {took:.0f} ms, but says that {name} does not exist", todo)
        case _:
            todo = "take it out" if others_answer else "look at the firewall (UDP and TCP port 53) or name another one"
            said = f"gives no usable answer ({answer.detail})"
            return Outcome("warn" if others_answer else "fail", what, said, f"{todo}: network.nameservers")


async def check_trust(settings: Settings) -> list[Outcome]:
    anchors = strict_context(TrustStore()).cert_store_stats()["x509_ca"]
    system = ssl.get_default_verify_paths().cafile
    mark: Mark = "pass" if anchors else "fail"
    todo = "" if anchors else "install the package ca-certificates"
    found = [Outcome(mark, "trust store", f"{anchors} trust anchors ({system or 'the package certifi'})", todo)]
    return [*found, _further_anchors(settings.network.ca_file)] if settings.network.ca_file else found


def _further_anchors(path: Path) -> Outcome:
    what, now = f"network.ca_file {path}", datetime.now(UTC)
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
        strict_context(TrustStore(str(path)))
    except OSError as error:
        return Outcome("fail", what, error.strerror or "cannot be read", "correct the path or its mode")
    except ValueError:
        return Outcome("fail", what, "holds no certificate", "it must be a PEM file: BEGIN CERTIFICATE")
    expired = [one.subject.rfc4514_string() for one in found if one.not_valid_after_utc < now]
    if expired:
        return Outcome(
            "fail" if len(expired) == len(found) else "warn", what, f"expired: {', '.join(expired)}", "renew it"
        )
    return Outcome("pass", what, f"{len(found)} further trust anchors")


async def check_surroundings(settings: Settings) -> list[Outcome]:
    """The public autoconfig database, and by its answer the clock."""
    url = settings.discovery.ispdb_url
    if not url:
        return [Outcome("pass", "autoconfig database", "is not asked (discovery.ispdb_url is empty)"), _clock(None, "")]
    what, host = "autoconfig database", urlsplit(url).hostname or ""
    try:
        date = await asyncio.to_thread(_date_of, url, settings.network.ca_file)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = str(getattr(error, "verify_message", "") or getattr(error, "strerror", "") or type(error).__name__)
        todo = "checks go on without it; let HTTPS out, or leave discovery.ispdb_url empty"
        return [Outcome("warn", what, f"{host} cannot be reached: {reason}", todo), _clock(None, host)]
    return [Outcome("pass", what, f"{host} answers"), _clock(date, host)]


def _date_of(url: str, ca_file: Path | None) -> datetime | None:
    """The time by the server's `Date` (RFC 9110, 6.6.1). Raises OSError, HTTPException, ValueError."""
    parts = urlsplit(url)
    connection = _connection(parts, ca_file)
    try:
        connection.request("HEAD", parts.path or "/", headers={"User-Agent": "migcheck"})
        date = connection.getresponse().getheader("Date")
    finally:
        connection.close()
    return email.utils.parsedate_to_datetime(date) if date else None


def _connection(parts: SplitResult, ca_file: Path | None) -> http.client.HTTPConnection:
    if parts.scheme != "https":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    trust = strict_context(TrustStore(str(ca_file) if ca_file else None))
    return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_PATIENCE, context=trust)


async def check_fonts(_: Settings) -> list[Outcome]:
    return [_fonts(FOLDERS)]


def _fonts(folders: tuple[Path, ...]) -> Outcome:
    """What the picture for support is lettered with. Nothing else of the bot needs a font."""
    what, todo = "fonts", f"install the package {PACKAGE}"
    if not fonts_for("en", folders):
        return Outcome("warn", what, "there is none, so support gets no picture of the failing step", todo)
    if not (fonts_for("ja", folders) and fonts_for("zh", folders)):
        return Outcome("warn", what, "none with Japanese and Chinese, so pictures for support are in English", todo)
    return Outcome("pass", what, f"pictures for support are lettered with {Path(fonts_for('ja', folders)[0]).name}")


def _clock(date: datetime | None, host: str) -> Outcome:
    now = datetime.now(UTC)
    if now.timestamp() < Path(__file__).stat().st_mtime:
        return Outcome("fail", "clock", f"{now:%Y-%m-%d %H:%M} UTC, before this program was installed", "set it (NTP)")
    if date is None:
        return Outcome("pass", "clock", f"{now:%Y-%m-%d %H:%M} UTC, with nothing to compare it to")
    off = (now - date).total_seconds()
    mark: Mark = "fail" if abs(off) > _CLOCK_WRONG else "warn" if abs(off) > _CLOCK_OFF else "pass"
    todo = "" if mark == "pass" else "set it (NTP): signed requests are refused, certificates misjudged"
    return Outcome(mark, "clock", f"{abs(off):.0f} s {'before' if off < 0 else 'after'} that of {host}", todo)
