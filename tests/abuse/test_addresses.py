"""Whatever way an address comes in from outside and however it is spelt, no connection goes where none may."""

import ipaddress
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from bot.checks.link.dns import questions
from bot.checks.link.faults import NETWORK_ERRORS, Malformed
from bot.checks.link.fetch import ask, fetch, fetch_issuers
from bot.checks.link.line import Net, Timeouts
from bot.checks.link.policy import policy
from bot.core.exchange import read_ews
from bot.core.intake import InputError, read_domain, read_endpoint
from bot.core.model import Endpoint
from tests.checks.exchanging import ADMIN, HOST, PASSWORD, TARO, serve
from tests.checks.running import HASTY, NEEDS_PORTS, examine, make_world, network_in
from tests.servers.certs import Authority
from tests.servers.exchange import EWS
from tests.servers.exchange_words import Reply
from tests.servers.hostile import End, Hostile, at_once
from tests.servers.web import Offer, WebServer, autoconfig, redirect
from tests.servers.world import World

DOMAIN = "practice.test"
FILE = "/mail/config-v1.1.xml"
POX = "/autodiscover/autodiscover.xml"
ROOT = Authority.root("Root of strangers")
CLOUD = [
    "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, Oracle, Hetzner
    "169.254.170.2",  # AWS, containers
    "fd00:ec2::254",  # AWS over IPv6
    "fd20:ce::254",  # Google over IPv6
    "100.100.100.200",  # Alibaba
    "192.0.0.192",  # Oracle's older one
    "168.63.129.16",  # Azure's host agent
]
TUNNELS = [
    "::ffff:{a}.{b}.{c}.{d}",
    "::ffff:{ab:x}:{cd:x}",
    "::{a}.{b}.{c}.{d}",
    "::ffff:0:{ab:x}:{cd:x}",
    "64:ff9b::{ab:x}:{cd:x}",
    "64:ff9b:1::{ab:x}:{cd:x}",
    "2002:{ab:x}:{cd:x}::1",
    "2606:4700::5efe:{ab:x}:{cd:x}",
    "2606:4700::200:5efe:{ab:x}:{cd:x}",
    "2001:0:{ab:x}:{cd:x}:0:0:0:1",
    "2001:0:4136:e378:8000:63bf:{nab:x}:{ncd:x}",
]
SPELT = [
    "{a}.{b}.{c}.{d}",
    "{a}.{b}.{c}.{d}.",
    "{n}",
    "{n:#x}",
    "{n:#o}",
    "0{n:o}",
    "{a:#x}.{b:#x}.{c:#x}.{d:#x}",
    "0{a:o}.0{b:o}.0{c:o}.0{d:o}",
    "00000{a:o}.{b}.{c}.{d}",
    "{a}.{bcd}",
    "{a}.{b}.{cd}",
    "{a:#x}.{bcd}",
    "{a}。{b}。{c}。{d}",
    "{a}．{b}．{c}．{d}",
    "{wide}",
    "{circled}",
    "[::ffff:{a}.{b}.{c}.{d}]",
    "[::ffff:{ab:x}:{cd:x}]",
    "[64:ff9b::{ab:x}:{cd:x}]",
    "[2002:{ab:x}:{cd:x}::1]",
    "[::ffff:{a}.{b}.{c}.{d}%25lo]",
    "[::ffff:{a}.{b}.{c}.{d}%lo]",
]
USERS = ["good.test@{h}", "good.test:443@{h}", "{h}#@good.test", "{h}?@good.test", "good.test\\@{h}", "good.test%40{h}"]
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_WIDE = str.maketrans("0123456789.", "０１２３４５６７８９．")


def spell(form: str, address: str) -> str:
    """An IPv4 address in another form."""
    a, b, c, d = ipaddress.IPv4Address(address).packed
    n = int(ipaddress.IPv4Address(address))
    return form.format(
        a=a, b=b, c=c, d=d, n=n, ab=n >> 16, cd=n & 0xFFFF, bcd=n & 0xFFFFFF, nab=n >> 16 ^ 0xFFFF, ncd=n & 0xFFFF ^ 0xFFFF,
        wide=address.translate(_WIDE), circled=address.translate(_CIRCLED),
    )  # fmt: skip


@dataclass
class Trap:
    """A listener that nothing may connect to, and all the ways to write where it is."""

    server: Hostile
    hosts: list[str]

    @property
    def places(self) -> list[str]:
        """The hosts with the port, and addresses that seem to be of another host."""
        places = [f"{host}:{self.server.port}" for host in self.hosts]
        plain = f"{self.server.host}:{self.server.port}"
        return places + [user.format(h=plain) for user in USERS] + [f"trap.test:{self.server.port}"]

    @property
    def untouched(self) -> bool:
        return self.server.connections == 0


