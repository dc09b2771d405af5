"""Foreign words reach Slack as literal text only, whatever stands in them, and every message is within the limits."""

import functools
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.mailprogram import read_program
from bot.core.message import (
    Actions,
    Button,
    Buttons,
    Comparison,
    Fields,
    Form,
    Input,
    Message,
    More,
    StepMark,
    Steps,
    Text,
    Untrusted,
)
from bot.core.model import Link
from bot.core.understanding import understand
from bot.network import wisdom_in
from handlers.asked import read_request
from handlers.slack.inbound import words
from handlers.slack.parts import clean
from handlers.slack.view import Names, shown
from handlers.slack.window import form_window, more_window, secret_window, share_window
from handlers.slack.words import Words
from tests.servers.practice import CERTIFICATE
from tests.servers.slack import FakeSlack
from tests.servers.slack.kit import faults_of_blocks, faults_of_view
from tests.servers.world import World
from tests.slack.conftest import Start, data_of

EVIL = (
    "<!channel> <!here|here> <@U0001> <#C0001> <!subteam^S1> <https://evil.test|your bank> *bold* _it_ ~no~ `code` ```\n"
    "> quote & &lt; :bomb: https://evil.test \u202egnp.exe \u200b\u2066\x1b[31mred\x00\x07 \ud800 @channel "
    + "A"
    * 4000
)


class Mind:
    wisdom = staticmethod(functools.cache(wisdom_in))


NAMES = Names(Words(Mind()).of("en"), "K7QF-2M/report:1")


def everything(text: str) -> Message:
    """A message with this text in every place where a text can stand."""
    marks = tuple(StepMark(f"imap.{i}", text, "fail", text) for i in range(6))
    actions = Actions(text, text, (text, text), (Link(text, "https://example.test/"),))
    return Message(
        text,
        (
            Text(text, "title"), Text(text), Text(text, "note"), Untrusted(text, text), Fields(((text, text),) * 4),
            Comparison(text, text, ((text, text, text, False),)), Steps(((text, marks),)), actions,
            More(text, (actions,)), Buttons((Button("recheck", text), Button("choose:scenario:saas", text))),
            Form("servers", (Input("imap", text, text, text, text),), text),
        ),
    )  # fmt: skip


def parts_of(blocks: object):
    if isinstance(blocks, dict):
        yield blocks
        for part in blocks.values():
            yield from parts_of(part)
    elif isinstance(blocks, list | tuple):
        for part in blocks:
            yield from parts_of(part)


def test_hostile_words_stay_words() -> None:
    seen = shown(everything(EVIL), NAMES)
    assert faults_of_blocks(list(seen.blocks)) == []
    kinds = {part.get("type") for part in parts_of(list(seen.blocks))}
    assert "mrkdwn" not in kinds
    assert kinds.isdisjoint({"user", "channel", "usergroup", "broadcast", "emoji", "date"})
    assert [p["url"] for p in parts_of(list(seen.blocks)) if p.get("type") == "link"] in ([], ["https://example.test/"])
    text = json.dumps([seen.text, seen.blocks])
    for bad in ("\\u202e", "\\u200b", "\\u2066", "\\u001b", "\\u0000", "\\ud800"):
        assert bad not in text
    assert "<" not in seen.text
    assert ">" not in seen.text.replace("&gt;", "")


@given(st.text(max_size=5000), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_every_message_is_within_the_limits(text: str, times: int) -> None:
    message = everything(text)
    long = Message(message.text, message.blocks * times)
    seen = shown(long, NAMES)
    assert [f for f in faults_of_blocks(list(seen.blocks)) if "action_id twice" not in f] == []
    assert len(seen.text) <= 3000
    seen.text.encode()


@given(st.text(max_size=5000))
@settings(max_examples=60, deadline=None)
def test_every_window_is_within_the_limits(text: str) -> None:
    about = {"case": "K7QF-2M", "key": "ask:1"}
    form = Form("servers", (Input("imap", text, text, text, text), Input("smtp", text, optional=False)), text)
    message = everything(text)
    for view in (
        form_window(form, text, about, NAMES.words),
        secret_window(about, text, NAMES.words),
        share_window(message, "C0001", about, NAMES.words, sure=False),
        more_window(message.blocks, NAMES),
    ):
        assert faults_of_view(view) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("<http://example.com|example.com>", "example.com"),
        ("<https://example.com/x>", "https://example.com/x"),
        ("<mailto:taro@example.com|taro@example.com>", "taro@example.com"),
        ("<@U123> example.com", "example.com"),
        ("<@U123|bot> a &lt;b&gt; &amp; c", "a <b> & c"),
        ("```535 5.7.8 no```", "535 5.7.8 no"),
        ("<!channel> hi", "hi"),
        ("a &amp;lt; b", "a &lt; b"),
    ],
)
def test_slacks_form_of_a_text_is_undone(typed: str, meant: str) -> None:
    assert words(typed) == meant


