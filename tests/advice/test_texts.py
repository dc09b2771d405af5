"""The catalogue as data: nothing is missing in any language, and every finding leads to advice."""

import itertools
import re
import string
from pathlib import Path

import pytest
import yaml

from bot.core.advice import Catalogue, Circumstances, advise, fill, words_of
from bot.core.model import Finding, StepResult, endpoint

ADVICE = Path(__file__).parents[2] / "advice"
LANGS = ("ja", "en", "zh")
SCENARIOS = ("saas", "manual", "m365", "exchange", "member")
PASSWORDS = (None, "password", "app_password", "app_password_if_2fa", "authorization_code", "oauth", "bridge")


def load(name):
    return yaml.safe_load((ADVICE / name).read_text(encoding="utf-8"))


STRUCTURE, LINKS = load("advice.yaml"), load("links.yaml")
TEXTS = {lang: load(f"texts/{lang}.yaml") for lang in LANGS}
FINDINGS = {code: entry for group in load("findings.yaml").values() for code, entry in group.items()}
VALUES = {"host", "port", "domain", "account", "provider", "service", *STRUCTURE["commands"]}


def strings(node, path=()):
    if isinstance(node, dict):
        for key, part in node.items():
            yield from strings(part, (*path, key))
    elif isinstance(node, list):
        for i, part in enumerate(node):
            yield from strings(part, (*path, i))
    else:
        yield path, node


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_language_has_the_same_keys_and_placeholders(lang):
    japanese, other = (dict(strings({k: v for k, v in TEXTS[x].items() if k != "findings"})) for x in ("ja", lang))
    assert {path[:3] for path in japanese} == {path[:3] for path in other}
    for path in japanese.keys() & other.keys():
        if path[0] != "pieces":
            assert placeholders(japanese[path]) == placeholders(other[path]), path
    for piece, words in TEXTS["ja"]["pieces"].items():
        told = [set().union(*map(placeholders, w["actions"])) for w in (words, TEXTS[lang]["pieces"][piece])]
        assert told[0] == told[1], piece


def test_every_code_has_words_and_advice():
    for lang in LANGS:
        assert set(TEXTS[lang]["findings"]) == set(FINDINGS)
        assert set(TEXTS[lang]["pieces"]) == set(STRUCTURE["pieces"])
    assert set(STRUCTURE["codes"]) == set(FINDINGS)


def test_no_text_is_empty_or_knows_another_placeholder():
    for lang, (path, text) in [(name, item) for name in LANGS for item in strings(TEXTS[name])]:
        assert isinstance(text, str), (lang, path)
        assert text.strip(), (lang, path)
        if path[0] in ("findings", "pieces"):
            assert placeholders(text) <= VALUES, (lang, path)


def test_pieces_and_topics_are_all_known_and_used():
    used = {entry["piece"] for entries in STRUCTURE["codes"].values() for entry in entries}
    assert used == set(STRUCTURE["pieces"])
    for name, piece in STRUCTURE["pieces"].items():
        assert piece["who"] in ("member", "admin", "provider", "support"), name
        assert set(piece["topics"]) <= set(LINKS), name


def test_conditions_use_known_keys_and_values():
    known = {
        "scenario": set(SCENARIOS),
        "service": {"imap", "smtp", "pop", "ews", "m365", "domain"},
        "password": set(PASSWORDS) - {None},
        "kind": {"saas", "consumer", "isp", "hosting", "suite", "gateway", "destination"},
        "provider": {path.stem for path in (ADVICE / "providers").glob("*.yaml")},
        "access": {"enabled", "disabled", "admin", "plan"},
        "login": {"password", "token"},
    }
    for code, entry in ((code, e) for code, entries in STRUCTURE["codes"].items() for e in entries):
        for key, values in entry.get("when", {}).items():
            assert set(values) <= known[key], code


