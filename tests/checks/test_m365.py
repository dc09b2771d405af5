"""Microsoft 365 without a sign-in: every finding about tenants and realms over real sockets, and nobody is named."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.compiling import ADVICE
from tests.checks.cases.table import holds
from tests.checks.running import HASTY, PATIENT, Seen, check_report, examine, make_world
from tests.servers.dns import DnsFault
from tests.servers.exchange_words import Reply
from tests.servers.identity import CONTOSO, FABRIKAM, IdentityScript, IdentityServer, TenantScript, as_json, refusal
from tests.servers.world import World

DOMAIN, OTHER = "practice.test", "other.test"
ADMIN = f"admin@{DOMAIN}"
HOST = "login.identity.test"
PERSONAL = "84df9e7f-e9f6-40af-b435-aaaaaaaaaaaa"
OPENID = f"/{DOMAIN}/v2.0/.well-known/openid-configuration"
REALM, OTHER_REALM = "/GetUserRealm.srf", f"/common/userrealm/nobody@{DOMAIN}"
SOUND = {DOMAIN: TenantScript()}
STAGES = ("tenant", "realm", "signin", "consent")
FEDERATED = TenantScript(
    realm="Federated", auth_url="https://sts.practice.test/adfs/ls/?username=nobody%40practice.test"
)
SEVERITIES: Mapping[str, str] = {
    code: entry["severity"] for code, entry in yaml.safe_load((ADVICE / "findings.yaml").read_text())["m365"].items()
}


@dataclass(slots=True)
class Play:
    """A check of a domain at one scripted platform. `server` is what answered, `seen` what came of it."""

    script: Mapping[str, Any] = field(default_factory=dict)
    account: str | None = ADMIN
    domain: str | None = DOMAIN
    hasty: bool = False
    host: str = HOST
    tls: bool = True

    async def run(self) -> tuple[Seen, IdentityServer]:
        async with make_world() as world:
            server = await serve(world, tls=self.tls, **{"tenants": SOUND, **self.script})
            if self.domain:
                world.domain(self.domain)
            scheme = "https" if self.tls else "http"
            seen = await examine(
                world,
                self.domain,
                scenario="m365",
                account=self.account,
                authority=f"{scheme}://{self.host}:{server.port}/",
                timeouts=HASTY if self.hasty else PATIENT,
            )
            return seen, server


async def serve(world: World, *, tls: bool = True, **script: Any) -> IdentityServer:
    identity = world.identity(HOST) if tls else None
    made = IdentityScript(identity=identity, **script)
    server: IdentityServer = await world.start(HOST, 443, lambda ip, port: IdentityServer(made, ip, port, HOST))
    return server


def two(other: TenantScript | None, own: TenantScript = SOUND[DOMAIN]) -> Play:
    """An administrator of another domain than the migrated one."""
    return Play({"tenants": {DOMAIN: own} | ({OTHER: other} if other else {})}, account=f"admin@{OTHER}")


def page(reply: Reply, path: str = OPENID, **more: Any) -> Play:
    return Play({"pages": {path: reply}}, **more)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    code: str
    stage: str
    play: Play
    evidence: Mapping[str, Any] = field(default_factory=dict)


def china(**more: Any) -> TenantScript:
    return TenantScript(cloud="partner.microsoftonline.cn", **more)


CASES = [
    Case("nobody's", "m365.domain_unknown", "tenant", Play({"tenants": {}}), {"aadsts": "90002", "server": lambda t: "Trace" not in t, "status": 400}),
    Case("no number", "m365.domain_unknown", "tenant", page(as_json({"error": "invalid_tenant"}, 400)), {"server": "invalid_tenant"}),
    Case("outlook.com", "m365.domain_unknown", "tenant", Play({"tenants": {DOMAIN: TenantScript(id=PERSONAL)}}), {"personal": True}),
    Case("v1 only", "m365.domain_unknown", "tenant", Play({"tenants": {}, "v2": False}), {"aadsts": "90002"}),
    Case("no realm", "m365.domain_unknown", "realm", Play({"tenants": {DOMAIN: TenantScript(realm="Unknown")}}), {"namespace": "unknown"}),
    Case(
        "live.com", "m365.domain_unknown", "realm",
        Play({"tenants": {DOMAIN: TenantScript(realm="Federated", auth_url="https://login.live.com/login.srf?x=1")}}), {"namespace": "personal"},
    ),
    Case("silence", "m365.unreachable", "tenant", page(Reply(hang=True), hasty=True), {"reason": "timeout"}),
    Case("hangs up", "m365.unreachable", "tenant", page(Reply(reset=True)), {"reason": ...}),
    Case("503", "m365.unreachable", "tenant", page(Reply(503, b"<h1>busy</h1>")), {"status": 503, "server": "<h1>busy</h1>"}),
    Case("a proxy's page", "m365.unreachable", "tenant", page(Reply(200, b"<html>log in</html>")), {"status": 200, "server": ...}),
    Case("a redirect", "m365.unreachable", "tenant", page(Reply(302, headers=(("Location", "https://portal.test/"),))), {"status": 302}),
    Case("not JSON's object", "m365.unreachable", "tenant", page(as_json({"issuer": ["x"]}))),
    Case("deep JSON", "m365.unreachable", "tenant", page(Reply(200, b"[" * 100_000))),
    Case("another number", "m365.unreachable", "tenant", page(refusal(90033, "A transient error has occurred.", "temporarily_unavailable", 503)), {"aadsts": "90033"}),
    Case("wrong name", "m365.unreachable", "tenant", Play(host="elsewhere.identity.test"), {"detail": lambda text: "no address" in text}),
    Case("realm without words", "m365.unreachable", "realm", Play({"pages": dict.fromkeys((REALM, OTHER_REALM), Reply(500, b"oops"))}), {"status": 500, "server": "oops"}),
    Case("federated", "m365.federated", "realm", Play({"tenants": {DOMAIN: FEDERATED}}), {"sign_in_at": "sts.practice.test", "brand": "Contoso"}),
    Case("federated, the other way", "m365.federated", "realm", Play({"tenants": {DOMAIN: FEDERATED}, "legacy": False}), {"sign_in_at": "sts.practice.test", "protocol": "WSTrust"}),
    Case("21Vianet", "m365.other_cloud", "tenant", Play({"tenants": {DOMAIN: china()}}), {"cloud": "21Vianet", "tenant": CONTOSO}),
    Case("GCC High", "m365.other_cloud", "tenant", Play({"tenants": {DOMAIN: TenantScript(cloud="microsoftonline.us", region="USGov", sub_region="DODCON")}}), {"cloud": "US government", "region": "USGov DODCON"}),
    Case("by its scope only", "m365.other_cloud", "tenant", Play({"tenants": {DOMAIN: TenantScript(region="USGov", sub_region="DOD")}}), {"cloud": "US government"}),
    Case("by number", "m365.other_cloud", "tenant", page(refusal(90051, "Invalid national cloud.", "invalid_request")), {"aadsts": "90051"}),
    Case(
        "by its realm", "m365.other_cloud", "realm",
        page(as_json({"NameSpaceType": "Managed", "CloudInstanceName": "partner.microsoftonline.cn"}), REALM), {"cloud": "21Vianet"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_finding(case: Case) -> None:
    seen, server = await case.play.run()
    finding = seen.finding(case.code, f"m365.{case.stage}")
    wrong = {
        k: finding.evidence.get(k) for k, wanted in case.evidence.items() if not holds(wanted, finding.evidence.get(k))
    }
    assert not wrong, finding.evidence
    assert finding.severity == SEVERITIES[case.code]
    failing = (f"m365.{case.stage}", case.code) if finding.severity == "fail" else (None, None)
    assert (seen.report.failing_step, seen.report.cause) == failing
    ends = finding.severity in ("fail", "unknown")
    after = STAGES[STAGES.index(case.stage) + 1 :]
    assert [seen.step(f"m365.{s}").skipped_because for s in after if ends] == [f"m365.{case.stage}"] * len(after) * ends
    if not ends:
        assert seen.step("m365.signin").skipped_because == "no_sign_in"
    assert "admin" not in "".join(server.requests)


def test_none_is_forgotten() -> None:
    after_a_sign_in = {"wrong_account", "admin_required", "consent_required", "conditional_access", "sign_in_failed"}
    wanted = set(SEVERITIES) - {f"m365.{name}" for name in after_a_sign_in} - {"m365.tenant_mismatch"}
    assert wanted - {case.code for case in CASES} == set()


@pytest.mark.parametrize("tls", [True, False])
async def test_sound(tls: bool) -> None:
    seen, server = await Play(tls=tls).run()
    told = [(step.id, step.status, step.skipped_because) for step in seen.report.steps if step.id.startswith("m365.")]
    assert told == [
        ("m365.tenant", "pass", None),
        ("m365.realm", "pass", None),
        ("m365.signin", "skipped", "no_sign_in"),
        ("m365.consent", "skipped", "no_sign_in"),
    ]
    assert (seen.report.verdict, seen.report.provider, seen.report.scenario) == ("pass", "m365", "m365")
    assert seen.step("m365.tenant").notes["tenant"] == CONTOSO
    assert seen.report.attempts == {}
    assert seen.report.vantage == "127.0.0.1" or str(seen.report.vantage).startswith("127.")
    assert server.requests == [OPENID, f"{REALM}?login=nobody@{DOMAIN}&json=1"]
    assert {step.id.partition(".")[0] for step in seen.report.steps} == {"domain", "m365"}


async def test_older_configuration() -> None:
    seen, _ = await Play({"v2": False}).run()
    assert (seen.report.verdict, seen.step("m365.tenant").notes["tenant"]) == ("pass", CONTOSO)


async def test_a_national_cloud_is_told_of_once() -> None:
    seen, _ = await Play({"tenants": {DOMAIN: china(realm="Federated", auth_url="https://sts.practice.test/")}}).run()
    assert seen.codes("m365.tenant") == ["m365.other_cloud"]
    assert seen.codes("m365.realm") == ["m365.federated"]
    assert seen.report.verdict == "warn"


@pytest.mark.parametrize(
    ("play", "codes"),
    [
        (two(TenantScript(id=FABRIKAM)), ["m365.tenant_mismatch"]),
        (two(None), ["m365.tenant_mismatch"]),
        (two(TenantScript()), []),
        (two(TenantScript(id=FABRIKAM), china()), ["m365.tenant_mismatch", "m365.other_cloud"]),
    ],
    ids=["another tenant", "no tenant", "the same tenant", "another cloud"],
)
async def test_an_administrator_of_another_domain(play: Play, codes: list[str]) -> None:
    """The article's own advice comes first; the tenants are compared all the same."""
    seen, server = await play.run()
    report = seen.report
    assert (report.failing_step, report.cause, report.steps[0].id) == (
        "domain.input",
        "input.domain_mismatch",
        "domain.input",
    )
    assert seen.finding("input.domain_mismatch").evidence == {
        "field": "account",
        "typed": play.account,
        "account_domain": OTHER,
    }
    assert seen.codes("m365.tenant") == codes
    if "m365.tenant_mismatch" in codes:
        evidence = seen.finding("m365.tenant_mismatch").evidence
        assert (evidence["tenant"], evidence["account_domain"]) == (CONTOSO, OTHER)
        assert seen.step("m365.signin").skipped_because == "m365.tenant"
    else:
        assert seen.step("m365.signin").skipped_because == "domain.input"
    assert report.advice[0].code == "input.domain_mismatch"
    assert "admin" not in "".join(server.requests)


