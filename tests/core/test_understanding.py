"""What a text names, what it wants, and which language it is in, where it tells."""

import pytest

from bot.core.understanding import understand


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("ｅｘａｍｐｌｅ．ｃｏ．ｊｐ", "example.co.jp"),
        ("ｍｙ－ｃｏｍｐａｎｙ．ｉｏ を移行したい", "my-company.io"),
        ("ドメイン：ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("imap-off.test", "imap-off.test"),
        ("smtp.jp", "smtp.jp"),
    ],
)
def test_a_domain_is_read_also_in_full_width_or_with_a_servers_beginning(text: str, domain: str) -> None:
    known = understand(text)
    assert (known.domain, dict(known.endpoints)) == (domain, {})


@pytest.mark.parametrize("text", [
    "imap.example.jp", "imap-mail.example.jp", "ｉｍａｐ．ｅｘａｍｐｌｅ．ｊｐ：９９３", "mail.example.jp:993",
    "サーバーはimap.example.jp、ポートは993です", "サーバーはmail.example.jp:993です",
])  # fmt: skip
def test_a_servers_name_has_a_domain_behind_its_first_label(text: str) -> None:
    known = understand(text)
    assert known.domain is None
    assert known.endpoints["imap"].port == 993


def test_an_account_in_full_width_is_the_account_that_was_meant() -> None:
    assert understand("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｃｏ．ｊｐ").account == "taro@example.co.jp"


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("これは何ですか？", "help"),
        ("what is this?", "help"),
        ("这是什么", "help"),
        ("ありがとうございました！", "thanks"),
        ("Thanks a lot", "thanks"),
        ("谢谢您", "thanks"),
        ("Outlookでは使えています", "works"),
        ("But it works in Outlook", "works"),
        ("Outlook 能用", "works"),
        ("Outlook でも使えません", None),
        ("It does not work in Outlook", None),
        ("Outlook 不能用", None),
        ("ログインできないのですが、Outlookでは使えています", "works"),
        ("Thunderbirdでは問題ありません", "works"),
        ("メールソフトでは送受信できています", "works"),
        ("Outlook 用不了，但 Foxmail 正常", "works"),
        ("客户端能正常收发，没有问题", "works"),
        ("Outlookでログインできていません", None),
        ("Outlookでも使えていない", None),
        ("Outlook でも使えずに困っています", None),
        ("Outlook では使えますか", None),
        ("Outlook stopped working", None),
        ("Outlook is no longer working", None),
        ("We cannot get it working in Outlook", None),
        ("is Outlook working?", None),
        ("Outlook 无法正常使用", None),
        ("客户端不能正常收发", None),
        ("Outlook 可以吗", None),
        ("ありがとう、でもまだログインできません", None),
        ("Thanks.\nBut it still does not log in", None),
        ("thanks, now example.co.jp", None),
        ("これは何ですか：535 5.7.139 Authentication unsuccessful", None),
    ],
)
def test_small_talk_is_answered_where_nothing_else_is_said(text: str, wish: str | None) -> None:
    assert understand(text).wish == wish


@pytest.mark.parametrize("port", [443, 465, 587])
def test_a_port_is_no_code_of_a_reply(port: int) -> None:
    assert understand(f"送信サーバー smtp.example.jp ポート {port} SSL").error_text is None
    assert understand(f"smtp.example.jp says 535 on {port} SSL").error_text is not None
