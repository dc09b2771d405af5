"""Redeliveries, forgeries, waits that Lark asks for, lost answers, restarts, hostile words, and people side by side."""

import asyncio
import io
import json
import logging
import threading
import time

import aiohttp
import pytest

from bot.app import StartError, open_bot
from bot.logs import set_up_logging
from bot.settings import LogSettings
from tests.lark.conftest import Start, settings_for
from tests.leaks import find_leaks
from tests.servers.lark import Answer, FakeLark
from tests.servers.lark.people import encrypt, signed
from tests.servers.lark.state import Posted, fresh
from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE, CHAIN
from tests.servers.world import World


def reports(person) -> list:
    return [m for m in person.sees() if m.button("export")]


async def test_a_redelivered_message_and_press_have_one_effect(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        event = {"sender": ann._sender(), "message": {"message_id": await ann.says("hi there my friend"), "chat_id": ann.chat, "chat_type": "p2p",
                 "message_type": "text", "content": json.dumps({"text": CERTIFICATE.domain})}}  # fmt: skip
        await ann.sees_with(words="domain")
        event["message"]["message_id"] = await _silently(ann, CERTIFICATE.domain)
        first = await ann.event("im.message.receive_v1", event)
        await asyncio.gather(*(ann.again(first) for _ in range(3)))
        assert (await ann.event("im.message.receive_v1", event)).status == 200, "another event id, the same message"
        report = await ann.report()
        pressed = await ann.presses(report, "recheck")
        await asyncio.gather(ann.again(pressed), ann.again(pressed))
        await ann.report(1)
        await bot.conversation.settle()
        assert len(reports(ann)) == 2
        assert len(await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin")) == 2


async def _silently(person, text: str) -> str:
    """A message that is there without the bot having heard of it."""
    message = Posted(fresh("om"), person.chat, person.id, text)
    person.lark.messages[message.id] = message
    return message.id


@pytest.mark.parametrize("letter", ["a ", "あ"])
async def test_a_text_as_long_as_lark_takes_is_read(lark: FakeLark, start: Start, letter: str) -> None:
    ann = lark.person("ou_admin")
    most = 96 * 1024 // len(letter.encode())
    async with start():
        event = _message(ann, await _silently(ann, "long"), f"535 5.7.8 authentication failed {letter * most}")
        assert (await ann.event("im.message.receive_v1", event)).status == 200
        await ann.sees_with(words="535 5.7.8 authentication failed")


async def test_what_is_larger_is_left_out_and_not_asked_for_again(lark: FakeLark, start: Start, capsys) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        set_up_logging(LogSettings())
        event = _message(ann, "om_large", "x" * 500_000)
        assert (await ann.event("im.message.receive_v1", event)).status == 200
        assert "too large" in capsys.readouterr().err
        raw = json.dumps({"encrypt": "x" * 600_000})
        assert (await ann.post(raw, signed("another key", raw))).status == 401, "a forged one is refused all the same"
        huge = io.BytesIO(b"x" * 2_000_000)
        async with aiohttp.ClientSession() as session, session.post(f"{bot.origin}/lark/events", data=huge) as answer:
            assert answer.status == 413
        assert await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin") == []


def _message(person, name: str, text: str) -> dict:
    content = json.dumps({"text": text})
    message = {
        "message_id": name,
        "chat_id": person.chat,
        "chat_type": "p2p",
        "message_type": "text",
        "content": content,
    }
    return {"sender": person._sender(), "message": message}


FORGERIES = [
    "unsigned",
    "unsigned plain",
    "forged",
    "stale",
    "early",
    "other key",
    "other token",
    "garbage",
    "replayed",
    "changed",
    "cut",
]


@pytest.mark.parametrize("fault", FORGERIES)
async def test_forged_and_stale_requests_have_no_effect(lark: FakeLark, start: Start, fault: str) -> None:
    ann = lark.person("ou_admin")
    head = {
        "event_id": "e1",
        "event_type": "im.message.receive_v1",
        "token": lark.verification_token,
        "tenant_key": lark.tenant,
    }
    message = {"message_id": await _silently(ann, ALL_GOOD.domain), "chat_id": ann.chat, "chat_type": "p2p", "message_type": "text",
               "content": json.dumps({"text": ALL_GOOD.domain})}  # fmt: skip
    body = {"schema": "2.0", "header": head, "event": {"sender": ann._sender(), "message": message}}
    if fault == "other token":
        head["token"] = "another"
    plain = json.dumps(body)
    raw = json.dumps({"encrypt": encrypt(lark.encrypt_key if fault != "other key" else "another", plain)})
    if fault == "cut":
        raw = json.dumps({"encrypt": encrypt(lark.encrypt_key, plain)[:-8]})
    headers = {
        "unsigned": {},
        "unsigned plain": {},
        "forged": signed(lark.encrypt_key, raw) | {"X-Lark-Signature": "0" * 64},
        "stale": signed(lark.encrypt_key, raw, time.time() - 400),
        "early": signed(lark.encrypt_key, raw, time.time() + 400),
        "other key": signed("another", raw),
        "garbage": {"X-Lark-Request-Timestamp": "soon", "X-Lark-Request-Nonce": "x", "X-Lark-Signature": "é"},
        "changed": signed(lark.encrypt_key, raw + " "),
    }.get(fault, signed(lark.encrypt_key, raw))
    async with start() as bot:
        if fault == "replayed":
            challenge = json.dumps({"encrypt": encrypt(lark.encrypt_key, json.dumps(body | {"event": {}}))})
            headers = signed(lark.encrypt_key, challenge)
            assert (await ann.post(challenge, headers)).status == 200
            ack = await ann.post(challenge, headers)
        else:
            ack = await ann.post(plain if fault == "unsigned plain" else raw, headers)
        assert ack.status >= 400
        assert ack.body == {}
        assert await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin") == []
        assert lark.made("message.create") + lark.made("message.reply") == []


async def test_the_challenge_is_answered_to_lark_alone(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    asked = {"challenge": "abc", "token": lark.verification_token, "type": "url_verification"}
    async with start():
        sealed = json.dumps({"encrypt": encrypt(lark.encrypt_key, json.dumps(asked))})
        assert (await ann.post(sealed, {})).body == {"challenge": "abc"}
        assert (await ann.post(json.dumps(asked), {})).body == {"challenge": "abc"}
        assert (await ann.post(json.dumps(asked | {"token": "x"}), {})).status >= 400
        sealed = json.dumps({"encrypt": encrypt("another", json.dumps(asked))})
        assert (await ann.post(sealed, {})).status >= 400


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"header": {}}', '{"header": {"event_type": "card.action.trigger", "event_id": "1"}, "event": {}}',
                                  '{"schema": "2.0", "header": {"event_type": "im.message.receive_v1", "event_id": "1"}, "event": {"sender": [], "message": 1}}',
                                  '{"header": {"event_type": "im.message.recalled_v1", "event_id": "1"}, "event": {}}'])  # fmt: skip
