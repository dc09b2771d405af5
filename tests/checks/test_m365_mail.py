"""IMAP and SMTP of whoever signed in with Microsoft, by XOAUTH2: what is switched off there, told apart from the sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.core.cloud import SignIn
from tests.checks.cases.table import holds
from tests.checks.exchanging import told
from tests.checks.running import NEEDS_PORTS, Seen, examine, make_world
from tests.checks.test_m365 import ADMIN, DOMAIN, HOST, SOUND, serve
from tests.checks.test_m365_sign_in import USER_ADMIN
from tests.leaks import find_leaks
from tests.servers.identity import APP, MAIL_TOKEN, PersonScript, refusal
from tests.servers.imap import ImapServer
from tests.servers.script import Say
from tests.servers.smtp import SmtpServer

pytestmark = NEEDS_PORTS
IMAP, SMTP = "outlook.office365.com", "smtp.office365.com"
MAY_IMAP, MAY_SMTP = "https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send"
BOTH = f"{MAY_IMAP} {MAY_SMTP}"
OFFERED = ("PLAIN", "XOAUTH2")
KNOWN = {ADMIN: MAIL_TOKEN}
OFF = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    " Visit https://aka.ms/smtp_auth_disabled for more information. [TY2PR01.jpnprd01.prod.outlook.com]"
)


@dataclass(slots=True)
class Play:
    """An administrator signs in by a code; `imap` and `smtp` are how the mail servers behave then."""

    imap: Mapping[str, Any] = field(default_factory=dict)
    smtp: Mapping[str, Any] = field(default_factory=dict)
    person: PersonScript = field(default_factory=lambda: PersonScript(mail=BOTH))

    async def run(self) -> tuple[Seen, ImapServer, SmtpServer]:
        async with make_world() as world:
            world.domain(DOMAIN)
            server = await serve(world, tenants=SOUND, person=self.person)
            words = {"accounts": KNOWN, "mechanisms": OFFERED}
            imap = await world.imap(IMAP, 993, **{**words, **self.imap})
            smtp = await world.smtp(SMTP, 587, **{**words, **self.smtp})
            options = {"scenario": "m365", "account": ADMIN, "client_id": APP}
            authority = f"https://{HOST}:{server.port}"
            seen = await examine(
                world, DOMAIN, sign_in=SignIn(APP, lambda _: None, 20.0), authority=authority, **options
            )
        return seen, imap, smtp


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    code: str
    step: str
    play: Play
    evidence: Mapping[str, Any] = field(default_factory=dict)


CASES = [
    Case("IMAP off", "login.protocol_disabled", "imap.login", Play({"refuse_all": "{tag} NO AUTHENTICATE failed."}), {"server": lambda t: "AUTHENTICATE failed" in t, "mechanism": "XOAUTH2", "confidence": 0.6}),
    Case("IMAP off, in a challenge", "login.protocol_disabled", "imap.login", Play({"accounts": {}}), {"server": lambda t: t.startswith("+ eyJ") and "\n" in t}),
    Case("no mailbox behind it", "mailbox.unavailable", "imap.mailbox", Play({"inbox": "{tag} BAD User is authenticated but not connected."}), {"server": ...}),
    Case("the token is named", "login.token_rejected", "imap.login", Play({"refuse_all": "{tag} NO [AUTHENTICATIONFAILED] OAuth token has expired"}), {}),
    Case("no XOAUTH2", "login.mechanism_unsupported", "imap.login", Play({"mechanisms": ("PLAIN",)}), {"offered": ["PLAIN"]}),
    Case("too often", "login.too_many_connections", "imap.login", Play({"refuse_all": "{tag} NO [LIMIT] Too many simultaneous connections"}), {}),
    Case("SMTP AUTH off", "login.protocol_disabled", "smtp.login", Play(smtp={"refuse_all": OFF}), {"server": lambda t: "5.7.139" in t, "mechanism": "XOAUTH2", "confidence": lambda c: c > 0.9}),
    Case("SMTP refuses in a challenge", "login.protocol_disabled", "smtp.login", Play(smtp={"accounts": {}}), {"server": lambda t: t.startswith("334 eyJ") and "535" in t}),
    Case("SMTP, said shortly", "login.protocol_disabled", "smtp.login", Play(smtp={"refuse_all": "535 5.7.3 Authentication unsuccessful [TY2PR01.prod.outlook.com]"}), {"confidence": 0.6}),
    Case("a policy", "login.blocked_by_policy", "smtp.login", Play(smtp={"refuse_all": "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator."}), {}),
    Case("hangs up", "login.connection_closed", "smtp.login", Play(smtp={"refuse_all": Say("", after="close")}), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_finding(case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level("DEBUG")
    seen, imap, smtp = await case.play.run()
    finding = seen.finding(case.code, case.step)
    wrong = {
        k: finding.evidence.get(k) for k, wanted in case.evidence.items() if not holds(wanted, finding.evidence.get(k))
    }
    assert not wrong, finding.evidence
    assert (seen.report.failing_step, seen.report.cause) == (case.step, case.code)
    assert [seen.step(f"m365.{stage}").status for stage in ("signin", "consent")] == ["pass", "pass"]
    other = "smtp" if case.step.startswith("imap") else "imap"
    assert seen.step(f"{other}.login").status == "pass", "one service says nothing of the other"
    assert all(server.transcript.used <= 1 for server in (imap, smtp))
    written = capfd.readouterr()
    assert find_leaks(told(seen) + repr(seen.report) + caplog.text + written.out + written.err, MAIL_TOKEN) == []


async def test_sound() -> None:
    seen, imap, smtp = await Play().run()
    services = [step.id.partition(".")[0] for step in seen.report.steps]
    assert list(dict.fromkeys(services)) == ["domain", "imap", "smtp", "m365"]
    assert (seen.report.verdict, seen.report.attempts) == ("pass", {"imap": 1, "smtp": 1, "m365": 1})
    assert seen.step("imap.login").notes["mechanism"] == seen.step("smtp.login").notes["mechanism"] == "XOAUTH2"
    assert seen.step("smtp.submission").status == "pass"
    assert (imap.transcript.used, smtp.transcript.used) == (1, 1)
    assert "DATA" not in smtp.transcript.commands
    said = repr(seen.report.transcript)
    assert "XOAUTH2" in said
    assert find_leaks(said, MAIL_TOKEN) == []


@pytest.mark.parametrize("mechanisms", [("XOAUTH2",), ("LOGIN", "XOAUTH2")])
async def test_a_server_that_takes_tokens_only(mechanisms: tuple[str, ...]) -> None:
    """That nobody can log in with a password is no fault where nobody wants to."""
    plain = {"mechanisms": mechanisms, "login_disabled": True}
    seen, _, _ = await Play(plain, {"mechanisms": mechanisms}).run()
    assert seen.report.verdict == "pass"


@pytest.mark.parametrize("capabilities", [("SASL-IR",), ()], ids=["with the command", "when asked"])
async def test_a_long_token_arrives(capabilities: tuple[str, ...]) -> None:
    seen, _, _ = await Play({"capabilities": capabilities}).run()
    assert seen.step("imap.login").status == "pass"


@pytest.mark.parametrize(
    ("person", "services"),
    [
        (PersonScript(), set()),
        (PersonScript(mail=refusal(65001, "not consented", "invalid_grant")), set()),
        (PersonScript(mail=MAY_IMAP), {"imap"}),
        (PersonScript(mail=MAY_SMTP), {"smtp"}),
        (PersonScript(mail="https://outlook.office.com/Mail.Read"), set()),
    ],
    ids=["nobody consented", "refused", "IMAP alone", "SMTP alone", "something else"],
)
async def test_only_what_was_consented_to_is_tried(person: PersonScript, services: set[str]) -> None:
    seen, imap, smtp = await Play(person=person).run()
    assert {step.id.partition(".")[0] for step in seen.report.steps} == {"domain", "m365"} | services
    assert seen.report.verdict == "pass"
    assert (imap.transcript.connections > 0, smtp.transcript.connections > 0) == (
        "imap" in services,
        "smtp" in services,
    )


@pytest.mark.parametrize(
    "person",
    [PersonScript(name="hanako@practice.test"), PersonScript(roles=(USER_ADMIN,))],
    ids=["somebody else's mailbox", "no administrator"],
)
async def test_nothing_is_tried_after_a_sign_in_that_is_not_right(person: PersonScript) -> None:
    seen, imap, smtp = await Play(person=replace(person, mail=BOTH)).run()
    assert str(seen.report.failing_step).startswith("m365.")
    assert (imap.transcript.connections, smtp.transcript.connections) == (0, 0)


async def test_no_token_goes_to_a_server_that_does_not_prove_itself() -> None:
    async with make_world() as world:
        identity = (await world.crafted("self_signed_leaf", IMAP)).identity
    seen, imap, _ = await Play({"identity": identity}).run()
    assert seen.report.failing_step == "imap.tls"
    assert seen.step("imap.login").status == "skipped"
    assert imap.transcript.used == 0