BOTH = pytest.mark.parametrize("shut", [True, False], ids=["shut", "open"])
"""Each test is played again with the guard opened, where it must lead into the trap: it can fail."""
OPEN = ("127.0.0.0/8",)


async def a_trap(world: World, end: End = "close") -> Trap:
    server = await world.hostile("trap.test", 10443, at_once(end))
    return Trap(server, [spell(form, server.host) for form in SPELT])


def net_of(world: World, network: object, allow: tuple[str, ...] = ()) -> Net:
    rules = policy(allow, any_port=True)
    return Net(questions(network.resolver, rules), rules, network.trust, Timeouts(1, 1, 1, 5))  # type: ignore[attr-defined]


@pytest.mark.parametrize("address", CLOUD)
def test_the_places_where_clouds_keep_their_secrets(address: str) -> None:
    assert policy([], any_port=True).refusal(address) is not None
    if ":" not in address:
        for form in TUNNELS:
            assert policy([], any_port=True).refusal(spell(form, address)) is not None, form


@pytest.mark.parametrize("form", TUNNELS)
@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "172.31.255.254", "192.168.0.10", "100.64.0.9", "0.0.0.0"]
)
def test_private_addresses_within_other_addresses(form: str, address: str) -> None:
    assert policy([], any_port=True).refusal(spell(form, address)) is not None


@BOTH
async def test_typed_hosts(shut: bool) -> None:
    async with make_world() as world:
        trap = await a_trap(world)
        refused = 0
        for place in trap.places:
            try:
                read = read_endpoint(place, "imap")
            except InputError:
                refused += 1
                continue
            seen = await examine(
                world,
                servers={"imap": Endpoint(read.host, read.port, "tls")},
                allow=() if shut else OPEN,
                timeouts=HASTY,
            )
            assert seen.report.verdict != "pass"
        assert trap.untouched is shut
        assert 0 < refused < len(trap.places)


@BOTH
async def test_typed_addresses_of_exchange(shut: bool) -> None:
    async with make_world() as world:
        trap = await a_trap(world)
        for place in trap.places:
            try:
                ews = read_ews(f"https://{place}/EWS/Exchange.asmx")
            except InputError:
                continue
            seen = await examine(
                world, servers={"ews": ews}, account=ADMIN, secret=PASSWORD, allow=() if shut else OPEN, timeouts=HASTY
            )
            assert seen.report.verdict != "pass"
        assert trap.untouched is shut


@pytest.mark.parametrize("form", SPELT)
def test_no_address_is_a_domain(form: str) -> None:
    with pytest.raises(InputError):
        read_domain(spell(form, "127.0.0.1"))


@BOTH
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_pages_and_redirects_to_them(scheme: str, shut: bool) -> None:
    """What autoconfig, autodiscover and issuers' addresses are fetched with."""
    async with make_world() as world:
        trap = await a_trap(world)
        pages = {
            f"/{n}": redirect(f"{scheme}://{place}/x".encode().decode("latin-1")) for n, place in enumerate(trap.places)
        }
        web = await world.web("page.test", pages)
        with network_in(world) as network:
            net = net_of(world, network, (f"{web.host}/32",) if shut else OPEN)
            for n, place in enumerate(trap.places):
                assert await fetch(net, f"{scheme}://{place}/x", 2) is None
                assert await fetch(net, f"http://page.test:{web.port}/{n}", 2) is None
            net.close()
        assert len(web.requests) == len(pages)
        assert trap.untouched is shut


@BOTH
async def test_addresses_of_issuers(shut: bool) -> None:
    async with make_world() as world:
        trap = await a_trap(world)
        with network_in(world) as network:
            for place in trap.places:
                if not place.isascii():
                    continue  # RFC 5280, 4.2.1.6: no certificate can hold it
                issuing = ROOT.intermediate("Stranger's CA").reachable_at(f"http://{place}/issuer.cer")
                net = net_of(world, network, () if shut else OPEN)
                leaf = issuing.issue("a.test").leaf.public_bytes(Encoding.DER)
                assert await fetch_issuers(net, [leaf]) == []
                net.close()
        assert trap.untouched is shut


@BOTH
async def test_the_identity_platform_cannot_send_elsewhere(shut: bool) -> None:
    """The authority is the operator's; what its answers name (token endpoint, sign-in page) is judged as all else."""
    async with make_world() as world:
        trap = await a_trap(world)
        with network_in(world) as network:
            net = net_of(world, network, () if shut else OPEN)
            for place in trap.places:
                with pytest.raises((*NETWORK_ERRORS, Malformed, ValueError)):
                    await ask(net, f"https://{place}/token", b"grant=x")
            net.close()
        assert trap.untouched is shut


