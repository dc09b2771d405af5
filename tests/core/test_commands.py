"""Commands are found in the advice of every language, whole and without the words around them."""

from pathlib import Path

import pytest
import yaml

from bot.core.commands import COMMAND, spans

ROOT = Path(__file__).parents[2]
TEMPLATES = yaml.safe_load((ROOT / "advice/advice.yaml").read_text(encoding="utf-8"))["commands"]
VALUES = {"host": "imap-1.example.co.jp", "port": "993", "domain": "example.co.jp", "starttls": "imap"}
FILLED = {name: template.format(**VALUES) for name, template in TEMPLATES.items()}


@pytest.mark.parametrize("lang", ["ja", "en", "zh"])
def test_every_command_of_the_advice_is_found_as_it_is(lang: str) -> None:
    texts = yaml.safe_load((ROOT / f"advice/texts/{lang}.yaml").read_text(encoding="utf-8"))
    seen = set()
    for piece in texts["pieces"].values():
        for action in piece["actions"]:
            named = {name for name in TEMPLATES if f"{{{name}}}" in action}
            told = {text for text, command in spans(action.format(**FILLED, **_ANY)) if command}
            assert {FILLED[name] for name in named} <= told, action
            assert len(told) == len(named) + sum(shell in action for shell in _SHELL), action
            seen |= named
    assert seen == set(TEMPLATES)


_ANY = {**VALUES, "service": "IMAP", "provider": "X", "account": "taro@example.co.jp"}
_SHELL = ("Get-", "Set-", "New-")


@pytest.mark.parametrize("command", FILLED.values())
@pytest.mark.parametrize(
    ("before", "after"), [("Run ", " and see."), ("", "."), ("次を実行: ", ""), ("使用 ", "（在 Windows 上）")]
)
def test_the_words_around_it_stay_words(command: str, before: str, after: str) -> None:
    wanted = [(text, code) for text, code in ((before, False), (command, True), (after, False)) if text]
    assert list(spans(before + command + after)) == wanted


@pytest.mark.parametrize(
    "text", ["", "openssl is a tool", "telnet", "Get-together at noon", "Where telnet is installed"]
)
def test_talk_is_no_command(text: str) -> None:
    assert [code for _, code in spans(text) if code] == []


def test_the_chat_page_knows_the_same_ones() -> None:
    page = (ROOT / "handlers/web/static/blocks.js").read_text(encoding="utf-8")
    assert "/" + COMMAND.pattern.replace("/", "\\/") + "/;" in page
