"""A sign-in at Microsoft by device code: real msal, real TLS, signed tokens; what comes of it, and no token anywhere."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import yaml

from bot.checks.m365 import signin
from bot.compiling import ADVICE
from bot.core.cloud import DeviceCode, SignIn
from tests.checks.cases.table import holds
from tests.checks.exchanging import told
from tests.checks.running import Seen, check_report, examine, make_world
from tests.checks.test_m365 import ADMIN, DOMAIN, HOST, OTHER, SOUND, serve
from tests.leaks import find_leaks
from tests.servers.exchange_words import Reply
from tests.servers.identity import (
    APP,
    CONTOSO,
    DEVICE_CODE,
    USER_CODE,
    IdentityServer,
    PersonScript,
    as_json,
    refusal,
)
from tests.servers.world import World

PRIVILEGED_ROLE_ADMIN, USER_ADMIN = "e8611ab8-c189-46e8-94e1-60213ab1f814", "fe930be7-5e62-47db-91af-98c3a49a38b1"
DEVICE_CODES = f"/{CONTOSO}/oauth2/v2.0/devicecode"
AADSTS: Mapping[int, str] = yaml.safe_load((ADVICE / "aadsts.yaml").read_text())


@dataclass(slots=True)
class Play:
    """A check in which somebody signs in as `person` says."""

    person: PersonScript | None = field(default_factory=PersonScript)
    script: Mapping[str, Any] = field(default_factory=dict)
    account: str = ADMIN
    client_id: str = APP
    limit: float = 20.0
    tls: bool = True
    codes: list[DeviceCode] = field(default_factory=list)

    async def run(self) -> tuple[Seen, IdentityServer]:
        async with make_world() as world:
            world.domain(DOMAIN)
            server = await serve(world, tls=self.tls, person=self.person, **{"tenants": SOUND, **self.script})
            way = SignIn(self.client_id, self.codes.append, self.limit)
            authority = f"{'https' if self.tls else 'http'}://{HOST}:{server.port}"
            options = {"scenario": "m365", "account": self.account, "authority": authority, "client_id": APP}
            seen = await examine(world, DOMAIN, sign_in=way, **options)
        return seen, server


def keeps_tokens(server: IdentityServer, said: str) -> None:
    """No token and no code of the device is in what the check says, in any encoding."""
    for secret in (*server.tokens, DEVICE_CODE):
        assert find_leaks(said, secret) == []
        assert secret not in said
    for token in server.tokens[:2]:
        assert not any(part in said for part in token.split("."))


def refused(number: int, error: str = "invalid_grant", words: str = "It is refused.") -> PersonScript:
    return PersonScript(refusal=refusal(number, words, error))


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    code: str
    stage: str
    play: Play
    evidence: Mapping[str, Any] = field(default_factory=dict)


def by(**person: Any) -> Play:
    return Play(PersonScript(**person))


PAGE = Reply(400, b"<!DOCTYPE html><html><body><h1>Sign in</h1><div>AADSTS50126: Wrong.</div></body></html>")

CASES = [
    Case("someone else", "m365.wrong_account", "signin", by(name="hanako@practice.test"), {"signed_in_as": ["hanako@practice.test"], "expected": ADMIN}),
    Case("no administrator", "m365.admin_required", "consent", by(roles=(USER_ADMIN,)), {"roles": [USER_ADMIN], "needed": ...}),
    Case("told by the other token", "m365.admin_required", "consent", by(roles=(USER_ADMIN,), roles_in="access_token")),
    Case("not granted", "m365.consent_required", "consent", by(scope="openid profile"), {"missing": ["User.Read"]}),
    Case("65001", "m365.consent_required", "consent", Play(refused(65001)), {"aadsts": "65001", "error": "invalid_grant", "server": lambda t: "Trace" not in t}),
    Case("90093", "m365.admin_required", "consent", Play(refused(90093)), {"aadsts": "90093"}),
    Case("53003", "m365.conditional_access", "signin", Play(refused(53003)), {"aadsts": "53003", "flow": "device code"}),
    Case("50076", "login.mfa_required", "signin", Play(refused(50076, "interaction_required")), {"aadsts": "50076"}),
    Case("50126", "login.wrong_credentials", "signin", Play(refused(50126)), {"aadsts": "50126"}),
    Case("50053", "login.account_locked", "signin", Play(refused(50053)), {"aadsts": "50053"}),
    Case("a page for people", "login.wrong_credentials", "signin", by(refusal=PAGE), {"aadsts": "50126", "server": "AADSTS50126: Wrong."}),
    Case("unknown number", "m365.sign_in_failed", "signin", Play(refused(4999999)), {"aadsts": "4999999"}),
    Case("a number that is no failure here", "m365.sign_in_failed", "signin", Play(refused(90051)), {"aadsts": "90051"}),
    Case("declined", "m365.sign_in_failed", "signin", by(refusal=as_json({"error": "authorization_declined"}, 400)), {"error": "authorization_declined"}),
    Case("unknown app", "m365.sign_in_failed", "signin", Play(client_id="no-such-app"), {"aadsts": "700016", "error": "unauthorized_client"}),
    Case("for another app", "m365.sign_in_failed", "signin", by(claims={"aud": "another"}), {"error": "invalid_id_token"}),
    Case("out of date", "m365.sign_in_failed", "signin", by(claims={"exp": 1}), {"error": "invalid_id_token"}),
    Case("no code", "m365.unreachable", "signin", Play(script={"pages": {DEVICE_CODES: Reply(503, b"busy")}}), {"detail": ...}),
    Case("no JSON", "m365.unreachable", "signin", Play(script={"pages": {DEVICE_CODES: Reply(200, b"<html>")}}), {"detail": ...}),
    Case("a list for a code", "m365.unreachable", "signin", Play(script={"pages": {DEVICE_CODES: Reply(200, b"[]")}}), {"detail": ...}),
    Case("an odd time", "m365.unreachable", "signin", Play(script={"pages": {DEVICE_CODES: as_json({"user_code": "A", "device_code": DEVICE_CODE, "verification_uri": "https://x.test/", "expires_in": "soon"})}})),
    Case("nothing for tokens", "m365.unreachable", "signin", by(refusal=Reply(200, b"null")), {"detail": ...}),
    Case("an odd error", "m365.sign_in_failed", "signin", by(refusal=as_json({"error": ["x"], "error_codes": {}, "error_description": 7}, 400)), {"error": "['x']"}),
    Case("tokens that are none", "m365.unreachable", "signin", by(refusal=Reply(200, b"access_token=x")), {"detail": ...}),
    Case("a page without https", "m365.unreachable", "signin", Play(script={"pages": {DEVICE_CODES: as_json({"user_code": "A", "device_code": DEVICE_CODE, "verification_uri": "javascript:alert(1)"})}})),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_finding(case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level("DEBUG")
    seen, server = await replace(case.play, codes=[]).run()
    finding = seen.finding(case.code, f"m365.{case.stage}")
    wrong = {
        k: finding.evidence.get(k) for k, wanted in case.evidence.items() if not holds(wanted, finding.evidence.get(k))
    }
    assert not wrong, finding.evidence
    if finding.severity == "fail":
        assert (seen.report.failing_step, seen.report.cause) == (f"m365.{case.stage}", case.code)
    if case.stage == "signin":
        assert seen.step("m365.consent").skipped_because == "m365.signin"
    written = capfd.readouterr()
    keeps_tokens(server, told(seen) + caplog.text + written.out + written.err)


def test_every_finding_of_a_sign_in_is_produced() -> None:
    wanted = {"wrong_account", "admin_required", "consent_required", "conditional_access", "sign_in_failed"}
    assert {f"m365.{name}" for name in wanted} - {case.code for case in CASES} == set()


@pytest.mark.parametrize(
    "person",
    [
        PersonScript(),
        PersonScript(roles=(USER_ADMIN, PRIVILEGED_ROLE_ADMIN), name="Admin@Practice.Test"),
        PersonScript(roles=None),
        PersonScript(name="a.b@contoso.onmicrosoft.com", claims={"email": ADMIN}),
        PersonScript(waits=1),
    ],
    ids=["sound", "another role", "roles not told", "by another name", "takes a while"],
)
async def test_sound(person: PersonScript, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    play = Play(person)
    seen, server = await play.run()
    assert [(s.id, s.status) for s in seen.report.steps if s.id.startswith("m365.")] == [
        (f"m365.{stage}", "pass") for stage in ("tenant", "realm", "signin", "consent")
    ]
    assert (seen.report.verdict, seen.report.attempts) == ("pass", {"m365": 1})
    assert [(code.url, code.code, code.minutes) for code in play.codes] == [
        ("https://microsoft.test/devicelogin", USER_CODE, 1)
    ]
    assert server.forms[0]["client_id"] == APP
    assert "User.Read" in server.forms[0]["scope"]
    assert len(server.tokens) == 3
    keeps_tokens(server, told(seen) + caplog.text + repr(play.codes))
    assert USER_CODE not in told(seen) + caplog.text + repr(play.codes)


async def test_what_is_told_of_a_sign_in_holds_no_token() -> None:
    tokens = {"id_token": "a.e30.c", "access_token": "opaque", "refresh_token": "refreshing"}
    facts = signin.read_sign_in({**tokens, "scope": "User.Read"}, APP)
    assert facts.error == "invalid_id_token"
    assert not any(token in repr(facts) for token in tokens.values())


async def test_nobody_comes() -> None:
    begun = time.monotonic()
    seen, _ = await Play(None, limit=1.0).run()
    assert time.monotonic() - begun < 10
    assert [seen.step(f"m365.{s}").skipped_because for s in ("signin", "consent")] == ["no_sign_in"] * 2
    assert (seen.report.verdict, seen.report.attempts) == ("pass", {})


@pytest.mark.parametrize(
    "play", [Play(account=f"admin@{OTHER}"), Play(tls=False)], ids=["another domain", "without https"]
)
async def test_nobody_is_asked_to_sign_in_for_nothing(play: Play) -> None:
    seen, server = await play.run()
    assert seen.step("m365.signin").status == "skipped"
    assert (play.codes, server.forms) == ([], [])


async def test_people_who_take_their_time_hold_up_no_other_work_of_the_process() -> None:
    """More of them than there are threads in common."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    plays = [Play(None, limit=3.0) for _ in range(3)]
    checks = [asyncio.create_task(play.run()) for play in plays]
    async with asyncio.timeout(10):
        while not all(play.codes for play in plays):
            await asyncio.sleep(0.02)
    assert await asyncio.wait_for(asyncio.to_thread(int), 1.0) == 0
    await asyncio.gather(*checks)


