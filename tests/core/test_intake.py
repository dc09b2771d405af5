"""What people type becomes a value, or an error that names the field and shows an example."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core.intake import (
    EXAMPLES,
    InputError,
    evidence_of,
    read_account,
    read_address,
    read_domain,
    read_endpoint,
    unlink,
)
from bot.core.model import Endpoint

DOMAINS = {
    "example.co.jp": "example.co.jp",
    " Example.CO.JP. ": "example.co.jp",
    "例え.jp": "xn--r8jz45g.jp",
    "例え。jp": "xn--r8jz45g.jp",
    "ｅｘａｍｐｌｅ．ｊｐ": "example.jp",
    "bücher.de": "xn--bcher-kva.de",
    "faß.de": "xn--fa-hia.de",
    "xn--r8jz45g.jp": "xn--r8jz45g.jp",
    "https://www.example.jp/mail?x=1#y": "example.jp",
    "www.example.jp": "www.example.jp",
    "http://user:pw@example.jp:8080/": "example.jp",
    "taro@example.jp": "example.jp",
    "<mailto:taro@example.jp|taro@example.jp>": "example.jp",
    "<http://example.jp|example.jp>": "example.jp",
    "example.jp/path": "example.jp",
    '"example.jp",': "example.jp",
    "_dmarc.example.jp": "_dmarc.example.jp",
    "123.example.jp": "123.example.jp",
}
NOT_DOMAINS = [
    "",
    " ",
    "localhost",
    "a..b",
    "-a.jp",
    "a-.jp",
    "exa mple.jp",
    "a.1",
    "1.2.3.4",
    "a" * 64 + ".jp",
    "x." * 127 + "jp",
    "xn--a-ecp.test",
    "a.jp\nb.jp",
    "[::1]",
    "@",
    "http://",
    "http://[",
    "😀.c",
    "a_b",
    "a\x00b.jp",
]


@pytest.mark.parametrize(("typed", "domain"), DOMAINS.items())
def test_domains(typed: str, domain: str) -> None:
    assert read_domain(typed) == domain


@pytest.mark.parametrize("typed", NOT_DOMAINS)
def test_no_domains(typed: str) -> None:
    with pytest.raises(InputError) as raised:
        read_domain(typed)
    error = raised.value
    assert (error.code, error.field, error.typed, error.example) == (
        "input.domain_invalid",
        "domain",
        typed,
        "example.co.jp",
    )
    assert typed not in str(error) or not typed.strip()


ADDRESSES = {
    "taro@example.jp": "taro@example.jp",
    " <Taro.Yamada+x@EXAMPLE.jp> ": "Taro.Yamada+x@example.jp",
    "mailto:taro@example.jp": "taro@example.jp",
    "taro＠example.jp": "taro@example.jp",
    "太郎@例え.jp": "太郎@xn--r8jz45g.jp",
    '"odd local"@example.jp': '"odd local"@example.jp',
    "taro@example.jp.": "taro@example.jp",
    "a@b@example.jp": None,
    "@example.jp": None,
    "taro@": None,
    "taro@localhost": None,
    "ta ro@example.jp": None,
    "taro@exam ple.jp": None,
    "taro": None,
    "x" * 65 + "@example.jp": None,
    "ta\rro@example.jp": None,
}


@pytest.mark.parametrize(("typed", "address"), ADDRESSES.items())
def test_addresses(typed: str, address: str | None) -> None:
    if address is not None:
        assert read_address(typed) == address
        return
    with pytest.raises(InputError) as raised:
        read_address(typed)
    assert raised.value.code == "input.address_invalid"


ACCOUNTS = {
    "taro@example.jp": "taro@example.jp",
    "taro": "taro",
    "CORP\\taro": "CORP\\taro",
    "login.corp.local\\taro@example.jp": "login.corp.local\\taro@example.jp",
    "\\taro": None,
    "CORP\\": None,
    "a\\b\\c": None,
    "ta ro": None,
    "": None,
    "taro@@example": None,
    "taro\n": "taro",
    "ta\x00ro": None,
}


@pytest.mark.parametrize(("typed", "account"), ACCOUNTS.items())
def test_accounts(typed: str, account: str | None) -> None:
    if account is not None:
        assert read_account(typed) == account
        return
    with pytest.raises(InputError):
        read_account(typed)


ENDPOINTS = {
    "imap.example.jp": Endpoint("imap.example.jp", 993, "tls"),
    "IMAP.Example.jp:143": Endpoint("imap.example.jp", 143, "starttls"),
    "imap.example.jp:10993": Endpoint("imap.example.jp", 10993, "tls"),
    "imaps://imap.example.jp:993/": Endpoint("imap.example.jp", 993, "tls"),
    "192.0.2.7:993": Endpoint("192.0.2.7", 993, "tls"),
    "１９２．０．２．７": Endpoint("192.0.2.7", 993, "tls"),
    "[2001:db8::1]:993": Endpoint("2001:db8::1", 993, "tls"),
    "2001:DB8::1": Endpoint("2001:db8::1", 993, "tls"),
    "[2001:db8::1]": Endpoint("2001:db8::1", 993, "tls"),
    "メール.jp": Endpoint("xn--4dkua4c.jp", 993, "tls"),
    "mailhost": Endpoint("mailhost", 993, "tls"),
    "<http://imap.example.jp|imap.example.jp>:993": Endpoint("imap.example.jp", 993, "tls"),
    "imap.example.jp:2525": Endpoint("imap.example.jp", 2525, "tls"),
    "imap.example.jp:25": Endpoint("imap.example.jp", 25, "starttls"),
    "imap.example.jp：993": Endpoint("imap.example.jp", 993, "tls"),
}


@pytest.mark.parametrize(("typed", "endpoint"), ENDPOINTS.items())
def test_endpoints(typed: str, endpoint: Endpoint) -> None:
    assert read_endpoint(typed, "imap") == endpoint


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "input.host_invalid"),
        (":993", "input.host_invalid"),
        ("exa mple.jp", "input.host_invalid"),
        ("1.2.3", "input.host_invalid"),
        ("999.1.1.1", "input.host_invalid"),
        ("¹", "input.host_invalid"),
        ("fe80::1%eth0%", "input.host_invalid"),
        ("[nonsense]:993", "input.host_invalid"),
        ("a.jp:0", "input.port_invalid"),
        ("a.jp:", "input.port_invalid"),
        ("a.jp:65536", "input.port_invalid"),
        ("a.jp:imaps", "input.port_invalid"),
        ("a.jp:-1", "input.port_invalid"),
        ("a.jp:99999999999999999999", "input.port_invalid"),
        ("a.jp:٣", "input.port_invalid"),
    ],
)
def test_no_endpoints(typed: str, code: str) -> None:
    with pytest.raises(InputError) as raised:
        read_endpoint(typed, "imap")
    assert raised.value.code == code
    assert raised.value.field == "imap"


@pytest.mark.parametrize(("service", "port"), [("imap", 993), ("smtp", 465), ("pop", 995)])
def test_default_ports(service: str, port: int) -> None:
    assert read_endpoint("mail.example.jp", service).port == port


def test_evidence_is_bounded_and_printable() -> None:
    evidence = evidence_of(InputError("input.domain_invalid", "domain", "\x1b[31m" + "x" * 5000))
    assert len(evidence["typed"]) == 300
    assert evidence["typed"].isprintable()
    assert evidence["example"] == EXAMPLES["domain"]


@pytest.mark.parametrize("typed", [
    "imaps://taro:hunter2-x@a.jp:993", "imaps://taro:x/hunter2-x@a.jp", " taro:hunter2-x@a.jp:993", "password: hunter2-x",
])  # fmt: skip
def test_evidence_holds_no_password(typed: str) -> None:
    assert "hunter2-x" not in evidence_of(InputError("input.host_invalid", "imap", typed))["typed"]


def test_links_of_chat_platforms_are_undone() -> None:
    assert (
        unlink("migrate <http://example.jp|example.jp> for <mailto:a@b.jp|a@b.jp>") == "migrate example.jp for a@b.jp"
    )
    assert unlink("a < b > c") == "a < b > c"


@settings(max_examples=300, deadline=None)
@example("¹")
@given(st.text(max_size=60) | st.from_regex(r"[a-z0-9.:@/\[\]\\<>|-]{0,40}", fullmatch=True))
def test_anything_may_be_typed(text: str) -> None:
    """Nothing but InputError; what is accepted is read again as itself."""
    for read in (read_domain, read_address, read_account):
        try:
            value = read(text)
        except InputError:
            continue
        assert value.isprintable()
        assert read(value) == value
    try:
        endpoint = read_endpoint(text, "imap")
    except InputError:
        return
    assert 0 < endpoint.port < 65536
    assert endpoint.host == endpoint.host.lower()
    assert read_endpoint(str(endpoint), "imap") == endpoint
