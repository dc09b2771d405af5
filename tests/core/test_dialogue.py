"""The dialogue is pure: cases and events in, cases and effects out."""

import functools
from dataclasses import replace

import pytest

from bot.core.case import Case, case_from_json, case_to_json
from bot.core.codec import from_json, to_json
from bot.core.dialogue import Abilities, advance
from bot.core.events import (
    Amend,
    Expired,
    Finished,
    ForgetSecret,
    Interrupted,
    Met,
    OfferSecret,
    Post,
    Pressed,
    SecretTaken,
    StartCheck,
    StepDone,
    StopCheck,
    Submitted,
    Typed,
)
from bot.core.message import Form
from bot.core.model import Finding, Report, StepResult, endpoint
from bot.network import wisdom_in


class Mind:
    wisdom = staticmethod(functools.cache(wisdom_in))


MIND = Mind()
NEW = Case("K7QF-2M", "person", "web", "place", "ja")


def talk(case, *events, abilities=Abilities()):  # noqa: B008
    effects = ()
    for event in events:
        case, effects = advance(case, Typed(event) if isinstance(event, str) else event, MIND, abilities)
        assert from_json(to_json(list(effects))) == effects, "every effect survives the outbox"
        assert case_from_json(case_to_json(case)) == case, "every case survives the store"
    return case, effects


def kinds(effects):
    return [type(effect).__name__ for effect in effects]


def posted(effects, kind):
    return next(e.message for e in effects if isinstance(e, Post) and e.key.startswith(kind + ":"))


def form_of(message):
    return next(block for block in message.blocks if isinstance(block, Form))


def a_report(case, *steps, cause=None, failing=None, verdict="pass"):
    return Report(
        case.id, case.domain, None, "manual", verdict, failing, cause, steps, (), {}, None, "2026-11-24T00:00:00Z", 1.0
    )


def finished(case, *steps, **words):
    return Finished(case.run, a_report(case, *steps, **words))


UNTESTED = StepResult("imap.login", "skipped", skipped_because="no_secret")


def test_a_domain_starts_what_needs_no_secret_at_once():
    case, effects = talk(NEW, "example.co.jp")
    assert kinds(effects) == ["Post", "StartCheck"]
    assert effects[1].request.domain == "example.co.jp"
    assert effects[1].handle is None
    assert case.phase == "checking"


def test_one_sentence_gives_domain_and_account():
    case, effects = talk(NEW, "migrate example.co.jp, taro@example.co.jp can't log in")
    assert (case.domain, case.account, case.lang) == ("example.co.jp", "taro@example.co.jp", "en")
    assert kinds(effects) == ["Post", "StartCheck"]


def test_only_what_is_missing_is_asked():
    case, effects = talk(NEW, "こんにちは")
    assert kinds(effects) == ["Post"]
    case, _ = talk(case, "example.co.jp")
    case, effects = talk(case, finished(case, UNTESTED))
    assert kinds(effects) == ["Amend", "Post", "Post"]
    assert isinstance(posted(effects, "ask").blocks[1], Form)
    case, effects = talk(case, "taro@example.co.jp")
    assert kinds(effects) == ["OfferSecret"]
    assert case.offered


def test_with_an_account_the_secret_is_offered_after_the_first_report():
    case, _ = talk(NEW, "taro@example.co.jp")
    case, effects = talk(case, finished(case, UNTESTED))
    assert kinds(effects) == ["Amend", "Post", "OfferSecret"]


def test_no_log_in_is_offered_where_nothing_came_that_far():
    case, _ = talk(NEW, "taro@example.co.jp")
    fault = StepResult("imap.connect", "fail", (Finding("connect.refused", "fail"),))
    case, effects = talk(case, finished(case, fault, verdict="fail", failing="imap.connect", cause="connect.refused"))
    assert kinds(effects) == ["Amend", "Post"]


def test_without_secrets_the_bot_says_how_to_allow_them():
    case, _ = talk(NEW, "taro@example.co.jp")
    case, effects = talk(case, finished(case, UNTESTED), abilities=Abilities(secrets=False))
    assert "secrets.entry" in posted(effects, "ask").text


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        "pass:hunter2",
        "パスワード: hunter2",
        "密码：hunter2",
        "パスワードは: hunter2 です".replace("は", ""),
        '{"imap": {"password": "hunter2"}}',
        "<key>IncomingPassword</key><string>hunter2</string>",
        "IMAP_PASSWORD=hunter2",
    ],
)
def test_a_labelled_secret_is_never_used_or_kept(text):
    case, effects = talk(NEW, f"example.co.jp {text}")
    assert case.domain == "example.co.jp"
    assert kinds(effects) == ["Post", "Post", "StartCheck"]
    assert "hunter2" not in str(case_to_json(case)) + str(to_json(list(effects)))


