"""Which provider a domain belongs to, from the directory in advice/providers."""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.model import Endpoint, Service, endpoint

Provider = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    """A provider, how it was recognised (domain, mx or host), and the region whose servers apply, if one does."""

    provider: Provider
    by: str
    name: str
    region: Mapping[str, Any] | None = None

    @property
    def kind(self) -> str:
        return str(self.provider["kind"])

    def servers(self) -> dict[Service, Endpoint]:
        """The usual servers, or those of the region; a host that depends on the customer where the MX tells it."""
        named = (self.region or self.provider).get("servers") or self.provider.get("servers") or {}
        found = {service: parse_endpoint(hosts[0]) for service, hosts in named.items() if hosts}
        customers = self.provider.get("customer_servers") or {}
        if self.by == "mx" and customers.get("from_mx"):
            for service, patterns in customers.get("patterns", {}).items():
                host, _, port = patterns[0].rpartition(":")
                if service not in found and "{" not in host and fnmatch.fnmatchcase(self.name, host):
                    found[service] = endpoint(self.name, int(port))
        return found

    def customer_hosts(self) -> tuple[str, ...]:
        """Patterns of hosts that depend on the customer, for people to compare with."""
        patterns = (self.provider.get("customer_servers") or {}).get("patterns", {})
        return tuple(pattern for hosts in patterns.values() for pattern in hosts)


def parse_endpoint(text: str) -> Endpoint:
    host, _, port = text.rpartition(":")
    return endpoint(host, int(port))


def find_by_domain(directory: Mapping[str, Provider], domain: str) -> Match | None:
    """The provider whose people have addresses in this domain."""
    for provider in directory.values():
        region = next((r for r in provider.get("regions", ()) if domain in r.get("domains", ())), None)
        if region is not None or domain in provider.get("domains", ()):
            return Match(provider, "domain", domain, region)
    return None


def find_by_mx(directory: Mapping[str, Provider], hosts: Sequence[str]) -> Match | None:
    """The provider behind MX hosts, best first: an exact name beats a suffix, a suffix beats an expression."""
    for host in hosts:
        ranked = sorted(
            (
                (rank, provider)
                for provider in directory.values()
                if (rank := _rank(_patterns(provider), host)) is not None
            ),
            key=lambda pair: pair[0],
            reverse=True,
        )
        if ranked:
            provider = ranked[0][1]
            region = next((r for r in provider.get("regions", ()) if _rank(r.get("mx", ()), host) is not None), None)
            return Match(provider, "mx", host, region)
    return None


def find_by_host(directory: Mapping[str, Provider], host: str) -> Match | None:
    """The provider that a mail server's own name belongs to."""
    for provider in directory.values():
        scopes = [provider, *provider.get("regions", ())]
        named = [entry for scope in scopes for hosts in (scope.get("servers") or {}).values() for entry in hosts]
        if any(entry.rpartition(":")[0] == host for entry in named):
            return Match(provider, "host", host)
    for provider in directory.values():
        patterns = (provider.get("customer_servers") or {}).get("patterns", {})
        if any(fnmatch.fnmatchcase(host, p.rpartition(":")[0]) for hosts in patterns.values() for p in hosts):
            return Match(provider, "host", host)
    return None


def _patterns(provider: Provider) -> Iterable[str]:
    yield from provider.get("mx", ())
    for region in provider.get("regions", ()):
        yield from region.get("mx", ())


def _rank(patterns: Iterable[str], host: str) -> tuple[int, int] | None:
    """How well a host matches: (kind of match, length of the pattern), None where it does not."""
    ranks = [_match(pattern, host) for pattern in patterns]
    return max((rank for rank in ranks if rank is not None), default=None)


def _match(pattern: str, host: str) -> tuple[int, int] | None:
    if pattern == host:
        return 3, len(pattern)
    if pattern.startswith("*."):
        return (2, len(pattern)) if host.endswith(pattern[1:]) else None
    if pattern.startswith("re:") and host.endswith(_tail(pattern)) and re.search(pattern[3:], host, re.IGNORECASE):
        return 1, len(pattern)
    return None


def _tail(pattern: str) -> str:
    r"""The literal end of an expression such as `^mx[0-9]\.example\.jp$`: looked at first, since compiling is slow."""
    if not pattern.endswith("$"):
        return ""
    end = re.search(r"(?:[a-z0-9-]|\\[.-])*\$$", pattern)
    text = end[0][:-1].replace("\\", "") if end else ""
    return text if not re.search(r"[?*+)\]}]", pattern[len(pattern) - len(text) - 1 :]) else ""
