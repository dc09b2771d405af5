"""Events that come long after the fact, and ones of which the bot does not want to hear."""

import secrets
import time

import pytest

from bot.manifest import LARK_EVENTS
from handlers.lark.inbound import Chosen, Entered, Said, read
from handlers.lark.reception import LATE
from tests.lark.conftest import Start
from tests.servers.lark import Ack, FakeLark, Person
from tests.servers.practice import ALL_GOOD, CERTIFICATE
from tests.servers.world import World

AWAY = "停止していた"


def ago(seconds: float) -> str:
    return str(int((time.time() - seconds) * 1000))


def own(person: Person) -> str:
    return f"lark:{person.tenant}:{person.id}"


async def later(person: Person, ack: Ack, seconds: float, **header: str) -> Ack:
    """The event of an answer as if it had come about so long ago, for the first time."""
    sent = ack.sent | {"header": ack.sent["header"] | {"create_time": ago(seconds) + "000"} | header}
    return await person.deliver(sent)


async def test_what_was_written_while_the_bot_was_away_is_told_once_and_not_acted_on(
    lark: FakeLark, start: Start, practice: World
) -> None:
    ann = lark.person("ou_admin")
    group = lark.group("oc_group", "ou_admin", lark.bot)
    async with start() as bot:
        await ann.says(ALL_GOOD.domain, create_time=ago(LATE + 60))
        told = await ann.sees_with(words=AWAY)
        assert "away" in told.said("en_us")
        assert "离线" in told.said("zh_cn")
        await ann.says(CERTIFICATE.domain, create_time=ago(LATE + 30))
        await ann.says(f"/migcheck {ALL_GOOD.domain}", chat=group, mention=True, create_time=ago(6 * 3600))
        await ann.menu("help")
        await ann.sees_with(words="/migcheck example.co.jp")
        assert len(ann.sees()) == 2
        assert ann.sees(group) == []
        assert await bot.store.cases_of(own(ann)) == []
    assert practice.names.questions == []


@pytest.mark.parametrize("age", [0, LATE - 60, -60, 24 * 3600, 5 * 365 * 24 * 3600])
async def test_what_is_not_so_old_or_too_old_to_be_true_is_taken(lark: FakeLark, start: Start, age: float) -> None:
    ann = lark.person("ou_admin")
    async with start():
        await ann.says(ALL_GOOD.domain, create_time=ago(age))
        await ann.report()


async def test_what_was_dealt_with_and_comes_again_after_hours_is_told_nothing(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        name = await ann.says(CERTIFICATE.domain)
        report = await ann.report()
        pressed = await ann.presses(report, "servers")
        again = await ann.presses(report, "recheck")
        await ann.report(1)
        message = {"message_id": name, "chat_id": ann.chat, "chat_type": "p2p", "message_type": "text",
                   "create_time": ago(3600), "content": f'{{"text": "{CERTIFICATE.domain}"}}'}  # fmt: skip
        assert (await ann.event("im.message.receive_v1", {"sender": ann._sender(), "message": message})).status == 200
        await later(ann, again, 3600)
        await bot.conversation.settle()
        assert pressed.status == 200
        assert not any(AWAY in message.words for message in ann.sees())
        assert len([m for m in ann.sees() if m.button("export")]) == 2


async def test_a_late_press_begins_nothing_and_a_late_secret_is_not_used(lark: FakeLark, start: Start) -> None:
    taro = lark.person("ou_taro", email=ALL_GOOD.account)
    async with start(MIGCHECK_SECRETS__ENTRY="modal") as bot:
        await taro.says(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        report = await taro.report()
        pressed = await taro.presses(report, "share")
        await later(taro, pressed, 3600, event_id=secrets.token_hex(8))
        await taro.sees_with(words=AWAY)
        form = next(part for part in offer.elements if part["tag"] == "form")
        value = next(p for p in form["elements"] if p.get("form_action_type"))["behaviors"][0]["value"]
        event = pressed.sent["event"] | {
            "action": {"tag": "button", "value": value, "form_value": {"secret": "practice"}}
        }
        sent = pressed.sent | {"event": event}
        await later(taro, Ack(200, {}, 0.0, sent), 3600, event_id=secrets.token_hex(8))
        await bot.conversation.settle()
        assert len([m for m in taro.sees() if m.button("export")]) == 1, "no run with it"
        assert offer.field("secret") is not None, "it can still be typed"


async def test_a_recalled_message_changes_nothing_and_is_not_quoted_again(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        root = await ann.says(f"please check {CERTIFICATE.domain}")
        report = await ann.report()
        quoted = await ann.says("535 5.7.8 frobnicated authentication failed", thread=root)
        await ann.sees_with(words="frobnicated")
        lark.messages[quoted].recalled = True
        before = len(ann.sees())
        gone = {"message_id": quoted, "chat_id": ann.chat, "recall_time": ago(0), "recall_type": "message_owner"}
        assert (await ann.event("im.message.recalled_v1", gone)).body == {}
        await bot.conversation.settle()
        assert len(ann.sees()) == before
        await ann.presses(report, "recheck")
        await ann.report(1)
        assert len([m for m in ann.sees() if "frobnicated" in m.words]) == 1


@pytest.mark.parametrize(("told", "at"), [("1603977298000", 1603977298.0), ("1603977298000000", 1603977298.0), ("", None),
                                          (None, None), ("soon", None), ("-5", None), ([], None)])  # fmt: skip
def test_times_are_read_in_both_units(told: object, at: float | None) -> None:
    head = {"event_id": "1", "tenant_key": "t", "event_type": "application.bot.menu_v6", "create_time": told}
    what = read({"header": head, "event": {"operator": {"operator_id": {"open_id": "ou_a"}}, "event_key": "new"}})
    assert isinstance(what, Chosen)
    assert what.at == at


def test_every_event_that_the_manifest_asks_for_is_read() -> None:
    head = {"event_id": "1", "tenant_key": "t"}
    who = {"open_id": "ou_a"}
    message = {"message_id": "om_1", "chat_id": "oc_1", "chat_type": "p2p", "message_type": "text", "content": "{}"}
    events = {
        "im.message.receive_v1": ({"sender": {"sender_id": who}, "message": message}, Said),
        "application.bot.menu_v6": ({"operator": {"operator_id": who}, "event_key": "new"}, Chosen),
        "im.chat.access_event.bot_p2p_chat_entered_v1": ({"operator_id": who}, Entered),
    }
    assert set(events) == set(LARK_EVENTS)
    for kind, (event, read_as) in events.items():
        assert isinstance(read({"header": head | {"event_type": kind}, "event": event}), read_as)
    assert read({"header": head | {"event_type": "im.message.recalled_v1"}, "event": {"message_id": "om_1"}}) is None
