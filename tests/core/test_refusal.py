"""The reading of refusals: marks, phrases, context, success, secrets' absence, speed."""

import json
import marshal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import refusals as bench
from bot.core.refusal import NOT_A_FAILURE, THRESHOLD, UNRECOGNISED, Context, Explanation, compile_rules, explain

WORDINGS = Path(__file__).with_name("refusal_wordings.yaml")
FINDINGS = bench.ADVICE / "findings.yaml"


@cache
def knowledge():
    return bench.read_knowledge()


@cache
def rules():
    return compile_rules(*knowledge())


def told(text: str, **context) -> Explanation:
    return explain(text, Context(**context), rules())


def known_codes() -> set[str]:
    groups = yaml.safe_load(FINDINGS.read_text(encoding="utf-8"))
    return {code for group in groups.values() for code in group} | {NOT_A_FAILURE}


def test_every_example_means_what_its_rule_says():
    wrong = []
    for rule in rules()["rules"]:
        if not rule["example"]:
            continue
        context = {
            "protocol": (rule.get("protocols") or [None])[0],
            "mechanism": (rule.get("mechanisms") or [None])[0],
            "stage": (rule.get("stages") or [None])[0],
            "provider": rule["provider"],
        }
        one = told(rule["example"], **context)
        if one.code != rule["code"]:
            wrong.append((rule["example"], one.code, rule["code"]))
    assert wrong == []


def test_wordings_in_eight_languages():
    rows = yaml.safe_load(WORDINGS.read_text(encoding="utf-8"))
    missed = [
        (text, one.code, right)
        for text, protocol, provider, right in rows
        if (one := told(text, protocol=protocol, provider=provider)).code not in right
    ]
    assert len(missed) <= len(rows) * 0.02, missed


def test_samples_reach_the_goals():
    held_out = bench.cross_validate()
    best, three = bench.accuracy(held_out)
    assert best >= bench.GOALS["best"]
    assert three >= bench.GOALS["best three"]
    assert bench.calibration_error(held_out) < bench.GOALS["calibration error"]


def test_learnt_texts_stay_understood():
    told = [one for name in bench.LEARNT for one in bench.judge_set(name)]
    best, three = bench.accuracy(told)
    assert best >= 0.99
    assert three >= 0.99


def test_texts_at_first_sight_are_understood_and_confidence_is_honest():
    unseen = bench.judge_set("C")
    best, three = bench.accuracy(unseen)
    assert best >= 0.86  # the goals are higher; 0.89 and 0.96 were reached, and must not be lost
    assert three >= 0.93
    assert bench.calibration_error(unseen) < 0.055  # what is all told right pulls the other way: see `calibration:`


def test_no_source_is_in_two_sets():
    sets = {name: bench.read_set(name) for name in (*bench.LEARNT, "C")}
    sources = {name: {sample["source"] for sample in samples} for name, samples in sets.items()}
    assert sources["A"].isdisjoint(sources["B"])
    learnt = [sample for name in bench.LEARNT for sample in sets[name]]
    assert sources["C"].isdisjoint(sample["source"] for sample in learnt)
    assert {sample["text"] for sample in sets["C"]}.isdisjoint(sample["text"] for sample in learnt)
    assert len(sets["C"]) >= 150


def test_three_causes_are_named_besides_the_answer():
    told_of = [one for name in bench.LEARNT for _, one in bench.judge_set(name)]
    few = [one for one in told_of if len(set(one.alternatives) - {one.code}) < 3 and one.code != NOT_A_FAILURE]
    assert few == []


def test_a_class_of_refused_log_ins_outweighs_its_loose_sentence():
    assert told("x.AuthenticationFailedException: failed to connect", protocol="imap").code == "login.wrong_credentials"
    assert told("MessagingException: failed to connect", protocol="imap").code == "connect.refused"
    refused = "x.AuthenticationFailedException: Connection refused"
    assert told(refused, protocol="imap").code == "connect.refused"


