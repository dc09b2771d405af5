"""Addresses are raced (RFC 8305): a dead one costs no time worth speaking of and is named all the same."""

import socket
import time

import pytest

from bot.checks.judging import Setting
from bot.checks.link.connect import dial
from bot.checks.link.judge import judge_tls
from bot.core.model import DnsFacts, Endpoint, Fault, FaultKind, TlsFacts
from tests.checks.cases.table import Ground
from tests.checks.running import HASTY, make_world
from tests.servers.hostile import UNREACHABLE, BlackHole, Hostile, at_once
from tests.servers.world import World


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def behind(world: World, *addresses: str, good: bool = True, port: int = 10993) -> Ground:
    """A service whose name has these addresses, and that of a sound server last."""
    ground = Ground(world, "imap", secret=None)
    for address in addresses:
        world.record(ground.host, "AAAA" if ":" in address else "A", address)
    if good:
        address = world.address()
        world.record("own.test", "A", address)
        await world.imap("own.test", port, identity=world.identity(ground.host))
        world.record(ground.host, "A", address)
    ground.name(port)
    return ground


async def test_silent_address_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.checks.link.connect._STRAGGLERS", 0.6)
    begun = time.monotonic()
    async with make_world() as world, BlackHole(world.address(), 10993) as hole:
        ground = await behind(world, hole.host)
        seen = await ground.examine()
        took = [step.duration_ms for step in seen.progress if step.id == "imap.connect"]
    evidence = seen.finding("connect.partial").evidence
    assert {attempt["address"]: attempt["outcome"] for attempt in evidence["tried"]} == {
        hole.host: "timeout",
        evidence["used"]: "connected",
    }
    assert seen.report.verdict == "warn"
    assert took[0] < 1500
    assert time.monotonic() - begun < 5
    assert [step.status for step in seen.progress if step.id == "imap.connect"] == ["pass", "warn"]


async def test_refusing_address_is_passed_over_at_once() -> None:
    async with make_world() as world:
        dead = await world.closed("dead.test", 10993)
        ground = await behind(world, dead.host)
        seen = await ground.examine()
    assert seen.codes("imap.connect") == ["connect.partial"]
    assert (seen.step("imap.connect").duration_ms or 0) < 200
    assert seen.report.verdict == "warn"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
async def test_dead_ipv6_address() -> None:
    async with make_world() as world:
        ground = await behind(world, "::1")
        seen = await ground.examine(allow=("127.0.0.0/8", "::1/128"))
    outcomes = {attempt["address"]: attempt["outcome"] for attempt in seen.finding("connect.partial").evidence["tried"]}
    assert outcomes["::1"] == "refused"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
async def test_ipv6_is_preferred() -> None:
    async with make_world() as world:
        ground = await behind(world)
        address, port = world.records[ground.host]["A"][0], 10993
        async with Hostile(at_once("close"), "::1", port):
            world.record(ground.host, "AAAA", "::1")
            seen = await ground.examine(allow=("127.0.0.0/8", "::1/128"))
    assert seen.codes("imap.connect") == ["connect.reset"]
    assert address


async def test_all_addresses_dead() -> None:
    begun = time.monotonic()
    async with make_world() as world, BlackHole(world.address(), 10993) as hole:
        dead = await world.closed("dead.test", 10993)
        ground = await behind(world, hole.host, dead.host, UNREACHABLE, good=False)
        seen = await ground.examine(timeouts=HASTY)
    evidence = seen.finding("connect.refused", "imap.connect").evidence
    assert sorted(attempt["outcome"] for attempt in evidence["tried"]) == ["refused", "timeout", "unreachable"]
    assert time.monotonic() - begun < 4


async def test_a_dozen_addresses_are_not_all_tried() -> None:
    async with make_world() as world:
        addresses = [world.address() for _ in range(12)]
        found = DnsFacts("many.test", "ok", tuple(addresses))
        dialled = await dial(found, 10993, 1)
    assert dialled.facts.address is None
    assert len(dialled.facts.attempts) == 6


async def test_server_on_a_literal_address() -> None:
    """A certificate may be for an address (RFC 5280, 4.2.1.6)."""
    async with make_world() as world:
        address = world.address()
        world.record("literal.test", "A", address)
        imap = await world.imap("literal.test", 10993, identity=world.identity(address))
        ground = Ground(world, "imap", secret=None)
        ground.endpoint = Endpoint(address, imap.port, "tls")
        seen = await ground.examine()
    assert seen.report.verdict == "pass"
    assert seen.report.vantage


@pytest.mark.parametrize("service", ["imap", "smtp", "pop"])
async def test_the_name_is_sent_and_idna_names_are_verified(service: str) -> None:
    host = f"{service}.xn--r8jz45g.test"
    async with make_world() as world:
        ground = Ground(world, service, secret=None)
        server = await getattr(world, service)(host, 10993, security="tls", identity=world.identity(host))
        ground.name(server.port, host)
        seen = await ground.examine()
    assert server.transcript.server_names == [host]
    assert seen.report.verdict == "pass"


@pytest.mark.parametrize("kind", ["tls_alert", "closed", "reset"])
def test_a_server_that_hangs_up_after_asking_for_a_certificate_demands_one(kind: FaultKind) -> None:
    """Up to TLS 1.2 the request can be seen; servers do not always say with an alert what they lack."""
    facts = TlsFacts(0.0, None, fault=Fault(kind, "certificate request", "closed by the server"))
    (finding,) = judge_tls(facts, Setting({"tls.client_certificate_required": "fail"}, 0.0, "imap"))
    assert finding.code == "tls.client_certificate_required"
