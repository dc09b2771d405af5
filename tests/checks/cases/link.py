"""The groups dns and connect for a named server."""

from typing import Any

from bot.core.model import Security
from tests.checks.cases.table import Ground, Table
from tests.checks.running import HASTY
from tests.servers.dns import DnsFault
from tests.servers.hostile import UNREACHABLE, at_once

TABLE = Table()
_ONE: tuple[Security, ...] = ("tls",)


@TABLE.add("dns.host_not_found", "dns", securities=_ONE, name=lambda name: name.startswith("absent."))
async def no_such_name(ground: Ground) -> None:
    ground.name(ground.port, "absent.practice.test")


@TABLE.add("dns.host_no_address", "dns", securities=_ONE, name=...)
async def no_address(ground: Ground) -> None:
    ground.world.record(ground.host, "TXT", '"only text"')
    ground.name(ground.port)


@TABLE.add("dns.host_private", "dns", securities=_ONE, addresses=[{"address": "10.1.2.3", "kind": "private"}])
async def private_address(ground: Ground) -> None:
    ground.world.record(ground.host, "A", "10.1.2.3")
    ground.name(ground.port)


@TABLE.add("dns.host_private", "dns", securities=_ONE, addresses=[{"address": "192.168.7.8", "kind": "private"}])
async def private_literal(ground: Ground) -> None:
    ground.name(ground.port, "192.168.7.8")


@TABLE.add("dns.resolver_failed", "dns", securities=_ONE, detail="SERVFAIL")
async def servfail(ground: Ground) -> None:
    ground.world.faults[ground.host] = DnsFault("servfail")
    ground.name(ground.port)


@TABLE.add("dns.resolver_failed", "dns", securities=_ONE, detail="REFUSED")
async def refused_question(ground: Ground) -> None:
    ground.world.faults[ground.host] = DnsFault("refused")
    ground.name(ground.port)


@TABLE.add("dns.resolver_failed", "dns", securities=_ONE, detail=lambda words: "time-out" in words)
async def silent_name_server(ground: Ground) -> None:
    ground.world.faults[ground.host] = DnsFault("silent")
    ground.options["nameserver_timeout"] = 0.3
    ground.name(ground.port)


@TABLE.add("dns.dnssec_bogus", "dns", securities=_ONE, detail=lambda words: "EDE 6" in words)
async def bogus(ground: Ground) -> None:
    ground.world.record(ground.host, "A", ground.world.address())
    ground.world.faults[ground.host] = DnsFault("bogus")
    ground.name(ground.port)


@TABLE.add("dns.dnssec_bogus", "dns", securities=_ONE, detail="SERVFAIL")
async def bogus_without_words(ground: Ground) -> None:
    """A validating resolver that names no reason: it answers once it is asked not to check."""
    ground.world.record(ground.host, "A", ground.world.address())
    ground.world.faults[ground.host] = DnsFault("bogus", extended=False)
    ground.name(ground.port)


def _outcome(*wanted: str) -> Any:
    return lambda tried: [attempt["outcome"] for attempt in tried] == list(wanted)


@TABLE.add("connect.refused", "connect", tried=_outcome("refused"))
async def refused(ground: Ground) -> None:
    ground.name((await ground.world.closed(ground.host, ground.port)).port)


@TABLE.add("connect.timeout", "connect", hasty=True, tried=_outcome("timeout"))
async def black_hole(ground: Ground) -> None:
    ground.name((await ground.world.black_hole(ground.host, ground.port)).port)


@TABLE.add("connect.unreachable", "connect", tried=_outcome("unreachable"))
async def unreachable(ground: Ground) -> None:
    ground.world.record(ground.host, "A", UNREACHABLE)
    ground.name(ground.port)


@TABLE.add("connect.reset", "connect", securities=_ONE, detail=...)
async def reset_at_once(ground: Ground) -> None:
    await ground.hostile(at_once("reset"))


@TABLE.add("connect.reset", "connect", securities=_ONE, detail="closed by the server")
async def closed_at_once(ground: Ground) -> None:
    await ground.hostile(at_once("close"))


@TABLE.add(
    "connect.partial", "connect", tried=lambda tried: {"connected", "unreachable"} == {t["outcome"] for t in tried}
)
async def one_address_unreachable(ground: Ground) -> None:
    await ground.serve()
    ground.world.record(ground.host, "A", UNREACHABLE)


@TABLE.add("connect.partial", "connect", not_public=[{"address": "10.9.9.9", "kind": "private"}], used=...)
async def one_address_private(ground: Ground) -> None:
    await ground.serve()
    ground.world.record(ground.host, "A", "10.9.9.9")


@TABLE.add("connect.blocked_by_policy", "connect", securities=_ONE, detail="port 8080 is not a mail port")
async def foreign_port(ground: Ground) -> None:
    ground.world.record(ground.host, "A", ground.world.address())
    ground.name(8080)
    ground.options |= {"any_port": False, "timeouts": HASTY}
