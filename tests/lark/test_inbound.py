"""What is read from Lark's payloads that are not as they should be."""

import json
from typing import Any

import pytest

from bot.app import open_bot
from handlers.lark.inbound import read, text_of
from tests.lark.conftest import settings_for
from tests.servers.lark import Answer, FakeLark
from tests.servers.practice import ALL_GOOD
from tests.servers.world import World


def message(**changed: Any) -> dict[str, Any]:
    said = {"message_id": "om_1", "chat_id": "oc_1", "chat_type": "p2p", "message_type": "text", "content": "{}"}
    sender = {"sender_id": {"open_id": changed.pop("open_id", "ou_ann")}}
    header = {"event_type": "im.message.receive_v1", "event_id": "e1", "tenant_key": "t1"}
    return {"header": header, "event": {"sender": sender, "message": {**said, **changed}}}


@pytest.mark.parametrize("name", ["open_id", "message_id"])
@pytest.mark.parametrize("value", [None, "", 7, {}])
def test_nobody_and_nothing_have_no_case(name: str, value: Any) -> None:
    assert read(message()) is not None
    with pytest.raises(ValueError, match="no id"):
        read(message(**{name: value}))


@pytest.mark.parametrize("wrapped", [False, True])
def test_rich_text_is_read_also_by_locale(wrapped: bool) -> None:
    post = {"title": "look", "content": [[{"tag": "text", "text": "example.jp"}]]}
    assert text_of("post", json.dumps({"zh_cn": post} if wrapped else post)) == "look\nexample.jp"


async def test_while_the_bot_does_not_know_its_name_it_answers_who_speaks_to_somebody(
    lark: FakeLark, practice: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = lark.person("ou_admin")
    group = lark.group("oc_group", "ou_admin", lark.bot)
    lark.script["bot.info"].extend([Answer(400, 99991672)] * 20)
    async with open_bot(settings_for(practice, lark, monkeypatch)) as bot:
        lark.delivery.url = f"{bot.origin}/lark/events"
        await ann.says(ALL_GOOD.domain, chat=group)
        assert await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin") == []
        await ann.mentions(ALL_GOOD.domain, group)
        await ann.report()
