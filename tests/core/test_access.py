"""Who may check what, what is told to whom, and how often: pure rules."""

from dataclasses import replace

import pytest

from bot.asking import reader_for
from bot.core import asides
from bot.core.access import Access, is_admin, may_know, may_log_in, refusal
from bot.core.advice import advise
from bot.core.case import Case
from bot.core.limits import Limit, read_limit, read_span
from bot.core.model import Finding, Report, StepResult
from bot.core.privilege import NEUTRAL, TELLING, neutral
from bot.core.told import Advice
from bot.knowledge import knowledge
from bot.network import wisdom_in

OWN = Case("K7QF-2M", "slack:T1:U1", "slack", "p", "ja", address="Taro@Example.co.jp", domain="example.co.jp")
READER = reader_for(wisdom_in("ja"), "ja")


@pytest.mark.parametrize(
    ("case", "access", "why"),
    [
        (OWN, None, None),
        (OWN, Access(), None),
        (replace(OWN, domain="else.test"), Access(), "domain"),
        (replace(OWN, domain="else.test", admin=True), Access(), None),
        (replace(OWN, domain="else.test"), Access(("else.test",)), None),
        (OWN, Access(("else.test",)), "domain"),
        (replace(OWN, address=None), Access(), "unknown_person"),
        (replace(OWN, address=None), Access(("Example.co.jp",)), None),
        (replace(OWN, domain=None), Access(), "servers"),
    ],
)
def test_who_may_check_a_domain(case: Case, access: Access | None, why: str | None) -> None:
    assert refusal(case, access) == why


def test_who_is_refused_hears_what_the_settings_allow_and_not_the_domain_that_was_refused() -> None:
    told = asides.refused(OWN, wisdom_in("en"), "domain", Access(("one.test", "two.test"))).text
    assert "one.test, two.test" in told
    assert told.count("example.co.jp") == 1
    many = asides.refused(OWN, wisdom_in("en"), "domain", Access(tuple(f"{n}.test" for n in range(9)))).text
    assert "4.test…" in many
    own = asides.refused(replace(OWN, domain="else.test"), wisdom_in("en"), "domain", Access()).text
    assert "example.co.jp" in own


@pytest.mark.parametrize(
    ("account", "may"),
    [
        ("taro@example.co.jp", True),
        ("TARO@EXAMPLE.CO.JP", True),
        ("taro", True),
        ("jiro@example.co.jp", False),
        ("jiro", False),
        (None, True),
    ],
)
def test_a_member_logs_in_as_himself(account: str | None, may: bool) -> None:
    case = replace(OWN, account=account)
    assert may_log_in(case, Access()) is may
    assert may_log_in(replace(case, admin=True), Access())
    assert may_log_in(case, None)
    assert not may_log_in(replace(case, address=None, account="taro"), Access(("example.co.jp",)))


def test_the_user_name_alone_is_ones_own_in_ones_own_domain_only() -> None:
    assert not may_log_in(replace(OWN, account="taro", domain="else.test"), Access(("else.test",)))


@pytest.mark.parametrize(
    ("admins", "admin"),
    [((), False), (("*",), True), (("U1",), True), (("slack:T1:U1",), True), (("U",), False), (("T1",), False)],
)
def test_admins_are_named_by_the_platforms_id(admins: tuple[str, ...], admin: bool) -> None:
    assert is_admin(admins, "slack:T1:U1") is admin


def advised(*steps: StepResult) -> tuple[Advice, ...]:
    return advise(steps, READER.circumstances, READER.catalogue)


def a_report(code: str, words: str = "no such user here") -> Report:
    found = StepResult(
        "imap.login",
        "fail",
        (Finding(code, "fail", {"server": words}),),
        "imap.example.co.jp:993",
        notes={"said": words},
    )
    fine = StepResult("imap.tls", "pass", target="imap.example.co.jp:993")
    return Report(
        "K7QF-2M",
        "example.co.jp",
        None,
        "manual",
        "fail",
        "imap.login",
        code,
        (fine, found),
        advised(fine, found),
        {"imap": 1},
        None,
        "2026-11-24T00:00:00Z",
        1.0,
    )


def test_that_a_token_was_refused_and_no_password_is_no_detail() -> None:
    """Advice is given anew in another language, and must not speak of passwords then."""
    report = a_report("login.unrecognised")
    found = replace(report.steps[1].findings[0], evidence={"server": "no", "mechanism": "XOAUTH2"})
    told = neutral(replace(report, steps=(report.steps[0], replace(report.steps[1], findings=(found,)))), READER)
    assert told.steps[1].findings == (Finding(NEUTRAL, "fail", {"mechanism": "XOAUTH2"}),)


@pytest.mark.parametrize("code", sorted(TELLING))
def test_others_hear_one_answer_for_every_telling_refusal(code: str) -> None:
    told = neutral(a_report(code), READER)
    other = neutral(a_report("login.wrong_credentials", "bad password"), READER)
    assert told == other, "nothing tells one from the other"
    assert told == neutral(told, READER)
    assert told.advice
    assert {advice.code for advice in told.advice} == {NEUTRAL}
    assert told.cause == NEUTRAL
    assert "no such user" not in str(told)


def test_what_tells_nothing_stays() -> None:
    report = a_report("login.server_unavailable", "try later")
    assert neutral(report, READER) == report


def test_every_telling_code_exists() -> None:
    assert set(knowledge().severities) >= TELLING | {NEUTRAL}


def test_who_may_know() -> None:
    tried = replace(OWN, account="jiro@example.co.jp", with_secret=True)
    assert not may_know(tried, Access())
    assert may_know(replace(tried, admin=True), Access())
    assert may_know(replace(tried, account="taro@example.co.jp"), Access())
    assert may_know(tried, None)


def test_limits_are_read() -> None:
    assert read_limit("3/15m") == Limit(3, 900)
    assert read_limit("6/24h") == Limit(6, 86_400)
    assert read_span("7d") == 604_800
    for wrong in ("", "3", "3/", "0/1h", "3/0m", "3/15", "-1/1h", "3/1w", "٣/1h"):
        with pytest.raises(ValueError, match="an example"):
            read_limit(wrong)