@NEEDS_PORTS
@BOTH
async def test_servers_of_autoconfig_files(shut: bool) -> None:
    async with make_world() as world:
        trap = await a_trap(world)
        world.domain(DOMAIN)
        pages: dict[str, object] = {}
        web: WebServer = await world.web(f"autoconfig.{DOMAIN}", pages, tls=True)  # type: ignore[arg-type]
        for host in (*trap.hosts, "trap.test", "trap.test."):
            name = host.strip("[]")
            pages[FILE] = autoconfig(
                DOMAIN, Offer("imap", name, trap.server.port), Offer("smtp", name, trap.server.port)
            )
            seen = await examine(world, DOMAIN, allow=(f"{web.host}/32",) if shut else OPEN, timeouts=HASTY)
            assert seen.report.verdict != "pass"
        assert len(web.requests) >= len(trap.hosts)
        assert trap.untouched is shut


@NEEDS_PORTS
@BOTH
async def test_what_autodiscover_tells(shut: bool) -> None:
    """By an EWS address in the answer, by redirects of HTTP, by redirects in words, and by SRV."""
    from tests.servers.exchange_words import autodiscovered  # noqa: PLC0415 - of Exchange alone

    async with make_world() as world:
        trap = await a_trap(world)
        world.domain(DOMAIN)
        told: dict[str, Reply] = {}
        server = await serve(world, f"autodiscover.{DOMAIN}", pages=told)
        allow = (f"{server.host}/32",) if shut else OPEN
        tells: list[Callable[[str], Reply]] = [
            lambda place: autodiscovered(f"https://{place}{EWS}"),
            lambda place: Reply(302, headers=(("Location", f"https://{place}{POX}"),)),
        ]
        for tell in tells:
            for place in filter(str.isascii, trap.places):
                told[POX] = tell(place)
                await examine(
                    world, DOMAIN, scenario="exchange", account=ADMIN, secret=PASSWORD, allow=allow, timeouts=HASTY
                )
        assert server.requests
        told.clear()
        world.record(f"_autodiscover._tcp.{DOMAIN}", "SRV", f"0 0 {trap.server.port} trap.test.")
        await examine(world, DOMAIN, scenario="exchange", account=ADMIN, secret=PASSWORD, allow=allow, timeouts=HASTY)
        assert trap.untouched is shut


@BOTH
async def test_redirects_of_exchange(shut: bool) -> None:
    async with make_world() as world:
        trap = await a_trap(world, "hang")
        pages: dict[str, Reply] = {}
        server = await serve(world, pages=pages)
        ews = f"https://{HOST}:{server.port}{EWS}"
        for place in filter(str.isascii, trap.places if shut else trap.places[-1:]):
            pages[EWS] = Reply(302, headers=(("Location", f"https://{place}{EWS}"),))
            allow = (f"{server.host}/32",) if shut else OPEN
            seen = await examine(
                world, ews=ews, account=ADMIN, secret=PASSWORD, mailbox=TARO, allow=allow, timeouts=HASTY
            )  # fmt: skip
            assert seen.report.verdict != "pass"
        assert server.transcript.used == 0
        assert trap.untouched is shut


@BOTH
@pytest.mark.parametrize("form", ["trap.test", "{a}.{b}.{c}.{d}", "{n}", "{n:#x}", "{a:#x}.{bcd}"])
async def test_mx_and_srv(form: str, shut: bool) -> None:
    async with make_world() as world:
        trap = await a_trap(world)
        target = spell(form, trap.server.host)
        world.record(DOMAIN, "MX", f"10 {target}.")
        for label in ("_imaps", "_imap", "_submissions", "_submission", "_pop3s"):
            world.record(f"{label}._tcp.{DOMAIN}", "SRV", f"0 1 {trap.server.port} {target}.")
        seen = await examine(world, DOMAIN, allow=() if shut else OPEN, timeouts=HASTY)
        assert seen.report.verdict != "pass"
        assert trap.untouched is (shut or form != "trap.test")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("раypal.com", "xn--ypal-43d9g.com"),  # the first two letters are Cyrillic
        ("exаmple.com", "xn--exmple-4nf.com"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("example.ⅽom", "example.com"),
        ("faß.de", "xn--fa-hia.de"),
    ],
)
def test_letters_that_look_alike_are_shown_as_what_they_are(typed: str, shown: str) -> None:
    assert read_domain(typed) == shown
    assert read_endpoint(f"imap.{typed}", "imap").host == f"imap.{shown}"


async def test_a_name_that_changes_between_the_connections_of_one_check() -> None:
    """EWS is connected to again and again: always where the first, judged answer led."""
    async with make_world() as world:
        server = await serve(world)
        trap = await a_trap(world)
        world.names._turns[(HOST, "A")] = itertools.cycle([[server.host], [trap.server.host]])
        ews = f"https://{HOST}:{server.port}{EWS}"
        seen = await examine(world, ews=ews, account=ADMIN, secret=PASSWORD, allow=(f"{server.host}/32",))
        asked = world.names.asked(HOST, "A")
    assert seen.step("ews.login").status == "pass"
    assert asked == 1
    assert trap.untouched
