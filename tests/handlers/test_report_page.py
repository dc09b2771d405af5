"""The report's page: one file that needs nothing else, in three languages, with foreign words as text."""

import base64
import hashlib
import html
import re
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.asking import reader_for
from bot.core.model import LANGS, Finding, Lang, Report, StepResult
from bot.network import wisdom_in
from handlers.web.report_page import render_report
from handlers.web.report_view import chains, layout, servers
from tests.handlers.conftest import ACCOUNT, Launch
from tests.handlers.person import Visitor
from tests.servers.world import World

HOSTILE = '"><img src=//evil.example onerror=alert(1)><style>*{}</style>\u202e'
CERTIFICATE = {
    "subject": "CN=imap.example.test",
    "issuer": "CN=Issuing",
    "not_before": "2026-01-01T00:00:00Z",
    "not_after": "2026-02-01T00:00:00Z",
    "key": "EC secp256r1",
    "signature": "ecdsa-with-SHA256",
    "sha256": "ab" * 32,
}


def step(name: str, status: str = "pass", took: float | None = 10, *findings: Finding, **more: object) -> StepResult:
    return StepResult(name, status, findings, target="imap.example.test:993", duration_ms=took, **more)


def made(*steps: StepResult, **changes: object) -> Report:
    report = Report(
        "K7QF-2M",
        "example.test",
        None,
        "manual",
        "pass",
        None,
        None,
        steps,
        (),
        {"imap": 1},
        "192.0.2.7",
        "2026-11-24T12:00:00.000+00:00",
        60.0,
    )
    return replace(report, **changes)


def page_of(report: Report, lang: Lang = "en") -> str:
    return render_report(report, {}, reader_for(wisdom_in(lang), lang, report=report))


@pytest.mark.parametrize("lang", LANGS)
def test_it_needs_nothing_else(lang: Lang) -> None:
    page = page_of(made(step("imap.connect"), step("imap.login")), lang)
    assert not re.search(r"<(?:script|img|iframe|link(?! rel=\"icon\" href=\"data:,\"))", page)
    assert not re.search(r"""(?:src|url\(|@import|action)\s*=?\s*["']?(?:https?:)?//""", page)
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page)


def test_its_policy_allows_exactly_its_own_style() -> None:
    page = page_of(made(step("imap.connect")))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert style
    assert policy
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html.unescape(policy[1])
    assert "script-src" not in policy[1]
    assert html.unescape(policy[1]).startswith("default-src 'none'")


def test_foreign_words_are_text() -> None:
    finding = Finding(
        "tls.untrusted_root",
        "fail",
        {"chain": [{**CERTIFICATE, "subject": HOSTILE}], "names": [HOSTILE], "server": HOSTILE, HOSTILE: HOSTILE},
    )
    notes = {"servers": {"imap": f"x ({HOSTILE})"}, "largest": [{"name": HOSTILE, "messages": 1, "bytes": 2}]}
    steps = (
        replace(step("domain.servers"), notes=notes, target=HOSTILE),
        step("imap.connect", notes={"address": HOSTILE}),
        replace(step("imap.tls", "fail", 5, finding), target=HOSTILE),
        step("imap.mailbox", notes=notes),
    )
    report = made(
        *steps, domain=HOSTILE, vantage=HOSTILE, verdict="fail", failing_step="imap.tls", cause="tls.untrusted_root"
    )
    page = page_of(report)
    assert "<img" not in page
    assert page.count("<style>") == 1
    assert "\u202e" not in page


def test_a_missing_certificate_is_drawn_where_it_belongs() -> None:
    finding = Finding(
        "tls.chain_incomplete",
        "fail",
        {
            "chain": [CERTIFICATE],
            "missing": [{**CERTIFICATE, "subject": "CN=Issuing"}],
            "verify_code": 20,
            "verify_text": "unable to get",
        },
    )
    report = made(
        step("imap.tls", "fail", 5, finding), verdict="fail", failing_step="imap.tls", cause="tls.chain_incomplete"
    )
    (chain,) = chains(report, reader_for(wisdom_in("en"), "en", report=report))
    assert [c.kind for c in chain.certificates] == ["leaf", "missing"]
    assert chain.certificates[0].expired
    assert ("verify", "20 (unable to get)") in chain.facts
    assert "Not sent by the server" in page_of(report)


