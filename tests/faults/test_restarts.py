"""Nodes that are told to end: they say so, keep their port a while, end what they have, and hand back the rest."""

import asyncio
import time

import aiohttp

from tests.faults.talks import UNLIMITED, furnish_for_many, nothing_lost_nothing_doubled, settled, talks
from tests.nodes.conftest import Launch
from tests.nodes.people import doubles, ends, insistent, until
from tests.nodes.test_secrets import Door, link_of
from tests.servers.imap import ImapScript
from tests.servers.postgres import Postgres
from tests.servers.script import Say
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.stories.pages import type_secret

LATE = "late.test"
_GRACE = 26


async def test_a_node_that_is_told_to_end_ends_its_runs_first(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    """Also those that last longer than the time after which a silent node is taken for dead."""
    account = f"taro@{LATE}"
    world.domain(LATE)
    door: Door = await world.serve(Door, ImapScript, f"imap.{LATE}", 993, accounts={account: "right"}, refuse=Say("{tag} NO [AUTHENTICATIONFAILED] no", delay=19.0))  # fmt: skip
    taro = insistent(slack, "U0001", account)
    with postgres.database() as url:
        async with launch(url, MIGCHECK_SHUTDOWN__GRACE=str(_GRACE), MIGCHECK_NETWORK__TIMEOUTS__REPLY="25") as fleet:
            holder, other = fleet.those("web")
            await taro.command(f"{LATE} {account}")
            await taro.report()
            assert await type_secret(fleet.link(await link_of(taro), holder), "wrong-wrong") == 200
            await until(lambda: door.tried)
            fleet.lead(other)
            told, ending = time.monotonic(), asyncio.create_task(holder.end())
            parts = await holder.status(503, limit=1.0)
            assert parts["status"] == "stopping"
            heard = time.monotonic()
            assert await _until_the_port_closes(holder.port) - heard >= 2.0
            assert data_of(await taro.report(1))["cause"] == "login.wrong_credentials"
            assert await ending == 0
            assert time.monotonic() - told < _GRACE
            await settled(slack)
            assert len(door.tried) == 1
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}


async def _until_the_port_closes(port: int) -> float:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    assert answer.status == 200
            except aiohttp.ClientError:
                return time.monotonic()
            await asyncio.sleep(0.05)


async def test_what_cannot_end_in_time_is_handed_back(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    """A run without a secret goes to another worker at once; of one with a secret the person is told."""
    account = f"taro@{LATE}"
    world.domain(LATE)
    door: Door = await world.serve(Door, ImapScript, f"imap.{LATE}", 993, accounts={account: "right"}, refuse=Say("{tag} NO [AUTHENTICATIONFAILED] no", delay=19.0))  # fmt: skip
    taro = insistent(slack, "U0001", account)
    with postgres.database() as url:
        async with launch(url, worker=1, MIGCHECK_SHUTDOWN__GRACE="6") as fleet:
            holder, other = fleet.those("web")
            await taro.command(f"{LATE} {account}")
            await taro.report()
            assert await type_secret(fleet.link(await link_of(taro), holder), "wrong-wrong") == 200
            await until(lambda: door.tried)
            fleet.lead(other)
            told = time.monotonic()
            assert await holder.end() == 0
            assert time.monotonic() - told < 6.0
            await taro.sees_with("recheck", words="interrupted", limit=5)
            assert door.transcript.used == 1
            assert set(ends(slack).values()) == {1}


async def test_a_rolling_restart_during_thirty_dialogues_drops_nobody(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    await furnish_for_many(world)
    held = talks(slack, 30)
    with postgres.database() as url:
        async with launch(url, **UNLIMITED) as fleet:
            going = [asyncio.create_task(talk.go()) for talk in held]
            for node in fleet.nodes:
                assert await node.end() == 0
                await node.start()
                await node.ready()
            await asyncio.gather(*going)
            await settled(slack)
            nothing_lost_nothing_doubled(slack, held)
            assert [talk.person.id for talk in held if talk.interrupted] == []