async def test_the_administrators_platform_answer_is_missing() -> None:
    play = two(TenantScript())
    play.script = {**play.script, "pages": {f"/{OTHER}/v2.0/.well-known/openid-configuration": Reply(503)}}
    seen, _ = await play.run()
    assert seen.finding("m365.unreachable", "m365.tenant").evidence["domain"] == OTHER


async def test_without_administrator_and_with_a_mail_filter_in_front() -> None:
    """Who the mail goes through says nothing against Microsoft 365."""
    async with make_world() as world:
        server = await serve(world, tenants=SOUND)
        world.record(DOMAIN, "MX", "10 mx1.eu.mimecast.test.")
        world.record("mx1.eu.mimecast.test", "A", world.address())
        seen = await examine(world, DOMAIN, scenario="m365", authority=f"https://{HOST}:{server.port}")
    assert (seen.report.verdict, seen.report.provider, seen.step("m365.signin").skipped_because) == (
        "pass",
        "m365",
        "no_sign_in",
    )


async def test_whose_mail_it_is_instead() -> None:
    async with make_world() as world:
        server = await serve(world, tenants={})
        world.record(DOMAIN, "MX", "10 aspmx.l.google.com.")
        seen = await examine(world, DOMAIN, scenario="m365", authority=f"https://{HOST}:{server.port}")
    evidence = seen.finding("m365.domain_unknown").evidence
    assert evidence["mail_at"] == seen.report.provider == "gworkspace"


