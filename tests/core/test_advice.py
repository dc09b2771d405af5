"""Findings to advice: what fits, in which order, in which words, for every finding in every language."""

from typing import Any

import pytest
import yaml

from bot.compiling import ADVICE
from bot.core.advice import Catalogue, Circumstances, advice_for_code, advise, fill, words_of
from bot.core.model import LANGS, Endpoint, Finding, StepResult
from bot.knowledge import knowledge

FINDINGS = yaml.safe_load((ADVICE / "findings.yaml").read_text())
CODES = [code for group in FINDINGS.values() for code in group]


def catalogue(lang: str = "en") -> Catalogue:
    known = knowledge()
    return Catalogue(known.advice, known.links, known.texts(lang))


def step(name: str, *codes: tuple[str, str]) -> StepResult:
    return StepResult(name, "fail", tuple(Finding(code, severity) for code, severity in codes))


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("code", CODES)
def test_every_finding_has_words_and_advice(code: str, lang: str) -> None:
    endpoints = {service: Endpoint("mail.example.test", 993, "tls") for service in ("imap", "smtp", "pop")}
    circumstances = Circumstances("manual", lang, None, "example.test", "taro@example.test", endpoints)
    title, why = words_of(code, "imap", circumstances, catalogue(lang))
    assert title.strip()
    assert why.strip()
    assert "{" not in title + why
    severity = FINDINGS[code.partition(".")[0]][code]["severity"]
    if severity != "info":
        advised = advice_for_code(code, "imap", circumstances, catalogue(lang))
        assert advised
        assert all(advice.code == code and advice.actions for advice in advised)
        assert all("{" not in action for advice in advised for action in advice.actions)


def test_failures_come_first_and_support_last() -> None:
    steps = [
        step("imap.connect", ("connect.partial", "warn")),
        step("smtp.tls", ("tls.expired", "fail")),
        step("pop.login", ("login.unrecognised", "unknown")),
    ]
    advised = advise(steps, Circumstances("manual", "en", domain="example.test"), catalogue())
    assert advised[0].code == "tls.expired"
    who = [advice.who == "support" for advice in advised[1:]]
    assert who == sorted(who)


def test_the_same_piece_is_not_given_twice() -> None:
    steps = [
        step("imap.login", ("login.wrong_credentials", "fail")),
        step("smtp.login", ("login.wrong_credentials", "fail")),
    ]
    advised = advise(steps, Circumstances("manual", "en"), catalogue())
    assert len({(advice.title, advice.actions) for advice in advised}) == len(advised)


def test_the_providers_own_pages_and_cautions() -> None:
    gmail = knowledge().providers["gmail"]
    circumstances = Circumstances("saas", "en", gmail, "gmail.com", "taro@gmail.com")
    advised = advise([step("imap.login", ("login.app_password_required", "fail"))], circumstances, catalogue())
    assert any("google.com" in link.url for advice in advised for link in advice.links)


@pytest.mark.parametrize(("mechanism", "warned"), [("PLAIN", True), ("XOAUTH2", False), ("OAUTHBEARER", False)])
@pytest.mark.parametrize("code", ["login.wrong_credentials", "login.protocol_disabled"])
def test_a_refused_token_is_not_answered_with_what_holds_for_passwords(mechanism: str, warned: bool, code: str) -> None:
    circumstances = Circumstances("m365", "en", knowledge().providers["m365"], "example.jp", "admin@example.jp")
    for service, words in (("imap", "stopped taking passwords"), ("smtp", "password goes off")):
        found = StepResult(f"{service}.login", "fail", (Finding(code, "fail", {"mechanism": mechanism}),))
        advised = advise([found], circumstances, catalogue())
        assert advised
        assert any(words in action for advice in advised for action in advice.actions) == warned


@pytest.mark.parametrize("lang", ["ja", "en", "zh"])
@pytest.mark.parametrize("service", ["imap", "smtp"])
@pytest.mark.parametrize(
    "code", ["login.wrong_credentials", "login.unrecognised", "login.connection_closed", "login.rate_limited"]
)
def test_nobody_is_sent_to_check_a_password_that_was_not_sent(lang: str, service: str, code: str) -> None:
    words = catalogue(lang).texts["pieces"]
    circumstances = Circumstances("m365", lang, knowledge().providers["m365"], "example.jp", "admin@example.jp")
    for mechanism, checked in (("XOAUTH2", False), ("PLAIN", True)):
        found = StepResult(f"{service}.login", "fail", (Finding(code, "fail", {"mechanism": mechanism}),))
        titles = {advice.title for advice in advise([found], circumstances, catalogue(lang))}
        assert bool(titles & {words["check_password"]["title"], words["stop_trying"]["title"]}) == checked
        assert titles - {words["contact_support"]["title"]}


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("no names", {}, "no names"),
        ("{a} and {b}", {"a": "1", "b": "2"}, "1 and 2"),
        ("{a} and {b}", {"a": "1"}, None),
        ("{{x}}", {}, "{x}"),
    ],
)
def test_fill(text: str, values: dict[str, str], filled: str | None) -> None:
    assert fill(text, values) == filled


def test_values_are_not_filled_twice() -> None:
    """What is filled in is data: braces in it stay as they are."""
    assert fill("{a}", {"a": "{b}", "b": "no"}) == "{b}"


def test_links_are_https_and_in_the_language() -> None:
    for lang in LANGS:
        circumstances = Circumstances("manual", lang)
        links: list[Any] = [
            link
            for code in CODES
            for advice in advice_for_code(code, "imap", circumstances, catalogue(lang))
            for link in advice.links
        ]
        assert links
        assert all(link.url.startswith("https://") for link in links)
