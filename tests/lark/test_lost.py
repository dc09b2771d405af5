"""An answer of Lark's is lost, or the store is away for a moment: nothing is told that is not so."""

import asyncio
from typing import Any

import pytest

from bot.store.rows import StoreError
from bot.store.store import Store
from tests.lark.conftest import Start
from tests.servers.lark import Answer, FakeLark, Posted
from tests.servers.practice import APP_PASSWORD, CERTIFICATE


def shown_in(lark: FakeLark, group: str) -> list[Posted]:
    return [m for m in lark.messages.values() if m.chat == group and m.author == lark.bot and not m.whom]


@pytest.mark.parametrize(
    ("lost", "words", "shown"), [("message.create", "確認できませんでした", 1), ("chat.get", "共有できません", 0)]
)
async def test_whoever_shares_a_report_is_told_that_it_may_be_there(
    lark: FakeLark, start: Start, monkeypatch: pytest.MonkeyPatch, lost: str, words: str, shown: int
) -> None:
    ann = lark.person("ou_admin")
    group = lark.group("oc_group", "ou_admin", lark.bot)
    async with start():
        await ann.says(CERTIFICATE.domain)
        await ann.presses(await ann.report(), "share")
        asked = await lark.until(lambda: next((m for m in ann.sees() if m.field("channel")), None))
        monkeypatch.setattr("handlers.lark.chat._SHARE_PATIENCE", 0.2)
        monkeypatch.setattr("handlers.lark.groups._PATIENCE", 0.2)
        lark.script[lost].append(Answer(503, after_effect=True))
        await ann.submits(asked)
        await ann.sees_with(words=words)
        assert len(shown_in(lark, group)) == shown


async def test_a_secret_that_could_not_be_taken_is_not_said_to_be_taken(
    lark: FakeLark, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    taro = lark.person("ou_taro", email=APP_PASSWORD.account)
    async with start(MIGCHECK_SECRETS__ENTRY="modal") as bot:
        await taro.says(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}")
        offer = await taro.offer()
        await bot.conversation.settle()
        take = Store.take

        async def away(*values: Any, **more: Any) -> None:
            monkeypatch.setattr(Store, "take", take)
            raise StoreError("away")

        monkeypatch.setattr(Store, "take", away)
        ack = await taro.submits(offer, secret="hello")
        assert ack.status == 500
        for _ in range(2):
            assert "受け取りました" in str((await taro.again(ack)).body)
        kept = await bot.store.report((await taro.report(1)).case)
        assert kept is not None
        assert kept.report.cause == APP_PASSWORD.code


async def test_an_answer_that_waits_for_lark_does_not_hold_up_the_end(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with asyncio.timeout(20), start():
        lark.script["message.reply"].extend([Answer(503)] * 20)
        await ann.says("/migcheck help")
        await lark.until(lambda: [call for call in lark.calls if call.method == "message.reply"])
