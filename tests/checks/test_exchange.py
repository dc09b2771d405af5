"""Exchange on premises: every ews.* finding over real sockets, real TLS and real NTLM, and a log-in that does no harm."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.compiling import ADVICE
from tests.checks.cases.table import holds
from tests.checks.exchanging import ADMIN, DOMAIN, HOST, PASSWORD, TARO, Play, serve, told
from tests.checks.running import check_report
from tests.servers.exchange import EWS
from tests.servers.exchange_words import OWA_FORM, Reply, busy, soap_fault
from tests.servers.script import spellings
from tests.servers.world import World

FINDINGS = {
    code: entry
    for group in yaml.safe_load((ADVICE / "findings.yaml").read_text()).values()
    for code, entry in group.items()
}
OWA_REDIRECT = Reply(302, headers=(("Location", "/owa/auth/logon.aspx?url=https%3A%2F%2Fmail%2FEWS"),))
NGINX = Reply(200, b"<html><head><title>Welcome to nginx!</title></head></html>", headers=(("Server", "nginx"),))


@dataclass(frozen=True, slots=True)
class Case:
    """A finding, at which step, and the Exchange that gives rise to it."""

    name: str
    code: str
    step: str
    play: Play
    evidence: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0


def page(reply: Reply, **more: Any) -> Play:
    """An Exchange that answers everybody at the EWS address like this."""
    return Play({"pages": {EWS: reply}}, **more)


def known(reply: Reply) -> Play:
    """An Exchange that answers like this once the log-in is accepted."""
    return Play({"pages": {f"authenticated:{EWS}": reply}})


def refusing(reply: Reply) -> Play:
    return Play({"refusal": reply}, secret="not the password")


CORP: Mapping[str, Any] = {"dns": "corp.local", "netbios": "CORP"}
CASES = [
    Case("404", "ews.not_found", "endpoint", page(Reply(404, b"gone")), {"status": 404}),
    Case("other path", "ews.not_found", "endpoint", Play(path="/somewhere/else"), {"status": 404, "title": ...}),
    Case("nginx", "ews.not_exchange", "endpoint", page(NGINX), {"title": "Welcome to nginx!"}),
    Case("405", "ews.not_exchange", "endpoint", page(Reply(405)), {"status": 405}),
    Case("no http", "ews.not_exchange", "endpoint", page(Reply(200, b"ok", kind="text/plain")), {"title": "ok"}),
    Case("form", "ews.form_login", "endpoint", page(Reply(200, OWA_FORM)), {"title": "Outlook"}),
    Case("to a form", "ews.form_login", "endpoint", page(OWA_REDIRECT), {"location": lambda url: url.endswith("/owa/auth/logon.aspx")}),
    Case("440", "ews.form_login", "endpoint", page(Reply(440))),
    Case("403", "ews.forbidden", "endpoint", page(Reply(403, b"<title>403 - Forbidden</title>")), {"title": "403 - Forbidden"}),
    Case("Bearer", "ews.scheme_unsupported", "endpoint", Play({"schemes": ("Bearer",)}), {"offered": ["Bearer"]}),
    Case(
        "Kerberos", "ews.scheme_unsupported", "endpoint", Play({"schemes": ("Negotiate", "Bearer"), "taken": ()}),
        {"offered": ["Negotiate", "Bearer"], "not_answered": ["Negotiate"]},
    ),
    Case("no scheme", "ews.scheme_unsupported", "endpoint", Play({"schemes": ()})),
    Case("broken by a proxy", "ews.scheme_unsupported", "login", Play({"schemes": ("NTLM",), "closes": True}), {"offered": ["NTLM"]}),
    Case("silence", "ews.timeout", "endpoint", page(Reply(hang=True), hasty=True)),
    Case("408", "ews.timeout", "endpoint", page(Reply(408))),
    Case("500", "ews.server_error", "endpoint", page(Reply(500, b"boom")), {"status": 500}),
    Case("503", "ews.server_error", "endpoint", page(Reply(503, headers=(("Retry-After", "60"),))), {"headers": lambda h: h["retry-after"] == "60"}),
    Case("hangs up", "ews.server_error", "endpoint", page(Reply(reset=True)), {"detail": ...}),
    Case("429", "login.rate_limited", "endpoint", page(Reply(429))),
    Case("wrong password", "login.wrong_credentials", "login", Play(secret="not the password"), {"mechanism": "NTLM", "server": ..., "status": 401}, 1),
    Case("wrong password, Basic", "login.wrong_credentials", "login", Play({"schemes": ("Basic",)}, secret="not the password"), {"mechanism": "Basic"}, 1),
    Case(
        "log-in domain missing", "login.username_format", "login", Play({**CORP, "accounts": {r"corp.local\admin": PASSWORD}}),
        {"login_domain": "corp.local", "type_as": r"corp.local\admin@practice.test"}, 1,
    ),
    Case(
        "other log-in domain", "login.username_format", "login", Play(CORP, account=r"other.local\admin@practice.test"),
        {"type_as": r"corp.local\admin@practice.test"}, 1,
    ),
    Case("no domain at all", "login.username_format", "login", Play({"schemes": ("Basic",)}, account="admin"), {}, 1),
    Case("disabled", "login.account_disabled", "login", refusing(Reply(401, b"Error Code 0x80070533")), {"response_code": "0x80070533"}, 1),
    Case("locked", "login.account_locked", "login", refusing(Reply(401, b"Error Code 0x80070775")), {}, 1),
    Case("expired", "login.password_expired", "login", refusing(Reply(401, b"Error Code 0x80070532")), {}, 1),
    Case("hours", "login.blocked_by_policy", "login", refusing(Reply(401, b"Error Code 0x80070530")), {}, 1),
    Case("silent log-in", "login.timeout", "login", replace(refusing(Reply(hang=True)), hasty=True), {}, 1),
    Case("cut log-in", "login.connection_closed", "login", refusing(Reply(reset=True)), {}, 1),
    Case("EWS off", "ews.forbidden", "login", known(Reply(403)), {"status": 403}, 1),
    Case("form behind", "ews.form_login", "login", known(Reply(200, OWA_FORM)), {}, 1),
    Case("page behind", "ews.not_exchange", "login", known(NGINX), {}, 1),
    Case("404 behind", "ews.not_found", "login", known(Reply(404)), {}, 1),
    Case("500 behind", "ews.server_error", "login", known(Reply(500, b"boom")), {"status": 500}, 1),
    Case(
        "SOAP fault", "ews.server_error", "login", known(soap_fault("ErrorInternalServerError", "An internal server error occurred.")),
        {"response_code": "ErrorInternalServerError", "fault": "a:ErrorInternalServerError", "server": ...}, 1,
    ),
    Case("throttled", "login.rate_limited", "login", known(busy()), {"values": {"BackOffMilliseconds": "297749"}}, 1),
    Case("too many", "login.too_many_connections", "login", known(soap_fault("ErrorExceededConnectionCount", "too many")), {}, 1),
    Case(
        "no address", "ews.account_without_mailbox", "login", Play({"own": "ErrorMissingEmailAddress"}),
        {"response_code": "ErrorMissingEmailAddress", "exchange_version": "15.2.1544.4"}, 1,
    ),
    Case("no mailbox", "ews.account_without_mailbox", "login", Play({"own": "ErrorNonExistentMailbox"}), {}, 1),
    Case("no role", "ews.impersonation_denied", "impersonation", Play({"may_impersonate": False}), {"response_code": "ErrorImpersonateUserDenied"}, 1),
    Case("no right", "ews.impersonation_denied", "impersonation", Play({"mailboxes": {TARO: "ErrorAccessDenied"}}), {}, 1),
    Case("nobody", "ews.mailbox_not_found", "impersonation", Play(mailbox="nobody@practice.test"), {"mailbox": "nobody@practice.test"}, 1),
    Case("alias", "ews.mailbox_not_found", "impersonation", Play({"mailboxes": {TARO: "ErrorNonPrimarySmtpAddress"}}), {}, 1),
    Case("store down", "ews.server_error", "impersonation", Play({"mailboxes": {TARO: "ErrorMailboxStoreUnavailable"}}), {}, 1),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_finding(case: Case) -> None:
    played = await case.play.run()
    report = played.seen.report
    finding = played.seen.finding(case.code, f"ews.{case.step}")
    wrong = {
        k: finding.evidence.get(k) for k, wanted in case.evidence.items() if not holds(wanted, finding.evidence.get(k))
    }
    assert not wrong, finding.evidence
    assert (report.failing_step, report.cause, report.scenario) == (f"ews.{case.step}", case.code, "exchange")
    assert report.attempts.get("ews", 0) == case.attempts
    assert len(played.server.transcript.attempts) <= 1
    keeps_the_secret(played.server, told(played.seen), case.play.secret or "")


def keeps_the_secret(server: Any, said: str, secret: str) -> None:
    """The secret went out in Authorization headers only, and what the check says holds no form of it."""
    received = re.sub(rb"(?im)^authorization:[^\r\n]*", b"", bytes(server.transcript.received)).decode("latin-1")
    assert not server.transcript.received_plain.strip().startswith(b"POST")
    for name in (ADMIN, "admin", r"corp.local\admin"):
        forms = [*spellings(secret, name).values(), base64.b64encode(f"{name}:{secret}".encode()).decode()]
        assert not any(form in said or form in received for form in forms)
    assert "TlRMTVNTUAAD" not in said  # the message that a secret could be guessed at from
    assert "TlRMTVNTUAAC" not in said


def test_none_is_forgotten() -> None:
    wanted = {code for code in FINDINGS if code.startswith("ews.")} - {"ews.redirected"}  # it has tests of its own
    assert wanted - {case.code for case in CASES} == set()


SOUND = {
    "NTLM": ({}, ["", "NTLM", "NTLM", ""], ["NTLM"]),
    "Negotiate": ({"schemes": ("Negotiate",)}, ["", "Negotiate", "Negotiate", "Negotiate", ""], ["Negotiate"]),
    "Basic": ({"schemes": ("Basic", "Bearer")}, ["", "Basic", "Basic"], ["Basic", "Basic"]),
    "bound": ({"bindings": True}, ["", "NTLM", "NTLM", ""], ["NTLM"]),
    "without marks": ({"marks": (("Server", "nginx"),)}, ["", "NTLM", "NTLM", ""], ["NTLM"]),
}


@pytest.mark.parametrize("name", SOUND)
async def test_sound(name: str) -> None:
    script, schemes, attempts = SOUND[name]
    played = await Play(script).run()
    report = played.seen.report
    assert [(step.id, step.status) for step in report.steps] == [
        (f"ews.{stage}", "pass") for stage in ("dns", "connect", "tls", "endpoint", "login", "impersonation")
    ]
    assert (report.verdict, report.attempts, played.schemes) == ("pass", {"ews": 1}, schemes)
    assert [attempt.mechanism for attempt in played.server.transcript.attempts] == attempts
    assert all(attempt.accepted for attempt in played.server.transcript.attempts)
    assert played.server.transcript.connections == 1
    assert played.seen.step("ews.login").notes["version"] == "15.2.1544.4"
    assert played.seen.step("ews.endpoint").target == f"https://{HOST}:{played.server.port}{EWS}".replace(":443/", "/")
    keeps_the_secret(played.server, told(played.seen), PASSWORD)


async def test_a_server_where_ntlm_begins_but_once_a_connection() -> None:
    played = await Play({"once": True}).run()
    assert (played.seen.report.verdict, played.schemes) == ("pass", ["", "NTLM", "NTLM", ""])
    assert [attempt.accepted for attempt in played.server.transcript.attempts] == [True]
    played = await Play({"once": True, "schemes": ("Negotiate",)}).run()
    assert (played.seen.report.verdict, played.server.transcript.connections) == ("pass", 2)


async def test_a_server_that_closes_after_every_answer() -> None:
    """Basic works over a connection of its own; what NTLM needs is not there."""
    played = await Play({"closes": True}).run()
    assert played.seen.report.verdict == "pass"
    assert {attempt.mechanism for attempt in played.server.transcript.attempts} == {"Basic"}


@pytest.mark.parametrize(
    ("account", "accounts"),
    [
        (ADMIN, {ADMIN: PASSWORD}),
        (r"PRACTICE\admin", {r"PRACTICE\admin": PASSWORD}),
        (r"corp.local\admin@practice.test", {r"corp.local\admin": PASSWORD}),
    ],
)
@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate", "Basic"])
async def test_forms_of_an_account(account: str, accounts: Mapping[str, str], scheme: str) -> None:
    played = await Play({"accounts": accounts, "schemes": (scheme,)}, account=account, domain=DOMAIN).run()
    assert played.seen.report.verdict == "pass", played.seen.data
    assert {attempt.user for attempt in played.server.transcript.attempts} == set(accounts)


@pytest.mark.parametrize("secret", ["two words", "パスワード漢字", "pässwörd€", "x9" * 100, "100%{}+~&=:"])
@pytest.mark.parametrize("scheme", ["NTLM", "Basic"])
async def test_any_secret_arrives(secret: str, scheme: str) -> None:
    played = await Play({"accounts": {ADMIN: secret}, "schemes": (scheme,)}, secret=secret).run()
    assert played.seen.report.verdict == "pass"
    keeps_the_secret(played.server, told(played.seen), secret)


@pytest.mark.parametrize(
    ("account", "mailbox", "code"),
    [
        ("admin@other.test", None, "input.domain_mismatch"),
        (ADMIN, "taro@other.test", "input.domain_mismatch"),
        (r"CORP\admin", None, "input.account_format"),
    ],
)
async def test_names_that_cannot_be_typed(account: str, mailbox: str | None, code: str) -> None:
    """The servers are looked at all the same, but nothing is logged in to."""
    played = await Play(account=account, mailbox=mailbox, domain=DOMAIN).run()
    report = played.seen.report
    assert (report.failing_step, report.cause) == ("domain.input", code)
    assert played.seen.step("ews.endpoint").status == "pass"
    assert played.seen.step("ews.login").skipped_because == "domain.input"
    assert played.server.transcript.used == 0
    assert report.steps[0].id == "domain.input"


async def test_without_secret_only_the_door_is_looked_at() -> None:
    played = await Play({**CORP}, secret=None).run()
    assert (played.seen.report.verdict, played.seen.step("ews.login").skipped_because) == ("pass", "no_secret")
    assert played.seen.step("ews.endpoint").notes["login_domain"] == "corp.local"
    assert played.server.transcript.used == 0


async def test_without_mailbox_nobody_is_impersonated() -> None:
    played = await Play(mailbox=None).run()
    assert (played.seen.report.verdict, played.seen.step("ews.impersonation").skipped_because) == ("pass", "no_mailbox")


async def test_impersonation_asks_for_the_other_mailbox() -> None:
    played = await Play().run()
    last = played.server.requests[-1]
    assert b"<t:PrimarySmtpAddress>taro@practice.test</t:PrimarySmtpAddress>" in last.body
    assert last.headers["x-anchormailbox"] == TARO


@pytest.mark.parametrize("arguments", [(), ("--json",)])
async def test_the_command_line(arguments: tuple[str, ...]) -> None:
    async with World() as world:
        world.domain(DOMAIN)
        server = await serve(world, accounts={ADMIN: PASSWORD}, may_impersonate=False)
        asked = ("--ews", f"https://{HOST}:{server.port}{EWS}", "--account", ADMIN, "--mailbox", TARO)
        done = await world.bot("check", DOMAIN, "--lang", "ja", *asked, *arguments, secret=PASSWORD)
    assert done.status == 1, done.err
    keeps_the_secret(server, done.out + done.err, PASSWORD)
    if arguments:
        check_report(done.report)
        assert (done.report["failing_step"], done.report["cause"]) == ("ews.impersonation", "ews.impersonation_denied")
    else:
        assert "移行画面では、アカウントを次の形式で入力してください：admin@practice.test" in done.out


async def test_a_batch(tmp_path: Path) -> None:
    async with World() as world:
        server = await serve(world)
        lines = [{"ews": f"https://{HOST}:{server.port}{EWS}", "mailbox": TARO}, {"ews": "nothing at all"}]
        file = tmp_path / "batch"
        file.write_text("\n".join(json.dumps(line) for line in lines))
        done = await world.bot("check", "--json", "--batch", str(file))
    reports = {report["cause"]: report for report in map(json.loads, done.out.splitlines())}
    assert (set(reports), done.status) == ({None, "input.url_invalid"}, 2)
    assert [step["status"] for step in reports[None]["steps"]] == ["pass"] * 4 + ["skipped"] * 2