@pytest.mark.parametrize(
    "typed",
    ["a", "a.", "<", "<a|", "x:", "`", "@", "a@", " ", "password ", "あ", "<@U1", "&lt;", "LOGIN ", "x" * 399 + " "],
)
def test_nothing_that_is_typed_holds_the_bot_up(typed: str) -> None:
    """Slack takes 40,000 characters: whatever reads them takes a moment, not the square of their number."""
    began = time.perf_counter()
    text = words("x" + typed * (40_000 // len(typed)) + "x")
    understand(text)
    read_program(text)
    read_request(text)
    assert time.perf_counter() - began < 3


def test_clean_keeps_lines_and_letters() -> None:
    assert clean("一行\r\n二行\tx") == "一行\n二行 x"


async def test_a_servers_banner_cannot_speak_for_the_bot(slack: FakeSlack, start: Start, practice: World) -> None:
    ann = slack.person("UADMIN")
    practice.domain("evil.test")
    await practice.imap(
        "imap.evil.test", greeting="* BYE <!channel> <https://evil.test|log in here> *now* \u202e @here"
    )
    await practice.smtp("smtp.evil.test")
    async with start():
        await ann.command("evil.test")
        report = await ann.report()
        assert data_of(report)["cause"] == "greeting.refused"
        literal = [p for p in parts_of(report.blocks) if p.get("type") == "rich_text_preformatted"]
        assert "<!channel>" in json.dumps(literal)
        rest = [b for b in report.blocks if "rich_text_preformatted" not in json.dumps(b)]
        assert "<!channel>" not in json.dumps(rest)
        assert "evil.test|" not in report.text


async def test_what_a_person_types_cannot_speak_for_the_bot(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.command("explain NO [ALERT] &lt;!channel&gt; <https://evil.test|bank> authentication failed")
        told = await ann.sees_with(words="bank")
        assert [p for p in parts_of(told.blocks) if p.get("type") == "link" and "evil" in p["url"]] == []
        assert "<!channel>" not in told.text


async def test_no_message_grows_a_preview(slack: FakeSlack, start: Start) -> None:
    """Neither of a link that only the person may open, nor of one that somebody typed."""
    ann = slack.person("UADMIN", locale="en-US")
    channel = slack.channel("C0001", "UADMIN", "UBOT")
    async with start():
        await ann.opens("messages")
        await ann.sees_with(words="Never type a password here")
        await ann.command(CERTIFICATE.domain)
        report = await ann.report()
        await ann.says("history")
        await ann.sees_with(words="Your cases")
        await ann.attaches(slack.drawer.keep(slack.team, "a.png", b"x"))
        await ann.sees_with(words="Pictures")
        await ann.presses(report, "share")
        await ann.submits(await ann.view("share"), channel=channel)
        await ann.sees_with(words="was shown there")
    posted = slack.made("chat.postMessage")
    assert len(posted) >= 6
    for call in posted:
        assert {str(call.args.get(name)).lower() for name in ("unfurl_links", "unfurl_media")} <= {"false", "0"}, call


def test_what_is_heard_has_no_signs_and_names_what_fails() -> None:
    """The text is what notifications show and screen readers say."""
    marks = (
        StepMark("imap.dns", "DNS", "pass"),
        StepMark("imap.tls", "TLS", "fail", "x"),
        StepMark("imap.login", "Log-in", "skipped"),
    )
    good = (StepMark("smtp.dns", "DNS", "pass"),)
    untested = (*good, StepMark("smtp.login", "Log-in", "skipped"))
    link = Link("Sign in", "https://microsoft.test/device")
    steps = Steps((("IMAP", marks), ("SMTP", good), ("POP3", untested)))
    said = shown(Message("It fails.", (steps, Actions("Where", "", (), (link,)))), NAMES).text
    assert said.splitlines() == [
        "It fails.",
        "IMAP: TLS (Failed)",
        "SMTP: OK",
        "POP3: Log-in (Not run)",
        "Where",
        "Sign in: https://microsoft.test/device",
    ]


def test_a_command_stands_in_a_box_from_where_it_can_be_copied() -> None:
    command = "openssl s_client -connect a.test:993 -servername a.test </dev/null"
    actions = ("First.", f"See whether this works: {command}", "Use telnet a.test 993 as well.", "Last.")
    (made,) = shown(Message("x", (Actions("Title", "", actions, ()),)), NAMES).blocks
    kinds = [(part["type"], part.get("offset", 0), len(part["elements"])) for part in made["elements"][1:]]
    assert kinds == [("rich_text_list", 0, 2), ("rich_text_preformatted", 0, 1), ("rich_text_list", 2, 2)]
    assert made["elements"][2]["elements"][0]["text"] == command
    coded = [p["text"] for p in parts_of(made["elements"][3]) if p.get("style") == {"code": True}]
    assert coded == ["telnet a.test 993"]
    assert faults_of_blocks([made]) == []
