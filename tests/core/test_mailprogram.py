"""Settings of mail programs as people paste them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.mailprogram import Difference, ProgramSettings, Setting, compare, read_program
from bot.core.model import endpoint

IMAP = Setting("imap.example.co.jp", 993, "tls")
SMTP = Setting("smtp.example.co.jp", 465, "tls")

OUTLOOK_JA = """\
受信メール サーバー: imap.example.co.jp
ポート 993
暗号化方法: SSL/TLS
送信メール サーバー(SMTP): smtp.example.co.jp
ポート: 465
暗号化方法: SSL/TLS
ユーザー名: taro@example.co.jp
"""
FOXMAIL_ZH = """\
收件服务器：imap.example.co.jp  SSL 端口：993
发件服务器：smtp.example.co.jp  SSL 端口：465
用户名：taro@example.co.jp
"""
THUNDERBIRD_EN = """\
Incoming server: IMAP
Server Name: imap.example.co.jp   Port: 993
Connection security: SSL/TLS
User Name: taro@example.co.jp
Outgoing Server (SMTP)
Server Name: smtp.example.co.jp   Port: 465
Connection security: SSL/TLS
"""
APPLE_JA = """\
受信用メールサーバ
ホスト名 imap.example.co.jp
ポート 993
SSLを使用 はい
送信用メールサーバ
ホスト名 smtp.example.co.jp
ポート 465
SSLを使用 はい
"""
AUTOCONFIG = """<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="example.co.jp">
<incomingServer type="imap"><hostname>imap.example.co.jp</hostname><port>993</port><socketType>SSL</socketType>
<username>taro@example.co.jp</username></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.example.co.jp</hostname><port>465</port><socketType>SSL</socketType></outgoingServer>
</emailProvider></clientConfig>"""
MOBILECONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.mail.managed</string>
<key>EmailAccountType</key><string>EmailTypeIMAP</string>
<key>IncomingMailServerHostName</key><string>imap.example.co.jp</string>
<key>IncomingMailServerPortNumber</key><integer>993</integer>
<key>IncomingMailServerUseSSL</key><true/>
<key>IncomingMailServerUsername</key><string>taro@example.co.jp</string>
<key>OutgoingMailServerHostName</key><string>smtp.example.co.jp</string>
<key>OutgoingMailServerPortNumber</key><integer>465</integer>
<key>OutgoingMailServerUseSSL</key><true/>
</dict></array></dict></plist>"""


@pytest.mark.parametrize("text", [OUTLOOK_JA, FOXMAIL_ZH, THUNDERBIRD_EN, APPLE_JA, AUTOCONFIG, MOBILECONFIG])
def test_every_form_gives_the_same_servers(text):
    found = read_program(text)
    assert found is not None
    assert found.servers == {"imap": IMAP, "smtp": SMTP}
    assert found.user == ("taro@example.co.jp" if text is not APPLE_JA else None)


def test_a_signed_profile_is_read_from_its_readable_part():
    found = read_program("\x00\x01garbage" + MOBILECONFIG[MOBILECONFIG.index("<plist") :] + "\x00signature")
    assert found is not None
    assert found.servers["imap"] == IMAP


def test_what_goes_without_encryption_says_so():
    found = read_program(
        "Incoming server (POP): pop.example.com\nPort: 110\nEncryption: None\nOutgoing server: mail.example.com:25"
    )
    assert found is not None
    assert found.servers == {"pop": Setting("pop.example.com", 110, "none"), "smtp": Setting("mail.example.com", 25)}


@pytest.mark.parametrize(
    "text",
    [
        "example.co.jp を移行したい。imap.example.co.jp です",
        "535 5.7.8 Username and Password not accepted",
        "taro@example.co.jp",
        "",
        "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><clientConfig>&a;</clientConfig>",
        "<plist><!ENTITY x></plist>",
    ],
)
def test_other_texts_are_no_settings(text):
    assert read_program(text) is None


def test_differences_are_named():
    program = ProgramSettings({"imap": Setting("mail.example.co.jp", 143, "none")}, "taro")
    rows = compare(program, {"imap": endpoint("imap.example.co.jp", 993)}, "taro@example.co.jp")
    assert rows == (
        Difference("imap", "host", "imap.example.co.jp", "mail.example.co.jp", False),
        Difference("imap", "port", "993", "143", False),
        Difference("imap", "protection", "tls", "none", False),
        Difference(None, "user", "taro@example.co.jp", "taro", False),
    )


@given(st.text(max_size=400))
def test_no_text_breaks_the_reader(text):
    found = read_program(text)
    assert found is None or found.servers
