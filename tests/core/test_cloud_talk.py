"""The dialogue about Microsoft 365: the administrator's address is asked for, a password never is."""

from dataclasses import replace

import pytest

from bot.core.access import Access
from bot.core.dialogue import Abilities
from bot.core.events import Finished, OfferSecret, Pressed, StartCheck, Submitted
from bot.core.message import Buttons, Form
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
