"""The way to EWS: typed addresses, redirects, Autodiscover, servers that cannot be trusted or that answer without end."""

import pytest

from bot.checks import httpauth
from bot.checks.link.stream import Stream
from bot.core.model import Endpoint
from bot.core.secret import Secret
from tests.checks.exchanging import ADMIN, DOMAIN, HOST, PASSWORD, TARO, Play, serve
from tests.checks.running import HASTY, examine, make_world
from tests.servers.exchange import EWS
from tests.servers.exchange_words import Reply, autodiscovered
from tests.servers.hostile import Victim, at_once
from tests.servers.web import Page


@pytest.mark.parametrize("path", ["/owa/", "/ecp", "", "/EWS"])
async def test_a_wrong_address_is_corrected_and_told(path: str) -> None:
    played = await Play(path=path).run()
    finding = played.seen.finding("ews.redirected", "ews.endpoint")
    assert finding.evidence["use"].endswith(EWS)
    assert finding.evidence["typed"].endswith(path)
    assert played.seen.report.verdict == "warn"
    assert played.seen.step("ews.login").status == "pass"


async def test_a_redirect_is_followed_to_a_host_of_the_same_domain() -> None:
    async with make_world() as world:
        new = await serve(world, "ews.practice.test")
        location = f"https://ews.practice.test:{new.port}{EWS}"
        moved = await serve(world, pages={EWS: Reply(302, headers=(("Location", location),))})
        seen = await Play().examine(world, moved)
    assert seen.finding("ews.redirected", "ews.endpoint").evidence["use"].replace(":443", "") == location.replace(
        ":443", ""
    )
    assert (seen.report.verdict, moved.transcript.used, new.transcript.used) == ("warn", 0, 1)
    assert seen.step("ews.impersonation").status == "pass"


async def test_a_secret_does_not_follow_a_redirect_to_somebody_else() -> None:
    async with make_world() as world:
        new = await serve(world, "ews.elsewhere.test")
        location = f"https://ews.elsewhere.test:{new.port}{EWS}"
        moved = await serve(world, pages={EWS: Reply(307, headers=(("Location", location),))})
        seen = await Play().examine(world, moved)
    assert seen.codes("ews.endpoint") == ["ews.redirected"]
    assert seen.step("ews.login").skipped_because == "ews.endpoint"
    assert (moved.transcript.used, new.transcript.used) == (0, 0)


async def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    async with make_world() as world:
        world.record("inside.practice.test", "A", "10.1.2.3")
        moved = await serve(
            world, pages={EWS: Reply(302, headers=(("Location", f"https://inside.practice.test{EWS}"),))}
        )
        seen = await Play().examine(world, moved)
    assert seen.codes("ews.endpoint") == ["dns.host_private", "ews.redirected"]
    assert seen.report.cause == "dns.host_private"


@pytest.mark.parametrize(
    ("dead", "code"),
    [
        ("closed", "connect.refused"),
        ("black_hole", "connect.timeout"),
        ("close", "connect.reset"),
        ("reset", "connect.reset"),
        ("plain", "tls.not_offered"),
        ("nowhere", "dns.host_not_found"),
    ],
)
async def test_a_redirect_to_a_dead_host_is_the_fault_of_where_it_was_told(dead: str, code: str) -> None:
    host, port = "old.practice.test", 4443
    async with make_world() as world:
        if dead in ("closed", "black_hole"):
            port = (await (world.closed if dead == "closed" else world.black_hole)(host, port)).port
        elif dead != "nowhere":
            act = plain_http if dead == "plain" else at_once("close" if dead == "close" else "reset")
            port = (await world.hostile(host, port, act)).port
        pages = {EWS: Reply(302, headers=(("Location", f"https://{host}:{port}{EWS}"),))}
        seen = await Play(hasty=True).examine(world, await serve(world, pages=pages))
    assert (seen.report.failing_step, seen.report.cause) == ("ews.endpoint", code)
    assert seen.finding(code, "ews.endpoint").evidence["url"] == f"https://{host}:{port}{EWS}"
    stages = {step.id: step.status for step in seen.report.steps if step.id.startswith("ews.")}
    assert stages.pop("ews.endpoint") == "fail"
    assert stages == {"ews.dns": "pass", "ews.connect": "pass", "ews.tls": "pass", "ews.login": "skipped",
                      "ews.impersonation": "skipped"}  # fmt: skip


async def test_a_redirect_to_a_server_that_does_not_prove_itself() -> None:
    async with make_world() as world:
        new = await serve(world, "ews.practice.test", identity=world.identity("another.practice.test"))
        moved = await serve(
            world, pages={EWS: Reply(302, headers=(("Location", f"https://ews.practice.test:{new.port}{EWS}"),))}
        )
        seen = await Play().examine(world, moved)
    assert seen.report.cause == "tls.name_mismatch"
    assert seen.finding("tls.name_mismatch").evidence["expected_name"] == "ews.practice.test"
    assert new.transcript.used == 0


async def test_redirects_end() -> None:
    played = await Play({"pages": {EWS: Reply(302, headers=(("Location", EWS),))}}).run()
    assert played.seen.report.cause == "ews.not_exchange"
    assert len(played.server.requests) < 8


async def test_microsofts_own_servers_are_told_and_nothing_is_sent() -> None:
    played = await Play(host="outlook.office365.com").run()
    assert (played.seen.report.cause, played.seen.report.provider) == ("ews.forbidden", "m365")
    assert played.server.transcript.used == 0
    assert "Microsoft 365" in played.seen.report.advice[0].title + " ".join(played.seen.report.advice[0].actions)


