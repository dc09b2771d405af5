"""Servers are found where people publish them, the best answer wins, and names that were only guessed are tried first."""

import time

import pytest

from bot.checks.link.line import Timeouts
from bot.core.model import Endpoint
from tests.checks.running import ACCOUNT, NEEDS_PORTS, SECRET, Seen, examine, make_world
from tests.servers.dns import DnsFault
from tests.servers.hostile import at_once
from tests.servers.web import Offer, Page, autoconfig, gzip_bomb, redirect, xml_bomb, xml_external
from tests.servers.world import World

pytestmark = NEEDS_PORTS
DOMAIN = "practice.test"
OFFERS = (Offer("imap", "in.hosting.test", 993), Offer("smtp", "out.hosting.test", 587, "STARTTLS"))
WELL_KNOWN = "/.well-known/autoconfig/mail/config-v1.1.xml"
FILE = "/mail/config-v1.1.xml"


def servers(seen: Seen) -> dict[str, str]:
    return dict(seen.step("domain.servers").notes["servers"])


async def mail_at(world: World, imap: str, smtp: str, smtp_port: int = 465) -> None:
    await world.imap(imap, accounts={ACCOUNT: SECRET})
    await world.smtp(smtp, smtp_port, accounts={ACCOUNT: SECRET})


async def test_provider_by_domain() -> None:
    async with make_world() as world:
        world.domain("gmail.com", mx="gmail-smtp-in.l.google.com")
        await mail_at(world, "imap.gmail.com", "smtp.gmail.com")
        seen = await examine(world, "gmail.com", account="taro@gmail.com")
    assert seen.report.provider == "gmail"
    assert seen.report.scenario == "saas"
    assert servers(seen)["imap"] == "imap.gmail.com:993 (provider:gmail)"


async def test_provider_by_mx() -> None:
    async with make_world() as world:
        world.domain(DOMAIN, mx="aspmx.l.google.com")
        await mail_at(world, "imap.gmail.com", "smtp.gmail.com")
        seen = await examine(world, DOMAIN)
    assert seen.report.provider == "gworkspace"
    assert servers(seen)["imap"] == "imap.gmail.com:993 (provider:gworkspace)"


async def test_srv() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        imap = await world.imap("box.hosting.test", 10993)
        smtp = await world.smtp("box.hosting.test", 1587, security="starttls")
        world.record(f"_imaps._tcp.{DOMAIN}", "SRV", "10 1 1 worse.hosting.test.", f"0 1 {imap.port} box.hosting.test.")
        world.record(f"_submissions._tcp.{DOMAIN}", "SRV", "0 0 0 .")
        world.record(f"_submission._tcp.{DOMAIN}", "SRV", f"0 1 {smtp.port} box.hosting.test.")
        seen = await examine(world, DOMAIN)
    found = {"imap": f"box.hosting.test:{imap.port} (srv)", "smtp": f"box.hosting.test:{smtp.port} (srv)"}
    assert servers(seen) == found
    assert seen.report.verdict == "pass"


@pytest.mark.parametrize(
    "target", ["999.999.999.999.", "1234.", ("\\001" * 40) + ".test.", "a\\032b.test.", "*.test.", "."]
)
async def test_srv_targets_that_are_no_hosts_are_done_without(target: str) -> None:
    async with make_world() as world:
        world.record(DOMAIN, "MX", f"10 {target}")
        world.record(f"_imaps._tcp.{DOMAIN}", "SRV", f"0 1 993 {target}")
        seen = await examine(world, DOMAIN)
    assert "imap" not in servers(seen)


@pytest.mark.parametrize(
    ("host", "path", "secure"),
    [(f"autoconfig.{DOMAIN}", FILE, True), (DOMAIN, WELL_KNOWN, True), (f"autoconfig.{DOMAIN}", FILE, False)],
)
async def test_autoconfig(host: str, path: str, secure: bool) -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        web = await world.web(host, {path: autoconfig(DOMAIN, *OFFERS)}, tls=secure)
        await mail_at(world, "in.hosting.test", "out.hosting.test", 587)
        seen = await examine(world, DOMAIN)
    found = {"imap": "in.hosting.test:993 (autoconfig)", "smtp": "out.hosting.test:587 (autoconfig)"}
    assert servers(seen) == found
    assert seen.report.verdict == "pass"
    assert [request.headers.get("accept-encoding") for request in web.requests] == ["identity"]


async def test_autoconfig_of_the_mx_domain() -> None:
    async with make_world() as world:
        world.domain(DOMAIN, mx="mx.hosting.com")
        await world.web("autoconfig.hosting.com", {FILE: autoconfig("hosting.com", *OFFERS)}, tls=True)
        await mail_at(world, "in.hosting.test", "out.hosting.test", 587)
        seen = await examine(world, DOMAIN)
    assert servers(seen)["imap"] == "in.hosting.test:993 (autoconfig of MX)"


