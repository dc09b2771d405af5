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
INSERT INTO reports (case_id, lang, report, notes, key_hash, created)
VALUES (:case_id, :lang, :report, :notes, :key_hash, :created)
ON CONFLICT (case_id) DO UPDATE SET
    lang = excluded.lang, report = excluded.report, notes = excluded.notes, created = excluded.created,
    key_hash = COALESCE(excluded.key_hash, reports.key_hash)
"""
"""A case's next report (recheck) takes the earlier one's place; without a new key the link given before stays good."""

EXPIRE_REPORTS = "DELETE FROM reports WHERE created < :limit AND case_id NOT IN (SELECT id FROM cases)"
"""Reports of the terminal's checks, which belong to no case, by their age."""
DAY = 86_400.0


def report_row(report: Report, lang: Lang, now: float, key: str | None = None) -> dict[str, Any]:
    """The values of PUT_REPORT. `key` opens the report's page; only its hash is kept."""
    return {
        "case_id": report.case,
        "lang": lang,
        "report": dump(report_to_json(report)),
        "notes": dump({step.id: dict(step.notes) for step in report.steps if step.notes}),
        "key_hash": None if key is None else hash_of(key),
        "created": now,
    }


def kept_report(row: Mapping[str, Any]) -> KeptReport:
    """The report of a row, with the notes back at their steps. Raises ValueError where it is of another schema."""
    report, notes = report_from_json(json.loads(row["report"])), json.loads(row["notes"])
    steps = tuple(replace(step, notes=notes.get(step.id, {})) for step in report.steps)
    return KeptReport(replace(report, steps=steps), row["lang"], row["created"])


def hash_of(token: str) -> str:
    """SHA-256: enough for what is random and long, and nobody who reads the store can follow a link."""
    return hashlib.sha256(token.encode()).hexdigest()
