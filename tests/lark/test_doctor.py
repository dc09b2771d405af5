"""`doctor` and `manifest` for Lark."""

import json

import pytest

from bot.health.lark import check_lark
from bot.manifest import LARK_CALLBACKS, LARK_EVENTS, LARK_PERMISSIONS, manifest_command
from bot.settings import load_settings
from handlers.lark.platform import default_lang
from tests.lark.conftest import settings_for
from tests.servers.lark import Answer, FakeLark
from tests.servers.world import World


async def marks(settings) -> dict[str, str]:
    return {outcome.what: outcome.mark for outcome in await check_lark(settings)}


async def test_all_is_well(lark: FakeLark, world: World, monkeypatch) -> None:
    settings = settings_for(world, lark, monkeypatch, MIGCHECK_WEB__PUBLIC_URL="https://migcheck.example.test")
    assert set((await marks(settings)).values()) == {"pass"}


async def test_what_is_wrong_is_told_with_what_to_do(lark: FakeLark, world: World, monkeypatch) -> None:
    wrong = settings_for(world, lark, monkeypatch, MIGCHECK_LARK__APP_SECRET="wrong")
    [outcome] = await check_lark(wrong)
    assert (outcome.what, outcome.mark) == ("lark.app", "fail")
    assert "wrong" not in str(outcome)
    lark.scopes = LARK_PERMISSIONS[1:]
    settings = settings_for(world, lark, monkeypatch, MIGCHECK_LARK__VERIFICATION_TOKEN="")
    found = {outcome.what: outcome for outcome in await check_lark(settings)}
    assert LARK_PERMISSIONS[0] in found["lark.permissions"].found
    assert found["lark.events"].mark == "fail", "http on loopback"
    lark.scopes = LARK_PERMISSIONS
    assert (await marks(settings))["lark.permissions"] == "warn"
    lark.script["scope.list"].append(Answer(400, 99991672))
    assert (await marks(settings))["lark.permissions"] == "unknown"
    nobody = settings_for(world, lark, monkeypatch, MIGCHECK_LARK__BASE_URL="http://127.0.0.1:9")
    monkeypatch.setattr("handlers.lark.doctor._PATIENCE", 0.2)
    monkeypatch.setattr("handlers.lark.api._PATIENCE", 0.2)
    assert await marks(nobody) == {"lark.app": "unknown"}
    keyless = settings_for(world, lark, monkeypatch, MIGCHECK_LARK__ENCRYPT_KEY="")
    assert await marks(keyless) == {"lark": "fail"}
    off = settings_for(world, lark, monkeypatch, MIGCHECK_LARK__ENABLED="false")
    assert await marks(off) == {}


async def test_events_and_callbacks_are_compared_with_the_published_version(
    lark: FakeLark, world: World, monkeypatch
) -> None:
    settings = settings_for(world, lark, monkeypatch, MIGCHECK_WEB__PUBLIC_URL="https://migcheck.example.test")

    async def told() -> tuple[str, str]:
        [outcome] = [one for one in await check_lark(settings) if one.what == "lark.subscriptions"]
        return outcome.mark, outcome.found

    lark.events = LARK_EVENTS[:1]
    assert await told() == ("warn", f"not subscribed: {', '.join(LARK_EVENTS[1:])}")
    lark.events = LARK_EVENTS[1:]
    assert await told() == ("fail", "not subscribed: im.message.receive_v1")
    lark.events, lark.callbacks = LARK_EVENTS, ()
    assert await told() == ("fail", "not subscribed: card.action.trigger")
    lark.callbacks, lark.mode = LARK_CALLBACKS, "websocket"
    assert await told() == ("fail", "callbacks are sent by websocket, lark.mode is webhook")
    lark.scopes = LARK_PERMISSIONS
    assert (await told())[0] == "warn", "Lark does not tell everybody"


@pytest.mark.parametrize("mode", ["webhook", "websocket"])
def test_the_manifest_says_what_to_enter(monkeypatch, capsys, mode: str) -> None:
    monkeypatch.setenv("MIGCHECK_LARK__MODE", mode)
    monkeypatch.setenv("MIGCHECK_WEB__PUBLIC_URL", "https://bot.example.test")
    load_settings.cache_clear()
    try:
        assert manifest_command("lark") == 0
    finally:
        load_settings.cache_clear()
    made = json.loads(capsys.readouterr().out)
    assert made["callbacks"]["subscribe"] == ["card.action.trigger"]
    assert ("https://bot.example.test/lark/events" in str(made)) == (mode == "webhook")
    assert ("encrypt_key" in str(made)) == (mode == "webhook")


@pytest.mark.parametrize(
    ("base", "lang"),
    [("https://open.larksuite.com", "ja"), ("https://open.feishu.cn/", "zh"), ("http://127.0.0.1:1", "ja")],
)
def test_the_language_before_any_word(base: str, lang: str) -> None:
    assert default_lang(base) == lang