def test_a_single_word_is_a_secret_once_it_was_offered():
    case, _ = talk(NEW, "taro@example.co.jp")
    case, _ = talk(case, finished(case, UNTESTED))
    for word in ("hunter2", "P@ss.word", "p@example.net", "my.pass.example.com"):
        case, effects = talk(case, word)
        assert kinds(effects) == ["Post"], word
        assert word not in str(case_to_json(case)) + str(to_json(list(effects)))
    assert case.offered, "the talk goes on"


def test_talk_of_passwords_is_talk():
    _, effects = talk(NEW, "I forgot my password, what can I do about it?")
    assert not any(isinstance(e, Post) and e.key.startswith("pasted") for e in effects)


def test_a_pasted_error_is_explained_without_any_probe():
    case, effects = talk(NEW, "535 5.7.8 Username and Password not accepted. taro@example.co.jp")
    assert kinds(effects) == ["Post"]
    assert effects[0].key == "explained:1"
    assert case.lang == "ja", "a server's language is not the person's"
    case, effects = talk(case, Pressed("run"))
    assert isinstance(effects[-1], StartCheck)
    assert effects[-1].request.domain == "example.co.jp"


def test_the_secret_is_used_for_one_run():
    case, _ = talk(NEW, "taro@example.co.jp")
    case, _ = talk(case, finished(case, UNTESTED))
    case, effects = talk(case, SecretTaken("handle"))
    assert effects[-1].handle == "handle"
    assert not case.offered
    case, effects = talk(case, finished(case))
    assert kinds(effects) == ["Amend", "Post"]
    case, effects = talk(case, Pressed("recheck"))
    assert effects[-1] == StartCheck(3, effects[-1].request, None)


def test_a_secret_that_comes_while_a_run_is_under_way_replaces_it():
    case, _ = talk(NEW, "taro@example.co.jp")
    old = case.run
    case, effects = talk(case, Pressed("secret"), SecretTaken("handle"))
    assert kinds(effects) == ["StopCheck", "Amend", "Post", "StartCheck"]
    after, effects = talk(case, Finished(old, a_report(case)))
    assert (after, effects) == (case, ())


def test_steps_show_as_they_finish_and_late_ones_of_old_runs_do_not():
    case, _ = talk(NEW, "example.co.jp")
    case, effects = talk(case, StepDone(1, StepResult("imap.dns", "pass")))
    assert effects == (Amend("progress:1", effects[0].message),)
    assert case.marks == (("imap.dns", "pass", ""),)
    assert talk(case, StepDone(7, StepResult("imap.tls", "pass"))) == (case, ())


def test_cancel_forgets_the_secret():
    case, _ = talk(NEW, "taro@example.co.jp", Pressed("secret"))
    case, effects = talk(case, "中止")
    assert kinds(effects) == ["StopCheck", "Amend", "ForgetSecret", "Post"]
    assert case.phase == "closed"
    assert talk(case, SecretTaken("handle"))[1] == (ForgetSecret(),)


def test_an_offer_that_ran_out_is_told_once():
    case, _ = talk(NEW, "taro@example.co.jp", Pressed("secret"))
    case, effects = talk(case, Expired())
    assert kinds(effects) == ["ForgetSecret", "Post"]
    assert talk(case, Expired()) == (case, ())


def test_an_interrupted_run_says_so():
    case, _ = talk(NEW, "example.co.jp")
    case, effects = talk(case, Interrupted(1))
    assert kinds(effects) == ["Amend", "Post"]
    assert talk(case, Interrupted(1)) == (case, ())


def test_a_form_keeps_what_was_typed_and_names_the_field():
    case, _ = talk(NEW, "example.co.jp")
    case, effects = talk(case, Submitted("servers", {"imap": "imap.example.co.jp:99999", "smtp": "smtp.example.co.jp"}))
    fields = {field.name: field for field in form_of(effects[0].message).inputs}
    assert fields["imap"].value == "imap.example.co.jp:99999"
    assert "993" in fields["imap"].error
    assert fields["smtp"].value == "smtp.example.co.jp"
    assert not fields["smtp"].error


def test_a_reports_button_asks_for_other_servers():
    case, _ = talk(NEW, "example.co.jp")
    case, _ = talk(case, finished(case, UNTESTED))
    after, effects = talk(case, Pressed("servers"))
    assert [field.name for field in form_of(posted(effects, "ask")).inputs] == ["imap", "smtp", "account"]
    assert after == replace(case, said=case.said + 1)
    assert talk(replace(case, scenario="m365"), Pressed("servers"))[1] == (), "Microsoft 365 has none to be typed"


