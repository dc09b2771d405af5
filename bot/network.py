"""How this process reaches servers, from the settings, and the knowledge that its checks are run with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.checks.link.dns import Resolver, nameservers
from bot.checks.link.line import Timeouts
from bot.checks.link.tls import TrustStore
from bot.core.advice import Catalogue
from bot.core.cloud import Registration
from bot.core.secret import Secret
from bot.core.wisdom import Wisdom
from bot.engine.check import Network
from bot.knowledge import knowledge

if TYPE_CHECKING:
    from bot.settings import Settings


@contextmanager
def open_network(settings: "Settings") -> Iterator[Network]:
    """The network for as long as checks are run; its sockets are closed afterwards."""
    chosen = settings.network
    resolver = Resolver(nameservers(chosen.nameservers))
    limits = chosen.timeouts
    try:
        yield Network(
            resolver,
            TrustStore(str(chosen.ca_file) if chosen.ca_file else None),
            Timeouts(limits.connect, limits.tls, limits.reply, limits.total),
            chosen.allow,
            chosen.public_address,
            settings.discovery.ispdb_url,
            settings.m365.authority,
            settings.m365.client_id,
            registration(settings),
        )
    finally:
        resolver.close()


def registration(settings: "Settings") -> Registration | None:
    """How people sign in with Microsoft on the bot's own pages; None where they do by a code instead.

    That takes the app's secret, and pages that a browser reaches safely: over https, or on this very machine.
    """
    app = settings.m365
    secret = getattr(app, "client_secret", None)  # `check` does without it (see bot.quick_settings)
    if not app.client_id or secret is None or not app.authority.startswith("https:"):
        return None
    parts = urlsplit(settings.web.origin)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return None
    redirect = f"{settings.web.origin}/m365/redirect"
    return Registration(app.authority.rstrip("/"), app.client_id, redirect, Secret(secret.get_secret_value()))


def wisdom_in(lang: str) -> Wisdom:
    """What a check is judged and told with."""
    known = knowledge()
    return Wisdom(
        known.severities, known.providers, known.rules, Catalogue(known.advice, known.links, known.texts(lang))
    )
