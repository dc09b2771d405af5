"""`report`: a stored report again. `erase`: delete what is kept of a person."""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from bot.asking import reader_for
from bot.commands.status import BAD_INPUT, DONE, OWN_FAULT
from bot.core.advice import advise
from bot.core.case import read_case_id
from bot.core.message import Reader, report_message
from bot.core.model import Lang, Report
from bot.core.report import report_to_json
from bot.network import wisdom_in
from bot.settings import load_settings
from bot.store.rows import KeptReport, StoreError
from bot.store.store import open_store
from bot.terminal import render


def report_command(case: str, lang: Lang, *, as_json: bool, html: str | None) -> int:
    """Print the report of a case as JSON or as text in `lang`, or write its page to the file `html`.

    0 where that was done, 2 for a case that is not known or a file that cannot be written, 4 where the store fails.
    """
    case_id = read_case_id(case)
    if case_id is None:
        return _refuse(f"report: {case[:40]!r} is no case id (an example: python -m bot report K7QF-2M)")
    try:
        kept = asyncio.run(_kept(case_id))
    except StoreError as error:
        return _refuse(f"report: {error}", OWN_FAULT)
    if kept is None:
        days = load_settings().store.retention_days
        return _refuse(
            f"report: no report of case {case_id} is stored (an example: python -m bot report K7QF-2M): "
            f"reports are kept for {days} days, and a check that is under way has none yet"
        )
    if html is not None:
        return _write_page(kept, lang, Path(html))
    if as_json:
        print(json.dumps(report_to_json(kept.report), ensure_ascii=False))
    else:
        report, reader = _told(kept, lang)
        print(render(report_message(report, reader), reader), end="")
    return DONE


async def _kept(case_id: str) -> KeptReport | None:
    async with open_store(load_settings().store.url) as store:
        return await store.report(case_id)


def _told(kept: KeptReport, lang: Lang) -> tuple[Report, Reader]:
    """The report and its reader; its advice anew where it was given in another language."""
    wisdom = wisdom_in(lang)
    reader = reader_for(wisdom, lang, report=kept.report)
    if lang == kept.lang:
        return kept.report, reader
    return replace(kept.report, advice=advise(kept.report.steps, reader.circumstances, wisdom.catalogue)), reader


def _write_page(kept: KeptReport, lang: Lang, path: Path) -> int:
    from handlers.web.report_page import render_report  # noqa: PLC0415 - a template engine that nothing else here needs

    report, reader = _told(kept, lang)
    page = render_report(report, kept.notes, reader)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        return _refuse(f"report: --html: {path}: {error.strerror}")
    return DONE


def erase_command(person: str) -> int:
    """Delete everything that is kept of a person and say what it was; 0 as well where there was nothing."""
    if not person.strip() or not person.isprintable():
        return _refuse("erase: --person needs an id (an example: python -m bot erase --person slack:T123:U456)")
    try:
        counts = asyncio.run(_erased(person.strip()))
    except StoreError as error:
        return _refuse(f"erase: {error}", OWN_FAULT)
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    print(f"Erased of {person.strip()}: {told}." if told else f"Nothing was kept of {person.strip()}.")
    return DONE


async def _erased(person: str) -> dict[str, int]:
    """Erase by our own name for a person, or by the platform's id of them, in whichever workspace."""
    counts: Counter[str] = Counter()
    async with open_store(load_settings().store.url) as store:
        for name in {person, *await store.people_called(person)}:
            counts.update(await store.erase(name))
    return dict(counts)


def _refuse(message: str, status: int = BAD_INPUT) -> int:
    print(message, file=sys.stderr)
    return status
