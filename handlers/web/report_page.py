"""/r/CASE?k=KEY: what a support engineer wants to see of a report. The same HTML is what `report --html` writes."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web
from markupsafe import Markup

from bot.asking import reader_for
from bot.core.advice import advise
from bot.core.case import read_case_id
from bot.core.dialogue import Mind
from bot.core.message import Block, Reader, Steps, report_message
from bot.core.model import LANGS, Lang, Report
from bot.store.rows import KeptReport
from bot.store.store import Store
from handlers.web import report_view as view
from handlers.web.pages import HTML_LANGS, LANG_NAMES, Words, html, render, static
from handlers.web.session import Sessions

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control and direction characters: with them foreign words could look like others."""
Links = Sequence[tuple[Lang, str, str]]
"""Language, its name, and the address of the page in it."""


class ReportPage:
    """A report opens with the key in its link, or for the person whose case it is."""

    def __init__(self, store: Store, mind: Mind, sessions: Sessions) -> None:
        self._store, self._mind, self._sessions = store, mind, sessions

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/r/{case}", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        kept = await self._kept(request)
        if kept is None:
            raise web.HTTPNotFound
        lang: Lang = next((known for known in LANGS if known == request.query.get("lang")), kept.lang)
        wisdom = self._mind.wisdom(lang)
        reader = reader_for(wisdom, lang, report=kept.report)
        report = kept.report
        if lang != kept.lang:
            report = replace(report, advice=advise(report.steps, reader.circumstances, wisdom.catalogue))
        page = render_report(report, kept.notes, reader, _links(request))
        return html(page, policy=f"{_policy()}; frame-ancestors 'none'")

    async def _kept(self, request: web.Request) -> KeptReport | None:
        case = read_case_id(request.match_info["case"])
        if case is None:
            return None
        if (key := request.query.get("k")) is not None:
            return await self._store.report_for(case, key)
        person, row = self._sessions.person(request), await self._store.case(case)
        own = person is not None and row is not None and row.person == person
        return await self._store.report(case) if own else None


def _links(request: web.Request) -> Links:
    return [(lang, LANG_NAMES[lang], str(request.rel_url.update_query(lang=lang))) for lang in LANGS]


def render_report(report: Report, notes: Mapping[str, Mapping[str, Any]], reader: Reader, links: Links = ()) -> str:
    """The page as one file that needs nothing else. `notes` are the steps', by id; `links` lead to other languages."""
    steps = tuple(replace(step, notes=notes.get(step.id, step.notes)) for step in report.steps)
    report = replace(report, steps=steps)
    lang: Lang = next(known for known in LANGS if known == reader.circumstances.lang)
    message = report_message(report, reader)
    provider = reader.circumstances.provider
    rows = view.branches(report, reader)
    length = max([bar.start + bar.took for bar in view.layout(report).values()], default=0.0) or 1.0
    texts = reader.catalogue.texts["web"]
    page = render(
        "report.html",
        lang,
        Words(texts),
        style=Markup(static("report.css")),  # noqa: S704 - our own file
        policy=_policy(),
        links=[(HTML_LANGS[code], name, address, code == lang) for code, name, address in links],
        report=report,
        provider=provider["names"][lang] if provider else "",
        headline=message.text,
        blocks=_before_steps(message.blocks),
        branches=rows,
        scale=1000 / length,
        chains=view.chains(report, reader),
        servers=view.servers(report, reader),
        folders=view.folders(report),
        commands=view.commands(report, reader),
        reader=reader,
        attempts=[f"{service.upper()} {count}" for service, count in report.attempts.items()],
        source=lambda source: texts.get(f"report.source.{source}", source),
        kind=lambda block: type(block).__name__,
        literal=view.literal,
    )
    return _INVISIBLE.sub("", page)


def _before_steps(blocks: Sequence[Block]) -> list[Block]:
    """The verdict's why and evidence: what stands between the headline and the path."""
    shown: list[Block] = []
    for block in blocks[1:]:
        if isinstance(block, Steps):
            break
        shown.append(block)
    return shown


def _policy() -> str:
    """Nothing may be loaded and no script run; the one style sheet inside is known by its hash."""
    digest = base64.b64encode(hashlib.sha256(static("report.css").encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
