"""The domain's own records, and discovery of its mail servers: everything is asked at once, and the best answer wins.

Order of trust: the provider directory (by domain, then by MX), SRV (RFC 6186, RFC 8314), autoconfig of the domain and
of the MX's domain, the public autoconfig database, well-known names. Those are tried, not believed: they win at once
only where the server proves its name by a strict handshake, and then its connection is the one that goes on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.checks.domain.wire import autoconfig_urls, is_host, read_autoconfig
from bot.checks.link.line import Net
from bot.core.model import Answer, ConnectFacts, DomainFacts, Endpoint, Security, ServersFacts, Service, endpoint
from bot.core.providers import Match, Provider, find_by_domain, find_by_mx

_SRV: Mapping[Service, tuple[tuple[str, Security], ...]] = {
    "imap": (("_imaps._tcp", "tls"), ("_imap._tcp", "starttls")),
    "smtp": (("_submissions._tcp", "tls"), ("_submission._tcp", "starttls")),
    "pop": (("_pop3s._tcp", "tls"), ("_pop3._tcp", "starttls")),
}
_NAMES: Mapping[Service, tuple[str, ...]] = {"imap": ("imap", "mail"), "smtp": ("smtp", "mail"), "pop": ("pop", "mail")}
_PORTS: Mapping[Service, tuple[int, ...]] = {"imap": (993, 143), "smtp": (465, 587), "pop": (995, 110)}
_PAGE_TIME = 6.0
"""Seconds after which an autoconfig file that has not come is done without."""
_GUESS_TIME = 2.0
"""Seconds after which the next guess is tried alongside one that has not answered."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What discovery is for: the services that nobody named, and where to look."""

    domain: str
    services: tuple[Service, ...]
    directory: Mapping[str, Provider]
    ispdb_url: str


def ask_ahead(net: Net, wanted: Wanted) -> None:
    """All the DNS questions of discovery, at once, before any answer is waited for."""
    domain = wanted.domain
    if not wanted.services:
        net.questions.ask(domain, "MX")
        return
    for kind in ("MX", "A", "AAAA"):
        net.questions.ask(domain, kind)
    if find_by_domain(wanted.directory, domain):
        return
    for service in wanted.services:
        for label, _ in _SRV[service]:
            net.questions.ask(f"{label}.{domain}", "SRV")
        for name in _NAMES[service]:
            net.questions.expect(f"{name}.{domain}")


async def look_up(net: Net, domain: str) -> DomainFacts:
    """MX, and the address that stands in for a missing one (RFC 5321, 5.1)."""
    mx = await net.questions.ask(domain, "MX")
    address = Answer("nodata")
    if mx.outcome in ("nodata", "nxdomain"):
        four, six = await asyncio.gather(net.questions.ask(domain, "A"), net.questions.ask(domain, "AAAA"))
        address = four if four.records else six
        if mx.outcome == "nxdomain" and address.records:
            mx = Answer("nodata")
    return DomainFacts(domain, mx, address)


def recognise(facts: DomainFacts, directory: Mapping[str, Provider]) -> Match | None:
    """The provider, by the domain itself or by its MX."""
    return find_by_domain(directory, facts.domain) or find_by_mx(directory, facts.mx.records)


async def find_servers(net: Net, wanted: Wanted, facts: DomainFacts, match: Match | None) -> ServersFacts:
    """The servers of the wanted services, as far as they can be found."""
    endpoints: dict[Service, Endpoint] = {}
    sources: dict[Service, str] = {}
    if match is not None and match.kind not in ("gateway", "destination"):
        named = {service: where for service, where in match.servers().items() if service in wanted.services}
        _merge(endpoints, sources, named, f"provider:{match.provider['id']}")
    left = tuple(service for service in wanted.services if service not in endpoints)
    found = await asyncio.gather(*(_by_srv(net, wanted.domain, service) for service in left))
    _merge(endpoints, sources, {s: where for s, where in zip(left, found, strict=True) if where}, "srv")
    if any(service not in endpoints for service in wanted.services):
        await _by_trying(net, wanted, facts, endpoints, sources)
    tried = ("provider", "srv", "autoconfig", "ispdb", "guess")
    return ServersFacts(endpoints, sources, tried, match.customer_hosts() if match else ())


def _merge(
    endpoints: dict[Service, Endpoint], sources: dict[Service, str], found: Mapping[Service, Endpoint], source: str
) -> None:
    for service, where in found.items():
        if service not in endpoints:
            endpoints[service] = where
            sources[service] = source


async def _by_srv(net: Net, domain: str, service: Service) -> Endpoint | None:
    """The first SRV record that names a server; a target of "." says that the service is not offered (RFC 2782)."""
    for label, security in _SRV[service]:
        answer = await net.questions.ask(f"{label}.{domain}", "SRV")
        for record in answer.records:
            host, _, port = record.rpartition(":")
            if is_host(host) and int(port) > 0:
                return Endpoint(host, int(port), security)
    return None


