"""What the conversation does with an event: once only, stored before it is carried out, and gone on with after a crash."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import Mind
from bot.core.case import Case
from bot.core.codec import to_json
from bot.core.events import Post, Pressed, Typed
from bot.core.message import Message, Steps
from bot.core.secret import Secret
from bot.network import open_network
from bot.queue.local import LocalQueue
from bot.store.store import Store, open_store
from bot.store.vault import Vault
from handlers import delivery
from handlers.conversation import Conversation
from tests.handlers.conftest import ACCOUNT, SECRET, settings_for
from tests.handlers.person import Desk, button, token_of
from tests.servers.world import World

CASE = Case("K7QF-2M", "desk:hanako", "desk", "thread-1", "en", admin=True)


class Office:
    """A conversation with its parts, as one process has them."""

    def __init__(self, store: Store, vault: Vault, desk: Desk, talk: Conversation) -> None:
        self.store, self.vault, self.desk, self.talk = store, vault, desk, talk

    async def say(self, text: str, event: str, case: Case | str = CASE) -> bool:
        return await self.talk.handle(event, case, Typed(text))

    async def press(self, action: str, event: str) -> bool:
        return await self.talk.handle(event, CASE.id, Pressed(action))


Open = Callable[..., AbstractAsyncContextManager[Office]]


@pytest.fixture
def office(world: World, tmp_path: Path) -> Open:
    """One process of the bot; opened again it is the next one. `grace` 0 cuts everything off, as a crash does."""

    @asynccontextmanager
    async def opened(
        *, desk: Desk | None = None, ttl: float = 600, grace: float = 5, broken: bool = False
    ) -> AsyncIterator[Office]:
        settings = settings_for(world, tmp_path, ttl=ttl)
        desk, vault = desk or Desk(), Vault(ttl)
        async with open_store(settings.store.url) as store:
            with open_network(settings) as network:
                used = replace(network, resolver=None) if broken else network
                queue = LocalQueue(time.time)
                talk = Conversation(store, vault, queue, Mind(), used, {"desk": desk}, settings, time.time)
                await talk.start()
                try:
                    yield Office(store, vault, desk, talk)
                finally:
                    await talk.stop(grace)

    return opened


async def reported(office: Office, run: int = 1) -> None:
    await office.desk.shown(f"report:{run}")


async def test_a_domain_leads_to_progress_and_a_report(sound: World, office: Open) -> None:
    async with office() as here:
        assert await here.say("example.test", "e1")
        report = await here.desk.shown("report:1")
        assert report.data["verdict"] == "pass"
        assert here.desk.names()[0] == "progress:1"
        done = here.desk.last("progress:1")
        assert done is not None
        assert any(isinstance(block, Steps) and len(block.rows) == 3 for block in done.blocks)
        await here.talk.settle()
        assert [row for row in await here.store.open_effects() if "Offer" not in row.effect["type"]] == []


async def test_a_redelivered_event_has_no_second_effect(sound: World, office: Open) -> None:
    async with office() as here:
        assert await here.say("example.test", "e1")
        await reported(here)
        assert not await here.say("example.test", "e1")
        assert not await here.say("example.test", "e1", CASE.id)
        await here.talk.settle()
        assert here.desk.names().count("progress:1") == 1
        row = await here.store.case(CASE.id)
        assert row is not None
        assert row.state["run"] == 1


async def test_the_same_event_many_times_at_once_has_one_effect(sound: World, office: Open) -> None:
    async with office() as here:
        taken = await asyncio.gather(*(here.say("example.test", "e1") for _ in range(10)))
        assert taken.count(True) == 1
        await reported(here)


@pytest.mark.parametrize("effect", [{"type": "Dance"}, {"type": "StopCheck", "run": 1, "slowly": True}])
async def test_what_another_version_has_left_open_holds_nobody_else_up(office: Open, effect: dict[str, object]) -> None:
    """As after an upgrade, or while one is under way: nodes of two versions share the store."""
    async with office() as here:
        await here.say("help", "e1")
        await here.talk.settle()
        row = await here.store.case(CASE.id)
        assert row is not None
        assert await here.store.take("e2", row, [effect])
        await here.store.take("e3", replace(row, id="AAAA-22", version=0), [to_json(Post("late", Message("late")))])
    async with office() as here:
        await here.desk.shown("late")
        await here.talk.sweep(0)
        await here.talk.settle()
        assert [row.effect for row in await here.store.open_effects()] == [effect]


async def test_an_event_of_an_unknown_case_is_dropped(office: Open) -> None:
    async with office() as here:
        assert not await here.press("recheck", "e1")
        assert here.desk.seen == []


async def test_messages_that_a_crash_left_are_delivered_by_the_next_process(sound: World, office: Open) -> None:
    stuck = Desk()
    stuck.gate.clear()
    async with office(desk=stuck, grace=0) as here:
        await here.say("help", "e1")
        assert stuck.seen == []
    async with office() as here:
        _, message = await here.desk.begins("help")
        assert "example.co.jp" in message.text
    async with office() as here:
        await here.talk.settle()
        assert here.desk.seen == []


async def test_a_message_that_was_posted_is_not_posted_again(sound: World, office: Open) -> None:
    """The process died after the platform had the message and before that was noted as done."""
    async with office() as here:
        await here.say("help", "e1")
        key, _ = await here.desk.begins("help")
        await here.talk.settle()
        post = {"type": "Post", "key": key, "message": {"type": "Message", "text": "again", "blocks": [], "data": {}}}
        row = await here.store.case(CASE.id)
        assert row is not None
        assert await here.store.take("e2", row, [post])
    async with office() as here:
        await here.talk.settle()
        assert here.desk.seen == []
        assert await here.store.open_effects() == []


async def test_a_run_that_was_cut_off_says_so_and_can_be_run_again(sound: World, office: Open) -> None:
    await sound.black_hole("imap.hang.test", 993)
    async with office(grace=0) as here:
        await here.say("hang.test imap.hang.test:993", "e1")
        await here.desk.shown("progress:1")
    async with office() as here:
        message = await here.desk.shown("interrupted:1")
        assert button(message, "recheck")
        assert [row for row in await here.store.open_effects() if row.effect["type"] == "StartCheck"] == []
    async with office() as here:
        await here.talk.settle()
        assert here.desk.seen == []


async def test_a_fault_of_the_bots_own_is_told_as_such(sound: World, office: Open) -> None:
    async with office(broken=True) as here:
        await here.say("example.test", "e1")
        message = await here.desk.shown("interrupted:1")
        assert CASE.id in message.text
        assert button(message, "recheck")


async def test_only_the_newest_state_of_a_message_is_delivered(sound: World, office: Open) -> None:
    slow = Desk()
    async with office(desk=slow) as here:
        slow.gate.clear()
        await here.say("example.test", "e1")
        async with asyncio.timeout(10):
            while (row := await here.store.case(CASE.id)) is None or row.state["phase"] != "reported":
                await asyncio.sleep(0.02)
        slow.gate.set()
        await reported(here)
        await here.talk.settle()
        amends = [message for kind, key, message in slow.seen if (kind, key) == ("amend", "progress:1")]
        assert len(amends) == 1
        assert button(amends[0], "cancel") is None, "the last state is the one that arrives"


async def test_a_platform_that_fails_now_and_then_gets_everything(
    office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.001)
    async with office(desk=Desk(fail=2)) as here:
        await here.say("help", "e1")
        await here.desk.begins("help")


async def test_a_message_that_cannot_be_delivered_does_not_stop_the_rest(
    office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.001)
    async with office(desk=Desk(fail=4)) as here:
        await here.say("help", "e1")
        await here.say("qwertz uiop", "e2")
        await here.desk.begins("")
        assert [key for key in here.desk.names() if key.startswith("help")] == []


async def test_cancelling_stops_a_run_and_nothing_more_is_told(sound: World, office: Open) -> None:
    await sound.black_hole("imap.hang.test", 993)
    async with office() as here:
        await here.say("hang.test imap.hang.test:993", "e1")
        await here.desk.shown("progress:1")
        await here.press("cancel", "e2")
        await here.desk.begins("cancelled")
        await here.talk.settle()
        assert "report:1" not in here.desk.names()
        assert await here.store.open_effects() == []


async def offered(here: Office, event: str = "e1") -> str:
    """Talk until the secret is offered; the token of the link."""
    await here.say(f"example.test {ACCOUNT}", event)
    _, offer = await here.desk.begins("offer")
    return token_of(offer)


async def test_a_secret_is_used_for_one_run_and_kept_nowhere(
    sound: World, office: Open, stored: Callable[[], bytes]
) -> None:
    async with office() as here:
        token = await offered(here)
        assert await here.talk.take_secret(token, Secret(SECRET))
        report = await here.desk.shown("report:2")
        assert report.data["verdict"] == "pass"
        kept = await here.store.report(CASE.id)
        assert kept is not None
        assert dict(kept.report.attempts) == {"imap": 1, "smtp": 1}
        again = Secret(SECRET)
        assert not await here.talk.take_secret(token, again)
        with pytest.raises(ValueError, match="gone"):
            again.unwrap()
        assert len(here.vault) == 0
        await here.talk.settle()
        assert SECRET.encode() not in stored()
        assert token.encode() not in stored()
        assert SECRET not in repr(here.desk.seen)


async def test_a_new_offer_ends_the_one_before(sound: World, office: Open) -> None:
    async with office() as here:
        first = await offered(here)
        await reported(here)
        here.desk.seen.clear()
        await here.press("secret", "e2")
        _, offer = await here.desk.begins("offer")
        assert not await here.talk.take_secret(first, Secret(SECRET))
        assert await here.talk.take_secret(token_of(offer), Secret(SECRET))


async def test_an_offer_runs_out_and_the_person_is_told(sound: World, office: Open) -> None:
    async with office(ttl=0.5) as here:
        token = await offered(here)
        await here.desk.begins("expired")
        assert not await here.talk.take_secret(token, Secret(SECRET))
        await here.talk.settle()
        assert await here.store.open_effects() == []


async def test_cancelling_kills_the_offer(sound: World, office: Open) -> None:
    async with office() as here:
        token = await offered(here)
        await here.press("cancel", "e2")
        assert not await here.talk.take_secret(token, Secret(SECRET))


async def test_an_offer_survives_a_restart(sound: World, office: Open) -> None:
    async with office(grace=0) as here:
        token = await offered(here)
        await reported(here)
        await here.talk.settle()
    async with office() as here:
        await here.talk.settle()
        assert here.desk.seen == [], "the offer is not posted again"
        assert await here.talk.take_secret(token, Secret(SECRET))
        assert (await here.desk.shown("report:2")).data["verdict"] == "pass"


async def test_an_offer_that_survived_a_restart_still_runs_out(sound: World, office: Open) -> None:
    async with office(grace=0, ttl=1.5) as here:
        token = await offered(here)
        await here.talk.settle()
    async with office(ttl=1.5) as here:
        await here.desk.begins("expired")
        assert not await here.talk.take_secret(token, Secret(SECRET))


async def test_a_secret_that_was_in_the_vault_of_a_dead_process_is_asked_for_again(sound: World, office: Open) -> None:
    await sound.black_hole("smtp.slow.test", 465)
    async with office(grace=0) as here:
        token = await offered(here)
        await here.talk.take_secret(token, Secret(SECRET))
    async with office() as here:
        async with asyncio.timeout(10):
            while (row := await here.store.case(CASE.id)) is None or row.state["phase"] == "checking":
                await asyncio.sleep(0.02)
        assert not row.state["offered"]


async def test_what_was_pasted_as_a_secret_reaches_neither_store_nor_platform(
    office: Open, stored: Callable[[], bytes]
) -> None:
    async with office() as here:
        await here.say("password: hunter2-hunter2", "e1")
        await here.desk.begins("pasted")
        await here.talk.settle()
        assert "hunter2" not in repr(here.desk.seen)
        assert b"hunter2" not in stored()


async def test_a_report_comes_with_a_link_that_the_store_cannot_open(
    sound: World, office: Open, stored: Callable[[], bytes]
) -> None:
    async with office() as here:
        await here.say("example.test", "e1")
        link = button(await here.desk.shown("report:1"), "page")
        assert link is not None
        assert link.url is not None
        case, _, key = link.url.rpartition("/")[2].partition("?k=")
        assert case == CASE.id
        assert len(key) >= 22
        assert await here.store.report_for(CASE.id, key)
        assert not await here.store.report_for(CASE.id, key[:-1])
        await here.talk.settle()
        assert key.encode() not in stored()


async def test_an_offer_that_failed_to_arrive_at_first_lives_on(
    sound: World, office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.001)
    async with office(grace=0) as here:
        await here.say("example.test", "e1")
        await reported(here)
        await here.talk.settle()
        here.desk.fail = 1
        await here.say(ACCOUNT, "e2")
        _, offer = await here.desk.begins("offer")
        await here.talk.settle()
        assert [row.effect["type"] for row in await here.store.open_effects()] == ["OfferSecret"]
        assert await here.talk.take_secret(token_of(offer), Secret(SECRET))


async def test_a_new_case_never_takes_the_id_of_another_persons(office: Open) -> None:
    async with office() as here:
        await here.say("help", "e1")
        with pytest.raises(ValueError, match="somebody else"):
            await here.say("help", "e2", replace(CASE, person="desk:jiro"))
