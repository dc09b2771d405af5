"""The network guard: what strangers name leads nowhere but to public addresses and those that the settings allow."""

import itertools

import pytest

from bot.checks.link.policy import policy
from bot.core.model import Endpoint
from tests.checks.cases.table import Ground
from tests.checks.running import ACCOUNT, NEEDS_PORTS, SECRET, examine, make_world
from tests.servers.hostile import at_once
from tests.servers.web import Offer, autoconfig, redirect
from tests.servers.world import World

pytestmark = NEEDS_PORTS
DOMAIN = "practice.test"
FILE = "/mail/config-v1.1.xml"
FORBIDDEN = {
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "192.168.1.1": "private",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.169.254": "link_local",
    "100.64.0.1": "shared",
    "100.100.100.200": "shared",
    "0.0.0.0": "unspecified",
    "0.1.2.3": "private",
    "224.0.0.1": "multicast",
    "240.0.0.1": "private",
    "255.255.255.255": "private",
    "192.0.2.1": "private",
    "198.18.0.1": "private",
    "::": "unspecified",
    "::1": "loopback",
    "fe80::1": "link_local",
    "fe80::1%eth0": "link_local",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "ff02::1": "multicast",
    "fec0::1": "reserved",
    "2001:db8::1": "private",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "link_local",
    "::127.0.0.1": "loopback",
    "64:ff9b::7f00:1": "loopback",
    "64:ff9b::a9fe:a9fe": "link_local",
    "64:ff9b:1::a00:1": "reserved",
    "2002:7f00:1::": "loopback",
    "2002:a9fe:a9fe::1": "link_local",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "reserved",
}


@pytest.mark.parametrize(("address", "kind"), FORBIDDEN.items())
def test_special_addresses_are_refused(address: str, kind: str) -> None:
    refusal = policy([], any_port=True).refusal(address)
    assert refusal is not None
    if kind not in ("private", "reserved"):
        assert refusal == kind


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "203.0.114.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_public_addresses_are_not(address: str) -> None:
    assert policy([], any_port=False).refusal(address) is None


def test_allowed_networks_and_mail_ports() -> None:
    rules = policy(["10.1.0.0/16", "fd00::/64"], any_port=False)
    assert [rules.refusal(a) for a in ("10.1.2.3", "fd00::5")] == [None, None]
    assert rules.refusal("10.2.0.1") == "private"
    assert rules.refusal("::ffff:10.2.0.1") == "private"
    assert [rules.port_refused(port) for port in (993, 587, 22, 8080)] == [False, False, True, True]
    with pytest.raises(ValueError, match="appear to be"):
        policy(["nonsense"], any_port=False)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
)
async def test_a_name_that_leads_there_is_not_connected_to(address: str) -> None:
    async with make_world() as world:
        ground = Ground(world, "imap")
        world.record(ground.host, "AAAA" if ":" in address else "A", address)
        ground.name(993)
        seen = await ground.examine(allow=())
    evidence = seen.finding("dns.host_private", "imap.dns").evidence
    assert [entry["address"] for entry in evidence["addresses"]] == [address]
    assert seen.step("imap.connect").status == "skipped"


async def test_a_literal_address_is_judged_too() -> None:
    async with make_world() as world:
        imap = await world.imap(f"imap.{DOMAIN}")
        for host in (imap.host, f"::ffff:{imap.host}"):
            seen = await examine(world, servers={"imap": Endpoint(host, imap.port, "tls")}, allow=())
            assert seen.report.cause == "dns.host_private"
    assert imap.transcript.connections == 0


async def test_only_what_is_allowed_is_reached() -> None:
    async with make_world() as world:
        open_one = await world.imap(f"imap.{DOMAIN}", 10993)
        closed_one = await world.smtp(f"smtp.{DOMAIN}", 10465)
        servers = {"imap": Endpoint(f"imap.{DOMAIN}", 10993, "tls"), "smtp": Endpoint(f"smtp.{DOMAIN}", 10465, "tls")}
        seen = await examine(world, servers=servers, allow=(f"{open_one.host}/32",))
    assert seen.step("imap.greeting").status == "pass"
    assert seen.codes("smtp.dns") == ["dns.host_private"]
    assert closed_one.transcript.connections == 0