def test_servers_that_send_the_same_chain_share_it() -> None:
    notes = {"version": "TLSv1.3", "cipher": "X", "chain": [CERTIFICATE]}
    report = made(
        step("imap.tls", notes=notes),
        step("smtp.tls", notes=notes),
        step("pop.tls", notes={**notes, "chain": [{**CERTIFICATE, "sha256": "cd" * 32}]}),
    )
    found = chains(report, reader_for(wisdom_in("en"), "en", report=report))
    assert [len(chain.servers) for chain in found] == [2, 1]


def test_where_a_server_is_known_from() -> None:
    report = made(
        step("domain.servers", notes={"servers": {"imap": "imap.example.test:993 (srv)"}}),
        step("imap.connect", notes={"address": "192.0.2.1"}),
        step("smtp.connect"),
    )
    found = servers(report, reader_for(wisdom_in("en"), "en", report=report))
    assert [(server.source, server.address) for server in found] == [("srv", "192.0.2.1"), ("typed", "")]


def test_services_run_side_by_side_and_log_ins_one_after_another() -> None:
    bars = layout(
        made(
            step("domain.exists", took=5),
            step("domain.mail", took=6),
            step("domain.servers", took=20),
            step("imap.connect", took=10),
            step("imap.login", took=100),
            step("imap.mailbox", took=3),
            step("smtp.connect", took=7),
            step("smtp.login", took=4),
            step("smtp.submission", "skipped", None),
        )
    )
    assert bars["domain.servers"].start == 6
    assert bars["imap.connect"].start == bars["smtp.connect"].start == 26
    assert bars["imap.login"].start == 36
    assert bars["imap.mailbox"].start == bars["smtp.login"].start == 136
    assert "smtp.submission" not in bars


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["domain.exists", "domain.servers", "imap.dns", "imap.login", "smtp.dns", "smtp.login", "pop.login"]
            ),
            st.none() | st.floats(0, 1e5),
        )
    )
)
def test_bars_never_begin_before_the_check(steps: list[tuple[str, float | None]]) -> None:
    bars = layout(made(*(step(name, "pass", took) for name, took in steps)))
    assert all(bar.start >= 0 and bar.took >= 0 for bar in bars.values())
    assert set(bars) == {name for name, took in steps if took is not None}


async def test_the_link_opens_it_and_nothing_else_does(sound: World, launch: Launch) -> None:
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        visitor = Visitor(session, bot.origin)
        await visitor.get("/")
        case = (await (await visitor.act("/chat/say", text=f"example.test {ACCOUNT}")).json())["case"]
        await visitor.until(case, "report:1")
        await bot.store.add_report_key(case, "the-right-key")
        async with aiohttp.ClientSession() as other:
            stranger = Visitor(other, bot.origin)
            for wrong in ("", "?k=", "?k=the-right-kex", "?k=the-right-key2", "?lang=en"):
                assert (await stranger.get(f"/r/{case}{wrong}")).status == 404
            assert (await stranger.get("/r/AAAA-22?k=the-right-key")).status == 404
            page = await stranger.get(f"/r/{case}?k=the-right-key")
            assert page.status == 200
            assert "example.test" in await page.text()
            assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
            english = await (await stranger.get(f"/r/{case}?k=the-right-key&lang=en")).text()
            assert '<html lang="en">' in english
            assert not re.search("[ぁ-ん]", re.sub(r"<header>.*?</header>", "", english, flags=re.DOTALL))
            await bot.store.revoke_keys(case)
            assert (await stranger.get(f"/r/{case}?k=the-right-key")).status == 404


async def test_the_command_line_writes_the_same_page(sound: World, tmp_path: Path) -> None:
    checked = await sound.bot("check", "example.test", "--json")
    case = checked.report["case"]
    target = tmp_path / "report.html"
    done = await sound.bot("report", case, "--html", str(target), "--lang", "en")
    assert done.status == 0, done.err
    page = target.read_text()
    assert case in page
    assert "<style>" in page