def test_the_log_of_a_windows_server_is_read_for_what_the_server_said():
    line = '"POP3D"\t3572\t267\t"2017-08-07 10:42:01.355"\t"192.0.2.7"\t"{}"'
    log = "\n".join(line.format(words) for words in ("RECEIVED: PASS password expired", "SENT: -ERR Account is locked"))
    assert told(log, protocol="pop").code == "login.account_locked"


def test_what_protocol_it_was_orders_the_causes_of_words_that_say_nothing():
    smtp, imap = told("Zorp.", protocol="smtp"), told("Zorp.", protocol="imap")
    assert smtp.code == imap.code == UNRECOGNISED
    assert "login.blocked_by_policy" in smtp.alternatives[:2]
    assert "login.blocked_by_policy" not in imap.alternatives[:2]


def test_only_known_codes_and_keys_are_named():
    refusals, _, aadsts = knowledge()
    named = {code for rule in rules()["rules"] for code in (rule["code"], *rule["also"])}
    named |= {
        code
        for table in ("responses", "enhanced", "replies")
        for mark in rules()[table].values()
        for code in (mark[0], *mark[2])
    }
    named |= set(aadsts.values()) | {code for codes in refusals["neighbours"].values() for code in codes}
    named |= {key.split("/")[0] for key in refusals["neighbours"]} | set(refusals["tells"])
    named |= {tilt[end] for tilt in refusals["tilts"] for end in ("from", "to")}
    assert named <= known_codes()
    keys = {key for rule in rules()["rules"] for key in rule["apart"]}
    keys |= {key for group in refusals["tells"].values() for key in group}
    assert keys <= set(refusals["apart"])
    assert all(set(words) == {"ja", "en", "zh"} for words in refusals["apart"].values())


def test_identity_platform_table_is_documented_size():
    assert len(knowledge()[2]) >= 120
    assert told("AADSTS50076: anything at all").code == "login.mfa_required"
    assert told("AADSTS4999999: unheard of").code == "m365.sign_in_failed"


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ({"provider": "m365", "mechanism": "LOGIN"}, "login.basic_auth_disabled"),
        ({"provider": "m365"}, "login.basic_auth_disabled"),
        ({"provider": "m365", "mechanism": "XOAUTH2"}, "login.token_rejected"),
        ({"provider": "exchange", "mechanism": "PLAIN"}, "login.wrong_credentials"),
        ({"provider": "courier"}, "login.wrong_credentials"),
        ({"capabilities": ("IMAP4rev1", "LOGINDISABLED", "AUTH=XOAUTH2")}, "login.basic_auth_disabled"),
    ],
)
def test_the_same_words_mean_different_things(context, code):
    assert told("A1 NO LOGIN failed.", protocol="imap", **context).code == code


def test_context_moves_the_alternatives():
    words = "A1 NO [AUTHENTICATIONFAILED] Invalid credentials"
    assert told(words, protocol="imap", password="app_password").alternatives[0] == "login.app_password_required"
    assert told(words, protocol="imap", access="disabled").alternatives[0] == "login.protocol_disabled"
    assert told(words, protocol="imap", account="taro").alternatives[0] == "login.username_format"


def test_hmailserver_hint_counts_only_without_an_at():
    words = "535 Authentication failed. Invalid user name or password. Please use full email address as user name."
    assert told(words, protocol="smtp", account="taro").code == "login.username_format"
    assert told(words, protocol="smtp", account="taro@example.jp").code == "login.wrong_credentials"


def test_stage_decides_between_login_and_submission():
    words = "550 5.7.1 <info@example.jp>... Command rejected"
    assert told(words, protocol="smtp", provider="sakura").code == "login.blocked_by_policy"
    assert told(words, protocol="smtp", provider="sakura", stage="submission").code == "submission.refused"