async def test_a_check_that_is_stopped_stops_asking() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants=SOUND)
        shown = asyncio.Event()
        way = SignIn(APP, lambda _: shown.set(), 60)
        authority = f"https://{HOST}:{server.port}"
        options = {"scenario": "m365", "account": ADMIN, "authority": authority, "client_id": APP}
        checking = asyncio.create_task(examine(world, DOMAIN, sign_in=way, **options))
        await asyncio.wait_for(shown.wait(), 15)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
        asked = len(server.forms)
        await asyncio.sleep(2.5)
        assert len(server.forms) <= asked + 1


@pytest.mark.parametrize("arguments", [(), ("--json",)])
async def test_the_command_line(arguments: tuple[str, ...]) -> None:
    async with World() as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants=SOUND, person=PersonScript(roles=(USER_ADMIN,), waits=1))
        world.settings["MIGCHECK_M365__AUTHORITY"] = f"https://{HOST}:{server.port}"
        world.settings["MIGCHECK_M365__CLIENT_ID"] = APP
        done = await world.bot("check", DOMAIN, "--scenario", "m365", "--account", ADMIN, "--lang", "en", *arguments)
        without = await world.bot("check", DOMAIN, "--scenario", "m365", "--json")
        store = b"".join(path.read_bytes() for path in world.folder.glob("store.db*"))
    assert done.status == 1, done.err
    assert f"Open https://microsoft.test/devicelogin in a browser, enter the code {USER_CODE}" in done.err
    assert USER_CODE not in done.out
    keeps_tokens(server, done.out + done.err + store.decode("latin-1"))
    if arguments:
        check_report(done.report)
        assert (done.report["failing_step"], done.report["cause"]) == ("m365.consent", "m365.admin_required")
        assert done.report["attempts"] == {"m365": 1}
    else:
        assert "This account may not consent to the app" in done.out
    assert "microsoft.test" not in without.err
    assert without.report["steps"][-1]["skipped_because"] == "no_sign_in"


def test_the_table_of_numbers() -> None:
    assert len(AADSTS) >= 120
    codes = {code for group in yaml.safe_load((ADVICE / "findings.yaml").read_text()).values() for code in group}
    assert set(AADSTS.values()) <= codes
