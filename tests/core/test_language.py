"""Which language a person writes, where a text tells."""

import pytest

from bot.core.language import language_of
from bot.core.model import Lang
from bot.core.understanding import understand


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
        ("please check example.jp", "en"),
        ("帮助", "zh"),
        ("帮我看看 example.cn", "zh"),
        ("株式会社 番号", None),
    ],
)
def test_what_a_text_tells_of_its_language(text: str, lang: Lang | None) -> None:
    assert language_of(text) == lang


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("What does this mean: 535 5.7.8 authentication failed", "en"),
        ("535 5.7.8 authentication failed, why is that?", "en"),
        ("I get error 0x80040115 in the migration", "en"),
        ("登录失败了 535 5.7.8 authentication failed", "zh"),
        ("认证失败了 不知道原因", "zh"),
        ("535 5.7.8 authentication failed 是什么意思", "zh"),
        ("ログインできません NO [AUTHENTICATIONFAILED] Invalid credentials", "ja"),
        ("535 5.7.8 authentication failed とは？", "ja"),
        ("535 5.7.8 Username and Password not accepted. taro@example.co.jp", None),
        ("Unable to log in at server. You probably entered the wrong password.", None),
        ("535 Error: 请使用授权码登录。详情请看: http://example.cn", None),
        ("554 5.7.1 認証に失敗しました", None),
        ("NO [ALERT] Please log in via your web browser: https://example.com (Failure)", None),
    ],
)
def test_a_servers_language_is_not_the_persons(text: str, lang: Lang | None) -> None:
    heard = understand(text)
    assert heard.error_text is not None
    assert heard.lang == lang