def test_a_login_is_answered_with_a_login_code():
    assert told("421 4.3.2 Service not available, closing channel", protocol="smtp", stage="login").code.startswith(
        "login."
    )


def test_server_words_outrank_the_wrapper():
    wrapped = (
        "The SMTP server requires a secure connection or the client was not authenticated. The server response was: "
        "5.7.57 Client not authenticated. Error: 535 5.7.139 Authentication unsuccessful, "
        "SmtpClientAuthentication is disabled for the Tenant."
    )
    assert told(wrapped, protocol="smtp").code == "login.protocol_disabled"


@pytest.mark.parametrize(
    "text",
    [
        "javax.mail.AuthenticationFailedException: 535 5.7.8 Error: password has expired",
        "smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: password has expired')",
        "The program could not connect. Check your name and secret. The server responded: Password has expired",
        "MailException: Authentication failed; nested exception is:\n\tExpiredException: password has expired\n\tat a.b(C.java:1)",
    ],
)
def test_the_words_within_a_wrapper_decide(text):
    assert told(text).code == "login.password_expired"


def test_names_of_constants_are_spelt_out():
    assert told("status: PASSWORD_EXPIRED").code == told("status: password expired").code == "login.password_expired"


def test_what_agrees_is_surer_than_what_stands_alone():
    words, mark = "Incorrect username or password", "NO [AUTHENTICATIONFAILED]"
    assert told(f"{mark} {words}", protocol="imap").confidence >= told(words, protocol="imap").confidence
    assert told(f"{mark} {words}", protocol="imap").confidence > told(f"{mark} zorp", protocol="imap").confidence


def test_a_failure_with_the_number_of_success_is_no_good_news():
    assert told("235 auth failure", protocol="smtp").code != NOT_A_FAILURE


def test_transcripts_are_read_past_greetings_and_capabilities():
    transcript = (
        "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 STARTTLS] ready\nC: a1 LOGIN x y\n"
        "S: a1 NO [AUTHENTICATIONFAILED] Password expired\n* BYE Logging out"
    )
    assert told(transcript, protocol="imap").code == "login.password_expired"


@pytest.mark.parametrize(
    "text",
    [
        r"b'535 Error: \xc7\xeb\xca\xb9\xd3\xc3\xca\xda\xc8\xa8\xc2\xeb\xb5\xc7\xc2\xbc'",
        "535 Error: ÇëÊ¹ÓÃÊÚÈ¨ÂëµÇÂ¼",
        "=E8=AF=B7=E4=BD=BF=E7=94=A8=E6=8E=88=E6=9D=83=E7=A0=81=E7=99=BB=E5=BD=95",
        r"535 \u8bf7\u4f7f\u7528\u6388\u6743\u7801\u767b\u5f55",
        "<html><body><p>请使用授权码登录</p></body></html>",
        "535 Login Fail &nbsp; ... help?subtype=1&&id=28&&no=1001256",
    ],
)
def test_wrappings_come_off(text):
    assert told(text, protocol="smtp", provider="qq").code == "login.app_password_required"


def test_a_token_challenge_is_decoded():
    one = told("334 eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0=\n535 5.7.8 Username and Password not accepted")
    assert one.code == "login.token_rejected"


@pytest.mark.parametrize("text", ["A1 OK LOGIN completed.", "235 2.7.0 Accepted", "+OK Logged in.", "* OK IMAP4 ready"])
def test_good_news_is_no_failure(text):
    assert told(text).code == NOT_A_FAILURE


@pytest.mark.parametrize("text", ["", " ", "qwertz", "Command failed", "\x00\xff", "x" * 50_000])
def test_what_says_nothing_is_not_guessed(text):
    one = told(text)
    assert one.code == UNRECOGNISED
    assert one.alternatives


