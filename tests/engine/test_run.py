"""A check as a whole: what is reported on the way, what is left open, what the command line makes of it."""

import asyncio
import contextlib
import json

import pytest

from bot.checks.link.line import Timeouts
from bot.core.model import SERVICES, Endpoint, Request, Service, StepResult
from bot.core.secret import Secret
from bot.engine.chain import Gate
from bot.engine.check import Check
from bot.engine.run import run
from bot.network import wisdom_in
from tests.checks.running import ACCOUNT, SECRET, check_report, examine, make_world, network_in
from tests.servers.dns import DnsFault
from tests.servers.refusals import IMAP
from tests.servers.script import HANG
from tests.servers.world import World

DOMAIN = "practice.test"


async def furnish(world: World, **imap: object) -> dict[Service, Endpoint]:
    """A sound domain; its servers."""
    world.domain(DOMAIN)
    one = await world.imap(f"imap.{DOMAIN}", **{"accounts": {ACCOUNT: SECRET}, **imap})
    other = await world.smtp(f"smtp.{DOMAIN}", accounts={ACCOUNT: SECRET})
    return {"imap": Endpoint(f"imap.{DOMAIN}", one.port, "tls"), "smtp": Endpoint(f"smtp.{DOMAIN}", other.port, "tls")}


async def test_steps_are_told_as_they_begin_and_end() -> None:
    begun: list[str] = []
    ended: list[StepResult] = []
    async with make_world() as world:
        await furnish(world)
        with network_in(world) as network:
            request = Request(DOMAIN, account=ACCOUNT, lang="en")
            check = Check(
                "TEST-01", request, wisdom_in("en"), network, Secret(SECRET), True, begun.append, ended.append
            )
            report = await run(check)
    assert {step.id for step in ended} == {step.id for step in report.steps}
    assert set(begun) <= {step.id for step in report.steps}
    assert begun.index("imap.tls") < begun.index("imap.login")
    assert {"domain.exists", "domain.servers", "imap.mailbox", "smtp.submission"} <= set(begun)


async def test_a_cancelled_check_leaves_nothing_open() -> None:
    """Not a socket, not a task; the suite's warnings are errors."""
    async with make_world() as world:
        await furnish(world, replies={"EXAMINE": HANG})
        before = asyncio.all_tasks()
        with network_in(world) as network:
            request = Request(DOMAIN, account=ACCOUNT, lang="en")
            stuck = asyncio.Event()
            check = Check(
                "TEST-01",
                request,
                wisdom_in("en"),
                network,
                Secret(SECRET),
                on_started=lambda s: s == "imap.mailbox" and stuck.set(),
            )
            task = asyncio.create_task(run(check))
            await asyncio.wait_for(stuck.wait(), 5)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for _ in range(3):
            await asyncio.sleep(0)
        left = {t for t in asyncio.all_tasks() - before if "bot/" in str(t.get_coro())}
    assert not left


async def test_many_checks_share_a_network() -> None:
    async with make_world() as world:
        await furnish(world)
        with network_in(world) as network:
            request = Request(DOMAIN, lang="en")
            checks = [Check(f"TEST-{n}", request, wisdom_in("en"), network) for n in range(20)]
            reports = await asyncio.gather(*(run(check) for check in checks))
    assert {report.verdict for report in reports} == {"pass"}
    assert [report.case for report in reports] == [f"TEST-{n}" for n in range(20)]


async def test_the_gate() -> None:
    gate = Gate(SERVICES)
    waiting = asyncio.create_task(gate.wait("smtp"))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.no_more(["imap", "smtp"])
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.refused_by = "imap.login"
    gate.passed("imap")
    assert await asyncio.wait_for(waiting, 1) == "imap.login"
    assert await asyncio.wait_for(gate.wait("imap"), 1) == "imap.login"


