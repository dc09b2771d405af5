"""Results to Report, and Report to JSON and back."""

from collections.abc import Iterable, Mapping
from typing import Any

from bot.core.exchange import read_ews
from bot.core.intake import read_endpoint
from bot.core.model import SERVICES, Advice, Endpoint, Finding, Link, Report, Service, Status, StepResult, Verdict
from bot.core.told import advice_to_json

SCHEMA = "migcheck.report/1"
_WORST_FIRST: tuple[tuple[str, Status], ...] = (("fail", "fail"), ("unknown", "unknown"), ("warn", "warn"))


def status_of(findings: Iterable[Finding]) -> Status:
    """A step's status: its worst finding; info and no finding at all pass."""
    severities = {finding.severity for finding in findings}
    return next((status for severity, status in _WORST_FIRST if severity in severities), "pass")


def verdict_of(steps: Iterable[StepResult]) -> Verdict:
    """The verdict of the steps that ran: fail, else unknown, else warn, else pass."""
    statuses = {step.status for step in steps}
    for verdict in ("fail", "unknown", "warn"):
        if verdict in statuses:
            return verdict
    return "pass"


def failure_of(steps: Iterable[StepResult]) -> tuple[str | None, str | None]:
    """The first failing step in plan order and the code of the finding that explains it."""
    for step in steps:
        if step.status == "fail":
            return step.id, next(finding.code for finding in step.findings if finding.severity == "fail")
    return None, None


def report_to_json(report: Report) -> dict[str, Any]:
    """The report as `report.schema.json` describes it."""
    return {
        "schema": SCHEMA,
        "case": report.case,
        "domain": report.domain,
        "provider": report.provider,
        "scenario": report.scenario,
        "verdict": report.verdict,
        "failing_step": report.failing_step,
        "cause": report.cause,
        "steps": [_step_to_json(step) for step in report.steps],
        "advice": [advice_to_json(advice) for advice in report.advice],
        "attempts": dict(report.attempts),
        "vantage": report.vantage,
        "started_at": report.started_at,
        "duration_ms": report.duration_ms,
    }


def _step_to_json(step: StepResult) -> dict[str, Any]:
    return {
        "id": step.id,
        "target": step.target,
        "status": step.status,
        "skipped_because": step.skipped_because,
        "duration_ms": step.duration_ms,
        "findings": [
            {"code": finding.code, "severity": finding.severity, "evidence": dict(finding.evidence)}
            for finding in step.findings
        ],
    }


def report_from_json(data: Mapping[str, Any]) -> Report:
    """A report that was stored. Raises ValueError where it is of another schema."""
    if data.get("schema") != SCHEMA:
        raise ValueError(f"not a report of schema {SCHEMA}: {data.get('schema')!r}")
    return Report(
        case=data["case"],
        domain=data["domain"],
        provider=data["provider"],
        scenario=data["scenario"],
        verdict=data["verdict"],
        failing_step=data["failing_step"],
        cause=data["cause"],
        steps=tuple(_step_from_json(step) for step in data["steps"]),
        advice=tuple(_advice_from_json(advice) for advice in data["advice"]),
        attempts=data["attempts"],
        vantage=data["vantage"],
        started_at=data["started_at"],
        duration_ms=data["duration_ms"],
    )


def _step_from_json(step: Mapping[str, Any]) -> StepResult:
    findings = tuple(Finding(f["code"], f["severity"], f["evidence"]) for f in step["findings"])
    return StepResult(
        step["id"], step["status"], findings, step["target"], step["skipped_because"], step["duration_ms"]
    )


def _advice_from_json(advice: Mapping[str, Any]) -> Advice:
    links = tuple(Link(link["title"], link["url"], link.get("lang")) for link in advice["links"])
    return Advice(advice["code"], advice["title"], tuple(advice["actions"]), advice["who"], links)


def endpoints_of(report: Report) -> dict[Service, Endpoint]:
    """The servers that a report speaks of, from the targets of its steps."""
    found: dict[Service, Endpoint] = {}
    for step in report.steps:
        service, _, stage = step.id.partition(".")
        if stage == "connect" and step.target and service in SERVICES:
            found[service] = read_endpoint(step.target, service)
        elif step.id == "ews.endpoint" and step.target:
            found["ews"] = read_ews(step.target)
    return found
