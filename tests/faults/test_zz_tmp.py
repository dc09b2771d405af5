"""The bot as one process with SQLite: killed at any moment, on a full disk, locked out, and with its clock set wrong."""

import asyncio
import os
import random
import resource
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from tests.faults.talks import UNLIMITED, furnish_for_many, nothing_lost_nothing_doubled, settled, talks
from tests.nodes.people import doubles, ends, insistent, type_insistently
from tests.nodes.test_secrets import link_of
from tests.servers.practice import ALL_GOOD
from tests.servers.script import Say
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.slack.running import Process, free_port, process

SLOW = "slow.test"
_NOTHING = 512
_LOCKED = 10.0
_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


async def test_killed_twenty_times_during_dialogues(slack: FakeSlack, world: World, tmp_path: Path) -> None:
    dice, port = random.Random(__import__("os").getpid()), free_port()
    await furnish_for_many(world)
    held = talks(slack, 12)
    going: list[asyncio.Task[None]] = []
    for _ in range(20):
        async with process(slack, world, tmp_path / "log", port=port, more=UNLIMITED, strict=False) as bot:
            going = going or [asyncio.create_task(talk.go()) for talk in held]
            await asyncio.sleep(dice.uniform(0.0, 0.8))
            await bot.kill()
    async with process(slack, world, tmp_path / "log", port=port, more=UNLIMITED):
        try:
            await asyncio.gather(*going)
        except BaseException:
            import sys

            sys.path.insert(0, "/tmp/b2")
            from post1 import post

            post(world.folder / "store.db", slack, held, tmp_path / "log")
            raise
        await settled(slack)
        nothing_lost_nothing_doubled(slack, held)


async def test_a_full_disk_loses_nothing(slack: FakeSlack, world: World, tmp_path: Path) -> None:
    """The kernel lets no file grow, the log neither; a run and a dialogue are under way meanwhile."""
    world.domain(SLOW)
    await world.imap(f"imap.{SLOW}", greeting=Say("* OK at last", delay=3.0))
    ann, taro = insistent(slack, "UADMIN", "ann@example.test"), insistent(slack, "U0001", ALL_GOOD.account)
    async with process(slack, world, tmp_path / "log") as bot:
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        link = await link_of(taro)
        await taro.report()
        await ann.command(f"{SLOW} imap.{SLOW}:993")
        await ann.sees_with("cancel")
        _let_files_grow(bot, _NOTHING)
        ack = await slack.person("U0009", email=f"x@{ALL_GOOD.domain}").command(ALL_GOOD.domain)
        assert ack.status >= 500
        typing = asyncio.create_task(type_insistently(link, "mistyped-mistyped"))
        later = asyncio.create_task(ann.says("help"))
        await _not_ready(bot)
        await asyncio.sleep(4.0)  # the run comes to its end meanwhile
        assert not ends(slack).keys() & {f"{data_of(await taro.report())['case']}/2"}
        _let_files_grow(bot, resource.RLIM_INFINITY)
        assert await typing == 200
        await later
        assert data_of(await ann.report())["verdict"] == "pass"
        assert data_of(await taro.report(1))["cause"] == "login.wrong_credentials"
        await ann.sees_with(words="explain")
        await settled(slack)
        assert doubles(slack) == []
        assert set(ends(slack).values()) == {1}


def _let_files_grow(bot: Process, most: int) -> None:
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


async def _not_ready(bot: Process) -> None:
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{bot.origin}/readyz") as answer:
                if answer.status == 503:
                    return
            await asyncio.sleep(0.1)


async def test_a_store_that_another_process_locks_for_ten_seconds(
    slack: FakeSlack, world: World, tmp_path: Path
) -> None:
    world.domain(SLOW)
    await world.imap(f"imap.{SLOW}", greeting=Say("* OK at last", delay=3.0))
    ann = insistent(slack, "UADMIN", "ann@example.test")
    async with process(slack, world, tmp_path / "log"):
        await ann.command(f"{SLOW} imap.{SLOW}:993")
        await ann.sees_with("cancel")
        with sqlite3.connect(world.folder / "store.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            later = asyncio.create_task(ann.says("help"))
            await asyncio.sleep(_LOCKED)  # as long as the lock shall last
            assert not ends(slack)
            other.execute("COMMIT")
        await later
        assert data_of(await ann.report())["verdict"] == "pass"
        await ann.sees_with(words="explain")
        await settled(slack)
        assert doubles(slack) == []
        assert set(ends(slack).values()) == {1}
    other.close()


@pytest.mark.skipif(not _FAKETIME.exists() and not os.environ.get("CI"), reason="faketime is not installed")
async def test_a_clock_that_jumps_neither_ends_offers_nor_holds_anything_up(
    slack: FakeSlack, world: World, tmp_path: Path
) -> None:
    """Slack's requests are signed with the right time, so that they come while the clock is right."""
    sky = tmp_path / "time"
    sky.write_text("+0")
    faked = {"LD_PRELOAD": str(_FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(sky), "FAKETIME_NO_CACHE": "1"}
    taro = insistent(slack, "U0001", ALL_GOOD.account)
    async with process(slack, world, tmp_path / "log", more=faked | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}) as bot:
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        await taro.report()
        link = await link_of(taro)
        for jump, run in (("+3600", 1), ("-3600", 3)):
            sky.write_text(jump)
            async with aiohttp.ClientSession() as session, session.get(link) as page:
                assert page.status == 200
                assert page.headers["Date"] != "", "for people to read"
            assert await type_insistently(link, "mistyped-mistyped") == 200
            assert data_of(await taro.report(run))["cause"] == "login.wrong_credentials"
            sky.write_text("+0")
            if run == 1:
                await taro.presses(await taro.report(run), "recheck")
                await taro.report(2)
                link = await link_of(taro, 1)
        async with aiohttp.ClientSession() as session, session.get(f"{bot.origin}/readyz") as answer:
            assert answer.status == 200