async def test_public_database() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        await world.web("ispdb.test", {f"/v1.1/{DOMAIN}": autoconfig(DOMAIN, *OFFERS)}, tls=True)
        await mail_at(world, "in.hosting.test", "out.hosting.test", 587)
        seen = await examine(world, DOMAIN, ispdb_url="https://ispdb.test/v1.1")
    assert servers(seen)["imap"] == "in.hosting.test:993 (ispdb)"


async def test_redirects_are_followed() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        pages = {FILE: redirect("https://moved.hosting.test/file.xml", 301)}
        await world.web(f"autoconfig.{DOMAIN}", pages, tls=True)
        await world.web("moved.hosting.test", {"/file.xml": autoconfig(DOMAIN, *OFFERS)}, tls=True)
        await mail_at(world, "in.hosting.test", "out.hosting.test", 587)
        seen = await examine(world, DOMAIN)
    assert servers(seen)["imap"] == "in.hosting.test:993 (autoconfig)"


BAD_PAGES = {
    "gzip bomb": gzip_bomb(64 << 20),
    "entity bomb": xml_bomb(),
    "external entity": xml_external("file:///etc/passwd"),
    "endless": Page(b"<clientConfig>", endless=True),
    "redirect loop": redirect(FILE),
    "redirect to a file": redirect("file:///etc/passwd"),
    "redirect to a private network": redirect("http://10.0.0.1/config.xml"),
    "not XML": Page(b"\x00\xff\xfe<"),
    "no servers": Page(b"<clientConfig/>"),
    "plain only": autoconfig(DOMAIN, Offer("imap", "in.hosting.test", 143, "plain")),
    "bad port": autoconfig(DOMAIN, Offer("imap", "in.hosting.test", 99999)),
    "bad host": autoconfig(DOMAIN, Offer("imap", "in hosting", 993)),
    "error": Page(b"", 500),
}


@pytest.mark.parametrize("name", BAD_PAGES)
async def test_bad_pages_are_done_without(name: str) -> None:
    """Whatever a web server sends, well-known names are left in the end. STARTTLS proves no name, so pages are awaited."""
    begun = time.monotonic()
    async with make_world() as world:
        world.domain(DOMAIN)
        web = await world.web(f"autoconfig.{DOMAIN}", {FILE: BAD_PAGES[name]}, tls=True)
        await world.imap(f"imap.{DOMAIN}", 143)
        await world.smtp(f"smtp.{DOMAIN}", 587)
        seen = await examine(world, DOMAIN)
    assert servers(seen) == {"imap": f"imap.{DOMAIN}:143 (guess)", "smtp": f"smtp.{DOMAIN}:587 (guess)"}
    assert time.monotonic() - begun < 5
    assert 1 <= len(web.requests) <= 5


async def test_a_page_that_hangs_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.checks.domain.probe._PAGE_TIME", 0.3)
    async with make_world() as world:
        world.domain(DOMAIN)
        web = await world.web(f"autoconfig.{DOMAIN}", {FILE: Page(b"x" * 99, pace=0.05)}, tls=True)
        await world.imap(f"imap.{DOMAIN}", 143)
        await world.smtp(f"smtp.{DOMAIN}", 587)
        seen = await examine(world, DOMAIN)
    assert servers(seen)["imap"] == f"imap.{DOMAIN}:143 (guess)"
    assert len(web.requests) == 1


async def test_guessed_names_go_on_over_the_connection_that_proved_them() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        imap = await world.imap(f"imap.{DOMAIN}", accounts={ACCOUNT: SECRET})
        smtp = await world.smtp(f"smtp.{DOMAIN}", accounts={ACCOUNT: SECRET})
        seen = await examine(world, DOMAIN, account=ACCOUNT, secret=SECRET)
    assert seen.report.verdict == "pass"
    assert (imap.transcript.connections, smtp.transcript.connections) == (1, 1)
    assert servers(seen) == {"imap": f"imap.{DOMAIN}:993 (guess)", "smtp": f"smtp.{DOMAIN}:465 (guess)"}


async def test_a_guess_that_does_not_prove_its_name_gives_way_to_what_is_published() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        await world.imap(f"imap.{DOMAIN}", identity=world.identity("shared.hosting.test"))
        await world.smtp(f"smtp.{DOMAIN}", identity=world.identity("shared.hosting.test"))
        await world.web(DOMAIN, {WELL_KNOWN: autoconfig(DOMAIN, *OFFERS)}, tls=True)
        await mail_at(world, "in.hosting.test", "out.hosting.test", 587)
        seen = await examine(world, DOMAIN)
    assert servers(seen)["imap"] == "in.hosting.test:993 (autoconfig)"


