"""The dialogue about an Exchange of one's own: what is asked for, and in which form the account is shown."""

from dataclasses import replace

import pytest

from bot.core.events import OfferSecret, Pressed, SecretTaken, StartCheck, Submitted
from bot.core.message import Text, report_message
from bot.core.model import Finding, StepResult
from bot.core.speech import reader, secret_offer
from tests.core.test_dialogue import MIND, NEW, a_report, finished, form_of, kinds, posted, talk

URL = "https://mail.example.co.jp/EWS/Exchange.asmx"
UNTESTED = StepResult("ews.login", "skipped", skipped_because="no_secret")
NOT_FOUND = StepResult("domain.servers", "unknown", (Finding("dns.servers_not_found", "unknown"),))
START = replace(NEW, admin=True)


def door(login_domain=""):
    return StepResult("ews.endpoint", "pass", target=URL, notes={"login_domain": login_domain} if login_domain else {})


def checked(*steps, text=f"example.co.jp {URL}"):
    """A case whose first run, without a secret, is over."""
    case, _ = talk(START, text)
    return talk(case, finished(case, *steps))


@pytest.mark.parametrize(
    "typed",
    [
        URL,
        "mail.example.co.jp/owa",
        "https://mail.example.co.jp/ecp/",
        "http://mail.example.co.jp/owa/auth/logon.aspx?replaceCurrent=1",
    ],
)
def test_a_typed_address_of_exchange_is_taken_for_that_of_ews(typed):
    case, effects = talk(START, f"Exchange からの移行です。example.co.jp {typed}")
    assert (case.domain, case.scenario) == ("example.co.jp", "exchange")
    assert case.endpoints["ews"].url == URL
    assert effects[1].request.endpoints["ews"].url == URL


@pytest.mark.parametrize("account", ["CORP\\admin", "corp.local\\admin@example.co.jp"])
def test_an_account_can_be_typed_as_windows_writes_it(account):
    case, _ = checked(door(), UNTESTED)
    case, effects = talk(case, account)
    assert (case.domain, case.account) == ("example.co.jp", account)
    assert kinds(effects) == ["OfferSecret"]


def test_what_could_not_be_found_is_asked_for_in_one_form():
    case, effects = checked(NOT_FOUND, text="exchange example.co.jp")
    form = form_of(posted(effects, "servers"))
    assert [(field.name, field.optional) for field in form.inputs] == [
        ("ews", False),
        ("account", False),
        ("mailbox", True),
    ]
    values = {"ews": "mail.example.co.jp/owa", "account": "admin@example.co.jp", "mailbox": "taro@example.co.jp"}
    case, effects = talk(case, Submitted(form.name, values))
    start = next(effect for effect in effects if isinstance(effect, StartCheck))
    assert (start.request.endpoints["ews"].url, start.request.mailbox, start.request.account) == (
        URL,
        values["mailbox"],
        values["account"],
    )
    assert start.request.scenario == "exchange"


def test_a_reports_button_asks_for_the_address_of_ews():
    case, _ = checked(door(), UNTESTED)
    _, effects = talk(case, Pressed("servers"))
    form = form_of(posted(effects, "ask"))
    assert form.name == "exchange"
    assert {field.name: field.value for field in form.inputs}["ews"] == URL


def test_wrong_fields_come_back_with_what_was_typed():
    case, effects = checked(NOT_FOUND, text="exchange example.co.jp")
    values = {"ews": "two words", "account": "admin@example.co.jp", "mailbox": "nobody"}
    _, effects = talk(case, Submitted("exchange", values))
    fields = {field.name: field for field in form_of(posted(effects, "form")).inputs}
    assert fields["ews"].error
    assert fields["mailbox"].error
    assert not fields["account"].error
    assert fields["account"].value == "admin@example.co.jp"


