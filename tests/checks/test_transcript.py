"""The transcript for support: who said what when, as it happened, stored and exported."""

import os
import re

import pytest

from bot.asking import reader_for
from bot.checks.link.dns import questions
from bot.checks.link.fetch import ask, fetch
from bot.checks.link.line import Net, Timeouts
from bot.checks.link.policy import policy
from bot.core.asides import HIDDEN
from bot.core.bundle import bundle
from bot.core.model import Endpoint
from bot.core.privilege import neutral
from bot.network import wisdom_in
from bot.store.reports import kept_report, report_row
from tests.checks.cases.table import Ground
from tests.checks.running import ACCOUNT, examine, make_world, network_in
from tests.checks.talking import TIME, said, talk
from tests.leaks import find_leaks
from tests.servers.dovecot import Dovecot, find_dovecot
from tests.servers.postfix import Postfix
from tests.servers.real import RealServerMissing, find_program
from tests.servers.script import Say
from tests.servers.web import Page


async def test_imap_from_greeting_to_mailbox() -> None:
    async with make_world() as world:
        ground = Ground(world, "imap")
        server = await ground.serve(mechanisms=("PLAIN",), capabilities=("SASL-IR",))
        seen = await ground.examine()
    lines = said(seen, "imap")
    assert lines[:6] == [
        f"-- connected to {server.host} for imap.practice.test:993",
        "-- TLSv1.3 TLS_AES_256_GCM_SHA384, certificate verified",
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] practice IMAP server ready",
        "C: a3 AUTHENTICATE PLAIN <hidden, up to 64 bytes>",
        "S: a3 OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] Logged in",
        lines[5],
    ]
    assert re.fullmatch(r'C: \w+ ID \("name" "migcheck" .*\)', lines[5])
    assert "S: * 12 EXISTS" in lines
    assert 'C: s0 STATUS "INBOX" (MESSAGES)' in lines
    assert lines[-1] == "S: s2 OK done"


async def test_smtp_with_starttls() -> None:
    seen = await talk("smtp", "starttls", mechanisms=("PLAIN",), capabilities=("PIPELINING",))
    lines = said(seen, "smtp")
    assert lines[1:6] == [
        "S: 220 smtp.practice.test ESMTP practice",
        "C: EHLO [127.0.0.1]",
        "S: 250-smtp.practice.test",
        "S: 250-PIPELINING",
        "S: 250-STARTTLS",
    ]
    assert lines[7:10] == [
        "C: STARTTLS",
        "S: 220 2.0.0 Ready to start TLS",
        "-- TLSv1.3 TLS_AES_256_GCM_SHA384, certificate verified",
    ]
    assert lines[10:] == [
        "C: EHLO [127.0.0.1]",
        "S: 250-smtp.practice.test",
        "S: 250-PIPELINING",
        "S: 250 AUTH PLAIN",
        "C: AUTH PLAIN <hidden, up to 64 bytes>",
        "S: 235 2.7.0 Authentication successful",
        f"C: MAIL FROM:<{ACCOUNT}>",
        f"C: RCPT TO:<{ACCOUNT}>",
        "C: RSET",
        "S: 250 2.1.0 Ok",
        "S: 250 2.1.5 Ok",
        "S: 250 2.0.0 Ok",
    ]


async def test_ends_and_faults_of_a_connection() -> None:
    async with make_world() as world:
        ground = Ground(world, "imap", secret=None)
        other = await world.closed("smtp.practice.test", 465)
        await ground.serve(identity=world.identity("another.test"))
        assert ground.endpoint
        servers = {"imap": ground.endpoint, "smtp": Endpoint("smtp.practice.test", other.port, "tls")}
        seen = await examine(world, servers=servers)
        hung = Ground(world, "pop", "starttls", secret=None)
        await hung.serve(replies={"CAPA": Say("-ERR too many", after="close")})
        end = await hung.examine()
    assert (
        said(seen, "imap")[1] == "-- no TLS: Hostname mismatch, certificate is not valid for 'imap.practice.test'. (62)"
    )
    assert said(seen, "smtp") == [f"-- no connection to smtp.practice.test:{other.port}"]
    assert said(end, "pop")[1:] == [
        "S: +OK practice POP3 server ready",
        "C: CAPA",
        "S: -ERR too many",
        "C: STLS",
        "-- closed by the server",
    ]


