"""Forms in Slack: each window has a title of its own, and what is wrong stands where it is read, seen or heard."""

import functools
import re

import pytest

from bot.core.events import Submitted
from bot.core.message import Form, Message
from bot.core.model import LANGS, SCENARIOS, Lang
from bot.network import wisdom_in
from handlers.slack.view import Names, shown
from handlers.slack.window import form_window, start_form
from handlers.slack.words import Words
from tests.preview.kinds import kinds
from tests.servers.practice import CERTIFICATE
from tests.servers.slack import FakeSlack
from tests.servers.slack.kit import faults_of_blocks, faults_of_view, words_of
from tests.slack.conftest import Start, data_of


class Mind:
    wisdom = staticmethod(functools.cache(wisdom_in))


WORDS = Words(Mind())


def forms(lang: Lang) -> list[tuple[str, Message, Form]]:
    return [(s.kind, s.message, block) for s in kinds(lang) for block in s.message.blocks if isinstance(block, Form)]


@pytest.mark.parametrize("lang", LANGS)
def test_every_window_has_a_title_of_its_own(lang: Lang) -> None:
    words = WORDS.of(lang)
    titles = {form.name: form_window(form, "", {}, words)["title"]["text"] for _, _, form in forms(lang)}
    assert {"servers", "account", "admin", "exchange"} <= set(titles)
    assert words["form.start"] not in titles.values()
    assert len(set(titles.values())) == len(titles)
    assert not [title for title in titles.values() if title.endswith("…")]


@pytest.mark.parametrize("lang", LANGS)
def test_the_first_form_names_the_situations(lang: Lang) -> None:
    (scenario,) = [one for one in start_form(WORDS.of(lang)).inputs if one.name == "scenario"]
    said = Mind.wisdom(lang).catalogue.texts["web"]
    assert scenario.options[1:] == tuple((name, said[f"report.scenario.{name}"]) for name in SCENARIOS)


@pytest.mark.parametrize("lang", ["ja", "zh"])
def test_the_colon_is_that_of_the_language(lang: Lang) -> None:
    names = Names(WORDS.of(lang), "K7QF-2M/report:1")
    for one in kinds(lang):
        seen = shown(one.message, names)
        for text in (seen.text, words_of(list(seen.blocks))):
            assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff」”）]: ", text), (one.kind, text)


@pytest.mark.parametrize("lang", LANGS)
def test_an_error_is_in_the_label_of_its_field_in_the_message_and_in_its_text(lang: Lang) -> None:
    words = WORDS.of(lang)
    wrong = [(kind, message, form) for kind, message, form in forms(lang) if any(one.error for one in form.inputs)]
    assert len(wrong) >= 3
    for _, message, form in wrong:
        view = form_window(form, message.text, {}, words)
        seen = shown(message, Names(words, "K7QF-2M/form:1"))
        assert faults_of_view(view) == faults_of_blocks(list(seen.blocks)) == []
        labels = {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}
        for one in form.inputs:
            label = labels[one.name]["label"]["text"]
            assert label.startswith(one.label)
            assert "hint" not in labels[one.name], "a hint is grey, and not read aloud everywhere"
            if one.error:
                assert one.error in label
                assert one.error in words_of(list(seen.blocks))
                assert one.error in seen.text


async def test_a_form_that_comes_back_says_what_is_wrong_and_is_taken_when_it_is_mended(
    slack: FakeSlack, start: Start
) -> None:
    ann = slack.person("UADMIN")
    async with start() as bot:
        await ann.command(CERTIFICATE.domain)
        case = data_of(await ann.report())["case"]
        await bot.conversation.handle("late", case, Submitted("servers", {"imap": "-bad-", "smtp": ""}))
        told = await ann.sees_with("form.servers", words="-bad-")
        assert "imap.example.co.jp:993" in told.text
        await ann.presses(told, "form.servers")
        view = await ann.view("form.servers")
        (imap,) = [block for block in view["blocks"] if block.get("block_id") == "imap"]
        assert "-bad-" in imap["label"]["text"]
        assert imap["element"]["initial_value"] == "-bad-"
        ack = await ann.submits(view, imap=f"imap.{CERTIFICATE.domain}")
        assert ack.body == ""
        assert data_of(await ann.report(1))["cause"] == CERTIFICATE.code
