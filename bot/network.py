"""How this process reaches servers, from the settings, and the knowledge that its checks are run with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.checks.link.dns import Resolver, nameservers
from bot.checks.link.line import Timeouts
from bot.checks.link.tls import TrustStore
from bot.core.advice import Catalogue
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
        )
    finally:
        resolver.close()


def wisdom_in(lang: str) -> Wisdom:
    """What a check is judged and told with."""
    known = knowledge()
    return Wisdom(
        known.severities, known.providers, known.rules, Catalogue(known.advice, known.links, known.texts(lang))
    )