async def test_a_guess_that_does_not_prove_its_name_is_still_told_about() -> None:
    """Where nothing better is known, the name's own fault is what the administrator has to hear of."""
    async with make_world() as world:
        world.domain(DOMAIN)
        await world.imap(f"imap.{DOMAIN}", identity=world.identity("shared.hosting.test"))
        await world.smtp(f"smtp.{DOMAIN}")
        seen = await examine(world, DOMAIN)
    assert (seen.report.failing_step, seen.report.cause) == ("imap.tls", "tls.name_mismatch")
    assert seen.step("smtp.tls").status == "pass"


async def test_starttls_ports_are_guessed_last() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        await world.imap(f"imap.{DOMAIN}", 143)
        await world.smtp(f"smtp.{DOMAIN}", 587)
        seen = await examine(world, DOMAIN)
    assert servers(seen) == {"imap": f"imap.{DOMAIN}:143 (guess)", "smtp": f"smtp.{DOMAIN}:587 (guess)"}
    assert seen.report.verdict == "pass"


async def test_pop_where_there_is_no_imap() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        await world.pop(f"pop.{DOMAIN}", accounts={ACCOUNT: SECRET})
        await world.smtp(f"smtp.{DOMAIN}", accounts={ACCOUNT: SECRET})
        seen = await examine(world, DOMAIN, account=ACCOUNT, secret=SECRET)
    assert servers(seen) == {"smtp": f"smtp.{DOMAIN}:465 (guess)", "pop": f"pop.{DOMAIN}:995 (guess)"}
    assert seen.step("pop.login").status == "pass"


async def test_dead_names_are_the_finding_where_they_exist() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        await world.closed(f"imap.{DOMAIN}", 993)
        await world.hostile(f"smtp.{DOMAIN}", 465, at_once("close"))
        seen = await examine(world, DOMAIN)
    assert seen.codes("imap.connect") == ["connect.refused"]
    assert seen.codes("smtp.connect") == ["connect.reset"]


@pytest.mark.parametrize(
    ("mx", "code"),
    [("eu-smtp-inbound-1.mimecast.com", "dns.mx_is_gateway"), ("mx1.larksuite.com", "dns.mx_is_destination")],
)
async def test_gateway_and_destination_do_not_name_the_mailboxes(mx: str, code: str) -> None:
    async with make_world() as world:
        world.domain(DOMAIN, mx=mx)
        await mail_at(world, f"imap.{DOMAIN}", f"smtp.{DOMAIN}")
        seen = await examine(world, DOMAIN)
    assert seen.codes("domain.mail") == [code]
    assert seen.report.scenario == "manual"
    assert servers(seen)["imap"] == f"imap.{DOMAIN}:993 (guess)"


async def test_named_servers_are_taken_and_only_the_missing_one_is_looked_for() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        imap = await world.imap("typed.hosting.test", 10143, security="tls")
        await world.smtp(f"smtp.{DOMAIN}")
        seen = await examine(world, DOMAIN, servers={"imap": Endpoint("typed.hosting.test", imap.port, "tls")})
    assert seen.step("imap.tls").status == "pass"
    assert servers(seen) == {"smtp": f"smtp.{DOMAIN}:465 (guess)"}


async def test_every_question_is_asked_once() -> None:
    async with make_world() as world:
        world.domain(DOMAIN)
        await mail_at(world, f"imap.{DOMAIN}", f"smtp.{DOMAIN}")
        await examine(world, DOMAIN)
        asked = [(question.name, question.kind) for question in world.names.questions]
    assert len(asked) == len(set(asked))


async def test_slow_names_do_not_take_others_with_them() -> None:
    """Pages that are given up had asked for a name that POP's discovery waits for afterwards."""
    async with make_world() as world:
        world.domain(DOMAIN)
        world.record(DOMAIN, "A", world.address())
        world.faults[DOMAIN] = DnsFault(delay=0.3, types=("A", "AAAA"))
        await world.smtp(f"smtp.{DOMAIN}")
        await world.pop(f"pop.{DOMAIN}")
        seen = await examine(world, DOMAIN)
    assert set(servers(seen)) == {"smtp", "pop"}
    assert seen.report.verdict == "pass"


async def test_the_whole_has_a_limit_in_discovery_too() -> None:
    begun = time.monotonic()
    async with make_world() as world:
        world.names.fallback = DnsFault("silent")
        seen = await examine(world, DOMAIN, timeouts=Timeouts(total=0.5))
    assert seen.codes("domain.exists") == ["dns.resolver_failed"]
    assert time.monotonic() - begun < 3
