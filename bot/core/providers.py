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
    if domain not in (known := _index(directory).domains):
        return None
    provider, region = known[domain]
    return Match(provider, "domain", domain, region)


def find_by_mx(directory: Mapping[str, Provider], hosts: Sequence[str]) -> Match | None:
    """The provider behind MX hosts, best first: an exact name beats a suffix, a suffix beats an expression."""
    index = _index(directory)
    for host in hosts:
        provider = index.names.get(host) or index.by_suffix(host) or index.by_expression(host)
        if provider is not None:
            region = next((r for r in provider.get("regions", ()) if _fits(r.get("mx", ()), host)), None)
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


def _fits(patterns: Iterable[str], host: str) -> bool:
    return any(
        pattern == host
        or (pattern.startswith("*.") and host.endswith(pattern[1:]))
        or (pattern.startswith("re:") and re.search(pattern[3:], host, re.IGNORECASE) is not None)
        for pattern in patterns
    )


class _Index:
    """A directory by what is looked for. Of two providers with the same pattern the first counts."""

    def __init__(self, directory: Mapping[str, Provider]) -> None:
        self.directory = directory
        self.domains: dict[str, tuple[Provider, Mapping[str, Any] | None]] = {}
        self.names: dict[str, Provider] = {}
        self._suffixes: dict[str, Provider] = {}
        self._expressions: list[tuple[str, str, Provider]] = []
        for provider in directory.values():
            for region in (*provider.get("regions", ()), None):
                for domain in (provider if region is None else region).get("domains", ()):
                    self.domains.setdefault(domain, (provider, region))
            for pattern in _patterns(provider):
                self._add(pattern, provider)
        self._expressions.sort(key=lambda entry: -len(entry[1]))

    def _add(self, pattern: str, provider: Provider) -> None:
        if pattern.startswith("*."):
            self._suffixes.setdefault(pattern[2:], provider)
        elif pattern.startswith("re:"):
            self._expressions.append((_tail(pattern), pattern[3:], provider))
        else:
            self.names.setdefault(pattern, provider)

    def by_suffix(self, host: str) -> Provider | None:
        """The longest suffix wins."""
        while host := host.partition(".")[2]:
            if (found := self._suffixes.get(host)) is not None:
                return found
        return None

    def by_expression(self, host: str) -> Provider | None:
        """The longest expression wins."""
        for tail, expression, provider in self._expressions:
            if host.endswith(tail) and re.search(expression, host, re.IGNORECASE):
                return provider
        return None


_indexes: list[_Index] = []


def _index(directory: Mapping[str, Provider]) -> _Index:
    """The index of a directory, made once: thousands of domains are looked up in the same one."""
    for index in _indexes:
        if index.directory is directory:
            return index
    del _indexes[:-1]
    _indexes.append(_Index(directory))
    return _indexes[-1]


def _tail(pattern: str) -> str:
    r"""The literal end of an expression such as `^mx[0-9]\.example\.jp$`: looked at first, since compiling is slow."""
    if not pattern.endswith("$"):
        return ""
    end = re.search(r"(?:[a-z0-9-]|\\[.-])*\$$", pattern)
    text = end[0][:-1].replace("\\", "") if end else ""
    return text if not re.search(r"[?*+)\]}]", pattern[len(pattern) - len(text) - 1 :]) else ""
