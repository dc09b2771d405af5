"""Messages to cards, held against the limits and properties that Lark documents."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import Mind
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
)  # fmt: skip
from bot.core.model import LANGS, Link
from handlers.lark.form import start_form, typed_of
from handlers.lark.parts import escaped
from handlers.lark.view import Names, card_of, in_languages, size_of
from handlers.lark.words import Words
from tests.servers.lark.card import faults_of, faults_of_card, words_of

WORDS = Words(Mind())
EVIL = "<at id=all></at> **b** [x](https://evil.test) \u202e</raw>\x00\n# h"


def names(**more) -> Names:
    return Names(WORDS.of("ja"), "K7QF-2M", "report:1", **more)


def rich(text: str = EVIL, times: int = 1) -> Message:
    link = Link(text, "https://example.test/a b(c)?d=e)")
    blocks = (
        Text(text, "title"), Text(text), Text(text, "note"), Untrusted(text, text), Fields(((text, text), ("b", text))),
        Comparison(text, text, ((text, text, text, True), (text, text, text, False))),
        Steps(((text, (StepMark("imap.tls", text, "fail", text), StepMark("imap.login", text, "skipped", text))),)),
        Actions(text, text, (text, text), (link, link)), More(text, (Actions(text, "", (), ()), Text(text))),
    ) * times  # fmt: skip
    buttons = Buttons(
        tuple(
            Button(f"choose:scenario:{n}", text, primary=n == 0, url="https://x.test/" if n % 2 else None)
            for n in range(6)
        )
    )
    return Message(text, (*blocks, buttons), {"verdict": "fail", "case": "K7QF-2M"})


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("text", [EVIL, "", " ", "x" * 5000, "ケース" * 900, "\ud800", "\n\n"])
def test_whatever_is_shown_is_a_good_card(text: str, silent: bool) -> None:
    card = card_of(rich(text), names(silent=silent))
    assert faults_of(json.dumps(card, ensure_ascii=False).encode("utf-8", "replace").decode()) == []
    assert "\u202e" not in str(card)
    assert ("button" in str(card)) != silent


@given(st.text(max_size=400))
def test_any_text_at_all(text: str) -> None:
    card = card_of(rich(text), names())
    assert faults_of_card(card) == []
    markdown = [p["content"] for p in _tagged(card) if p.get("tag") == "markdown"]
    assert all("<" not in content and content.count("](") == 2 for content in markdown)


def _tagged(part):
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from _tagged(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _tagged(inner)


def test_what_does_not_fit_is_left_out_and_said_so_and_buttons_stay() -> None:
    card = card_of(rich("長い言葉" * 100, times=40), names())
    assert faults_of(json.dumps(card, ensure_ascii=False)) == []
    assert size_of(card) <= 28_000
    assert WORDS.of("ja")["cut_off"] in words_of(card)
    assert len([p for p in _tagged(card) if p.get("tag") == "button"]) == 6


def test_old_clients_and_lists_of_chats_see_the_verdict() -> None:
    card = card_of(rich("It fails"), names())
    assert card["header"]["title"]["content"] == "It fails"
    assert card["header"]["template"] == "red"
    assert card["config"]["summary"]["content"] == "It fails"


def test_a_card_of_nothing_but_its_title_says_it_below_as_well() -> None:
    for nothing in (Steps(()), Buttons((Button("cancel", "Cancel"),))):
        card = card_of(Message("Stopped", (Text("Stopped"), nothing), {"progress": "done"}), names(silent=True))
        assert faults_of_card(card) == []
        assert card["header"]["title"]["content"] == "Stopped"


def test_buttons_bring_back_their_action_and_case() -> None:
    card = card_of(rich("x"), names())
    values = [b["value"] for p in _tagged(card) for b in p.get("behaviors", []) if b["type"] == "callback"]
    assert {value["case"] for value in values} == {"K7QF-2M"}
    assert [value["action"] for value in values] == [f"choose:scenario:{n}" for n in range(6)]
    assert [value.get("link") for value in values] == [None, "yes"] * 3


FORM = Form("servers", (Input("imap", "IMAP", "-bad-", "imap.example.test:993", "wrong <b>"), Input("scenario", "S", "m365", options=(("m365", "M"), ("saas", "S"))),
                        Input("account", "A", "x" * 2000, optional=False), Input("show_account", "Show", options=(("yes", "Show it"),))), "Go")  # fmt: skip


def test_a_forms_fields_have_their_names_and_errors() -> None:
    card = card_of(Message("m", (Text("m"), FORM)), names())
    assert faults_of_card(card) == []
    parts = card["body"]["elements"][1]["elements"]
    assert [(p["tag"], p.get("name")) for p in parts[:3]] == [
        ("input", "imap"),
        ("div", None),
        ("select_static", "scenario"),
    ]
    assert "wrong <b>" in parts[1]["text"]["content"]
    assert parts[2]["initial_option"] == "m365"
    assert parts[3]["required"] is True
    assert parts[4]["tag"] == "checker"
    assert json.loads(parts[5]["name"]) == {"case": "K7QF-2M", "key": "report:1", "action": "submit", "form": "servers"}
    assert card["config"]["enable_forward"] is False


def test_values_of_a_form_never_hold_the_secret() -> None:
    typed = typed_of({"account": "a", "secret": "hunter2", "show_account": True, "scenario": None})
    assert typed == {"account": "a", "show_account": "yes", "scenario": ""}


def test_the_secrets_field_is_masked_and_empty() -> None:
    offer = Message(
        "Type it", (Text("Type it"), Buttons((Button("secret", "Type", primary=True), Button("cancel", "Cancel"))))
    )
    card = card_of(offer, names(takes_secret=True, code="K7QF"))
    assert faults_of_card(card) == []
    field = next(p for p in _tagged(card) if p.get("name") == "secret")
    form = next(p for p in _tagged(card) if p.get("name") == "form_secret")
    assert "確認コード：K7QF" in json.dumps(form, ensure_ascii=False), "the offer asks to look for it beside the field"
    assert field["input_type"] == "password"
    assert "default_value" not in field
    actions = [b["value"]["action"] for p in _tagged(card) for b in p.get("behaviors", [])]
    assert actions == ["secret", "cancel"]


@pytest.mark.parametrize("main", LANGS)
def test_one_card_speaks_to_each_in_their_language(main) -> None:
    cards = {lang: card_of(start_form(WORDS.of(lang)), Names(WORDS.of(lang), "", "start")) for lang in LANGS}
    card = in_languages(cards, main)
    assert faults_of_card(card) == []
    for lang, locale in (("ja", "ja_jp"), ("en", "en_us"), ("zh", "zh_cn")):
        assert words_of(card, locale) == words_of(cards[lang])


def test_cards_of_different_shape_stay_apart() -> None:
    one, other = card_of(Message("a", (Text("a"),)), names()), card_of(Message("b", (Text("b"), Text("c"))), names())
    assert in_languages({"ja": one, "en": other, "zh": one}, "ja") == one


def test_link_titles_are_escaped() -> None:
    assert escaped("a](http://x) <b>*") == "a&#93;&#40;http&#58;//x&#41; &#60;b&#62;&#42;"


GOOD = card_of(replace(rich("x"), blocks=(*rich("x").blocks, FORM)), names())


@pytest.mark.parametrize(("path", "value", "fault"), [
    (["body", "elements", 0, "text_size"], "x", "unknown property"),
    (["config", "wide_screen_mode"], True, "unknown property"),
    (["config", "update_multi"], False, "update_multi"),
    (["config", "enable_forward"], True, "forwarded"),
    (["header", "template"], "pink", "template"),
    (["schema"], "1.0", "schema"),
    (["body", "elements"], [], "no elements"),
    (["body", "elements"], [{"tag": "note", "elements": []}], "no such element"),
    (["body", "elements", 0], {"tag": "div", "text": {"tag": "lark_md", "content": "x"}}, "not plain_text"),
    (["body", "elements", 0], {"tag": "button", "text": {"tag": "plain_text", "content": "x"}, "behaviors": [{"type": "callback", "value": "x"}]}, "action and a case"),
    (["body", "elements", 0], {"tag": "button", "text": {"tag": "plain_text", "content": "x"}, "form_action_type": "submit", "behaviors": []}, "form_action_type"),
    (["body", "elements", 0], {"tag": "input", "name": "x"}, "outside of any form"),
    (["body", "elements", 0], {"tag": "column_set", "columns": [{"tag": "column", "elements": [{"tag": "form", "name": "f", "elements": []}]}]}, "within"),
    (["body", "elements", 0], {"tag": "markdown", "content": "<at id=all></at>"}, "markup"),
    (["body", "elements", -1, "elements", 0, "default_value"], "x" * 1001, "length"),
    (["body", "elements", -1, "elements", 0, "input_type"], "secret", "input_type"),
    (["body", "elements", -1, "elements", 2, "options"], [], "nothing to choose"),
    (["body", "elements", -1, "elements", 0, "name"], "scenario", "twice"),
    (["body", "elements", 0, "text", "i18n_content"], {"xx": "y"}, "languages"),
])  # fmt: skip
def test_the_checker_finds_what_lark_would_refuse(path, value, fault) -> None:
    card = json.loads(json.dumps(GOOD))
    assert faults_of_card(card) == []
    part = card
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    assert any(fault in found for found in faults_of_card(card)), faults_of_card(card)