async def test_the_time_of_each_line_is_its_own() -> None:
    seen = await talk("smtp", greeting=Say("220-wait\r\n220 now", delay=0.3), mechanisms=("PLAIN",))
    lines = seen.report.transcript["smtp"]
    at = {line.split(" ", 1)[1]: float(line.split(" ", 1)[0]) for line in lines}
    assert at["S: 220-wait"] - at["-- TLSv1.3 TLS_AES_256_GCM_SHA384, certificate verified"] > 0.25
    greeting = seen.step("smtp.greeting")
    assert greeting.started is not None
    assert greeting.started <= at["S: 220-wait"] + 0.01


async def test_pages_are_kept_but_nothing_that_is_posted() -> None:
    """Forms to the identity platform hold codes, its answers tokens."""
    async with make_world() as world:
        server = await world.web("login.test", {"/page": Page(b"words"), "/token": Page(b'{"access_token": "x"}')})
        with network_in(world) as network:
            rules = policy(network.allow, any_port=True)
            net = Net(questions(network.resolver, rules), rules, network.trust, Timeouts(1, 1, 1, 5))
            try:
                await fetch(net, f"http://login.test:{server.port}/page?of=whom", 3)
                await ask(net, f"http://login.test:{server.port}/token", b"code=1234")
                await ask(net, f"http://login.test:{server.port}/token", None, [("Authorization", "Bearer x")])
                told = {service: said.lines() for service, said in net.transcripts.items()}
            finally:
                net.close()
    assert list(told) == ["web"]
    lines = [TIME.sub("", line) for line in told["web"]]
    assert lines[1] == "C: GET /page?<7 characters> HTTP/1.1"
    assert "S: words" in lines
    assert "token" not in "".join(lines)


async def test_stored_exported_and_withheld() -> None:
    """It goes with the report into the store and the export, not into the schema, and not to whom it would tell too much."""
    seen = await talk("imap", refuse_all=f"{{tag}} NO [AUTHENTICATIONFAILED] no user {ACCOUNT.upper()}")
    report = seen.report
    assert "transcript" not in seen.data
    assert all("started" not in step for step in seen.data["steps"])
    kept = kept_report(report_row(report, "en", 1000.0)).report
    assert kept.transcript == report.transcript
    assert [step.started for step in kept.steps] == [step.started for step in report.steps]
    made = bundle(kept, ACCOUNT, {})
    assert any("no user" in line and HIDDEN in line for line in made["protocol"]["imap"])
    assert ACCOUNT not in repr(made).lower()
    assert neutral(report, reader_for(wisdom_in("en"), "en", report=report)).transcript == {}


async def test_reports_from_before_have_none() -> None:
    row = report_row((await talk("imap", secret=None)).report, "en", 1000.0)
    old = kept_report({**row, "notes": '{"imap.connect":{"address":"192.0.2.1"}}'}).report
    assert old.transcript == {}
    assert {step.started for step in old.steps} == {None}


_HOST, _USER, _SECRET = "mail.practice.test", "taro@practice.test", 'pä:ss"\\ 1'


@pytest.mark.real
@pytest.mark.xdist_group("real")
@pytest.mark.parametrize("right", [True, False])
async def test_real_servers(right: bool) -> None:
    """Dovecot and Postfix: their own words, and of ours no secret."""
    try:
        await find_dovecot()
        find_program("postconf", "postfix")
    except RealServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    if os.getuid() != 0:
        pytest.skip("Postfix starts as root only; run the tests as root to include it")
    secret = _SECRET if right else "wrong-password-77"
    async with make_world() as world:
        world.record(_HOST, "A", "127.0.0.1")
        identity = world.identity(_HOST)
        async with Dovecot(identity, {_USER: _SECRET}) as dovecot, Postfix(identity, dovecot) as postfix:
            servers = {"imap": Endpoint(_HOST, dovecot.imaps, "tls")}
            smtp = {"smtp": Endpoint(_HOST, postfix.submission, "starttls")}
            one = await examine(world, servers=servers, account=_USER, secret=secret)
            other = await examine(world, servers=smtp, account=_USER, secret=secret)
    imap, sent = said(one, "imap"), said(other, "smtp")
    told = "\n".join([*imap, *sent])
    assert not find_leaks(told, secret)
    assert any(re.fullmatch(r"C: a3 AUTHENTICATE [A-Z0-9-]+( <hidden, up to \d+ bytes>)?", line) for line in imap)
    assert any(line.startswith("S: a3 OK" if right else "S: a3 NO [AUTHENTICATIONFAILED]") for line in imap)
    assert sent[1].startswith("S: 220 ")
    assert "C: STARTTLS" in sent
    assert any(line.startswith("S: 235 2.7.0" if right else "S: 535 5.7.8") for line in sent)
    assert (f"C: MAIL FROM:<{_USER}>" in sent) is right