async def test_a_name_that_answers_differently_each_time() -> None:
    """The address that was judged is the one that is connected to, for the evidence as well."""
    async with make_world() as world:
        good = await world.imap(f"imap.{DOMAIN}", 10993, identity=world.identity("another.test"))
        trap = await world.hostile("trap.test", 10993, at_once("close"))
        trap_address = world.records["trap.test"]["A"][0]
        turns = itertools.cycle([[good.host], [trap_address]])
        world.names._turns[(f"imap.{DOMAIN}", "A")] = turns
        servers = {"imap": Endpoint(f"imap.{DOMAIN}", 10993, "tls")}
        seen = await examine(world, servers=servers, allow=(f"{good.host}/32",))
        asked = world.names.asked(f"imap.{DOMAIN}", "A")
    assert seen.report.cause == "tls.name_mismatch"
    assert (asked, good.transcript.connections, trap.connections) == (1, 2, 0)


async def trapped(world: World, location: str) -> tuple[str, int]:
    """A domain whose autoconfig leads to `location`; the file's host, and how often the trap was connected to."""
    trap = await world.web("trap.test", {FILE: autoconfig(DOMAIN, Offer("imap", "in.hosting.test", 993))})
    world.domain(DOMAIN)
    web = await world.web(f"autoconfig.{DOMAIN}", {FILE: redirect(location.format(trap=trap.host))}, tls=True)
    allow = (f"{web.host}/32",)
    seen = await examine(world, DOMAIN, allow=allow)
    assert web.requests
    return seen.codes("domain.servers")[0], trap.transcript.connections


@pytest.mark.parametrize(
    "location", [f"http://trap.test{FILE}", "http://{trap}" + FILE, "http://[::ffff:{trap}]" + FILE]
)
async def test_redirects_into_private_networks(location: str) -> None:
    async with make_world() as world:
        assert await trapped(world, location) == ("dns.servers_not_found", 0)


async def test_servers_of_an_autoconfig_file_are_judged() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        offers = (Offer("imap", "inside.test", 993), Offer("smtp", "inside.test", 465))
        web = await world.web(f"autoconfig.{DOMAIN}", {FILE: autoconfig(DOMAIN, *offers)}, tls=True)
        inside = await world.imap("inside.test")
        seen = await examine(world, DOMAIN, account=ACCOUNT, secret=SECRET, allow=(f"{web.host}/32",))
    assert seen.codes("imap.dns") == ["dns.host_private"]
    assert inside.transcript.connections == 0


async def test_srv_targets_and_mx_are_judged() -> None:
    async with make_world() as world:
        inside = await world.imap("inside.test", 10993)
        world.record(DOMAIN, "MX", "10 inside.test.")
        world.record(f"_imaps._tcp.{DOMAIN}", "SRV", f"0 1 {inside.port} inside.test.")
        seen = await examine(world, DOMAIN, allow=())
    assert seen.codes("imap.dns") == ["dns.host_private"]
    assert inside.transcript.connections == 0


async def test_issuer_addresses_are_judged() -> None:
    async with make_world() as world:
        ground = Ground(world, "imap")
        made = await world.crafted("missing_intermediate", ground.host, fetchable=True)
        server = await ground.serve(identity=made.identity)
        seen = await ground.examine(allow=(f"{server.host}/32",))
    evidence = seen.finding("tls.chain_incomplete").evidence
    assert "missing" not in evidence
    assert evidence["issuer_url"]


async def test_other_ports_are_for_administrators() -> None:
    async with make_world() as world:
        imap = await world.imap(f"imap.{DOMAIN}", 10993)
        servers = {"imap": Endpoint(f"imap.{DOMAIN}", imap.port, "tls")}
        refused = await examine(world, servers=servers, any_port=False)
        allowed = await examine(world, servers=servers, any_port=True)
    assert refused.codes("imap.connect") == ["connect.blocked_by_policy"]
    assert refused.report.verdict == "unknown"
    assert allowed.report.verdict == "pass"
    assert imap.transcript.connections == 1