@pytest.mark.parametrize(
    ("domain", "named", "scenario"), [("gmail.com", False, "saas"), (DOMAIN, False, "manual"), (DOMAIN, True, "manual")]
)
async def test_what_auto_comes_to(domain: str, named: bool, scenario: str) -> None:
    async with make_world() as world:
        world.domain(domain)
        servers = {"imap": Endpoint("absent.test", 993, "tls")} if named else {}
        seen = await examine(world, domain, servers=servers)
    assert seen.report.scenario == scenario
    assert (await _named_scenario()) == "member"


async def _named_scenario() -> str:
    async with make_world() as world:
        world.domain(DOMAIN)
        return (await examine(world, DOMAIN, scenario="member")).report.scenario


async def test_slow_records_of_the_domain_hold_nobody_up() -> None:
    """Named servers are probed while the domain's own name server is silent."""
    async with make_world() as world:
        servers = await furnish(world)
        world.faults[DOMAIN] = DnsFault("silent")
        seen = await examine(world, DOMAIN, servers=servers, account=ACCOUNT, secret=SECRET, nameserver_timeout=1.0)
    told = [step.id for step in seen.progress]
    assert told.index("smtp.submission") < told.index("domain.exists")
    assert seen.report.verdict == "unknown"


async def test_a_log_in_whose_turn_did_not_come_in_time_was_not_tried() -> None:
    """The whole check's time ends while SMTP waits for IMAP's verdict: nothing was sent, so nothing is said of SMTP."""
    async with make_world() as world:
        servers = await furnish(world, refuse_all=HANG)
        seen = await examine(
            world, None, servers=servers, account=ACCOUNT, secret=SECRET, timeouts=Timeouts(5, 5, 5, total=1.0)
        )
    assert seen.codes("imap.login") == ["login.timeout"]
    assert [seen.step(f"smtp.{stage}").skipped_because for stage in ("login", "submission")] == ["time_limit"] * 2
    assert seen.step("smtp.capability").status == "pass"
    assert seen.report.attempts == {"imap": 1}


async def test_vantage_is_the_configured_address_or_the_local_one() -> None:
    async with make_world() as world:
        await furnish(world)
        local = await examine(world, DOMAIN)
        told = await examine(world, DOMAIN, public_address="203.0.113.9")
    assert local.report.vantage == "127.0.0.1"
    assert told.report.vantage == "203.0.113.9"


@pytest.mark.parametrize(
    ("options", "status", "cause"),
    [
        ((DOMAIN,), 0, None),
        (("no such domain",), 2, "input.domain_invalid"),
        ((DOMAIN, "--imap", "imap.practice.test:99999"), 2, "input.port_invalid"),
        (("nxdomain.invalid",), 1, "dns.domain_not_found"),
        (("servfail.test",), 3, None),
    ],
)
async def test_command_line(options: tuple[str, ...], status: int, cause: str | None) -> None:
    async with make_world(settings={"MIGCHECK_DISCOVERY__ISPDB_URL": ""}) as world:
        await furnish(world)
        world.faults["servfail.test"] = DnsFault("servfail")
        done = await world.bot("check", *options, "--json", "--lang", "en")
    assert done.status == status, done
    check_report(done.report)
    assert done.report["cause"] == cause
    assert len(done.out.strip().splitlines()) == 1


async def test_command_line_with_a_secret() -> None:
    async with make_world(settings={"MIGCHECK_DISCOVERY__ISPDB_URL": ""}) as world:
        await furnish(world)
        good = await world.bot("check", DOMAIN, "--account", ACCOUNT, "--json", secret=SECRET)
        bad = await world.bot("check", DOMAIN, "--account", ACCOUNT, "--lang", "en", secret="not-this-one-77")
    assert (good.status, good.report["verdict"], good.report["attempts"]) == (0, "pass", {"imap": 1, "smtp": 1})
    check_report(good.report)
    assert bad.status == 1
    assert "[AUTHENTICATIONFAILED]" in bad.out
    assert "https://" in bad.out
    assert json.dumps(IMAP["unrecognised"]) not in bad.out
