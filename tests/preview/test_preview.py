"""The preview knows everything that the views emit, and shows every kind of message in every language everywhere."""

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from markupsafe import Markup

from bot.core import asides, cloud_talk, exchange_talk, message, speech
from bot.core.message import Message, Reader
from bot.core.model import LANGS
from handlers.lark.view import Names as LarkNames
from handlers.lark.view import card_of
from handlers.slack.view import Names, shown
from tests.handlers.process import chromium, needs_chromium
from tests.preview import lark, slack
from tests.preview.kinds import kinds
from tests.preview.page import gathered, page
from tests.preview.parts import UnknownPartError
from tests.preview.samples import case
from tests.preview.surfaces import LARK, MIND, SLACK, SURFACES, lacks, start_card
from tests.servers.lark.card import faults_of_card

ROOT = Path(__file__).parents[2]
NOT_DRAWN = {"callback", "open_url", "info", "raw"}
"""Values of `type` that are no part of a message: behaviors, kinds of toasts and cards."""


@pytest.fixture(scope="module")
def everything():
    return gathered()


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("lang", LANGS)
def test_every_kind_is_there(everything, lang: str, surface: str) -> None:
    missing = [kind for kind, shown in everything.items() if shown[lang][surface].here == lacks(kind, surface)]
    assert missing == []
    assert len(everything) > 60


def test_every_cell_is_on_the_page_and_nothing_is_loaded() -> None:
    made = page()
    places = set(re.findall(r'id="([a-z0-9_.]+-(?:ja|en|zh)-(?:slack|lark|web))"', made))
    assert places == {f"{kind}-{lang}-{surface}" for kind in gathered() for lang in LANGS for surface in SURFACES}
    assert re.findall(r"<(?:script|link|img|iframe)[^>]* (?:src|href)=[\"'](?!data:)", made) == []
    for body in re.findall(r'data-message="([^"]*)"', made):
        assert json.loads(Markup(body).unescape())["body"]["blocks"]


def test_languages_are_not_mixed_up(everything) -> None:
    for kind, shown_in in everything.items():
        told = {lang: str(shown_in[lang]["slack"].drawn) for lang in LANGS}
        assert len(set(told.values())) == len(LANGS), kind


def test_everything_that_the_bot_says_is_shown() -> None:
    """Each function that makes a message, and each phrase of the talk, comes across while the kinds are made."""
    made, phrases = set(), set()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            made.add((frame.f_globals.get("__name__"), frame.f_code.co_name))
            if frame.f_code is Reader.word.__code__:
                phrases.add(frame.f_locals["key"])

    sys.setprofile(watch)
    try:
        list(kinds("en"))
    finally:
        sys.setprofile(None)
    makers = {
        (module.__name__, name)
        for module in (speech, asides, cloud_talk, exchange_talk, message)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and function.__annotations__.get("return") in (Message, Message | None)
    }
    assert makers - made == set()
    words = MIND.wisdom("en").catalogue.texts["words"]
    talk = {key for key in words if key.startswith(("talk.", "button.")) and not key.startswith("talk.secret_kind.")}
    assert talk - phrases - {"button.export"} == set()


def test_whatever_the_dialogue_can_post_is_shown() -> None:
    told = {
        key for path in (ROOT / "bot" / "core").glob("*.py") for key in _keys_in(ast.parse(path.read_text("utf-8")))
    }
    assert {"ask", "report", "offer", "signin", "support", "code"} <= told, "the source is read as it is written"
    assert told - {one.key.partition(":")[0] for one in kinds("en")} == set()


def _keys_in(tree: ast.AST) -> Iterator[str]:
    """What stands before the colon in the names under which messages are posted."""
    for call in ast.walk(tree):
        if (
            isinstance(call, ast.Call)
            and getattr(call.func, "id", "") in ("Post", "OfferSecret", "Support")
            and call.args
        ):
            for part in ast.walk(call.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value[:1].isalpha():
                    yield part.value.partition(":")[0]


@pytest.mark.parametrize(("folder", "key", "known"), [("slack", "type", slack.KNOWN), ("lark", "tag", lark.KNOWN)])
def test_every_part_that_a_view_may_emit_can_be_drawn(folder: str, key: str, known: frozenset[str]) -> None:
    emitted = {value for path in (ROOT / "handlers" / folder).glob("*.py") for value in _values_of(path, key)}
    assert emitted - known - NOT_DRAWN == set()
    assert len(emitted) > 8


def _values_of(path: Path, key: str) -> list[str]:
    """What literal dictionaries have under a key."""
    pairs = [
        pair
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        for pair in zip(node.keys, node.values, strict=True)
    ]
    return [
        str(v.value) for k, v in pairs if isinstance(k, ast.Constant) and k.value == key and isinstance(v, ast.Constant)
    ]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: slack.block({"type": "video"}),
        lambda: slack.block({"type": "section", "text": {"type": "mrkdwn", "text": "*b*"}}),
        lambda: slack.block({"type": "actions", "elements": [{"type": "datepicker"}]}),
        lambda: slack.block({"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": []}]}),
        lambda: slack.message((), plan=[{"type": "markdown_text", "text": "x"}]),
        lambda: lark.element({"tag": "chart"}, "ja_jp"),
        lambda: lark.element({"tag": "div", "text": {"tag": "lark_md", "content": "**b**"}}, "ja_jp"),
    ],
)
def test_an_unknown_part_fails(draw) -> None:
    with pytest.raises(UnknownPartError):
        draw()


def test_foreign_words_stay_words() -> None:
    told = asides.not_explained("<script>alert(1)</script><!channel>", case("ja"), MIND.wisdom("ja"))
    drawn = slack.message(shown(told, Names(SLACK.of("ja"))).blocks)
    assert "<script>" not in drawn
    assert "&lt;!channel&gt;" in drawn


def test_the_cards_are_good_cards() -> None:
    for lang in LANGS:
        for one in kinds(lang):
            assert faults_of_card(card_of(one.message, LarkNames(LARK.of(lang), "K7QF-2M", one.key))) == [], one.kind


def test_a_card_is_headed_by_its_title() -> None:
    assert start_card("en")["header"]["title"]["content"] == LARK.of("en")["form.start"]


@pytest.mark.browser
@needs_chromium
async def test_the_chat_page_s_own_module_draws_its_messages(tmp_path: Path) -> None:
    place = tmp_path / "index.html"
    place.write_text(page(), encoding="utf-8")
    faults: list[str] = []
    async with chromium() as browser:
        shown_page = await browser.new_page()
        shown_page.on("pageerror", lambda fault: faults.append(str(fault)))
        await shown_page.goto(place.as_uri())
        await shown_page.locator("body[data-drawn=yes]").wait_for()
        empty = await shown_page.locator("[data-message]:not(:has(.body > *))").count()
        assert (faults, empty) == ([], 0)
        assert await shown_page.locator("[id='offer-ja-web'] input[type=password]").count() == 1
        assert await shown_page.locator("[id='ask_servers.again-zh-web'] .problem").count() == 2
