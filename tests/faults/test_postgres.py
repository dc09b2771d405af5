"""PostgreSQL away, for all nodes or for one: nothing is lost or doubled, and nodes come back by themselves."""

import asyncio
import time

import pytest

from tests.faults.proxy import way_to
from tests.faults.talks import DOMAIN, UNLIMITED, furnish_for_many, nothing_lost_nothing_doubled, settled, talks
from tests.faults.test_kills import NOTICED, SLOW, SlowAtFirst
from tests.nodes.conftest import Launch
from tests.nodes.people import doubles, ends, insistent, until
from tests.nodes.test_secrets import Door, link_of
from tests.servers.imap import ImapScript
from tests.servers.postgres import Cluster, Postgres
from tests.servers.script import Say
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.stories.pages import type_secret

LATE = "late.test"
_CUT = 40.0


async def test_postgresql_stopped_and_killed_during_dialogues(
    own_postgres: Cluster, slack: FakeSlack, world: World, launch: Launch
) -> None:
    await furnish_for_many(world)
    held = talks(slack, 20)
    ann = slack.person("UADMIN")
    with own_postgres.database() as url:
        async with launch(url, **UNLIMITED) as fleet:
            going = [asyncio.create_task(talk.go()) for talk in held]
            for end in (own_postgres.stop, own_postgres.kill):
                await until(lambda: len(ends(slack)) > 3)
                await asyncio.to_thread(end)
                ack = await ann.command(DOMAIN)
                assert ack.status >= 500, "it comes again"
                for node in fleet.nodes:
                    await node.status(503)
                await asyncio.to_thread(own_postgres.start)
                for node in fleet.nodes:
                    await node.ready()
            await asyncio.gather(*going)
            await settled(slack)
            nothing_lost_nothing_doubled(slack, held)


@pytest.mark.parametrize("how", ["refused", "silent"])
async def test_a_node_that_is_cut_off_from_postgresql_alone(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch, how: str
) -> None:
    """Its runs are taken up, and what it says when it comes back is no second word."""
    account = f"taro@{LATE}"
    world.domain(LATE)
    world.domain(SLOW)
    greets: Door = await world.serve(
        SlowAtFirst, ImapScript, f"imap.{SLOW}", 993, greeting="* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello"
    )
    door: Door = await world.serve(
        Door,
        ImapScript,
        f"imap.{LATE}",
        993,
        accounts={account: "right"},
        refuse=Say("{tag} NO [AUTHENTICATIONFAILED] no", delay=15),
    )
    ann, taro = insistent(slack, "UADMIN", "ann@example.test"), insistent(slack, "U0001", account)
    with postgres.database() as url:
        async with way_to(url) as way, launch(url, web=1, worker=0) as fleet:
            by_way = {"MIGCHECK_STORE__URL": way.url, "MIGCHECK_QUEUE__URL": way.url}
            holder, worker = await fleet.start("web", **by_way), await fleet.start("worker", **by_way)
            await asyncio.gather(holder.ready(), worker.ready())
            await taro.command(f"{LATE} {account}")
            await taro.report()
            assert await type_secret(fleet.link(await link_of(taro), holder), "wrong-wrong") == 200
            await ann.command(f"{SLOW} imap.{SLOW}:993")
            await until(lambda: door.tried and greets.transcript.connections)
            cut = time.monotonic()
            await way.refuse() if how == "refused" else way.silence()
            await fleet.start("worker")
            assert data_of(await ann.report(limit=NOTICED))["verdict"] == "pass"
            await taro.sees_with("recheck", words="interrupted", limit=NOTICED)
            assert time.monotonic() - cut < NOTICED
            await asyncio.gather(holder.status(503), worker.status(503))
            await asyncio.sleep(max(0.0, cut + _CUT - time.monotonic()))  # as long as the cut shall last
            await way.begin() if how == "refused" else way.resume()
            await asyncio.gather(holder.ready(), worker.ready())
            fleet.lead(holder)
            await taro.says("help")
            await taro.sees_with(words="explain")
            await settled(slack)
            assert len(door.tried) == 1
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}