def test_a_secret_in_a_form_is_not_kept():
    values = {"account": "taro@example.co.jp password: hunter2", "imap": "-bad- password=hunter2"}
    for first in (NEW, replace(NEW, met=False)):
        case, effects = talk(first, Submitted("servers", values))
        assert "hunter2" not in str((case, to_json(list(effects))))
    _, effects = talk(NEW, Submitted("servers", values))
    assert posted(effects, "pasted").text
    assert form_of(posted(effects, "form")).inputs[0].value == "-bad-"


def test_typed_servers_are_checked():
    case, _ = talk(NEW, "example.co.jp")
    _, effects = talk(case, Submitted("servers", {"imap": "mail.example.co.jp", "smtp": "mail.example.co.jp:587"}))
    assert effects[-1].request.endpoints == {
        "imap": endpoint("mail.example.co.jp", 993),
        "smtp": endpoint("mail.example.co.jp", 587),
    }
    assert isinstance(effects[0], StopCheck)


def test_another_domain_begins_anew():
    case, _ = talk(NEW, "taro@example.co.jp imap.example.co.jp:993")
    case, effects = talk(case, "example.org")
    assert (case.domain, case.account, dict(case.endpoints)) == ("example.org", None, {})
    assert isinstance(effects[-1], StartCheck)


def test_a_mail_programs_settings_are_compared_and_then_used():
    case, _ = talk(NEW, "example.co.jp imap.example.co.jp:993")
    pasted = "受信メール サーバー: mail.example.co.jp\nポート 993\n暗号化方法: SSL/TLS"
    case, effects = talk(case, pasted)
    assert kinds(effects) == ["Post"]
    assert "サーバー" in effects[0].message.text
    assert case.endpoints == {"imap": endpoint("imap.example.co.jp", 993)}, "nothing is taken over unasked"
    case, effects = talk(case, Pressed("program"))
    assert effects[-1].request.endpoints["imap"].host == "mail.example.co.jp"


@pytest.mark.parametrize(("text", "answer"), [("ありがとう", "talk.thanks"), ("Outlookでは使えます", "talk.works")])
def test_small_talk_is_answered_and_changes_nothing(text, answer):
    case = talk(NEW, "example.co.jp")[0]
    after, effects = talk(case, text)
    assert posted(effects, "remark").text == MIND.wisdom("ja").catalogue.texts["words"][answer]
    assert replace(after, said=case.said) == case


@pytest.mark.parametrize(
    ("step", "lang", "said"),
    [
        ("m365.tenant", "ja", "example.jp：Microsoft 365 の「テナント」"),
        ("imap.tls", "ja", "example.jp：IMAP（受信）の「TLS・証明書」"),
        ("m365.tenant", "zh", "example.jp：Microsoft 365 的“租户”"),
        ("imap.tls", "zh", "example.jp：IMAP（收信）的“TLS 证书”"),
        ("m365.tenant", "en", "example.jp: fails at Microsoft 365, Tenant"),
    ],
)
def test_a_service_stands_apart_as_the_language_has_it(step, lang, said):
    cause = "m365.domain_unknown" if step.startswith("m365") else "tls.expired"
    case = talk(replace(NEW, lang=lang), "example.jp")[0]
    broken = StepResult(step, "fail", (Finding(cause, "fail"),))
    _, effects = talk(case, finished(case, broken, cause=cause, failing=step, verdict="fail"))
    assert posted(effects, "report").text.startswith(said)


def test_every_message_in_every_language():
    for lang in ("ja", "en", "zh"):
        case, _ = talk(replace(NEW, lang=lang), "example.co.jp")
        case, effects = talk(case, finished(case, UNTESTED))
        texts = [e.message.text for e in effects if isinstance(e, Post | Amend)]
        assert all(text and "{" not in text for text in texts)


def test_an_offer_belongs_to_the_case_alone():
    _, effects = talk(
        replace(NEW, account="taro@example.co.jp", domain="example.co.jp", phase="reported"), Pressed("secret")
    )
    assert effects == (OfferSecret("offer:1"),)


def test_what_is_said_before_it_is_known_who_speaks_is_answered_too():
    case = replace(NEW, met=False)
    _, first = talk(case, "example.co.jp")
    _, second = talk(case, "help")
    case, effects = talk(case, Met(first[0].first, None, None, admin=True))
    assert "StartCheck" in kinds(effects)
    case, effects = talk(case, Met(second[0].first, None, None, admin=True))
    assert posted(effects, "help").text
    assert case.run == 1
