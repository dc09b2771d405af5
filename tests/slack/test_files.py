"""Files in a direct message: small texts are read as if they had been pasted, and the token goes to Slack alone."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from email.mime.application import MIMEApplication
from email.mime.text import MIMEText

import pytest
from aiohttp import web

from bot.core.understanding import understand
from handlers.slack.attached import MOST_BYTES, File, files_of, kind_of, read_file, shortened
from tests.core.test_mailprogram import AUTOCONFIG, MOBILECONFIG
from tests.leaks import find_leaks
from tests.servers.practice import ALL_GOOD, CERTIFICATE
from tests.servers.slack import FakeSlack, Posted
from tests.servers.slack.files import Kept
from tests.servers.world import World
from tests.slack.conftest import Start, data_of

ERROR = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."
SECRET = "correct-horse-7-Battery"


BOUNCE = f"""\
Received: from relay.elsewhere.test by mx.elsewhere.test
From: mailer-daemon@mx.elsewhere.test
Subject: =?utf-8?b?6YWN5L+h44Gn44GN44G+44Gb44KT44Gn44GX44Gf?=
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain; charset=iso-2022-jp
Content-Transfer-Encoding: base64

{base64.b64encode("次の宛先に届きませんでした。".encode("iso2022_jp")).decode()}
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.elsewhere.test

Final-Recipient: rfc822; a@b.test
Status: 5.7.139
Diagnostic-Code: smtp; {ERROR}

--b
Content-Type: message/rfc822

From: boss@elsewhere.test

private words
--b--
"""
"""The report that a mail could not be delivered, as a mail program saves it."""


# What a file says.


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", "エラーです 535".encode(), "エラーです 535"),
        ("a.txt", b"\xef\xbb\xbf535 no", "535 no"),
        ("a.log", "認証に失敗しました".encode("cp932"), "認証に失敗しました"),
        ("a.log", "登录失败，请检查密码".encode("gbk"), "登录失败，请检查密码"),
        ("a.log", "認証エラー".encode("iso2022_jp"), "認証エラー"),
        ("a.txt", "認証エラー".encode("utf-16"), "認証エラー"),
        ("a.txt", b"\x7fELF\x02\x01\x01\0\0\0", None),
        ("a.txt", bytes(range(1, 256)) * 4, None),
        ("a.txt", b" \r\n ", None),
        ("a.eml", b"\xff\xfe\x00", None),
    ],
)
def test_code_pages(name: str, data: bytes, said: str | None) -> None:
    assert read_file(name, data) == said


def test_a_mail_is_what_it_says_and_not_the_way_it_came() -> None:
    said = read_file("bounce.eml", BOUNCE.encode()) or ""
    assert said.splitlines()[:2] == ["配信できませんでした", "次の宛先に届きませんでした。"]
    assert ERROR in said
    for other in ("elsewhere.test", "private words", "a@b.test"):
        assert other not in said
    page = MIMEText(f"<html><p>{ERROR}</p></html>", "html", "utf-8")
    assert (read_file("x.eml", page.as_bytes()) or "").split() == ERROR.split()


def test_a_mail_that_is_nested_without_end_is_read_as_it_is() -> None:
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1200))
    assert read_file("x.eml", deep.encode()) is not None
    odd = MIMEApplication(b"\0\1\2")
    assert read_file("x.eml", odd.as_bytes()) is not None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps({"imap": {"host": "imap.example.jp", "password": SECRET}})),
        ("a.json", json.dumps({"smtpPassWord": 'x"' + SECRET}, indent=2)),
        ("a.mobileconfig", MOBILECONFIG.replace("<key>Inc", f"<key>IncomingPassword</key>\n<string>{SECRET}</string><key>Inc", 1)),
        ("a.xml", f"<account><Password>{SECRET}</Password></account>"),
    ],
)  # fmt: skip
def test_a_password_in_a_file_of_settings_is_taken_out(name: str, text: str) -> None:
    said = understand(read_file(name, text.encode()) or "")
    assert said.secret_seen
    assert find_leaks(said.text, SECRET) == []


def test_what_is_signed_is_read_where_it_can_be() -> None:
    said = read_file("signed.mobileconfig", b"0\x82\0\x05" + MOBILECONFIG.encode() + b"\0\xa0\x82")
    assert said is not None
    assert said.startswith("<plist")


@pytest.mark.parametrize(
    ("name", "sort", "size", "kind"),
    [
        ("a.LOG", "text/plain", 10, "text"),
        ("a.txt", "", MOST_BYTES, "text"),
        ("a.txt", "", MOST_BYTES + 1, "large"),
        ("Untitled", "text/plain", 10, "text"),
        ("Untitled", "application/zip", 10, "other"),
        ("a.exe", "text/plain", 10, "other"),
        ("a.txt", "image/png", 10, "image"),
        ("screen.HEIC", "application/octet-stream", 10, "image"),
        ("", "", 0, "other"),
    ],
)
def test_kinds(name: str, sort: str, size: int, kind: str) -> None:
    assert kind_of(File(name, sort, size, "")) == kind


def test_files_that_slack_does_not_keep_have_no_address() -> None:
    shapes = [{"mode": "external", "url_private": "https://drive.test/x"}, {"is_external": True, "url_private": "https://x.test"},
              {"mode": "tombstone"}, "odd", {"size": "odd", "url_private": None}]  # fmt: skip
    assert [file.url for file in files_of({"files": shapes})] == ["", "", "", ""]
    assert files_of({}) == ()


def test_endless_runs_are_cut() -> None:
    assert len(shortened("a" * 100_000)) == 400
    assert len(shortened("漢" * 100_000)) == 1500
    assert shortened(text := "設定を確認してください。" * 500) == text


# In Slack.


@pytest.fixture
async def thief() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that is not Slack's, and what it was shown."""
    shown: list[str] = []

    async def take(request: web.Request) -> web.Response:
        shown.append(str(dict(request.headers)))
        return web.Response(text="stolen")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", shown
    await runner.cleanup()


