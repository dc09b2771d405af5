"""The dialogue about Microsoft 365: the administrator's address is asked for, a password never is."""

from dataclasses import replace

import pytest

from bot.core import cloud_talk
from bot.core.access import Access
from bot.core.dialogue import Abilities
from bot.core.events import (
    CodeGiven,
    Expired,
    Finished,
    ForgetSecret,
    OfferSecret,
    Post,
    Pressed,
    SecretTaken,
    StartCheck,
    Submitted,
)
from bot.core.message import Actions, Buttons, Form
from bot.core.model import Finding, StepResult
from tests.core.test_dialogue import MIND, NEW, a_report, kinds, posted, talk

TENANT = StepResult("m365.tenant", "pass", target="https://login.microsoftonline.com/example.co.jp")
SIGN_IN = StepResult("m365.signin", "skipped", skipped_because="no_sign_in")
UNKNOWN = StepResult("m365.tenant", "fail", (Finding("m365.domain_unknown", "fail"),))
START = replace(NEW, admin=True)
ADMIN = "admin@example.co.jp"


def report(case, *steps, **words):
    return Finished(case.run, replace(a_report(case, *steps, **words), scenario="m365"))


def checked(*steps, text="Microsoft 365 からの移行です。example.co.jp", start=START, **words):
    case, effects = talk(start, text)
    assert next(e for e in effects if isinstance(e, StartCheck)).request.scenario == "m365"
    return talk(case, report(case, *steps, **words))


def form_of(message):
    return next(block for block in message.blocks if isinstance(block, Form))


def test_the_administrator_is_asked_for_and_then_checked_at_once():
    case, effects = checked(TENANT, SIGN_IN)
    assert kinds(effects) == ["Amend", "Post", "Post"]
    form = form_of(posted(effects, "ask"))
    assert [(field.name, field.optional) for field in form.inputs] == [("account", False)]
    case, effects = talk(case, Submitted(form.name, {"account": ADMIN}))
    start = next(effect for effect in effects if isinstance(effect, StartCheck))
    assert (start.request.account, start.request.domain, start.handle) == (ADMIN, "example.co.jp", None)
    case, effects = talk(case, report(case, TENANT, SIGN_IN))
    assert kinds(effects) == ["Amend", "Post"], "nothing is left to be asked"


@pytest.mark.parametrize("typed", [ADMIN, "admin@other.example"])
def test_an_address_can_be_typed_as_a_message(typed):
    """Another domain's administrator does not change what is migrated: that is what the check is to tell."""
    case, _ = checked(TENANT, SIGN_IN)
    case, effects = talk(case, typed)
    start = next(effect for effect in effects if isinstance(effect, StartCheck))
    assert (start.request.account, start.request.domain) == (typed, "example.co.jp")


@pytest.mark.parametrize("event", [Pressed("secret"), "yes", "はい"])
def test_no_password_is_ever_asked_for(event):
    case, _ = talk(START, f"Microsoft 365 example.co.jp {ADMIN}")
    case, _ = talk(case, report(case, TENANT, SIGN_IN))
    case, effects = talk(case, event)
    assert not any(isinstance(effect, OfferSecret) for effect in effects)
    assert not case.offered
    assert form_of(posted(effects, "ask")).inputs[0].value == ADMIN


def test_what_is_no_address_comes_back():
    case, _ = checked(TENANT, SIGN_IN)
    _, effects = talk(case, Submitted("admin", {"account": "CORP\\admin"}))
    field = form_of(posted(effects, "form")).inputs[0]
    assert field.error
    assert field.value == "CORP\\admin"


def test_nobody_is_asked_where_microsoft_does_not_know_the_domain():
    _, effects = checked(UNKNOWN, cause="m365.domain_unknown", failing="m365.tenant", verdict="fail")
    assert kinds(effects) == ["Amend", "Post"]


def test_the_report_offers_no_servers_to_be_typed_and_no_password():
    _, effects = checked(TENANT, SIGN_IN)
    message = posted(effects, "report")
    buttons = [button.action for block in message.blocks if isinstance(block, Buttons) for button in block.buttons]
    assert buttons == ["recheck"]
    words = MIND.wisdom("ja").catalogue.texts["words"]
    assert any(getattr(block, "text", "") == words["not_tested.sign_in"] for block in message.blocks)
    assert not any(getattr(block, "text", "") == words["not_tested.login"] for block in message.blocks)


def test_the_situation_can_be_chosen_after_a_check():
    case, _ = talk(START, "example.co.jp")
    case, _ = talk(
        case, Finished(case.run, a_report(case, StepResult("imap.login", "skipped", skipped_because="no_secret")))
    )
    _, effects = talk(case, Pressed("choose:scenario:m365"))
    assert next(e for e in effects if isinstance(e, StartCheck)).request.scenario == "m365"


def test_a_member_may_name_the_administrator_of_his_domain():
    """Nobody is logged in: the address is only held against the domain."""
    member = replace(NEW, address="taro@example.co.jp")
    abilities = Abilities(access=Access())
    case, _ = talk(member, "Microsoft 365 example.co.jp", abilities=abilities)
    case, _ = talk(case, report(case, TENANT, SIGN_IN), abilities=abilities)
    _, effects = talk(case, Submitted("admin", {"account": ADMIN}), abilities=abilities)
    assert any(isinstance(effect, StartCheck) for effect in effects)


SIGNS_IN = Abilities(sign_in=True)


def named(start=START, account=ADMIN, abilities=SIGNS_IN):
    case, _ = talk(start, f"Microsoft 365 example.co.jp {account}", abilities=abilities)
    return talk(case, report(case, TENANT, SIGN_IN), abilities=abilities)


def buttons_of(message):
    return [button.action for block in message.blocks if isinstance(block, Buttons) for button in block.buttons]