@pytest.mark.parametrize(
    ("mx", "alias", "cloud"),
    [
        ("practice-test.mail.protection.outlook.com", "", "worldwide"),
        ("practice-test.i-v1.mx.microsoft", "", "worldwide"),
        ("mx1.eu.mimecast.test", "autodiscover.outlook.com", "worldwide"),
        ("practice-test.mail.protection.partner.outlook.cn", "autodiscover.partner.outlook.cn", "21Vianet"),
        ("mx.practice.test", "autodiscover-s.office365.us", "US government"),
        ("notoutlook.com", "autodiscover.hosting.test", ""),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["with a tenant", "without"])
async def test_where_the_mail_seems_to_be(mx: str, alias: str, cloud: str, known: bool) -> None:
    """A hint beside a tenant, and all there is to go by where the worldwide platform knows none."""
    async with make_world() as world:
        server = await serve(world, tenants=SOUND if known else {})
        world.record(DOMAIN, "MX", f"10 {mx}.")
        if alias:
            world.record(f"autodiscover.{DOMAIN}", "CNAME", f"{alias}.")
        seen = await examine(world, DOMAIN, scenario="m365", authority=f"https://{HOST}:{server.port}")
    hints = {"autodiscover": alias} if alias else {}
    if known:
        notes = seen.step("m365.tenant").notes
        assert seen.report.verdict == "pass"
        assert (list(notes.get("mail", ())), notes.get("autodiscover", "")) == (([mx], alias) if cloud else ([], ""))
        return
    national = ["m365.other_cloud"] if cloud in ("21Vianet", "US government") else []
    assert seen.codes("m365.tenant") == ["m365.domain_unknown", *national]
    assert (seen.report.failing_step, seen.report.cause) == ("m365.tenant", "m365.domain_unknown")
    evidence = seen.finding("m365.domain_unknown").evidence
    assert {k: evidence[k] for k in ("mx", "autodiscover") if k in evidence} == ({"mx": [mx], **hints} if cloud else {})
    if national:
        assert seen.finding("m365.other_cloud").evidence["cloud"] == cloud


async def test_a_hint_that_does_not_come_is_none() -> None:
    async with make_world() as world:
        server = await serve(world, tenants=SOUND)
        world.domain(DOMAIN)
        world.faults[f"autodiscover.{DOMAIN}"] = DnsFault("refused")
        seen = await examine(world, DOMAIN, scenario="m365", authority=f"https://{HOST}:{server.port}")
    assert seen.step("m365.tenant").status == "pass"


async def test_a_platform_at_a_private_address_is_not_asked() -> None:
    async with make_world() as world:
        server = await serve(world, tenants=SOUND)
        world.domain(DOMAIN)
        seen = await examine(world, DOMAIN, scenario="m365", authority=f"https://{HOST}:{server.port}", allow=())
    assert "private" in seen.finding("m365.unreachable").evidence["detail"]
    assert server.requests == []


async def test_an_untrusted_platform_is_not_believed() -> None:
    async with make_world() as world:
        identity = (await world.crafted("self_signed_leaf", HOST)).identity
        made = IdentityScript(identity=identity, tenants=SOUND)
        server = await world.start(HOST, 443, lambda ip, port: IdentityServer(made, ip, port))
        world.domain(DOMAIN)
        seen = await examine(world, DOMAIN, scenario="m365", authority=f"https://{HOST}:{server.port}")
    assert seen.finding("m365.unreachable").evidence["detail"].startswith("no TLS: self")
    assert server.requests == []


@pytest.mark.parametrize("arguments", [(), ("--json",)])
async def test_the_command_line(arguments: tuple[str, ...]) -> None:
    async with World() as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants={DOMAIN: TenantScript(), OTHER: TenantScript(id=FABRIKAM)})
        world.settings["MIGCHECK_M365__AUTHORITY"] = f"https://{HOST}:{server.port}"
        world.settings["MIGCHECK_M365__CLIENT_SECRET"] = "s3cret-of-the-app"
        asked = ("check", DOMAIN, "--scenario", "m365", "--lang", "ja", "--account", f"admin@{OTHER}", *arguments)
        done = await world.bot(*asked)
    assert done.status == 1, done.err
    assert "s3cret" not in done.out + done.err
    if arguments:
        check_report(done.report)
        assert (done.report["failing_step"], done.report["cause"]) == ("domain.input", "input.domain_mismatch")
    else:
        assert "Microsoft 365" in done.out


async def test_a_batch_and_a_check_by_the_account_alone(tmp_path: Path) -> None:
    async with World() as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants=SOUND)
        world.settings["MIGCHECK_M365__AUTHORITY"] = f"https://{HOST}:{server.port}"
        lines: list[dict[str, str]] = [
            {"domain": DOMAIN, "scenario": "m365"},
            {"account": ADMIN, "scenario": "m365"},
            {"domain": DOMAIN, "account": "CORP\\admin", "scenario": "m365"},
        ]
        file = tmp_path / "batch"
        file.write_text("\n".join(json.dumps(line) for line in lines))
        done = await world.bot("check", "--json", "--batch", str(file))
        alone = await world.bot("check", "--scenario", "m365", "--account", ADMIN, "--json")
    reports = [json.loads(line) for line in done.out.splitlines()]
    assert sorted((report["verdict"], report["cause"] or "") for report in reports) == [
        ("fail", "input.address_invalid"),
        ("pass", ""),
        ("pass", ""),
    ]
    assert (done.status, alone.status, alone.report["domain"]) == (2, 0, DOMAIN)