async def _by_trying(
    net: Net, wanted: Wanted, facts: DomainFacts, endpoints: dict[Service, Endpoint], sources: dict[Service, str]
) -> None:
    """Files on the web and well-known names side by side. A proven name wins; an unproven one only over nothing."""
    left = tuple(service for service in wanted.services if service not in endpoints)
    pages = asyncio.create_task(_by_pages(net, wanted, facts))
    guesses = {service: asyncio.create_task(_guess(net, wanted.domain, service, facts.mx.records)) for service in left}
    try:
        results = dict(zip(guesses, await asyncio.gather(*guesses.values()), strict=True))
        proven = {service: where for service, (where, sure) in results.items() if where and sure}
        if len(proven) < len(left):
            found, source = await pages
            named = {service: where for service, where in found.items() if service in left and service not in proven}
            _merge(endpoints, sources, named, source)
        _merge(endpoints, sources, {service: where for service, (where, _) in results.items() if where}, "guess")
    finally:
        for task in (pages, *guesses.values()):
            task.cancel()


async def _by_pages(net: Net, wanted: Wanted, facts: DomainFacts) -> tuple[dict[Service, Endpoint], str]:
    """All the places at once; the best one that has an answer counts."""
    from bot.checks.link.fetch import fetch  # noqa: PLC0415 - for domains that nothing else tells of

    places = [(url, "autoconfig") for url in autoconfig_urls(wanted.domain)]
    mx = facts.mx.records[0] if facts.mx.records else ""
    provider = None if not mx or mx.endswith(f".{wanted.domain}") else _registered(mx)
    if provider and provider != wanted.domain:
        places += [(url, "autoconfig of MX") for url in autoconfig_urls(provider)[:2]]
    if wanted.ispdb_url:
        places += [(f"{wanted.ispdb_url.rstrip('/')}/{name}", "ispdb") for name in (wanted.domain, provider) if name]
    tasks = [asyncio.create_task(fetch(net, url, _PAGE_TIME)) for url, _ in places]
    try:
        for task, (_, source) in zip(tasks, places, strict=True):
            page = await task
            if page is not None and (found := read_autoconfig(page.body, wanted.domain)):
                return found, source
        return {}, ""
    finally:
        for task in tasks:
            task.cancel()


def _registered(host: str) -> str | None:
    """The registered domain above a host (public suffix list)."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - a large table, for unknown domains only

    found = PublicSuffixList().privatesuffix(host)
    return str(found) if found else None


async def _guess(net: Net, domain: str, service: Service, mx: Sequence[str]) -> tuple[Endpoint | None, bool]:
    """A server under a well-known name, and whether it proved its name. The first guess that proves itself wins."""
    hosts = [f"{name}.{domain}" for name in _NAMES[service]]
    hosts += [host for host in mx[:1] if is_host(host) and host not in hosts]
    hosts.append(domain)
    for host in hosts:
        net.questions.expect(host)
    reached: list[Endpoint] = []
    for port in _PORTS[service]:
        winner = await _race(net, service, [endpoint(host, port) for host in hosts], reached)
        if winner is not None:
            return winner, True
        if reached:
            break
    own = await net.questions.addresses(hosts[0])
    exists = own.public or own.private
    return (reached[0] if reached else endpoint(hosts[0], _PORTS[service][0]) if exists else None), False


async def _race(net: Net, service: Service, candidates: Sequence[Endpoint], reached: list[Endpoint]) -> Endpoint | None:
    """The first candidate, in order, that proves itself; the next one starts when the one before failed or is slow."""
    running: dict[asyncio.Task[tuple[bool, bool]], Endpoint] = {}
    waiting = list(candidates)
    connected: set[Endpoint] = set()
    winner: Endpoint | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                where = waiting.pop(0)
                running[asyncio.create_task(_prove(net, service, where))] = where
            done, _ = await asyncio.wait(
                running, timeout=_GUESS_TIME if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                where, (answered, proven) = running.pop(task), task.result()
                connected |= {where} if answered else set()
                winner = winner or (where if proven else None)
    finally:
        for task in running:
            task.cancel()
    reached += [where for where in candidates if where in connected]
    return winner


async def _prove(net: Net, service: Service, where: Endpoint) -> tuple[bool, bool]:
    """Whether a server answers there, and whether it is surely the right one: implicit TLS, a strict handshake."""
    line = net.line(service, where)
    if not (await line.resolve()).public:
        return False, False
    connected = await line.connect()
    if not isinstance(connected, ConnectFacts) or connected.address is None:
        return False, False
    if where.security == "starttls":
        return True, False
    secured = await line.secure()
    return True, secured.verify_code == 0 and secured.fault is None
