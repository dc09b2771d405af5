"""The bundle for support: all that was seen in a check, as one JSON object without secrets and the account's name."""

from collections.abc import Mapping
from typing import Any

from bot.core.asides import blotted
from bot.core.model import Report, StepResult
from bot.core.report import report_to_json

SCHEMA = "migcheck.bundle/1"


def bundle(report: Report, account: str | None, versions: Mapping[str, str]) -> dict[str, Any]:
    """Report, what was seen step by step, who said what in the protocol, and what checked. The account is blotted out.

    Of what was sent to log in, `protocol` has the amount only.
    """
    made = {
        "schema": SCHEMA,
        "report": report_to_json(report),
        "transcript": [_said(step) for step in report.steps if step.notes or step.findings],
        "protocol": {service: list(lines) for service, lines in report.transcript.items()},
        "versions": dict(versions),
    }
    hidden: dict[str, Any] = blotted(made, account) if account else made
    return hidden


def _said(step: StepResult) -> dict[str, Any]:
    heard = [dict(finding.evidence) for finding in step.findings if finding.evidence]
    return {
        "step": step.id,
        "target": step.target,
        "started": step.started,
        "notes": dict(step.notes),
        "evidence": heard,
    }