async def test_a_signed_request_that_makes_no_sense_ends_nothing(lark: FakeLark, start: Start, body: str) -> None:
    ann = lark.person("ou_admin")
    async with start(MIGCHECK_LARK__VERIFICATION_TOKEN=""):
        await ann.post(body, signed(lark.encrypt_key, body))
        await ann.says("help")
        await ann.sees_with(words="example.co.jp")


async def test_a_webhook_without_an_encrypt_key_does_not_start(lark: FakeLark, world: World, monkeypatch) -> None:
    settings = settings_for(world, lark, monkeypatch, MIGCHECK_LARK__ENCRYPT_KEY="")
    with pytest.raises(StartError, match="encrypt_key"):
        async with open_bot(settings):
            pass


def _doubles(lark: FakeLark) -> list[str]:
    seen = [(m.chat, m.words) for m in lark.messages.values() if m.author == lark.bot]
    return [words for place, (chat, words) in enumerate(seen) if (chat, words) in seen[:place]]


async def test_tokens_are_shared_renewed_and_asked_for_again(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    lark.token_life = 2
    async with start():
        await ann.says(CERTIFICATE.domain)
        await ann.report()
        assert 1 <= lark.issued <= 4
        lark.tokens.clear()
        lark.token_life = 7200
        issued = lark.issued
        await ann.says(ALL_GOOD.domain)
        await ann.report(1)
        assert lark.issued == issued + 1


async def test_two_peoples_cases_never_mix(lark: FakeLark, start: Start) -> None:
    ann, bob = (
        lark.person("ou_ann", email=f"ann@{CERTIFICATE.domain}"),
        lark.person("ou_bob", email=f"bob@{CHAIN.domain}"),
    )
    async with start() as bot:
        await asyncio.gather(ann.says(CERTIFICATE.domain), bob.says(CHAIN.domain))
        hers, his = await asyncio.gather(ann.report(), bob.report())
        assert hers.case != his.case
        assert CHAIN.domain not in "\n".join(m.words for m in ann.sees())
        await asyncio.gather(ann.sees_with("submit"), bob.sees_with("submit"))
        before = len(ann.sees())
        await bob.presses(hers, "recheck")
        await bob.presses(hers, "servers")
        await bot.conversation.settle()
        assert len(ann.sees()) == before
        assert [toast["i18n"]["en_us"] for toast in lark.toasts] == ["This belongs to somebody else’s case."] * 2
        await bob.says(CHAIN.domain, thread=hers.root, chat=ann.chat)
        assert len(await bot.store.cases_of(f"lark:{lark.tenant}:ou_bob")) == 2, "another's thread is none of his"


@pytest.mark.parametrize("mode", ["webhook", "websocket"])
async def test_secrets_are_never_logged_not_even_at_debug(
    lark: FakeLark, start: Start, capfd, caplog, mode: str
) -> None:
    taro = lark.person("ou_taro", email=APP_PASSWORD.account)
    set_up_logging(LogSettings(level="DEBUG"))
    root = logging.getLogger()
    before, handlers = root.level, root.handlers[:]
    root.setLevel(logging.DEBUG)
    root.addHandler(caplog.handler)
    try:
        async with start(mode, MIGCHECK_SECRETS__ENTRY="modal") as bot:
            await taro.says(f"{APP_PASSWORD.domain} {APP_PASSWORD.account} password: hunter2-hunter2")
            offer = await taro.offer()
            await taro.submits(offer, secret="s3cret-s3cret-s3cret")
            await taro.report(1)
            kept = [await bot.store.open_effects(), await bot.store.cases_of(f"lark:{lark.tenant}:ou_taro")]
            assert "s3cret-s3cret-s3cret" not in str(kept)
    finally:
        root.setLevel(before)
        root.handlers = [
            one for one in handlers if one is not caplog.handler and not isinstance(one, logging.StreamHandler)
        ]
    seen = capfd.readouterr()
    written = seen.out + seen.err + caplog.text
    for secret in ("s3cret-s3cret-s3cret", "hunter2-hunter2"):
        assert find_leaks("\n".join(line for line in written.splitlines() if len(line) < 2000), secret) == []
        assert secret not in written
    known = (lark.app_secret, lark.encrypt_key, lark.verification_token, "access_key=hidden", *lark.tokens)
    assert [secret for secret in known if secret in written] == []


async def test_the_long_connection_serves_and_comes_back(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start("websocket") as bot:
        await ann.says(CERTIFICATE.domain)
        report = await ann.report()
        ack = await ann.presses(report, "share")
        assert ack.status == 200
        await lark.sockets[-1].close()
        await lark.until(lambda: lark.sockets and not lark.sockets[-1].closed, 15)
        ack = await ann.presses(report, "recheck")
        await ann.again(ack)
        await ann.report(1)
        await bot.conversation.settle()
        assert len(reports(ann)) == 2
        form_report = await ann.report()
        await ann.presses(form_report, "servers")
        form = await ann.sees_with("submit", words="IMAP")
        await ann.submits(form, imap="-bad-")
        assert "✗" in form.words, "the answer to a press comes back on the connection"
        async with aiohttp.ClientSession() as session, session.get(f"{bot.origin}/readyz") as answer:
            assert (await answer.json())["lark"] == "ok"
        async with aiohttp.ClientSession() as session, session.post(f"{bot.origin}/lark/events", data="{}") as answer:
            assert answer.status == 404, "there is no webhook beside it"
    assert [thread.name for thread in threading.enumerate() if thread.name == "lark"] == []


async def test_native_commands_are_registered_where_there_are_any(world: World, monkeypatch) -> None:
    async with FakeLark(native=True) as lark:
        for _ in range(2):
            async with open_bot(settings_for(world, lark, monkeypatch)):
                await lark.until(lambda: [c for c in lark.calls if c.method == "command.list"])
                await lark.until(lambda: lark.commands)
        assert [entry["command"] for entry in lark.commands.values()] == ["migcheck"]
        assert lark.faults == []


async def test_wrong_credentials_end_nothing(lark: FakeLark, world: World, monkeypatch) -> None:
    settings = settings_for(world, lark, monkeypatch, MIGCHECK_LARK__APP_SECRET="wrong")
    async with open_bot(settings):
        await lark.until(lambda: [c for c in lark.calls if c.code == 10014])


async def test_a_proxys_page_in_place_of_lark_is_a_refusal_not_a_wait(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    lark.script["user.get"].append(Answer(404, code=-1))
    async with start():
        await ann.says(CERTIFICATE.domain)
        await ann.report(limit=10)
