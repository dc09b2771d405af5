"""What is handed over to support: complete, short enough for every surface, and without the account."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import Mind
from bot.core import errands, handover, speech
from bot.core.abilities import Abilities
from bot.core.case import Case
from bot.core.codec import from_json, to_json
from bot.core.dialogue import advance
from bot.core.events import Pressed, Support
from bot.core.handover import MOST_TEXT, for_support, places_of, support_text, without_account
from bot.core.message import Button, Buttons, Picture, Untrusted
from bot.core.model import LANGS, Finding, Lang, Report, StepResult

MIND = Mind()
ACCOUNT = "taro.yamada@example.co.jp"
WORDS = "NO [AUTHENTICATIONFAILED] user taro.yamada@example.co.jp (EXAMPLE\\taro.yamada) may not log in"
REFUSED = Finding("login.wrong_credentials", "fail", {"server": WORDS})
UNTRUSTED = Finding("tls.chain_incomplete", "fail", {"verify_code": 20, "verify_text": "unable to get local issuer"})
PLACES = places_of("https://bot.test", "K7QF-2M", "key")


def case(lang: Lang = "en", **more) -> Case:
    return replace(Case("K7QF-2M", "p", "web", "", lang, domain="example.co.jp", account=ACCOUNT, run=1, phase="reported"), **more)  # fmt: skip


def report(finding: Finding | None = REFUSED, step: str = "imap.login", **more) -> Report:
    status = finding.severity if finding else "pass"
    steps = (
        StepResult("imap.connect", "pass", target="imap.example.co.jp:993", duration_ms=5),
        StepResult(step, status, (finding,) if finding else (), target="imap.example.co.jp:993", duration_ms=50),
    )
    made = Report("K7QF-2M", "example.co.jp", "zoho", "manual", status, step if status == "fail" else None, finding.code if finding else None,
                  steps, (), {"imap": 1}, "203.0.113.7", "2026-11-24T09:00:07.123+00:00", 60.0)  # fmt: skip
    return replace(made, **more)


def text_of(made: Report, lang: Lang = "en", account: str | None = ACCOUNT) -> str:
    return support_text(made, speech.reader(case(lang, account=None), MIND.wisdom(lang), made), account)


@pytest.mark.parametrize("lang", LANGS)
def test_it_says_what_fails_where_when_and_in_whose_words(lang: Lang) -> None:
    text = text_of(report(), lang)
    for part in ("K7QF-2M", "example.co.jp", "Zoho", "login.wrong_credentials", "imap.example.co.jp:993", "2026-11-24 09:00 UTC",
                 "203.0.113.7", "IMAP 1", "AUTHENTICATIONFAILED"):  # fmt: skip
        assert part in text, part
    assert MIND.wisdom(lang).catalogue.texts["words"]["stage.login"] in text
    assert "taro" not in text
    assert "unable to get local issuer" in text_of(report(UNTRUSTED, "imap.tls"), lang)


@pytest.mark.parametrize("lang", LANGS)
def test_what_passes_or_was_not_found_reads_well_too(lang: Lang) -> None:
    unknown = Finding("dns.servers_not_found", "unknown", {})
    for made in (report(None, attempts={}), report(unknown, "domain.servers"), report(None, domain=None, vantage=None)):
        text = text_of(made, lang)
        assert "{" not in text
        assert "None" not in text
        assert text.splitlines()[0] == MIND.wisdom(lang).catalogue.texts["words"]["support.subject.other"]


@given(st.text(max_size=3000))
def test_a_servers_words_are_one_line_and_do_not_push_out_the_rest(words: str) -> None:
    text = text_of(report(Finding("login.wrong_credentials", "fail", {"server": words})))
    assert len(text) <= MOST_TEXT
    assert text.splitlines()[-1] == "Without the account’s name and the password."
    assert len(text.splitlines()) == len(text_of(report()).splitlines()) - (not words.strip())


@pytest.mark.parametrize(("account", "words", "left"), [
    ("taro@example.jp", "user TARO@example.jp: no", "user •••: no"),
    ("taro@example.jp", "user <taro> no", "user <•••> no"),
    ("LOGIN\\taro@example.jp", "LOGIN\\taro@example.jp and taro", "••• and •••"),
    ("taro@example.jp", "tarot cards", "tarot cards"),
    ("jo@example.jp", "jo cannot, jo@example.jp cannot", "jo cannot, ••• cannot"),
    (None, "anything", "anything"),
    ("a", "a b", "a b"),
])  # fmt: skip
def test_the_account_is_blotted_out(account: str | None, words: str, left: str) -> None:
    assert without_account(words, account) == left


@pytest.mark.parametrize("lang", LANGS)
def test_the_message_has_text_picture_and_links_and_keeps_none_that_opens_something(lang: Lang) -> None:
    shown = for_support(case(lang), report(), MIND.wisdom(lang), PLACES, Picture("alt", b"\x89PNG"))
    [words] = [block for block in shown.blocks if isinstance(block, Untrusted)]
    assert words.text == text_of(report(), lang)
    links = {b.action: b.url for block in shown.blocks if isinstance(block, Buttons) for b in block.buttons}
    page = "https://bot.test/r/K7QF-2M"
    assert links == {"picture": f"{page}/picture.png?k=key", "export": f"{page}/export?k=key", "page": f"{page}?k=key"}
    kept = for_support(case(lang), report(), MIND.wisdom(lang), places_of("", "K7QF-2M"), Picture("alt"))
    assert "k=" not in str(to_json(kept))
    assert from_json(to_json(kept)) == kept
    assert "taro" not in str(shown)
    bare = for_support(case(lang), report(), MIND.wisdom(lang), PLACES, None)
    assert "picture.png" not in str(bare)


def test_the_button_stands_where_something_is_wrong_and_each_press_is_a_message_of_its_own() -> None:
    def actions(made: Report) -> list[str]:
        told = speech.report(case(), made, MIND.wisdom("en"), speech.Offers())
        return [b.action for block in told.blocks if isinstance(block, Buttons) for b in block.buttons]

    assert "support" in actions(report())
    assert "support" not in actions(report(None))
    after, [first] = advance(case(), Pressed("support"), MIND)
    _, [second] = advance(after, Pressed("support"), MIND)
    assert isinstance(first, Support)
    assert isinstance(second, Support)
    assert first.key != second.key
    assert from_json(to_json(first)) == first


def test_before_any_check_there_is_nothing_to_hand_over() -> None:
    assert errands.pressed(case(run=0), "support", MIND.wisdom("en"), Abilities()) == (case(run=0), ())
    told = handover.nothing_kept(case(), MIND.wisdom("en"))
    assert Button("recheck", "Check again", primary=True) in told.blocks[-1].buttons