@pytest.mark.parametrize(
    ("values", "field", "example"),
    [
        ({"account": "admin@other.jp"}, "account", "admin@example.co.jp"),
        ({"account": "CORP\\admin"}, "account", "CORP\\admin@example.co.jp"),
        ({"account": "admin@example.co.jp", "mailbox": "taro@other.jp"}, "mailbox", "example.co.jp"),
    ],
)
def test_names_that_the_migration_page_cannot_take_are_asked_for_again(values, field, example):
    case, _ = checked(door(), UNTESTED)
    case, effects = talk(case, Submitted("exchange", values))
    wrong = next(one for one in form_of(posted(effects, "form")).inputs if one.name == field)
    assert example in wrong.error
    assert case.account is None


def test_the_log_in_domain_is_not_spoken_of_where_it_is_the_mail_domain():
    for told in ("", "example.co.jp"):
        case, effects = checked(door(told), UNTESTED)
        assert [field.name for field in form_of(posted(effects, "ask")).inputs] == ["account", "mailbox"]
        assert "corp" not in posted(effects, "ask").text
        case, effects = talk(case, Submitted("exchange", {"account": "admin@example.co.jp"}))
        assert kinds(effects) == ["OfferSecret"]


def test_the_log_in_domain_is_asked_for_where_it_differs():
    case, effects = checked(door("corp.local"), UNTESTED)
    ask = posted(effects, "ask")
    assert "corp.local\\admin@example.co.jp" in ask.text
    case, effects = talk(case, Submitted("exchange", {"account": "corp.local\\admin@example.co.jp", "mailbox": ""}))
    assert kinds(effects) == ["OfferSecret"]
    case, effects = talk(case, SecretTaken("handle"))
    assert effects[-1].request.account == "corp.local\\admin@example.co.jp"


def test_an_account_that_was_known_before_is_asked_about_once():
    case, effects = checked(door("corp.local"), UNTESTED, text=f"example.co.jp {URL} admin@example.co.jp")
    form = form_of(posted(effects, "ask"))
    assert form.inputs[0].value == "corp.local\\admin@example.co.jp"
    assert not any(isinstance(effect, OfferSecret) for effect in effects)
    _, effects = talk(case, Submitted("exchange", {"account": "admin@example.co.jp"}))
    assert kinds(effects) == ["OfferSecret"], "whoever insists on the short form may try it"


def test_another_domain_forgets_what_was_learnt():
    case, _ = checked(door("corp.local"), UNTESTED)
    assert case.login_domain == "corp.local"
    case, _ = talk(case, "other.co.jp")
    assert (case.login_domain, case.mailbox, dict(case.endpoints)) == ("", None, {})


@pytest.mark.parametrize("lang", ["ja", "en", "zh"])
def test_the_account_is_shown_in_the_form_to_type(lang):
    case = replace(
        START, lang=lang, domain="example.co.jp", account="corp.local\\admin@example.co.jp", scenario="exchange"
    )
    wisdom = MIND.wisdom(lang)
    offer = secret_offer(case, wisdom, "AB12", None)
    assert any("corp.local\\admin@example.co.jp" in block.text for block in offer.blocks[1:] if isinstance(block, Text))
    refused = StepResult(
        "ews.login", "fail", (Finding("login.username_format", "fail", {"type_as": "corp.local\\admin@example.co.jp"}),)
    )
    report = replace(
        a_report(case, door("corp.local"), refused, cause="login.username_format", failing="ews.login", verdict="fail"),
        scenario="exchange",
    )
    plain = replace(case, account="admin@example.co.jp")
    told = report_message(report, reader(plain, wisdom, report))
    assert any("corp.local\\admin@example.co.jp" in block.text for block in told.blocks if isinstance(block, Text))
    passed = replace(
        report,
        steps=(door("corp.local"), StepResult("ews.login", "pass")),
        verdict="pass",
        failing_step=None,
        cause=None,
    )
    told = report_message(passed, reader(plain, wisdom, passed))
    assert not any("corp.local" in block.text for block in told.blocks if isinstance(block, Text)), "it works as it is"
