"""What web nodes and workers do for one another, and what each of them alone cannot do."""

import asyncio
import os
import sys

import aiohttp

from tests.handlers.person import Visitor
from tests.nodes.conftest import Fleet, Launch
from tests.nodes.people import doubles, ends, until
from tests.servers.hostile import Hostile, Victim, at_once
from tests.servers.postgres import Postgres
from tests.servers.practice import ALL_GOOD, CERTIFICATE
from tests.servers.script import Say
from tests.servers.slack import FakeSlack, Person
from tests.servers.world import World
from tests.slack.conftest import data_of


async def test_what_workers_do_for_web_nodes(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    ann, bob = slack.person("UADMIN"), slack.person("U0002", email=f"bob@{ALL_GOOD.domain}")
    with postgres.database() as url:
        async with launch(url, MIGCHECK_WATCH__EVERY="1s") as fleet:
            await _a_check_that_is_cancelled_ends_on_its_worker(fleet, ann)
            await _a_watch_is_looked_at_by_a_worker_and_told_by_a_web_node(fleet, ann)
            await _what_only_admins_may_is_not_done_for_members(fleet, ann, bob)
            assert doubles(slack) == []


async def _a_check_that_is_cancelled_ends_on_its_worker(fleet: Fleet, ann: Person) -> None:
    ended = asyncio.Event()

    async def silent(victim: Victim) -> None:
        try:
            await at_once("hang")(victim)
        finally:
            ended.set()

    domain = "hang.test"
    fleet.world.domain(domain)
    server: Hostile = await fleet.world.hostile(f"imap.{domain}", 993, silent)
    await ann.command(f"{domain} imap.{domain}:993")
    await until(lambda: server.connections)
    root = await ann.sees_with("cancel")
    await ann.presses(root, "cancel")
    await asyncio.wait_for(ended.wait(), 5)
    await ann.sees_with(words="Cancelled")
    assert not ends(fleet.slack)


async def _a_watch_is_looked_at_by_a_worker_and_told_by_a_web_node(fleet: Fleet, ann: Person) -> None:
    domain = "back-soon.test"
    fleet.world.domain(domain)
    fleet.world.place(f"imap.{domain}")
    await ann.command(f"{domain} imap.{domain}:993")
    report = await ann.report()
    assert data_of(report)["cause"] == "connect.refused"
    await ann.presses(report, "watch")
    await ann.sees_with("unwatch")
    await fleet.world.imap(f"imap.{domain}")
    await ann.sees_with(words="what failed works now")


async def _what_only_admins_may_is_not_done_for_members(fleet: Fleet, ann: Person, bob: Person) -> None:
    """Workers know whose case it is, and who is an admin by their own settings."""
    await fleet.world.imap(f"imap.{ALL_GOOD.domain}", 47993)
    for person, number, verdict in ((ann, 1, "pass"), (bob, 0, "unknown")):
        await person.command(f"{ALL_GOOD.domain} imap.{ALL_GOOD.domain}:47993")
        assert data_of(await person.report(number))["verdict"] == verdict


async def test_without_a_worker_a_check_waits_for_one(postgres: Postgres, slack: FakeSlack, launch: Launch) -> None:
    """And what one web node has begun to show another one ends."""
    ann = slack.person("UADMIN")
    with postgres.database() as url:
        async with launch(url, web=1, worker=0) as fleet:
            (first,) = fleet.nodes
            await fleet.world.imap("imap.slow.test", greeting=Say("* OK at last", delay=4.0))
            root = await ann.says("slow.test imap.slow.test:993")
            plan = await slack.until(lambda: next((m for m in ann.sees() if m.stream == "open"), None))
            await fleet.start("worker")
            second = await fleet.start("web")
            await second.ready()
            fleet.lead(second)
            assert await first.end() == 0
            report = await ann.report()
            assert report.thread == root
            await slack.until(lambda: plan.stream == "done")
            assert {task["status"] for task in plan.tasks.values()} <= {"complete", "pending"}, "done, or left out"
            assert [m for m in ann.sees() if m.tasks] == [plan]
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}


async def test_a_chat_page_shows_what_another_node_has_delivered(
    postgres: Postgres, slack: FakeSlack, launch: Launch
) -> None:
    with postgres.database() as url:
        async with launch(url, MIGCHECK_WEB__CHAT="true", MIGCHECK_SLACK__ENABLED="false") as fleet:
            one, other = fleet.those("web")
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                here, there = Visitor(session, one.origin), Visitor(session, other.origin)
                assert (await here.get("/")).status == 200
                case = (await (await here.act("/chat/say", text=CERTIFICATE.domain)).json())["case"]
                came = await asyncio.gather(here.until(case, "report:1", 20), there.until(case, "report:1", 20))
                assert all(CERTIFICATE.domain in text for text in came)
                cancelled = await there.act("/chat/press", case, action="recheck", label="again")
                assert cancelled.status == 200
                await asyncio.gather(here.until(case, "report:2", 20), there.until(case, "report:2", 20))


async def test_nodes_that_could_share_nothing_do_not_start(postgres: Postgres, world: World) -> None:
    shared = {"MIGCHECK_QUEUE__URL": postgres.url, "MIGCHECK_WEB__LISTEN": "127.0.0.1:0"}
    for role, settings in (("web", {}), ("worker", {}), ("all", shared), ("web", shared)):
        status, said = await _run(world, role, settings)
        assert status == 2
        assert said.startswith("run: ")
        assert said.count("\n") == 1, "a sentence, no traceback"
        assert ("store.url" if settings else "queue.url") in said
        assert postgres.url.split(":")[2].split("@")[0] not in said, "no password"


async def _run(world: World, role: str, settings: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--role", role),
        env={**os.environ, **world.environment, "MIGCHECK_WEB__LISTEN": "127.0.0.1:0", **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode or 0, said.decode()
