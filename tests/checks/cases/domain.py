"""The groups dns and input for the domain: its own records, and what people type."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.checks.running import Seen, examine
from tests.servers.dns import DnsFault
from tests.servers.world import World

Furnish = Callable[[World], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DomainCase:
    """A finding of a domain's step, or of what was typed; `typed` are options as on the command line."""

    code: str
    step: str
    furnish: Furnish
    evidence: Mapping[str, Any]
    typed: Mapping[str, str]

    @property
    def id(self) -> str:
        return f"{self.code}-{self.furnish.__name__}-{'-'.join(self.typed.values())}"

    async def play(self, world: World) -> Seen:
        await self.furnish(world)
        return await examine(world, self.typed["domain"], nameserver_timeout=0.5)


CASES: list[DomainCase] = []
TYPED: list[DomainCase] = []


def _add(code: str, step: str, **evidence: Any) -> Callable[[Furnish], Furnish]:
    def keep(furnish: Furnish) -> Furnish:
        CASES.append(DomainCase(code, step, furnish, evidence, {"domain": "practice.test"}))
        return furnish

    return keep


@_add("dns.domain_not_found", "domain.exists", name="practice.test")
async def no_domain(world: World) -> None:
    world.record("other.test", "A", world.address())


@_add("dns.resolver_failed", "domain.exists", detail="SERVFAIL")
async def servfail(world: World) -> None:
    world.faults["practice.test"] = DnsFault("servfail")


@_add("dns.resolver_failed", "domain.exists", detail=lambda words: "time-out" in words)
async def silence(world: World) -> None:
    world.faults["practice.test"] = DnsFault("silent")


@_add("dns.dnssec_bogus", "domain.exists", detail=lambda words: "EDE 6" in words)
async def bogus(world: World) -> None:
    world.domain("practice.test")
    world.faults["practice.test"] = DnsFault("bogus")


@_add("dns.no_mail_records", "domain.mail", name="practice.test")
async def no_records(world: World) -> None:
    world.record("practice.test", "TXT", '"nothing here"')
    await _servers(world)


@_add("dns.null_mx", "domain.mail", mx=["."])
async def null_mx(world: World) -> None:
    world.record("practice.test", "MX", "0 .")


@_add("dns.mx_is_gateway", "domain.mail", provider="mimecast", mx=...)
async def gateway(world: World) -> None:
    world.domain("practice.test", mx="eu-smtp-inbound-1.mimecast.com")
    await _servers(world)


@_add("dns.mx_is_destination", "domain.mail", provider="lark", mx=["mx1.larksuite.com"])
async def destination(world: World) -> None:
    world.domain("practice.test", mx="mx1.larksuite.com")
    await _servers(world)


@_add("dns.servers_not_found", "domain.servers", tried=["provider", "srv", "autoconfig", "ispdb", "guess"])
async def no_servers(world: World) -> None:
    world.record("practice.test", "MX", "10 mx.elsewhere.test.")


async def _servers(world: World) -> None:
    await world.imap("imap.practice.test")
    await world.smtp("smtp.practice.test")


async def nothing(world: World) -> None:
    """What is typed wrong needs no world."""


def _typed(code: str, field: str, **options: str) -> None:
    evidence = {"field": field, "typed": list(options.values())[-1], "example": ...}
    TYPED.append(DomainCase(code, "domain.input", nothing, evidence, options))


_typed("input.domain_invalid", "domain", domain="exa mple..test")
_typed("input.domain_invalid", "domain", domain="xn--a-ecp.test")
_typed("input.domain_invalid", "domain", domain="localhost")
_typed("input.address_invalid", "account", domain="practice.test", account="taro@@")
_typed("input.address_invalid", "account", domain="practice.test", account="ta ro@practice.test")
_typed("input.host_invalid", "imap", imap="imap_$.test")
_typed("input.host_invalid", "smtp", imap="imap.test", smtp="999.1.1.1")
_typed("input.port_invalid", "imap", imap="imap.test:99999")
_typed("input.port_invalid", "pop", pop="pop.test:imaps")
