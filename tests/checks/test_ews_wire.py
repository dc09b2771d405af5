"""EWS in words: addresses, accounts, offers of schemes, SOAP, NTLM challenges and Autodiscover, sound and broken."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.checks.ews import wire
from bot.checks.ews.autodiscover import Told, read_answer
from bot.core.exchange import (
    Account,
    fault_in_names,
    form_to_type,
    is_exchange_online,
    read_ews,
    read_logon,
    same_domain,
)
from bot.core.intake import InputError
from bot.core.web import DomainNames
from tests.servers.exchange_words import IIS_401_1, OWA_FORM, autodiscovered, busy, folder_reply, soap_fault

URL = "https://mail.example.jp/EWS/Exchange.asmx"
ADDRESSES = {
    URL: (URL, False),
    "https://Mail.Example.jp/ews/exchange.asmx/": (URL, False),
    "https://mail.example.jp:443/EWS/Exchange.asmx?wsdl": (URL, False),
    "mail.example.jp/EWS/Exchange.asmx": (URL, False),
    "<https://mail.example.jp/EWS/Exchange.asmx>": (URL, False),
    "<http://mail.example.jp/owa|mail.example.jp/owa>": (URL, True),
    "ｈｔｔｐｓ：／／mail.example.jp／ＥＷＳ／Exchange.asmx": (URL, False),
    "mail.example.jp": (URL, True),
    "https://mail.example.jp": (URL, True),
    "https://mail.example.jp/owa/auth/logon.aspx?replaceCurrent=1": (URL, True),
    "https://mail.example.jp/ecp": (URL, True),
    "https://mail.example.jp/EWS": (URL, True),
    "https://mail.example.jp/autodiscover/autodiscover.xml": (URL, True),
    "http://mail.example.jp/EWS/Exchange.asmx": (URL, True),
    "http://mail.example.jp:80/": (URL, True),
    "https://mail.example.jp:8443/owa": ("https://mail.example.jp:8443/EWS/Exchange.asmx", True),
    "https://mail.example.jp/tenant/EWS/Exchange.asmx": ("https://mail.example.jp/tenant/EWS/Exchange.asmx", False),
    "https://メール.example.jp/EWS/Exchange.asmx": ("https://xn--4dkua4c.example.jp/EWS/Exchange.asmx", False),
    "https://[2001:db8::1]/owa": ("https://[2001:db8::1]/EWS/Exchange.asmx", True),
}


@pytest.mark.parametrize("typed", ADDRESSES)
def test_addresses_are_corrected_where_people_err(typed: str) -> None:
    url, corrected = ADDRESSES[typed]
    found = read_ews(typed)
    assert (found.url, bool(found.typed), found.security) == (url, corrected, "tls")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://mail.example.jp/",
        "https://",
        "https:///owa",
        "two words",
        "https://-bad-/",
        "https://mail.example.jp:0/",
        "C:\\owa",
        "https://[::1",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(InputError) as raised:
        read_ews(typed)
    assert (raised.value.code, raised.value.field) == ("input.url_invalid", "ews")


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(InputError) as raised:
        read_ews("https://admin:hunter2@mail.example.jp/owa")
    assert "hunter2" not in raised.value.typed


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(typed: str) -> None:
    try:
        found = read_ews(typed)
    except InputError as error:
        assert error.code == "input.url_invalid"  # noqa: PT017 - either outcome is fine
        return
    assert found.url.startswith("https://")
    assert found.url.isascii()
    assert read_ews(found.url).url == found.url


@pytest.mark.parametrize(
    ("typed", "parts", "name"),
    [
        ("taro@example.jp", Account("taro", "", "example.jp"), "taro@example.jp"),
        ("CORP\\taro", Account("taro", "CORP", ""), "CORP\\taro"),
        ("corp.local\\taro@example.jp", Account("taro", "corp.local", "example.jp"), "corp.local\\taro"),
        ("taro", Account("taro"), "taro"),
    ],
)
def test_accounts(typed: str, parts: Account, name: str) -> None:
    assert read_logon(typed) == parts
    assert parts.login_name == name


@pytest.mark.parametrize(
    ("account", "mailbox", "code"),
    [
        ("taro@example.jp", None, None),
        ("taro@example.jp", "hana@example.jp", None),
        ("corp.local\\taro@example.jp", None, None),
        ("EXAMPLE\\taro", None, None),
        ("example.jp\\taro", None, None),
        ("taro", None, None),
        (None, None, None),
        ("taro@other.jp", None, "input.domain_mismatch"),
        ("taro@sub.example.jp", None, "input.domain_mismatch"),
        ("corp.local\\taro@other.jp", None, "input.domain_mismatch"),
        ("taro@example.jp", "hana@other.jp", "input.domain_mismatch"),
        ("CORP\\taro", None, "input.account_format"),
        ("corp.local\\taro", None, "input.account_format"),
    ],
)
def test_names_that_the_migration_page_cannot_take(account: str | None, mailbox: str | None, code: str | None) -> None:
    found = fault_in_names(account, mailbox, "example.jp")
    assert (found and found[0]) == code
    assert fault_in_names(account, mailbox, None) is None


def test_the_form_to_type() -> None:
    assert form_to_type("CORP\\taro", "example.jp") == "CORP\\taro@example.jp"
    assert form_to_type("taro@example.jp", "example.jp", "corp.local") == "corp.local\\taro@example.jp"
    assert form_to_type("taro", "example.jp", "example.jp") == "taro@example.jp"
    assert form_to_type("taro", None) == "taro"
    assert same_domain("AVERYLONGCOMPAN", "averylongcompanyname.co.jp")
    assert not same_domain("corp.example.jp", "example.jp")


def test_microsofts_own_hosts() -> None:
    assert is_exchange_online("outlook.office365.com")
    assert is_exchange_online("autodiscover-s.outlook.com")
    assert not is_exchange_online("outlook.office365.com.example.jp")
    assert not is_exchange_online("myoutlook.com")


def answer(*offers: str, status: int = 401, body: bytes = b"", **headers: str) -> wire.Answer:
    named = [("www-authenticate", value) for value in offers] + [(k.replace("_", "-"), v) for k, v in headers.items()]
    return wire.Answer(URL, status, tuple(named), body)


@pytest.mark.parametrize(
    ("offers", "schemes"),
    [
        (("Negotiate", "NTLM", 'Basic realm="mail, and more"'), ("Negotiate", "NTLM", "Basic")),
        (('Negotiate, NTLM, Basic realm="x, Digest y"',), ("Negotiate", "NTLM", "Basic")),
        (
            ('Bearer client_id="0002", trusted_issuers="a@b", token_types="x y", authorization_uri="https://l/a"',),
            ("Bearer",),
        ),
        (("basic realm=here, charset=UTF-8, ntlm",), ("Basic", "NTLM")),
        (("NTLM TlRMTVNTUAACAAAAAA==",), ("NTLM",)),
        (('Digest realm="r", nonce="n", qop="auth"',), ("Digest",)),
        ((), ()),
        (("",), ()),
    ],
)
def test_schemes(offers: tuple[str, ...], schemes: tuple[str, ...]) -> None:
    assert wire.schemes_of(answer(*offers)) == schemes


def test_queries_are_no_evidence() -> None:
    given = answer(status=302, location="https://sso.example.jp/saml?SAMLRequest=abc")
    assert dict(wire.telling(given.headers)) == {"location": "https://sso.example.jp/saml"}


def test_tokens_are_no_evidence() -> None:
    given = answer("NTLM TlRMTVNTUAACAAAAAA==", "Negotiate", server="Microsoft-IIS/10.0", set_cookie="secret=1")
    assert dict(wire.telling(given.headers)) == {"www-authenticate": "NTLM, Negotiate", "server": "Microsoft-IIS/10.0"}
    assert wire.token_in(given, "NTLM") == base64.b64decode("TlRMTVNTUAACAAAAAA==")
    assert wire.token_in(given, "Negotiate") is None


@given(st.text(max_size=200))
def test_any_offer_can_be_read(value: str) -> None:
    wire.schemes_of(answer(value))
    wire.token_in(answer(value), "NTLM")


@given(st.binary(max_size=300))
def test_any_token_can_be_read(token: bytes) -> None:
    wire.read_names(token)
    wire.read_names(b"NTLMSSP\0\x02\0\0\0" + token)


def test_names_of_a_challenge() -> None:
    pairs = b"".join(
        kind.to_bytes(2, "little") + len(raw).to_bytes(2, "little") + raw
        for kind, raw in (
            (2, "CORP".encode("utf-16-le")),
            (4, "corp.local".encode("utf-16-le")),
            (7, b"\0" * 8),
            (0, b""),
        )
    )
    head = b"NTLMSSP\0\x02\0\0\0" + b"\0" * 28
    challenge = head + len(pairs).to_bytes(2, "little") * 2 + (48).to_bytes(4, "little") + pairs
    assert wire.read_names(challenge) == DomainNames(netbios="CORP", dns="corp.local")
    assert wire.read_names(b"\xa1\x81\x12wrapped in SPNEGO" + challenge) == DomainNames(
        netbios="CORP", dns="corp.local"
    )
    assert wire.read_names(wire.ntlm_negotiate()) is None


def test_soap() -> None:
    good = wire.read_soap(folder_reply("NoError", 34).body)
    assert good is not None
    assert (good.code, good.messages, good.version) == ("NoError", 34, "15.2.1544.4")
    fault = wire.read_soap(busy().body)
    assert fault is not None
    assert (fault.code, fault.fault, dict(fault.values)) == (
        "ErrorServerBusy",
        "a:ErrorServerBusy",
        {"BackOffMilliseconds": "297749"},
    )
    denied = wire.read_soap(soap_fault("ErrorImpersonateUserDenied", "no").body)
    assert denied is not None
    assert (denied.code, denied.text) == ("ErrorImpersonateUserDenied", "no")
    bare = wire.read_soap(re.sub(rb"(?s)<detail>.*</detail>", b"", soap_fault("ErrorImpersonateUserDenied", "no").body))
    assert bare is not None
    assert (bare.code, bare.fault) == ("ErrorImpersonateUserDenied", "a:ErrorImpersonateUserDenied")


BOMB = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><Envelope>&b;</Envelope>'


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"<Envelope", OWA_FORM, BOMB, b"<a>" * 5000, b"\xff\xfe", b"<Autodiscover/>"]
)
def test_what_is_no_soap(body: bytes) -> None:
    assert wire.read_soap(body) is None
    assert read_answer(body) == Told()


@given(st.binary(max_size=300))
def test_any_body_can_be_read(body: bytes) -> None:
    wire.read_soap(body)
    read_answer(body)
    given_answer = answer(body=body)
    wire.page_of(given_answer)
    wire.title_of(given_answer)
    wire.windows_error(given_answer)


def test_pages() -> None:
    assert wire.page_of(answer(body=OWA_FORM)) == "form"
    assert wire.page_of(answer(body=IIS_401_1)) == "html"
    assert wire.page_of(answer(body=folder_reply("NoError").body)) == "soap"
    assert wire.page_of(answer()) == "empty"
    assert wire.title_of(answer(body=OWA_FORM)) == "Outlook"
    assert wire.windows_error(answer(body=b"<td>Error Code</td><td>0x80070533</td>")) == "0x80070533"


@pytest.mark.parametrize(
    ("location", "login"),
    [
        ("/owa/auth/logon.aspx?url=https://mail.example.jp/EWS", True),
        ("/owa/", True),
        ("/my.policy", True),
        ("/CookieAuth.dll?GetLogon?curl=Z2FEWS", True),
        ("https://adfs.example.jp/adfs/ls/?wa=wsignin1.0", True),
        ("https://login.microsoftonline.com/common/oauth2/authorize", True),
        ("https://other.example.jp/EWS/Exchange.asmx", False),
        ("https://mail.example.jp/ews/exchange.asmx", False),
    ],
)
def test_login_addresses(location: str, login: bool) -> None:
    target = wire.leads_to(answer(status=302, location=location))
    assert wire.is_login_address(target) is login
    assert wire.leads_to(answer(status=200, location=location)) == ""


def test_evidence_has_no_user_and_no_query() -> None:
    assert (
        wire.without_query("https://u:p@mail.example.jp:444/EWS/Exchange.asmx?k=v#f")
        == "https://mail.example.jp:444/EWS/Exchange.asmx"
    )


def test_autodiscover_in_both_languages() -> None:
    assert read_answer(autodiscovered(URL).body) == Told(ews=(URL,))
    soap = (
        f"<Envelope><Body><UserSettings><UserSetting><Name>InternalEwsUrl</Name><Value>https://ex01/EWS/Exchange.asmx</Value></UserSetting>"
        f"<UserSetting><Name>ExternalEwsUrl</Name><Value>{URL}</Value></UserSetting></UserSettings></Body></Envelope>"
    )
    assert read_answer(soap.encode()) == Told(ews=(URL, "https://ex01/EWS/Exchange.asmx"))
    redirect = b"<Autodiscover><Response><Account><Action>redirectAddr</Action><RedirectAddr>taro@other.jp</RedirectAddr></Account></Response></Autodiscover>"
    assert read_answer(redirect) == Told(address="taro@other.jp")
