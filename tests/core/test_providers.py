"""Which provider a domain, an MX or a host belongs to."""

import pytest

from bot.core.model import Endpoint
from bot.core.providers import Match, find_by_domain, find_by_host, find_by_mx, parse_endpoint
from bot.knowledge import knowledge

DIRECTORY = {
    "plain": {
        "id": "plain",
        "kind": "mail",
        "domains": ["plain.test"],
        "mx": ["mx.plain.test"],
        "servers": {"imap": ["imap.plain.test:993"], "smtp": ["smtp.plain.test:587"]},
    },
    "suffix": {
        "id": "suffix",
        "kind": "mail",
        "mx": ["*.hosting.test"],
        "customer_servers": {"from_mx": True, "patterns": {"imap": ["*.hosting.test:993"]}},
    },
    "deeper": {"id": "deeper", "kind": "gateway", "mx": ["*.filter.hosting.test"]},
    "expression": {"id": "expression", "kind": "mail", "mx": [r"re:^mx[0-9]+\.numbered\.test$"]},
    "regional": {
        "id": "regional",
        "kind": "suite",
        "mx": ["mx.global.test"],
        "servers": {"imap": ["imap.global.test:993"]},
        "regions": [
            {"id": "cn", "domains": ["cn.test"], "mx": ["mx.cn.test"], "servers": {"imap": ["imap.cn.test:143"]}}
        ],
    },
}


def by_mx(*hosts: str) -> str | None:
    match = find_by_mx(DIRECTORY, hosts)
    return str(match.provider["id"]) if match else None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("mx.plain.test", "plain"),
        ("a.hosting.test", "suffix"),
        ("a.filter.hosting.test", "deeper"),
        ("hosting.test", None),
        ("xhosting.test", None),
        ("mx12.numbered.test", "expression"),
        ("mx12.numbered.test.evil.test", None),
        ("mxx.numbered.test", None),
        ("mx.cn.test", "regional"),
        ("other.test", None),
    ],
)
def test_by_mx(host: str, provider: str | None) -> None:
    assert by_mx(host) == provider


def test_the_first_known_mx_counts() -> None:
    assert by_mx("other.test", "mx.plain.test", "a.hosting.test") == "plain"


def test_regions_bring_their_own_servers() -> None:
    match = find_by_domain(DIRECTORY, "cn.test")
    assert match is not None
    assert match.servers() == {"imap": Endpoint("imap.cn.test", 143, "starttls")}
    match = find_by_mx(DIRECTORY, ["mx.global.test"])
    assert match is not None
    assert match.servers() == {"imap": Endpoint("imap.global.test", 993, "tls")}


def test_customer_hosts_are_taken_from_the_mx() -> None:
    match = find_by_mx(DIRECTORY, ["box7.hosting.test"])
    assert match is not None
    assert match.servers() == {"imap": Endpoint("box7.hosting.test", 993, "tls")}
    assert match.customer_hosts() == ("*.hosting.test:993",)
    assert find_by_mx(DIRECTORY, ["mx12.numbered.test"]).customer_hosts() == ()


def test_by_host() -> None:
    assert find_by_host(DIRECTORY, "smtp.plain.test").provider["id"] == "plain"
    assert find_by_host(DIRECTORY, "imap.cn.test").provider["id"] == "regional"
    assert find_by_host(DIRECTORY, "box7.hosting.test").provider["id"] == "suffix"
    assert find_by_host(DIRECTORY, "nowhere.test") is None


def test_by_domain() -> None:
    assert find_by_domain(DIRECTORY, "plain.test") == Match(DIRECTORY["plain"], "domain", "plain.test")
    assert find_by_domain(DIRECTORY, "sub.plain.test") is None


def test_endpoints_of_the_directory() -> None:
    assert parse_endpoint("smtp.plain.test:587") == Endpoint("smtp.plain.test", 587, "starttls")


@pytest.mark.parametrize(
    ("mx", "provider"),
    [
        ("aspmx.l.google.com", "gworkspace"),
        ("example-jp.mail.protection.outlook.com", "m365"),
        ("mx1.larksuite.com", "lark"),
        ("mx1.feishu.cn", "feishu"),
        ("mxbiz1.qq.com", "exmail"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("mx0a-001234.pphosted.com", "proofpoint"),
    ],
)
def test_the_real_directory(mx: str, provider: str) -> None:
    match = find_by_mx(knowledge().providers, [mx])
    assert match is not None
    assert match.provider["id"] == provider
