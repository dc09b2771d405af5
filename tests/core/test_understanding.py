"""Which language a text is in, where it tells."""

import pytest

from bot.core.model import Lang
from bot.core.understanding import language_of


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("please check this", "en"),
        ("Why can't taro@example.jp log in?", "en"),
        ("I moved example.jp, and now nobody can log in", "en"),
        ("ログインできません", "ja"),
        ("无法登录", "zh"),
        ("確認", None),
        ("example.co.jp", None),
        ("imap.example.jp:993 smtp.example.jp:465 pop.example.jp:995", None),
        ("taro@example.jp hanako@example.jp jiro@example.jp", None),
        ("AADSTS50126 INVALID_GRANT BAD_TOKEN EXPIRED", None),
        ("0x800CCC92 ERR_SSL_PROTOCOL_ERROR WSAECONNREFUSED", None),
        ("check it", None),
    ],
)
def test_what_a_text_tells_of_its_language(text: str, lang: Lang | None) -> None:
    assert language_of(text) == lang