def only(slack: FakeSlack) -> Kept:
    (kept,) = slack.drawer.files.values()
    return kept


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_an_error_in_a_file_is_explained_in_its_thread(
    slack: FakeSlack, start: Start, practice: World, mode: str
) -> None:
    ann = slack.person("UADMIN")
    async with start(mode):
        root = await ann.attaches(slack.drawer.keep(slack.team, "sync.log", f"Oct 02 {ERROR}\n".encode()))
        told = await ann.sees_with(words="confidence")
        assert told.thread == root
        assert only(slack).asked == [f"Bearer {slack.bot_token}"]
    assert practice.names.questions == []


async def test_settings_in_a_file_are_compared_with_what_was_found(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    settings = AUTOCONFIG.replace("example.co.jp", CERTIFICATE.domain)
    async with start():
        root = await ann.says(CERTIFICATE.domain)
        await ann.report()
        await ann.attaches(slack.drawer.keep(slack.team, "config.xml", settings.encode()), thread=root)
        told = await ann.sees_with("program")
        assert f"imap.{CERTIFICATE.domain}" in told.words


async def test_words_and_file_are_one_text(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.attaches(slack.drawer.keep(slack.team, "Untitled", b"the frobnicator is unhappy"), text="explain")
        told = await ann.sees_with(words="cannot be told from these words")
        assert "frobnicator" in told.words


async def test_a_domain_beside_a_picture_is_checked_all_the_same(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        root = await ann.attaches(slack.drawer.keep(slack.team, "screen.png", b"\x89PNG"), text=CERTIFICATE.domain)
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code
        told = await ann.sees_with(words="Pictures cannot be read")
        assert told.thread == root


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("screen.png", b"\x89PNG", "Pictures cannot be read"),
        ("all.log", b"x" * (MOST_BYTES + 1), "64 KB"),
        ("a.pdf", b"%PDF", "this kind"),
        ("a.txt", b"\0\1\2\3", "this kind"),
    ],
)
async def test_what_cannot_be_read_is_said_once_and_begins_nothing(
    slack: FakeSlack, start: Start, name: str, data: bytes, words: str
) -> None:
    ann = slack.person("UADMIN")
    async with start() as bot:
        root = await ann.attaches(slack.drawer.keep(slack.team, name, data), text="please look at this one")
        told = await ann.sees_with(words=words)
        assert told.thread == root
        await bot.conversation.settle()
        assert len(ann.sees()) == 1
        assert await bot.store.cases_of("slack:T0001:UADMIN") == []


async def test_a_message_with_a_file_that_comes_again_has_one_effect(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start() as bot:
        files = [slack.drawer.keep(slack.team, "a.log", ERROR.encode()), slack.drawer.keep(slack.team, "a.png", b"x")]
        event = {"type": "message", "subtype": "file_share", "user": "UADMIN", "text": "", "ts": slack.team.ts(),
                 "channel": ann.im, "channel_type": "im", "team": "T0001", "event_ts": "1", "files": files}  # fmt: skip
        slack.team.messages.append(_message(ann.im, str(event["ts"])))
        ack = await ann.event(event)
        await ann.again(ack)
        await ann.sees_with(words="confidence")
        await ann.sees_with(words="Pictures")
        await ann.again(ack, 2)
        await asyncio.sleep(0.3)  # nothing is to come
        await bot.conversation.settle()
        assert len(ann.sees()) == 2


def _message(channel: str, ts: str) -> Posted:
    return Posted(channel, ts, "", [], author="UADMIN")


async def test_more_is_sent_than_was_announced(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.attaches(slack.drawer.keep(slack.team, "a.log", b"x" * (MOST_BYTES * 3), size=10))
        await ann.sees_with(words="64 KB")


async def test_a_slow_file_does_not_hold_the_acknowledgement_up(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        shape = slack.drawer.keep(slack.team, "a.log", ERROR.encode())
        only(slack).delay = 3.5
        await ann.attaches(shape)  # the fake holds it to three seconds
        await ann.sees_with(words="confidence")


@pytest.mark.parametrize("status", [302, 307])
async def test_the_token_follows_no_redirect(
    slack: FakeSlack, start: Start, thief: tuple[str, list[str]], status: int
) -> None:
    ann = slack.person("UADMIN")
    async with start():
        shape = slack.drawer.keep(slack.team, "a.log", ERROR.encode())
        only(slack).answer = (status, {"Location": thief[0]})
        await ann.attaches(shape)
        await ann.sees_with(words="cannot be opened here")
    assert thief[1] == []


async def test_the_token_goes_to_no_other_host(slack: FakeSlack, start: Start, thief: tuple[str, list[str]]) -> None:
    """Whatever an event says: another port, user information before an @, a Slack of somebody else's."""
    ann = slack.person("UADMIN")
    port = thief[0].rpartition(":")[2]
    odd = [thief[0], f"http://files.slack.com@127.0.0.1:{port}/x", f"http://127.0.0.1:{slack.port}@127.0.0.1:{port}/x",
           f"http://127.0.0.1:{port}\\@files.slack.com/", f"//127.0.0.1:{port}/x", "file:///etc/passwd", "http://[::", "javascript:1",
           f"http://127.0.0.1:{slack.port}.evil.test/", "http://files.slack.com/x", "https://files.slack.com.evil.test/x"]  # fmt: skip
    async with start() as bot:
        for number, url in enumerate(odd, 1):
            await ann.attaches(slack.drawer.keep(slack.team, "a.log", ERROR.encode(), url_private=url))
            await slack.until(lambda number=number: len(ann.sees()) == number)
        await ann.attaches(slack.drawer.keep(slack.team, "a.log", b"x", mode="external", url_private=f"{thief[0]}/x"))
        await slack.until(lambda: len(ann.sees()) == len(odd) + 1)
        await bot.conversation.settle()
    assert thief[1] == []
    assert {m.text[:22] for m in ann.sees()} == {"Files of this kind can"}


@pytest.mark.parametrize(("status", "words"), [(500, "did not hand"), (429, "did not hand"), (404, "cannot be opened")])
async def test_what_slack_does_not_give(slack: FakeSlack, start: Start, status: int, words: str) -> None:
    ann = slack.person("UADMIN")
    async with start():
        shape = slack.drawer.keep(slack.team, "a.log", ERROR.encode())
        only(slack).answer = (status, {})
        await ann.attaches(shape)
        await ann.sees_with(words=words)


async def test_without_the_scope_the_person_is_told_who_can_allow_it(slack: FakeSlack, start: Start) -> None:
    slack.grants[slack.bot_token] = type(slack.grants[slack.bot_token])("T0001", slack.scopes - {"files:read"})
    ann = slack.person("UADMIN")
    async with start():
        await ann.attaches(slack.drawer.keep(slack.team, "a.log", ERROR.encode()))
        await ann.sees_with(words="files:read")


async def test_a_compressed_answer_is_not_unpacked(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        shape = slack.drawer.keep(slack.team, "a.log", b"\x1f\x8b\x08")
        only(slack).answer = (200, {"Content-Encoding": "gzip"})
        await ann.attaches(shape)
        await ann.sees_with(words="did not hand")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", f"{ALL_GOOD.domain}\npassword: {SECRET}\n"),
        ("a.json", json.dumps({"account": ALL_GOOD.account, "password": SECRET})),
        ("a.mobileconfig", MOBILECONFIG.replace("<key>Inc", f"<key>IncomingPassword</key><string>{SECRET}</string><key>Inc", 1)),
    ],
)  # fmt: skip
async def test_a_secret_in_a_file_is_never_kept(
    slack: FakeSlack, start: Start, practice: World, name: str, content: str
) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start() as bot:
        await taro.attaches(slack.drawer.keep(slack.team, name, content.encode()))
        told = await taro.sees_with(words="looked like a password")
        assert "delete" in told.text
        await bot.conversation.settle()
        kept = b"".join(p.read_bytes() for p in practice.folder.iterdir() if p.name.startswith("store"))
        assert find_leaks(kept.decode("utf-8", "replace"), SECRET) == []
        assert find_leaks(str(slack.calls) + str([m.blocks for m in taro.sees()]), SECRET) == []


async def test_the_shortcut_reads_the_snippet_of_its_message(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    channel = slack.channel("C0001", "UADMIN", "UBOT")
    async with start():
        error = _message(channel, slack.team.ts())
        slack.team.messages.append(error)
        await ann.shortcut(error, files=[slack.drawer.keep(slack.team, "Untitled", ERROR.encode())])
        told = await ann.sees_with(words="confidence")
        assert told.channel == ann.im
        await ann.shortcut(error, files=[slack.drawer.keep(slack.team, "x.png", b"x")])
        only_me = await ann.sees_with(words="Pictures", channel=channel)
        assert only_me.whom == "UADMIN"


async def test_a_strangers_file_is_not_asked_for(slack: FakeSlack, start: Start) -> None:
    eve = slack.person("U0666", is_stranger=True, team_id="T0666")
    async with start() as bot:
        await eve.says(
            "", subtype="file_share", files=[slack.drawer.keep(slack.team, "a.log", b"x")], user_team="T0666"
        )
        await bot.conversation.settle()
        assert only(slack).asked == []
        assert eve.sees() == []