@pytest.mark.parametrize(
    "fault", ["tls.expired", "tls.name_mismatch", "connect.refused", "connect.timeout", "dns.host_not_found"]
)
async def test_the_way_there_is_judged_as_for_mail_servers(fault: str) -> None:
    async with make_world() as world:
        port = 443
        if fault == "tls.expired":
            port = (await serve(world, identity=(await world.crafted("expired", HOST)).identity)).port
        elif fault == "tls.name_mismatch":
            port = (await serve(world, identity=world.identity("other.practice.test"))).port
        elif fault == "connect.refused":
            port = (await world.closed(HOST, 4443)).port
        elif fault == "connect.timeout":
            port = (await world.black_hole(HOST, 4443)).port
        seen = await Play(hasty=True).examine(world, Endpoint(HOST, port, "tls"))
    assert seen.report.cause == fault
    assert seen.report.failing_step == f"ews.{fault.partition('.')[0]}"


AUTODISCOVER = {
    "answers": ("autodiscover.practice.test", True),
    "asks for credentials": ("autodiscover.practice.test", False),
    "at the domain": ("practice.test", False),
}


@pytest.mark.parametrize("name", AUTODISCOVER)
async def test_autodiscover(name: str) -> None:
    where, answers = AUTODISCOVER[name]
    async with make_world() as world:
        world.domain(DOMAIN)
        if not world.privileged:
            pytest.skip("port 443 may not be bound here")
        ews = await serve(world, HOST if answers else where, **({} if answers else {"identity": world.identity(where)}))
        if answers:
            found = autodiscovered(f"https://{HOST}:{ews.port}{EWS}")
            await serve(world, where, autodiscover=found)
        seen = await examine(world, DOMAIN, scenario="exchange", account=ADMIN, secret=PASSWORD, mailbox=TARO)
    assert seen.report.verdict == "pass", seen.data
    assert seen.step("ews.endpoint").target == f"https://{HOST if answers else where}{EWS}"
    assert ews.transcript.used == 1


async def test_autodiscover_by_srv() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        ews = await serve(world)
        world.record(f"_autodiscover._tcp.{DOMAIN}", "SRV", f"0 0 {ews.port} {HOST}.")
        seen = await examine(world, DOMAIN, scenario="exchange", account=ADMIN, secret=PASSWORD)
    assert seen.report.verdict == "pass", seen.data
    assert seen.step("domain.servers").notes["servers"]["ews"].endswith("(autodiscover srv)")


async def test_autodiscover_finds_nothing() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        seen = await examine(world, DOMAIN, scenario="exchange")
    assert seen.codes("domain.servers") == ["dns.servers_not_found"]
    assert seen.report.verdict == "unknown"


async def test_a_server_that_wants_a_client_certificate() -> None:
    async with make_world() as world:
        context = world.identity(HOST).server_context(clients=world.root)
        server = await serve(world, context=context)
        seen = await Play().examine(world, server)
    assert (seen.report.failing_step, seen.report.cause) == ("ews.tls", "tls.client_certificate_required")
    assert server.transcript.used == 0


HOSTILE = {
    "endless": (Page(b"<p>more</p>", kind="text/html", endless=True), "ews.not_exchange"),
    "drip": (Page(b"x" * 4000, pace=0.05), "ews.timeout"),
    "silent": (Page(hang=True), "ews.timeout"),
    "huge header": (Page(b"", headers={"X-Long": "x" * 300_000}), "ews.not_exchange"),
    "bomb": (Page(b'<!DOCTYPE x [<!ENTITY a "ha">]><Envelope>&a;</Envelope>', kind="text/xml"), "ews.not_exchange"),
    "tokens": (Page(b"", 401, headers={"WWW-Authenticate": "NTLM " + "A" * 9000}), "ews.scheme_unsupported"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_web_server(name: str) -> None:
    answer, code = HOSTILE[name]
    async with make_world() as world:
        server = await world.web(HOST, {EWS: answer}, tls=True)
        seen = await examine(
            world, ews=f"https://{HOST}:{server.port}{EWS}", account=ADMIN, secret=PASSWORD, timeouts=HASTY
        )
    assert (seen.report.failing_step, seen.report.cause) == ("ews.login" if name == "tokens" else "ews.endpoint", code)
    assert not server.transcript.saw(PASSWORD)


async def plain_http(victim: Victim) -> None:
    await victim.receive()
    await victim.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def test_a_server_that_does_not_speak_tls() -> None:
    async with make_world() as world:
        server = await world.hostile(HOST, 4443, plain_http)
        seen = await examine(world, ews=f"https://{HOST}:{server.port}{EWS}", timeouts=HASTY)
    assert (seen.report.failing_step, seen.report.cause) == ("ews.tls", "tls.not_offered")


async def test_a_server_that_hangs_up() -> None:
    async with make_world() as world:
        server = await world.hostile(HOST, 4443, at_once("close"))
        seen = await examine(world, ews=f"https://{HOST}:{server.port}{EWS}", timeouts=HASTY)
    assert (seen.report.failing_step, seen.report.cause) == ("ews.connect", "connect.reset")


def test_no_secret_goes_over_what_was_not_verified() -> None:
    login, stream = httpauth.Login(ADMIN, Secret(PASSWORD)), Stream.__new__(Stream)
    with pytest.raises(TypeError):
        httpauth.basic(login, stream)
    with pytest.raises(TypeError):
        httpauth.Ntlm("NTLM", login, stream, HOST)
    assert PASSWORD not in repr(login)
