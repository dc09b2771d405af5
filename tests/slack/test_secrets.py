"""A secret never leaves the way from its page to the log-in: not at DEBUG, not in the store, not in Slack."""

import base64
import html
import json
import re
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from bot.app import open_bot
from handlers.slack.reception import Reception
from tests.leaks import find_leaks
from tests.servers.practice import ALL_GOOD
from tests.servers.slack import FakeSlack, Person
from tests.servers.slack.kit import words_of
from tests.servers.world import World
from tests.slack.conftest import Start, data_of, settings_for
from tests.slack.running import process
from tests.stories.pages import type_secret

SECRET = 'Zq9"\\ é秘密-tr0ub4dor'


def spellings(secret: str) -> list[bytes]:
    """What a secret looks like on its way through programs."""
    raw = secret.encode()
    plain = b"\0" + ALL_GOOD.account.encode() + b"\0" + raw
    forms = [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
    ]
    made = [form.encode() for form in forms]
    return [*made, base64.b64encode(raw), base64.b64encode(plain), raw.hex().encode(), b"tr0ub4dor"]


def assert_nowhere(slack: FakeSlack, *files: Path) -> None:
    for form in spellings(SECRET):
        for file in files:
            assert form not in file.read_bytes(), file
        for message in slack.team.messages:
            if message.author == slack.team.bot:
                assert form.decode("utf-8", "replace") not in message.text + json.dumps(
                    message.blocks, ensure_ascii=False
                )
        assert form.decode("utf-8", "replace") not in str(slack.calls)


@pytest.mark.parametrize("entry", ["page", "modal"])
@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_a_secret_is_in_no_log_no_store_and_no_message(
    slack: FakeSlack, practice: World, tmp_path: Path, mode: str, entry: str
) -> None:
    log = tmp_path / "log"
    taro = slack.person("U0001", email=ALL_GOOD.account)
    more = {"MIGCHECK_LOG__LEVEL": "DEBUG", "MIGCHECK_SECRETS__ENTRY": entry}
    async with process(slack, practice, log, mode=mode, more=more):
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        button = offer.action("secret")
        assert button is not None
        if entry == "page":
            assert await type_secret(button["url"], SECRET) == 200
        else:
            assert "url" not in button
            await taro.presses(offer, "secret")
            view = await taro.view("secret")
            shown = words_of(view["blocks"])
            assert "visible" in shown
            code = re.search(r"code (\d+)", offer.text)
            assert code is not None
            assert code[1] in shown, "the window shows the code of the message"
            assert ALL_GOOD.account in shown
            ack = await taro.submits(view, secret=SECRET)
            assert ack.body == ""
        report = await taro.report(1)
        assert data_of(report)["cause"] == "login.wrong_credentials"
        await taro.says(f"password: {SECRET}", thread=report.thread)
        told = await taro.sees_with(words="looked like a password")
        assert "delete" in told.text
        drawer, thread = slack.drawer, report.thread
        await taro.attaches(drawer.keep(slack.team, "a.txt", f"pass: {SECRET}".encode()), thread=thread)
        await taro.sees_with(words="looked like a password", after=1)
        settings = json.dumps({"host": "imap.all-good.test", "password": SECRET}).encode()
        await taro.attaches(drawer.keep(slack.team, "settings.json", settings), thread=thread)
        await taro.sees_with(words="looked like a password", after=2)
    files = [log, *(p for p in practice.folder.iterdir() if p.name.startswith("store"))]
    assert len(files) > 1
    assert_nowhere(slack, *files)
    text = log.read_text()
    assert find_leaks(text, SECRET) == []
    for token in (slack.bot_token, slack.app_token, slack.signing_secret):
        assert token not in text


