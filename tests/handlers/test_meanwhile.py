"""What several things at once, or a store that is away, do to a conversation: no secret and no offer outlives its use."""

import asyncio
import contextlib
import sqlite3
import time
from dataclasses import replace
from typing import Any

import pytest

from bot.core.codec import to_json
from bot.core.events import StartCheck
from bot.core.message import Message
from bot.core.model import Lang, Report, Request
from bot.core.secret import Secret
from bot.queue.job import CHECKS, Job
from bot.store.rows import StoreError
from bot.store.store import Store
from bot.store.uses import Uses
from handlers.runs import Runs
from tests.handlers.conftest import ACCOUNT, SECRET
from tests.handlers.person import Desk, button, token_of
from tests.handlers.test_conversation import CASE, Open, offered, office, reported
from tests.servers.world import World

__all__ = ["office"]


async def test_a_secret_that_no_run_was_ordered_for_is_wiped_at_once(
    sound: World, office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.file.BUSY_SECONDS", 0.05)
    async with office() as here:
        token = await offered(here)
        await reported(here)
        await here.talk.settle()
        secret = Secret(SECRET)
        with contextlib.closing(sqlite3.connect(here.store.place.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                await here.talk.take_secret(token, secret)
            other.execute("ROLLBACK")
        assert len(here.vault) == 0
        with pytest.raises(ValueError, match="gone"):
            secret.unwrap()
        assert await here.talk.take_secret(token, Secret(SECRET)), "the offer was not spent"


@pytest.mark.parametrize(("part", "method"), [(Uses, "take"), (Store, "case"), (Store, "open_effect")])
async def test_a_secret_is_not_lost_because_the_store_is_away_when_its_run_begins(
    sound: World, office: Open, monkeypatch: pytest.MonkeyPatch, part: type, method: str
) -> None:
    """Each of them fails once in the run's job."""
    ask, failed, runs = getattr(part, method), set[str](), list[Job]()

    async def moody(self: object, *args: Any, **named: Any) -> Any:
        if runs and method not in failed:
            failed.add(method)
            raise StoreError("away")
        return await ask(self, *args, **named)

    async def check(self: Runs, job: Job) -> None:
        runs.append(job)
        await begin(self, job)

    async with office() as here:
        token = await offered(here)
        await reported(here)
        await here.talk.settle()
        begin = Runs.check
        monkeypatch.setattr(part, method, moody)
        monkeypatch.setattr(
            here.talk._queue, "_work", {**here.talk._queue._work, "check": check.__get__(here.talk._runs)}
        )
        assert await here.talk.take_secret(token, Secret(SECRET))
        async with asyncio.timeout(10):
            while not here.desk.last("report:2"):
                assert here.desk.last("interrupted:2") is None
                await asyncio.sleep(0.02)
        assert failed


async def test_a_secret_whose_run_was_stopped_elsewhere_is_wiped(sound: World, office: Open) -> None:
    """Here the run is stopped as another node does it: in the store, and not in this node's vault."""
    await sound.black_hole("imap.hang.test", 993)
    async with office(grace=0) as here:
        await here.say(f"hang.test imap.hang.test:993 {ACCOUNT}", "e1")
        await here.desk.shown("progress:1")
        row = await here.store.case(CASE.id)
        assert row is not None
        stopped, waits = Secret(SECRET), Secret(SECRET)
        here.vault.put(stopped, CASE.id, time.time() - 40)
        kept = here.vault.put(waits, CASE.id, time.time() - 40)
        fresh = here.vault.put(Secret(SECRET), CASE.id, time.time())
        start = StartCheck(7, Request("hang.test"), f"here.{kept}")
        assert await here.store.take("e2", row, [to_json(start)])
        await here.talk.wipe()
        with pytest.raises(ValueError, match="gone"):
            stopped.unwrap()
        assert waits.unwrap() == SECRET
        assert here.vault.take(fresh, time.time()) is not None, "its run is about to be ordered"


async def test_what_another_version_has_left_open_keeps_no_secret(office: Open) -> None:
    async with office() as here:
        await here.say("help", "e1")
        row = await here.store.case(CASE.id)
        assert row is not None
        await here.talk.settle()
        assert await here.store.take("e2", row, [{"type": "Dance"}])
        secret = Secret(SECRET)
        here.vault.put(secret, CASE.id, time.time() - 40)
        await here.talk.wipe()
        with pytest.raises(ValueError, match="gone"):
            secret.unwrap()


async def test_what_a_log_in_came_to_is_kept_although_the_store_is_away_for_a_moment(
    sound: World, office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret is gone by then, and the log-in is not to be repeated."""
    monkeypatch.setattr("bot.store.file.BUSY_SECONDS", 0.05)
    kept: list[str] = []
    really = Store.put_report

    async def put_report(store: Store, report: Report, lang: Lang, now: float) -> None:
        kept.append(report.case)
        if len(kept) == 2:
            other.execute("BEGIN IMMEDIATE")
        elif len(kept) == 3:
            other.execute("ROLLBACK")
        await really(store, report, lang, now)

    monkeypatch.setattr(Store, "put_report", put_report)
    async with office() as here:
        token = await offered(here)
        with contextlib.closing(sqlite3.connect(here.store.place.path, isolation_level=None)) as other:
            assert await here.talk.take_secret(token, Secret(SECRET))
            assert (await here.desk.shown("report:2")).data["verdict"] == "pass"
        assert len(kept) == 3


class StuckDesk(Desk):
    """Waits with a message until it is let go."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key, self.reached, self.go = key, asyncio.Event(), asyncio.Event()

    async def _take(self, kind: str, key: str, message: Message) -> None:
        if key == self.key:
            self.reached.set()
            await self.go.wait()
        await super()._take(kind, key, message)


async def test_an_offer_that_is_about_to_be_made_while_the_case_is_cancelled_is_dead(
    sound: World, office: Open
) -> None:
    desk = StuckDesk("report:1")
    async with office(desk=desk) as here:
        await here.say(f"example.test {ACCOUNT}", "e1")
        await asyncio.wait_for(desk.reached.wait(), 10)
        await here.press("cancel", "e2")
        desk.go.set()
        await here.talk.settle()
        _, offer = await desk.begins("offer")
        assert not await here.talk.take_secret(token_of(offer), Secret(SECRET))


async def test_an_old_wish_to_stop_watching_does_not_end_a_new_watch(sound: World, office: Open) -> None:
    desk = StuckDesk("watch:1")
    sound.place("imap.closed.test")
    async with office(desk=desk) as here:
        await here.say("closed.test imap.closed.test:993", "e1")
        await reported(here)
        await here.press("watch", "e2")
        await asyncio.wait_for(desk.reached.wait(), 10)
        await here.press("unwatch", "e3")
        await here.press("watch", "e4")
        desk.go.set()
        await here.talk.settle()
        assert [row.effect["type"] for row in await here.store.open_effects()] == ["Watch"]


async def test_a_sign_in_is_not_begun_anew_by_whoever_takes_up_the_work_of_a_dead_node(
    sound: World, office: Open
) -> None:
    """What comes of it is a token: that is nothing for a worker."""
    async with office() as here:
        await here.say("help", "e1")
        row = await here.store.case(CASE.id)
        assert row is not None
        checking = replace(row, state={**row.state, "phase": "checking", "run": 1})
        start = StartCheck(1, Request("example.test", "m365", ACCOUNT), sign_in=True)
        kept = await here.store.take("e2", checking, [to_json(start)])
        assert kept is not None
        await here.talk._runs.check(Job("check", CASE.id, kept[0].id, CHECKS))
        assert button(await here.desk.shown("interrupted:1"), "recheck")


async def test_an_offer_that_is_made_anew_while_its_secret_is_taken_is_closed(
    sound: World, office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process before died when the offer was shown and before that was noted: the person may be typing already."""
    async with office(grace=0) as here:
        token = await offered(here)
        key = here.desk.names()[-1]
        await reported(here)
        await here.talk.settle()
        await here.store.put_ref(CASE.id, key, None)
    async with office() as here:
        make = here.talk.offers.make

        async def overtaken(case: str, person: str) -> tuple[str, str]:
            monkeypatch.setattr(here.talk.offers, "make", make)
            assert await here.talk.take_secret(token, Secret(SECRET))
            return await make(case, person)

        monkeypatch.setattr(here.talk.offers, "make", overtaken)
        await here.say("help", "e9")
        await reported(here, 2)
        await here.talk.settle()
        assert await here.store.open_offer(CASE.id, time.time()) is None
