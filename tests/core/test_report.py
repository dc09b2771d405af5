"""Results to verdicts, and reports to JSON and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import Advice, Finding, Link, Report, StepResult
from bot.core.report import failure_of, report_from_json, report_to_json, status_of, verdict_of

SEVERITIES = st.sampled_from(["fail", "unknown", "warn", "info"])
FINDINGS = st.lists(
    st.builds(Finding, st.sampled_from(["tls.expired", "dns.null_mx"]), SEVERITIES, st.just({"a": [1]})), max_size=3
)


@given(FINDINGS)
def test_a_step_is_as_bad_as_its_worst_finding(findings: list[Finding]) -> None:
    order = ["fail", "unknown", "warn"]
    found = [severity for severity in order if severity in {finding.severity for finding in findings}]
    assert status_of(findings) == (found[0] if found else "pass")


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        (["pass", "skipped"], "pass"),
        ([], "pass"),
        (["pass", "warn", "skipped"], "warn"),
        (["warn", "unknown"], "unknown"),
        (["unknown", "fail", "warn"], "fail"),
        (["skipped"], "pass"),
    ],
)
def test_verdicts(statuses: list[str], verdict: str) -> None:
    steps = [StepResult(f"imap.{n}", status, _findings(status)) for n, status in enumerate(statuses)]
    assert verdict_of(steps) == verdict


def _findings(status: str) -> tuple[Finding, ...]:
    return (Finding("tls.expired", status),) if status in ("fail", "warn", "unknown") else ()


def test_the_first_failing_step_and_its_failing_finding() -> None:
    steps = [
        StepResult("imap.dns", "pass"),
        StepResult("imap.tls", "fail", (Finding("tls.expires_soon", "warn"), Finding("tls.weak_key", "fail"))),
        StepResult("smtp.tls", "fail", (Finding("tls.expired", "fail"),)),
    ]
    assert failure_of(steps) == ("imap.tls", "tls.weak_key")
    assert failure_of(steps[:1]) == (None, None)


def report(**changes: object) -> Report:
    link = Link("日本語", "https://example.test/", "ja")
    values: dict[str, object] = {
        "case": "K7QF-2M",
        "domain": "example.test",
        "provider": None,
        "scenario": "manual",
        "verdict": "fail",
        "failing_step": "imap.tls",
        "cause": "tls.expired",
        "steps": (
            StepResult("imap.tls", "fail", (Finding("tls.expired", "fail", {"n": 1}),), "a:993", None, 1.5),
            StepResult("imap.login", "skipped", (), "a:993", "imap.tls"),
        ),
        "advice": (Advice("tls.expired", "title", ("do",), "provider", (link, Link("x", "https://x.test/"))),),
        "attempts": {"imap": 1},
        "vantage": "192.0.2.1",
        "started_at": "2026-11-24T12:00:00.000+00:00",
        "duration_ms": 12.5,
    }
    return Report(**{**values, **changes})


def test_reports_survive_json() -> None:
    data = json.loads(json.dumps(report_to_json(report())))
    assert report_from_json(data) == report()
    assert data["steps"][1]["skipped_because"] == "imap.tls"
    assert "lang" not in data["advice"][0]["links"][1]


def test_other_schemas_are_refused() -> None:
    with pytest.raises(ValueError, match="not a report of schema"):
        report_from_json({**report_to_json(report()), "schema": "migcheck.report/9"})
