"""The bot is no scanner: few ports, few hosts, and not often, whoever asks and however the places are named."""

import gc
import sys

import pytest

from bot.core.case import Case, case_id
from bot.core.events import Limited, StartCheck, Typed
from bot.core.model import Endpoint, Request
from bot.store.store import Store
from tests.abuse.test_accounts import NOW, a_case, gate
from tests.checks.exchanging import ADMIN, HOST, PASSWORD, serve
from tests.checks.running import HASTY, NEEDS_PORTS, examine, make_world
from tests.handlers.conftest import settings_for
from tests.servers.exchange import EWS
from tests.servers.exchange_words import Reply, autodiscovered
from tests.servers.hostile import at_once
from tests.servers.web import Offer, autoconfig
from tests.servers.world import World

DOMAIN = "practice.test"
PORT = 10022


def start(*hosts: str, domain: str | None = None) -> StartCheck:
    services = ("imap", "smtp", "pop")
    servers = {service: Endpoint(host, 993, "tls") for service, host in zip(services, hosts, strict=False)}
    return StartCheck(1, Request(domain, endpoints=servers, lang="en"))  # type: ignore[arg-type]


async def test_one_person_asks_for_few_hosts(store: Store) -> None:
    door = gate(store)
    outcomes = [await door.admit(a_case(), start(f"h{n}.test"), NOW + n, secret=False) for n in range(50)]
    assert [outcome is None for outcome in outcomes] == [True] * 30 + [False] * 20
    assert outcomes[-1] == Limited(1, "checks", 60)


async def test_new_cases_do_not_make_a_new_person(store: Store) -> None:
    door = gate(store)
    cases = [a_case(name=case_id(n * 7919)) for n in range(50)]
    outcomes = [await door.admit(case, start(f"h{n}.test"), NOW, secret=False) for n, case in enumerate(cases)]
    assert outcomes.count(None) == 30


@pytest.mark.parametrize("names", [("victim.test",), ("victim.test", "VICTIM.test"), ("imap.victim.test",)])
async def test_many_people_do_not_knock_at_one_host(store: Store, names: tuple[str, ...]) -> None:
    door = gate(store)
    outcomes = [
        await door.admit(a_case(f"web:{n}"), start(names[n % len(names)]), NOW + n, secret=False) for n in range(100)
    ]
    assert outcomes.count(None) == 60
    assert {outcome.kind for outcome in outcomes if outcome} == {"probes"}


async def test_many_people_do_not_have_one_domain_searched(store: Store) -> None:
    """Discovery connects to a domain's names before any server of it is known."""
    door = gate(store)
    outcomes = [
        await door.admit(a_case(f"web:{n}"), start(domain="victim.test"), NOW + n, secret=False) for n in range(100)
    ]
    assert outcomes.count(None) == 60


async def test_a_host_that_discovery_finds_counts_as_a_typed_one(store: Store) -> None:
    door = gate(store)
    outcomes = []
    for n in range(80):
        case, search = a_case(f"web:{n}"), start(domain=f"d{n}.test")
        assert await door.admit(case, search, NOW + n, secret=False) is None
        outcomes.append(await door.admit_hosts(case, search, frozenset({"imap.victim.test"}), NOW + n))
    assert outcomes.count(None) == 60


@pytest.mark.parametrize("found", [(), ("imap.victim.test",)])
async def test_watches_count_for_their_servers(store: Store, found: tuple[str, ...]) -> None:
    """A watch looks again without anybody asking: a thousand of them are no way to knock a thousand times."""
    door, request = gate(store), Request("victim.test", lang="en")
    looks = [await door.admit_look(a_case(name=case_id(n)), request, found, NOW + n) for n in range(100)]
    assert looks.count(True) == 60


@NEEDS_PORTS
@pytest.mark.parametrize("way", ["typed", "srv", "autoconfig"])
async def test_other_ports_are_not_knocked_at(way: str) -> None:
    async with make_world() as world:
        trap = await world.hostile("trap.test", PORT, at_once("close"))
        servers = {"imap": Endpoint("trap.test", PORT, "tls")} if way == "typed" else None
        if way == "srv":
            world.domain(DOMAIN)
            for label in ("_imaps", "_submissions"):
                world.record(f"{label}._tcp.{DOMAIN}", "SRV", f"0 1 {PORT} trap.test.")
        if way == "autoconfig":
            world.domain(DOMAIN)
            offers = (Offer("imap", "trap.test", PORT), Offer("smtp", "trap.test", PORT))
            await world.web(f"autoconfig.{DOMAIN}", {"/mail/config-v1.1.xml": autoconfig(DOMAIN, *offers)}, tls=True)
        seen = await examine(world, None if servers else DOMAIN, servers=servers, any_port=False, timeouts=HASTY)  # type: ignore[arg-type]
        assert seen.codes("imap.connect") == ["connect.blocked_by_policy"]
        assert trap.connections == 0


@NEEDS_PORTS
@pytest.mark.parametrize("way", ["typed", "redirect", "autodiscover"])
async def test_other_ports_of_exchange_are_not_knocked_at(way: str) -> None:
    async with make_world() as world:
        trap = await world.hostile("trap.test", PORT, at_once("close"))
        there = f"https://trap.test:{PORT}{EWS}"
        ews = there
        if way != "typed":
            pages = {
                EWS: Reply(302, headers=(("Location", there),)),
                "/autodiscover/autodiscover.xml": autodiscovered(there),
            }
            host = HOST if way == "redirect" else f"autodiscover.{DOMAIN}"
            await serve(world, host, pages=pages)
            ews = f"https://{HOST}{EWS}" if way == "redirect" else ""
        world.domain(DOMAIN)
        options = {"ews": ews} if ews else {"scenario": "exchange"}
        await examine(
            world, DOMAIN, account=ADMIN, secret=PASSWORD, any_port=False, timeouts=HASTY, **options
        )  # fmt: skip
        assert trap.connections == 0


async def test_a_check_asks_few_questions_and_few_places() -> None:
    """Of a domain that is silent everywhere: what one check costs somebody else's machines."""
    async with make_world() as world:
        trap = await world.hostile(f"mx.{DOMAIN}", 993, at_once("close"))
        world.domain(DOMAIN, mx=f"mx.{DOMAIN}")
        for name in ("imap", "mail", "smtp", "pop", "autoconfig"):
            world.record(f"{name}.{DOMAIN}", "A", trap.host)
        await examine(world, DOMAIN, any_port=False, timeouts=HASTY)
        assert trap.connections <= 16
        assert len(world.names.questions) <= 60


async def test_thousands_of_cases_leave_nothing_in_memory(tmp_path: object) -> None:
    """What a person begins and never ends lies in the store, where the retention finds it."""
    from bot.app import open_bot  # noqa: PLC0415 - heavy

    async with World() as world, open_bot(settings_for(world, tmp_path)) as bot:  # type: ignore[arg-type]

        async def begin(first: int, last: int) -> None:
            for n in range(first, last):
                case = Case(case_id(n * 2_654_435_761 % 2**31), "web:eve", "web", f"p{n}", "en")
                await bot.conversation.handle(f"e{n}", case, Typed("help"))
            await bot.conversation.settle()
            gc.collect()

        await begin(0, 150)
        before = sys.getallocatedblocks()
        await begin(150, 500)
        assert sys.getallocatedblocks() - before < 350 * 10
        assert len(await bot.store.cases_of("web:eve", 5000)) == 500
