"""Reports as rows. One statement writes them, over SQLAlchemy and over the standard library alike."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.core.model import Lang, Report
from bot.core.report import report_from_json, report_to_json
from bot.store.rows import KeptReport, dump

PUT_REPORT = """
INSERT INTO reports (case_id, lang, report, notes, created)
VALUES (:case_id, :lang, :report, :notes, :created)
ON CONFLICT (case_id) DO UPDATE SET
    lang = excluded.lang, report = excluded.report, notes = excluded.notes, created = excluded.created
"""
"""A case's next report (recheck) takes the earlier one's place; links that were given before open it as well."""

EXPIRE_REPORTS = "DELETE FROM reports WHERE created < :limit AND case_id NOT IN (SELECT id FROM cases)"
"""Reports of the terminal's checks, which belong to no case, by their age."""
DAY = 86_400.0
_STARTED, _TRANSCRIPT = "started", "transcript"


def report_row(report: Report, lang: Lang, now: float) -> dict[str, Any]:
    """The values of PUT_REPORT."""
    return {
        "case_id": report.case,
        "lang": lang,
        "report": dump(report_to_json(report)),
        "notes": dump(_notes(report)),
        "created": now,
    }


def _notes(report: Report) -> dict[str, Any]:
    """What is kept besides the report's schema: notes by the steps' ids, which have a dot, and two things more."""
    return {
        **{step.id: dict(step.notes) for step in report.steps if step.notes},
        _STARTED: {step.id: step.started for step in report.steps if step.started is not None},
        _TRANSCRIPT: {service: list(lines) for service, lines in report.transcript.items()},
    }


def kept_report(row: Mapping[str, Any]) -> KeptReport:
    """The report of a row, with the notes back at their steps. Raises ValueError where it is of another schema."""
    report, notes = report_from_json(json.loads(row["report"])), json.loads(row["notes"])
    started = notes.get(_STARTED, {})
    steps = tuple(replace(step, notes=notes.get(step.id, {}), started=started.get(step.id)) for step in report.steps)
    transcript = {service: tuple(lines) for service, lines in notes.get(_TRANSCRIPT, {}).items()}
    return KeptReport(replace(report, steps=steps, transcript=transcript), row["lang"], row["created"])


def hash_of(token: str) -> str:
    """SHA-256: enough for what is random and long, and nobody who reads the store can follow a link."""
    return hashlib.sha256(token.encode()).hexdigest()
