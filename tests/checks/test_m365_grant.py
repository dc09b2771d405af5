"""A sign-in on the bot's own page: code and PKCE at a strict platform, real msal and TLS, and nothing left of a token."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.core.cloud import Registration, SignIn
from bot.core.cloud_grant import Attempt, Returned, address_to_sign_in, pack, unpack
from bot.core.secret import Secret
from tests.checks.cases.table import holds
from tests.checks.exchanging import told
from tests.checks.running import Seen, examine, make_world, shared_root
from tests.checks.test_m365 import ADMIN, DOMAIN, HOST, SOUND, serve
from tests.checks.test_m365_sign_in import USER_ADMIN
from tests.leaks import find_leaks
from tests.servers.browser import query_of, visit
from tests.servers.exchange_words import Reply
from tests.servers.identity import APP, APP_SECRET, AppScript, IdentityServer, PersonScript, as_json, refusal

REDIRECT = "https://migcheck.practice.test/m365/redirect"
TOKEN, SEED = "token-of-the-link", "seed-of-the-browser-" + "x" * 30
WEB = AppScript(redirects=(REDIRECT,))
TOKENS = f"/{DOMAIN}/oauth2/v2.0/token"


@dataclass(slots=True)
class Play:
    """Somebody signs in with a browser as `person` says; what comes back is redeemed by the check."""

    person: PersonScript = field(default_factory=PersonScript)
    script: Mapping[str, Any] = field(default_factory=dict)
    secret: str = APP_SECRET
    mail: bool = False
    changed: Mapping[str, str] = field(default_factory=dict)
    """Instead of what the browser brought back, or what it is redeemed with."""
    twice: bool = False

    async def run(self) -> tuple[Seen, IdentityServer, Returned]:
        async with make_world() as world:
            world.domain(DOMAIN)
            server = await serve(world, person=self.person, app=WEB, **{"tenants": SOUND, **self.script})
            app = Registration(f"https://{HOST}:{server.port}", APP, REDIRECT, Secret(self.secret))
            returned = replace(await self._browse(app, server), **self.changed)
            way = SignIn(APP, self._nobody, grant=pack(returned), registration=app)
            options = {"scenario": "m365", "account": ADMIN, "authority": app.authority, "client_id": APP}
            if self.twice:
                await examine(world, DOMAIN, sign_in=replace(way, grant=pack(returned)), **options)
            seen = await examine(world, DOMAIN, sign_in=way, **options)
        return seen, server, returned

    async def _browse(self, app: Registration, server: IdentityServer) -> Returned:
        attempt = Attempt(TOKEN, SEED, self.mail)
        address = address_to_sign_in(attempt, app, ADMIN, DOMAIN)
        status, headers, body = await visit(address, shared_root()[1], server.host)
        assert status == 302, body
        back = query_of(headers["location"])
        assert headers["location"].startswith(REDIRECT + "?")
        assert attempt.fits(back["state"])
        if "error" in back:
            return Returned(error=back["error"], error_description=back["error_description"])
        return Returned(back["code"], attempt.verifier, attempt.nonce, self.mail)

    @staticmethod
    def _nobody(_code: object) -> None:
        raise AssertionError("nobody is shown a code")


def keeps_everything(server: IdentityServer, returned: Returned, said: str, secret: str = APP_SECRET) -> None:
    """No token, code, verifier or secret of the app is in what the check says, in any encoding."""
    for word in (*server.tokens, *server.codes, returned.verifier, returned.nonce, secret):
        if word:
            assert find_leaks(said, word) == []


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    code: str
    stage: str
    play: Play
    evidence: Mapping[str, Any] = field(default_factory=dict)


def by(**person: Any) -> Play:
    return Play(PersonScript(**person))


def declined(error: str, number: int, words: str = "It is not to be.") -> Play:
    return by(declines=(error, number, words))


CASES = [
    Case("someone else", "m365.wrong_account", "signin", by(name="hanako@practice.test"), {"signed_in_as": ["hanako@practice.test"]}),
    Case("no administrator", "m365.admin_required", "consent", by(roles=(USER_ADMIN,)), {"roles": [USER_ADMIN]}),
    Case("not granted", "m365.consent_required", "consent", by(scope="openid profile"), {"missing": ["User.Read"]}),
    Case("declined consent", "m365.consent_required", "consent", declined("access_denied", 65004), {"aadsts": "65004", "error": "access_denied", "server": lambda t: "Trace" not in t}),
    Case("asks an administrator", "m365.consent_required", "consent", declined("access_denied", 90094), {"aadsts": "90094"}),
    Case("a policy", "m365.conditional_access", "signin", declined("access_denied", 53003), {"aadsts": "53003", "flow": None}),
    Case("a policy at redemption", "m365.conditional_access", "signin", by(refusal=refusal(530003, "no", "interaction_required")), {"aadsts": "530003", "flow": None}),
    Case("second factor", "login.mfa_required", "signin", by(refusal=refusal(50076, "no", "interaction_required")), {"aadsts": "50076"}),
    Case("not assigned", "m365.sign_in_failed", "signin", declined("access_denied", 50105), {"aadsts": "50105"}),
    Case("unknown number", "m365.sign_in_failed", "signin", declined("server_error", 4999999), {"aadsts": "4999999"}),
    Case("secret of the app", "m365.sign_in_failed", "signin", Play(secret="expired-long-ago"), {"aadsts": "7000215", "error": "invalid_client"}),
    Case("another verifier", "login.token_rejected", "signin", Play(changed={"verifier": "v" * 43}), {"aadsts": "501481"}),
    Case("another nonce", "m365.sign_in_failed", "signin", Play(changed={"nonce": "n" * 43}), {"error": "invalid_id_token"}),
    Case("a made-up code", "login.token_rejected", "signin", Play(changed={"code": "1.code-made-up-by-somebody"}), {"aadsts": "54005"}),
    Case("redeemed before", "login.token_rejected", "signin", Play(twice=True), {"aadsts": "54005"}),
    Case("for another app", "m365.sign_in_failed", "signin", by(claims={"aud": "another"}), {"error": "invalid_id_token"}),
    Case("silence", "m365.unreachable", "signin", by(refusal=Reply(503, b"busy")), {"detail": ...}),
    Case("no JSON", "m365.unreachable", "signin", by(refusal=Reply(200, b"<html>")), {"detail": ...}),
    Case("tokens that are none", "m365.unreachable", "signin", by(refusal=as_json({"id_token": "x"})), {"detail": ...}),
    Case("a policy for the mail servers", "m365.conditional_access", "consent", replace(by(mail=refusal(53003, "no", "interaction_required")), mail=True), {"aadsts": "53003", "resource": "https://outlook.office.com"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_finding(case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level("DEBUG")
    seen, server, returned = await case.play.run()
    finding = seen.finding(case.code, f"m365.{case.stage}")
    wrong = {
        k: finding.evidence.get(k) for k, wanted in case.evidence.items() if not holds(wanted, finding.evidence.get(k))
    }
    assert not wrong, finding.evidence
    if finding.severity == "fail":
        assert (seen.report.failing_step, seen.report.cause) == (f"m365.{case.stage}", case.code)
    written = capfd.readouterr()
    said = told(seen) + repr(seen.report) + caplog.text + written.out + written.err
    keeps_everything(server, returned, said, case.play.secret)


@pytest.mark.parametrize(
    "person",
    [PersonScript(), PersonScript(roles=None), PersonScript(name="Admin@Practice.Test", roles_in="access_token")],
    ids=["sound", "roles not told", "told by the other token"],
)
async def test_sound(person: PersonScript, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    seen, server, returned = await Play(person).run()
    steps = [(s.id, s.status) for s in seen.report.steps if s.id.startswith("m365.")]
    assert steps == [(f"m365.{stage}", "pass") for stage in ("tenant", "realm", "signin", "consent")]
    assert (seen.report.verdict, seen.report.attempts) == ("pass", {"m365": 1})
    assert [form["grant_type"] for form in server.forms] == ["authorization_code"]
    assert "offline_access" in server.forms[0]["scope"]
    keeps_everything(server, returned, told(seen) + repr(seen.report) + caplog.text + repr(returned))


def test_nothing_is_asked_for_that_is_not_needed() -> None:
    app = Registration("https://login.example", APP, REDIRECT, Secret(APP_SECRET))
    query = query_of(address_to_sign_in(Attempt(TOKEN, SEED), app, ADMIN, DOMAIN))
    assert set(query["scope"].split()) == {"openid", "profile", "offline_access", "User.Read"}
    assert (query["response_type"], query["response_mode"], query["code_challenge_method"]) == ("code", "query", "S256")
    assert (query["login_hint"], query["redirect_uri"], query["prompt"]) == (ADMIN, REDIRECT, "select_account")
    more = query_of(address_to_sign_in(Attempt(TOKEN, SEED, mail=True), app, ADMIN, DOMAIN))
    assert set(more["scope"].split()) - set(query["scope"].split()) == {
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
    }


def test_every_attempt_is_its_own() -> None:
    one = Attempt(TOKEN, SEED)
    others = [Attempt(TOKEN, SEED, mail=True), Attempt(TOKEN, SEED + "y"), Attempt(TOKEN + "y", SEED)]
    assert one.fits(Attempt(TOKEN, SEED).state)
    for other in others:
        assert not one.fits(other.state)
        assert {one.state, one.verifier, one.nonce}.isdisjoint({other.state, other.verifier, other.nonce})
    assert not one.fits("")
    assert len({one.state, one.verifier, one.nonce}) == 3
    assert 43 <= len(one.verifier) <= 128  # RFC 7636, 4.1
    assert not any(word in one.state for word in (TOKEN, SEED, one.verifier, one.nonce))
    assert not any(word in repr(one) for word in (TOKEN, SEED))


def test_a_grant_shows_nothing_of_itself() -> None:
    returned = Returned("the-code", "the-verifier", "the-nonce")
    assert "the-" not in repr(pack(returned)) + repr(returned)
    assert unpack(pack(returned).unwrap()) == returned


@pytest.mark.parametrize("text", ["hunter22", "[]", '{"x": 1}', "7"])
async def test_a_secret_that_is_no_grant(text: str) -> None:
    """Whatever else comes this way is not understood, and is not shown."""
    async with make_world() as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants=SOUND, app=WEB)
        app = Registration(f"https://{HOST}:{server.port}", APP, REDIRECT, Secret(APP_SECRET))
        way = SignIn(APP, lambda _: None, grant=Secret(text), registration=app)
        options = {"scenario": "m365", "account": ADMIN, "authority": app.authority, "client_id": APP}
        seen = await examine(world, DOMAIN, sign_in=way, **options)
    assert seen.codes("m365.signin") == ["m365.unreachable"]
    assert server.forms == []
    assert "hunter22" not in told(seen)


async def test_a_check_that_is_stopped_redeems_nothing_more() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants=SOUND, app=WEB, person=PersonScript(refusal=Reply(hang=True)))
        app = Registration(f"https://{HOST}:{server.port}", APP, REDIRECT, Secret(APP_SECRET))
        returned = await Play()._browse(app, server)
        way = SignIn(APP, lambda _: None, grant=pack(returned), registration=app)
        options = {"scenario": "m365", "account": ADMIN, "authority": app.authority, "client_id": APP}
        checking = asyncio.create_task(examine(world, DOMAIN, sign_in=way, **options))
        while not server.forms:
            await asyncio.sleep(0.02)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
