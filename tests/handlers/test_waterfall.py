"""The bars of the report page stand where the steps really were, in a report from the store as well."""

import re

import pytest

from bot.asking import reader_for
from bot.core.model import Report, StepResult
from bot.network import wisdom_in
from bot.store.reports import kept_report, report_row
from handlers.web.report_page import render_report
from handlers.web.report_view import layout
from tests.checks.running import examine, make_world
from tests.servers.script import Say

LATE = Say("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done", delay=0.3)


async def test_bars_of_a_real_check() -> None:
    async with make_world() as world:
        world.domain("practice.test")
        await world.imap("imap.practice.test", greeting="* OK ready", replies={"CAPABILITY": LATE})
        await world.smtp("smtp.practice.test")
        seen = await examine(world, "practice.test")
    report = kept_report(report_row(seen.report, "en", 1000.0)).report
    bars = layout(report)
    for step in report.steps:
        if step.duration_ms is not None:
            assert bars[step.id].start == pytest.approx((step.started or 0.0) * 1000)
    late = bars["imap.capability"]
    assert late.took > 250
    assert late.start >= bars["imap.greeting"].start
    assert bars["smtp.capability"].start < late.start + 200, "services stand side by side"
    servers = bars["domain.servers"]
    assert servers.start <= bars["imap.tls"].start < servers.start + servers.took, "a guess was tried meanwhile"
    assert bars["imap.tls"].took > 0
    page = render_report(report, {}, reader_for(wisdom_in("en"), "en", report=report))
    drawn = [float(x) for x in re.findall(r'<rect class="bar" x="([\d.]+)"', page)]
    length = max(bar.start + bar.took for bar in bars.values())
    wanted = sorted(bar.start * 1000 / length for bar in bars.values())
    assert sorted(drawn) == pytest.approx(wanted, abs=0.06)
    assert "when each step began" in page


def test_reports_from_before_are_drawn_as_near_as_their_durations_tell() -> None:
    steps = tuple(StepResult(f"imap.{stage}", "pass", duration_ms=10.0) for stage in ("dns", "connect", "tls"))
    old = Report(
        "K7QF-2M", None, None, "manual", "pass", None, None, steps, (), {}, None, "2026-11-24T00:00:00+00:00", 30.0
    )
    assert [layout(old)[step.id].start for step in steps] == [0.0, 10.0, 20.0]