def test_every_link_is_https_and_has_a_language():
    for topic, links in LINKS.items():
        for link in links:
            assert link["url"].startswith("https://"), topic
            assert link["lang"] in LANGS, topic
            assert link["title"], topic


@pytest.mark.parametrize("lang", ["ja", "zh"])
def test_the_colon_is_that_of_the_language(lang):
    for where, text in strings(TEXTS[lang]):
        assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff」”）}]: ", text), where


def circumstances(scenario, lang, password):
    provider = (
        {"id": "x", "kind": "saas", "password": password, "names": dict.fromkeys(LANGS, "X"), "access": {}}
        if password
        else None
    )
    where = {
        service: endpoint(f"{service}.example.jp", port)
        for service, port in (("imap", 993), ("smtp", 465), ("pop", 995))
    }
    return Circumstances(scenario, lang, provider, "example.jp", "taro@example.jp", where)


SERVICE_OF = {"dns": "domain", "input": "domain", "ews": "ews", "m365": "m365", "submission": "smtp"}


@pytest.mark.parametrize("lang", LANGS)
def test_every_code_in_every_scenario_leads_to_advice_with_a_link(lang):
    catalogue = Catalogue(STRUCTURE, LINKS, TEXTS[lang])
    for code, scenario, password in itertools.product(FINDINGS, SCENARIOS, PASSWORDS):
        group = code.partition(".")[0]
        finding = Finding(code, FINDINGS[code]["severity"])
        step = StepResult(f"{SERVICE_OF.get(group, 'imap')}.x", "fail", (finding,))
        told = circumstances(scenario, lang, password)
        advice = advise((step,), told, catalogue)
        assert advice, (code, scenario)
        assert all(entry.actions and entry.title and "{" not in entry.title for entry in advice), (code, scenario)
        assert all("{" not in action for entry in advice for action in entry.actions), (code, scenario)
        if group != "input":
            assert any(entry.links for entry in advice), (code, scenario)
        if scenario == "member":
            assert advice[0].who in ("member", "support"), code
        assert len({entry.title for entry in advice}) == len(advice), (code, scenario)
        title, why = words_of(code, SERVICE_OF.get(group, "imap"), told, catalogue)
        assert "{" not in title + why, code


def test_words_stay_readable_where_nothing_is_known():
    catalogue = Catalogue(STRUCTURE, LINKS, TEXTS["ja"])
    for code in FINDINGS:
        title, why = words_of(code, "imap", Circumstances("manual", "ja"), catalogue)
        assert "{" not in title + why, code


def test_the_article_is_all_there():
    """The advice of Lark's help article, by the piece that holds it."""
    pieces = TEXTS["ja"]["pieces"]
    for piece in (
        "check_password",
        "enable_imap",
        "create_app_password",
        "check_server_and_port",
        "compare_mail_program",
        "contact_support",
    ):
        assert piece in pieces
    every = "\n".join(text for _, text in strings(pieces))
    for words in (
        "{openssl}",
        "{telnet}",
        "Outlook",
        "Foxmail",
        "login.com\\impersonation@email.com",
        "二段階認証",
        "アプリケーション固有パスワード",
        "カスタマーサポート",
    ):
        assert words in every, words
    assert "-verify_hostname" in STRUCTURE["commands"]["openssl"], (
        "without it, s_client takes a certificate for any name"
    )


def test_nobody_is_advised_to_weaken_security():
    for lang in LANGS:
        every = "\n".join(text for _, text in strings(TEXTS[lang]["pieces"])).lower()
        for words in (
            "二段階認証をオフ",
            "二段階認証を無効",
            "disable two-step",
            "turn off two-step",
            "关闭两步验证",
            "安全なデフォルトを無効",
            "ignore the certificate",
        ):
            assert words not in every, words


def test_fill_leaves_out_what_has_no_value():
    assert fill("telnet {host} {port}", {"host": "a"}) is None
    assert fill("telnet {host} {port}", {"host": "a", "port": "1"}) == "telnet a 1"
