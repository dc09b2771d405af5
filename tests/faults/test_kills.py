"""Nodes that are killed: what they did is taken up by others, or the person is told. Nothing comes twice."""

import asyncio
import random
import signal
import socket
import sys
import time
from pathlib import Path

import psycopg

from tests.faults.talks import UNLIMITED, furnish_for_many, nothing_lost_nothing_doubled, settled, talks
from tests.nodes.conftest import Fleet, Launch, Node
from tests.nodes.people import doubles, ends, insistent, until
from tests.nodes.test_secrets import Door, link_of
from tests.servers.imap import ImapScript
from tests.servers.postgres import Postgres
from tests.servers.practice import CHAIN
from tests.servers.script import Say
from tests.servers.slack import FakeSlack, Person
from tests.servers.wire import Wire
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.stories.pages import type_secret

NOTICED = 45.0
SLOW, LATE = "slow.test", "late.test"


class SlowAtFirst(Door):
    """Greets its first client, and answers the first log-in, after a minute only."""

    async def converse(self, wire: Wire) -> None:
        if wire.number == 1 and self.script.greeting is not None:
            await asyncio.sleep(60)
        await super().converse(wire)


async def test_a_killed_worker_and_a_killed_web_node_with_secrets(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    """A run without a secret is taken up; one with a secret and one that waits behind it are told of as cut off."""
    account = f"shared@{LATE}"
    world.domain(LATE)
    world.domain(SLOW)
    greets: Door = await world.serve(
        SlowAtFirst, ImapScript, f"imap.{SLOW}", 993, greeting="* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello"
    )
    door: Door = await world.serve(Door, ImapScript, f"imap.{LATE}", 993, accounts={account: "right"}, refuse=Say("{tag} NO [AUTHENTICATIONFAILED] no", delay=60))  # fmt: skip
    ann, taro, jiro = (insistent(slack, name, account) for name in ("UADMIN", "U0001", "U0002"))
    with postgres.database() as url:
        async with launch(url) as fleet:
            holder = fleet.those("web")[0]
            for person in (taro, jiro):
                await person.command(f"{LATE} {account}")
                await person.report()
            for person in (taro, jiro):
                assert await type_secret(fleet.link(await link_of(person), holder), "wrong-wrong") == 200
                await until(lambda: door.tried)
            await slack.until(lambda: [m for m in jiro.sees() if m.stream])
            await ann.command(f"{SLOW} imap.{SLOW}:993")
            await until(lambda: greets.transcript.connections)
            worker = await _busy(fleet, greets)
            killed = time.monotonic()
            await asyncio.gather(holder.end(signal.SIGKILL), worker.end(signal.SIGKILL))
            report = await ann.report(limit=NOTICED)
            assert data_of(report)["verdict"] == "pass"
            for person in (taro, jiro):
                told = await person.sees_with("recheck", words="interrupted", limit=NOTICED)
                assert time.monotonic() - killed < NOTICED
                assert told.action("recheck") or told.action("run")
            assert len(door.tried) == 1, "one log-in was tried, and no other one since"
            fleet.lead(fleet.those("web")[1])
            await _a_recheck_works(fleet, taro, fleet.those("web")[1])
            assert len(door.tried) == 2
            await settled(slack)
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}


async def _busy(fleet: Fleet, server: Door) -> Node:
    """The worker that has a connection to a server: the kernel knows."""

    def connected() -> Node | None:
        return next((node for node in fleet.those("worker") if _connects(node, server)), None)

    node: Node = await until(connected)
    return node


def _connects(node: Node, server: Door) -> bool:
    """proc(5): a line of net/tcp has the peer in third place, as hexadecimal digits, and the socket's inode in tenth."""
    assert node.process is not None
    process = Path(f"/proc/{node.process.pid}")
    peer = f"{int.from_bytes(socket.inet_aton(server.host), sys.byteorder):08X}:{server.port:04X}"
    lines = (line.split() for line in (process / "net/tcp").read_text().splitlines()[1:])
    wanted = {f"socket:[{line[9]}]" for line in lines if line[2] == peer}
    return any(str(fd.readlink()) in wanted for fd in (process / "fd").iterdir())


async def _a_recheck_works(fleet: Fleet, taro: Person, node: Node) -> None:
    told = await taro.sees_with("recheck", words="interrupted")
    await taro.presses(told, "recheck")
    await taro.report(1)
    assert await type_secret(fleet.link(await link_of(taro, 1), node), "right") == 200
    assert data_of(await taro.report(2))["failing_step"] != "imap.login"


async def test_web_nodes_killed_at_any_moment_of_thirty_dialogues(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    dice = random.Random(20261124)
    await furnish_for_many(world)
    held = talks(slack, 30)
    with postgres.database() as url:
        async with launch(url, worker=1, **UNLIMITED) as fleet:
            going = [asyncio.create_task(talk.go()) for talk in held]
            for number in range(4):
                await asyncio.sleep(dice.uniform(0.5, 3.0))
                node = fleet.those("web")[number % 2]
                await node.end(signal.SIGKILL)
                await node.start()
                await node.ready()
            await asyncio.gather(*going)
            await settled(slack)
            nothing_lost_nothing_doubled(slack, held)


async def test_a_job_that_was_lost_between_two_databases_is_made_anew(
    postgres: Postgres, slack: FakeSlack, launch: Launch
) -> None:
    """The queue has a database of its own: what a node has stored there last dies with it."""
    ann = slack.person("UADMIN")
    with postgres.database() as url, postgres.database() as queue:
        async with launch(url, worker=0, MIGCHECK_QUEUE__URL=queue) as fleet:
            await ann.command(CHAIN.domain)
            await ann.sees_with("cancel")
            with psycopg.connect(queue) as connection:
                lost = connection.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'check'").rowcount
            assert lost == 1
            await fleet.start("worker")
            assert data_of(await ann.report(limit=NOTICED))["cause"] == CHAIN.code
            await settled(slack)
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}