def test_a_sign_in_is_offered_and_its_code_is_shown():
    case, effects = named()
    assert buttons_of(posted(effects, "report")) == ["signin", "recheck"]
    case, effects = talk(case, Pressed("signin"), abilities=SIGNS_IN)
    start = next(effect for effect in effects if isinstance(effect, StartCheck))
    assert (start.sign_in, start.handle, start.request.account) == (True, None, ADMIN)
    code = CodeGiven(case.run, "https://microsoft.test/devicelogin", "B3KQ7WXYZ", 10)
    case, effects = talk(case, code, abilities=SIGNS_IN)
    way = next(block for block in posted(effects, "code").blocks if isinstance(block, Actions))
    assert [link.url for link in way.links] == [code.url]
    assert any(code.code in action for action in way.actions)
    assert code.code not in repr(code)
    case, effects = talk(case, report(case, TENANT, StepResult("m365.signin", "pass")), abilities=SIGNS_IN)
    assert buttons_of(posted(effects, "report")) == ["recheck"]


def test_a_code_that_comes_late_is_not_shown():
    case, _ = named()
    _, effects = talk(case, CodeGiven(case.run, "https://microsoft.test/", "B3KQ7WXYZ", 10), abilities=SIGNS_IN)
    assert effects == ()


def test_checking_again_asks_nobody_to_sign_in():
    case, _ = named()
    _, effects = talk(case, Pressed("recheck"), abilities=SIGNS_IN)
    assert not next(effect for effect in effects if isinstance(effect, StartCheck)).sign_in


@pytest.mark.parametrize(
    ("abilities", "asked"),
    [(Abilities(), []), (Abilities(sign_in=True, access=Access()), ["refused"])],
    ids=["no app registration", "another person's account"],
)
def test_who_cannot_sign_in_here(abilities, asked):
    case, effects = named(replace(NEW, address="taro@example.co.jp"), abilities=abilities)
    assert buttons_of(posted(effects, "report")) == ["recheck"]
    _, effects = talk(case, Pressed("signin"), abilities=abilities)
    assert [effect.key.partition(":")[0] for effect in effects] == asked


def test_an_administrator_who_is_not_named_is_asked_for_first():
    case, _ = checked(TENANT, SIGN_IN)
    _, effects = talk(case, Pressed("signin"), abilities=SIGNS_IN)
    assert form_of(posted(effects, "ask")).name == "admin"


BY_PAGE = Abilities(sign_in=True, sign_in_page=True)


def offered():
    case, _ = named(abilities=BY_PAGE)
    return talk(case, Pressed("signin"), abilities=BY_PAGE)


def test_a_sign_in_from_a_page_of_the_bots_own():
    """Nothing is checked until somebody has come back from Microsoft, and then the run is no log-in with a password."""
    case, effects = offered()
    assert [(type(effect), effect.key.partition(":")[0]) for effect in effects] == [(OfferSecret, "signin")]
    assert case.offered
    case, effects = talk(case, SecretTaken("handle"), abilities=BY_PAGE)
    start = next(effect for effect in effects if isinstance(effect, StartCheck))
    assert (start.sign_in, start.handle, start.request.account) == (True, "handle", ADMIN)
    assert (case.offered, case.with_secret) == (False, False)
    case, effects = talk(case, report(case, TENANT, StepResult("m365.signin", "pass")), abilities=BY_PAGE)
    assert buttons_of(posted(effects, "report")) == ["recheck"]


def test_the_offer_names_the_account_and_the_code_and_asks_for_no_password():
    case, _ = offered()
    for lang in ("ja", "en", "zh"):
        message = cloud_talk.offer(replace(case, lang=lang), MIND.wisdom(lang), "4711", "https://bot.test/m365/x")
        assert ADMIN in message.text
        assert "4711" in message.text
        block = next(block for block in message.blocks if isinstance(block, Buttons))
        assert [(button.action, button.url) for button in block.buttons] == [
            ("microsoft", "https://bot.test/m365/x"),
            ("cancel", None),
        ]
        assert not any(isinstance(block, Form) for block in message.blocks)


def test_an_offer_that_runs_out_can_be_had_again():
    case, _ = offered()
    case, effects = talk(case, Expired(), abilities=BY_PAGE)
    assert isinstance(effects[0], ForgetSecret)
    assert buttons_of(posted(effects, "expired")) == ["signin"]
    assert not case.offered
    _, effects = talk(case, Pressed("signin"), abilities=BY_PAGE)
    assert any(isinstance(effect, OfferSecret) for effect in effects)


def test_who_may_not_check_the_account_signs_in_from_no_page_either():
    closed = Abilities(sign_in=True, sign_in_page=True, access=Access())
    case, _ = named(replace(NEW, address="taro@example.co.jp"), abilities=closed)
    _, effects = talk(case, Pressed("signin"), abilities=closed)
    assert [type(effect) for effect in effects] == [Post]
    _, effects = talk(case, SecretTaken("handle"), abilities=closed)
    assert effects == (ForgetSecret(),)


def test_what_comes_back_after_the_case_was_closed_is_forgotten():
    case, _ = offered()
    case, _ = talk(case, Pressed("cancel"), abilities=BY_PAGE)
    _, effects = talk(case, SecretTaken("handle"), abilities=BY_PAGE)
    assert effects == (ForgetSecret(),)


def test_an_offer_of_another_kind_is_the_secret_pages():
    case, _ = offered()
    other = replace(case, scenario="saas")
    message = cloud_talk.offer(other, MIND.wisdom("en"), "4711", "https://bot.test/s/x")
    block = next(block for block in message.blocks if isinstance(block, Buttons))
    assert block.buttons[0].action == "secret"