@pytest.mark.parametrize(
    "way",
    [
        "command",
        "command explain",
        "first message",
        "json",
        "profile",
        "single word after the offer",
        "mention",
        "shortcut",
    ],
)
async def test_a_pasted_secret_is_never_kept(slack: FakeSlack, start: Start, practice: World, way: str) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    channel = slack.channel("C0001", "U0001", "UBOT")
    async with start() as bot:
        match way:
            case "command":
                await taro.command(f"{ALL_GOOD.domain} password: {SECRET}", channel)
            case "command explain":
                await taro.command(f"explain 535 5.7.8 authentication failed\nパスワード：{SECRET}", channel)
            case "first message":
                await taro.says(f"{ALL_GOOD.domain}\npass: {SECRET}")
            case "json":
                await taro.says(json.dumps({"host": f"imap.{ALL_GOOD.domain}", "password": SECRET}))
            case "profile":
                pasted = f"<key>IncomingPassword</key><string>{SECRET}</string>"
                await taro.says(f"{ALL_GOOD.domain} {html.escape(pasted, quote=False)}")
            case "mention":
                await taro.mentions(f"{ALL_GOOD.domain} 密码：{SECRET}", channel)
            case "shortcut":
                await taro.says(f"535 5.7.8 no\npassword: {SECRET}", subtype="message_changed")
                await taro.shortcut(slack.team.messages[-1])
            case _:
                root = await taro.says(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
                await taro.offer()
                await taro.says("Zq9-tr0ub4dor", thread=root)
        await taro.sees_with(words="looked like a password")
        await bot.conversation.settle()
        files = [p for p in practice.folder.iterdir() if p.name.startswith("store")]
        assert_nowhere(slack, *files)


async def test_without_entry_everything_but_the_log_in_is_done(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start(MIGCHECK_SECRETS__ENTRY="off"):
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        assert data_of(await taro.report())["verdict"] == "pass"
        await taro.sees_with(words="secrets.entry")
        assert [m for m in taro.sees() if m.action("secret")] == []


async def test_a_window_whose_offer_is_over_says_so(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start(MIGCHECK_SECRETS__ENTRY="modal"):
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        await taro.presses(offer, "secret")
        view = await taro.view("secret")
        await taro.presses(offer, "cancel")
        await taro.sees_with(words="Cancelled")
        ack = await taro.submits(view, secret="practice")
        assert set(ack.body["errors"]) == {"secret"}


async def test_windows_that_were_spent_are_remembered_as_long_as_a_secret_can_live(
    slack: FakeSlack, practice: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, receptions = [0.0], list[Reception]()

    def kept(*parts: Any) -> Reception:
        receptions.append(Reception(*parts))
        return receptions[-1]

    monkeypatch.setattr("handlers.slack.platform.Reception", kept)
    taro = slack.person("U0001", email=ALL_GOOD.account)
    settings = settings_for(practice, slack, monkeypatch, MIGCHECK_SECRETS__ENTRY="modal")
    async with open_bot(settings, clock=lambda: time.time() + ahead[0]) as bot:
        slack.delivery.url = f"{bot.origin}/slack/events"
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        for run in (1, 2):
            await taro.presses(await taro.offer(), "secret")
            ack = await taro.submits(await taro.view("secret"), secret="practice")
            assert (await taro.again(ack)).body == "", "it was taken"
            await taro.report(2 * run - 1)
            assert len(receptions[0]._spent) == 1
            ahead[0] += settings.secrets.ttl + 1
            if run == 1:
                await taro.presses(await taro.report(1), "recheck")
                await taro.report(2)
                await bot.conversation.settle()


async def test_somebody_elses_window_takes_nothing(slack: FakeSlack, start: Start) -> None:
    taro, eve = slack.person("U0001", email=ALL_GOOD.account), slack.person("U0666", email="eve@all-good.test")
    async with start(MIGCHECK_SECRETS__ENTRY="modal"):
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        await taro.presses(offer, "secret")
        view = await taro.view("secret")
        await Person(slack, slack.team, eve.id).submits(view, secret="guess")
        assert len([c for c in slack.calls if c.method == "chat.startStream"]) == 0