VAGUE = (
    "メールサーバーに接続できません",
    "サーバーに接続できませんでした。",
    "imap.example.jp に接続できません",
    "imap.example.jpに接続できません",
    "接続エラー",
    "メールサーバーとの通信に失敗しました",
    "ログインできません",
    "証明書エラー",
    "无法连接到服务器",
    "無法連線到伺服器",
    "邮箱登录不了",
    "连接失败",
    "证书错误",
    "서버에 연결할 수 없습니다",
    "cannot connect",
    "Can't connect to mail server",
    "Connection failed",
    "Unable to open connection to imap.example.com:993",
    "I can’t sign in to my account",
    "SSL error",
    "Verbindung zum Server fehlgeschlagen",
    "Impossible de se connecter au serveur",
    "No se puede conectar con el servidor",
    "Не удалось подключиться к серверу",
)


@pytest.mark.parametrize("text", VAGUE)
@pytest.mark.parametrize("protocol", [None, "imap"])
def test_what_names_no_cause_is_told_as_a_guess(text, protocol):
    one = told(text, protocol=protocol)
    assert one.code == UNRECOGNISED or one.confidence < 0.5
    assert len(one.alternatives) >= 2


@pytest.mark.parametrize(
    "text",
    [
        "メールサーバーに接続できません。サーバーへの接続が拒否されました。",
        "接続がタイムアウトしました",
        "连接超时",
        "Connection refused",
        "パスワードが違います",
        "LOGIN failed",
        "535",
        "no route to host",
        "certificate has expired",
    ],
)
def test_what_names_one_is_not(text):
    assert told(text).confidence > 0.6


def test_a_server_that_says_no_more_than_err_is_not_guessed_at():
    for text in ("-ERR", "-ERR."):
        one = told(text, protocol="pop", stage="login")
        assert one.code == UNRECOGNISED
        assert "login.wrong_credentials" in one.alternatives


def test_unsure_answers_name_their_best_guess():
    one = told("Invalid", protocol="imap")
    assert one.code == UNRECOGNISED
    assert "login.wrong_credentials" in one.alternatives


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.sampled_from(["imap", "smtp", "pop", "ews", "oauth", None]))
def test_any_text_gets_a_sane_answer(text, protocol):
    one = told(text, protocol=protocol)
    assert one.code in known_codes()
    assert 0 < one.confidence <= 1
    assert one.code == UNRECOGNISED or one.confidence >= THRESHOLD
    assert one.code not in one.alternatives
    assert one == told(text, protocol=protocol)


def test_rules_are_plain_data():
    assert marshal.loads(marshal.dumps(rules())) == rules()


def test_a_phrase_that_cannot_be_read_is_refused():
    broken = {**knowledge()[0], "families": [{"code": "login.timeout", "phrases": ["{no_such_concept}"]}]}
    with pytest.raises(ValueError, match="no_such_concept"):
        compile_rules(broken, {})
    starred = {**knowledge()[0], "families": [{"code": "login.timeout", "phrases": ["a*b"]}]}
    with pytest.raises(ValueError, match="end only"):
        compile_rules(starred, {})


def test_one_added_line_is_understood():
    refusals = knowledge()[0]
    text = "zorp frobnicated your quux"
    assert explain(text, Context(), rules()).code == UNRECOGNISED
    more = {
        **refusals,
        "families": [*refusals["families"], {"code": "login.account_locked", "phrases": ["frobnicated ... quux"]}],
    }
    assert explain(text, Context(), compile_rules(more, {})).code == "login.account_locked"


def test_fast_enough_for_every_reply():
    text = "535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8 https://example.com"
    start = time.perf_counter()
    for _ in range(200):
        told(text, protocol="smtp")
    assert (time.perf_counter() - start) / 200 < 0.005  # the benchmark measures; this only catches a blunder


def test_the_import_is_light():
    code = (
        "import json, sys; import bot.core.refusal; "
        "print(json.dumps([m for m in ('asyncio', 'yaml', 'rapidfuzz', 'logging', 'socket', 'random') if m in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=bench.ROOT)
    assert json.loads(run.stdout) == []
