"""The bot's own pages: where they are served, how people reach them, and whether a secret may be typed there."""

import asyncio
import errno
import http.client
from urllib.parse import SplitResult, urlsplit

from bot.health.outcome import Outcome
from bot.settings import Settings

_PATIENCE = 3.0


async def check_listen(settings: Settings) -> list[Outcome]:
    what = f"web.listen {settings.web.listen}"
    try:
        host, port = settings.web.address
        server = await asyncio.start_server(lambda _, writer: writer.close(), host or None, port)
    except (ValueError, OverflowError):
        return [Outcome("fail", what, "is no HOST:PORT", "an example: 127.0.0.1:8080")]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return [await _in_use(what, host, port)]
        return [
            Outcome("fail", what, error.strerror or str(error), "choose an address of this machine and a free port")
        ]
    server.close()
    await server.wait_closed()
    return [Outcome("pass", what, "is free")]


async def _in_use(what: str, host: str, port: int) -> Outcome:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - to be reached at
    try:
        status = await asyncio.to_thread(_health, here, port)
    except (OSError, http.client.HTTPException):
        status = 0
    if status in (http.client.OK, http.client.SERVICE_UNAVAILABLE):
        return Outcome("pass", what, "the bot is running there")
    return Outcome("fail", what, "is in use by another program", "stop that one, or choose another port")


def _health(host: str, port: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()


async def check_public_url(settings: Settings) -> list[Outcome]:
    what, url = "web.public_url", settings.web.public_url
    if url is None:  # of several nodes `check_settings` says so
        return [_without_public_url(what, settings)] if settings.queue.url is None else []
    parts = urlsplit(url)
    example = "an example: https://migcheck.example.co.jp"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return [Outcome("fail", what, "is no address of a web server", example)]
    if parts.path.strip("/") or parts.query or parts.fragment:
        return [Outcome("fail", what, "has more than scheme, host and port", example)]
    if parts.scheme == "http" and settings.secret_entry == "off":  # noqa: S105 - a way, not a word
        return [Outcome("warn", what, f"{url}: is not https, so no secret is taken there", "put it behind HTTPS")]
    return [Outcome("pass", what, url)]


def _without_public_url(what: str, settings: Settings) -> Outcome:
    """On the chat page people are where the links lead; in Slack and Lark they are not."""
    origin, enabled = settings.web.origin, (("Slack", settings.slack.enabled), ("Lark", settings.lark.enabled))
    platforms = " and ".join(name for name, on in enabled if on)
    if not platforms:
        return Outcome("pass", what, f"not set: people reach the pages at {origin}")
    told = f"not set: in {platforms} the links to reports and to the page for passwords lead to {origin}"
    return Outcome("warn", what, told, "set it to an https address under which people reach the pages")


async def check_secret_entry(settings: Settings) -> list[Outcome]:
    what, chosen, entry = "secrets.entry", settings.secrets.entry, settings.secret_entry
    parts = urlsplit(settings.web.origin)
    safe = parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")
    why = "as configured" if chosen else "by default, since the pages are reached " + _how(parts, safe=safe)
    match entry:
        case "page" if not safe:
            todo = "set web.public_url to an https address"
            return [Outcome("fail", what, f"page ({why}), but passwords would travel in the clear", todo)]
        case "page":
            return [Outcome("pass", what, f"page ({why}): a secret is typed on a page of the bot's own")]
        case "modal":
            return [Outcome("warn", what, f"modal ({why}): in Slack the secret is visible while it is typed")]
        case _:
            todo = "" if chosen else "set web.public_url to an https address for that"
            return [Outcome("warn", what, f"off ({why}): everything but the log-in is checked", todo)]


def _how(parts: SplitResult, *, safe: bool) -> str:
    return "over https" if parts.scheme == "https" else "on this machine only" if safe else "without https"
