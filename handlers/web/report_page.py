"""/r/CASE?k=KEY: what a support engineer wants to see of a report. The same HTML is what `report --html` writes."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from markupsafe import Markup

from bot.asking import reader_for
from bot.core.advice import advise
from bot.core.dialogue import Mind
from bot.core.handover import support_text
from bot.core.message import Block, Reader, Steps, attempts_of, report_message
from bot.core.model import LANGS, Lang, Report
from bot.store.rows import KeptReport
from bot.store.store import Store
from handlers.picture import picture_of
from handlers.web import report_view as view
from handlers.web.drawing import draw
from handlers.web.opening import Opening
from handlers.web.pages import HTML_LANGS, LANG_NAMES, Words, html, render, static
from handlers.web.session import Sessions

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control and direction characters: with them foreign words could look like others."""
Links = Sequence[tuple[Lang, str, str]]
"""Language, its name, and the address of the page in it."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where a page that is served leads to: itself in other languages, its picture, and the bundle."""

    links: Links = ()
    picture: str = ""
    bundle: str = ""


ALONE = Served()
"""A page that is a file of its own."""


class ReportPage:
    """The page, and its drawing as a picture."""

    def __init__(self, store: Store, mind: Mind, sessions: Sessions) -> None:
        self._opening, self._mind = Opening(store, sessions), mind

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/r/{case}", self.show), web.get("/r/{case}/picture.png", self.picture)]

    async def show(self, request: web.Request) -> web.Response:
        kept = await self._opening.kept(request)
        lang = _lang(request, kept)
        wisdom = self._mind.wisdom(lang)
        reader = reader_for(wisdom, lang, report=kept.report)
        report = kept.report
        if lang != kept.lang:
            report = replace(report, advice=advise(report.steps, reader.circumstances, wisdom.catalogue))
        served = Served(_links(request), *_files(request))
        page = render_report(report, kept.notes, reader, served, await self._opening.account(report.case))
        return html(page, policy=f"{_policy(scripts=True)}; frame-ancestors 'none'")

    async def picture(self, request: web.Request) -> web.Response:
        """The page's drawing as a PNG."""
        kept = await self._opening.kept(request)
        drawn = await picture_of(kept.report, _lang(request, kept), self._mind)
        if drawn is None:
            raise web.HTTPNotFound
        headers = {"Content-Disposition": f'inline; filename="migcheck-{kept.report.case}.png"'}
        return web.Response(body=drawn.png, content_type="image/png", headers=headers)


def _lang(request: web.Request, kept: KeptReport) -> Lang:
    return next((known for known in LANGS if known == request.query.get("lang")), kept.lang)


def _links(request: web.Request) -> Links:
    return [(lang, LANG_NAMES[lang], str(request.rel_url.update_query(lang=lang))) for lang in LANGS]


def _files(request: web.Request) -> tuple[str, str]:
    """The addresses of picture and bundle, which open as the page itself does."""
    here = request.rel_url
    picture, bundle = (str((here / name).with_query(here.query)) for name in ("picture.png", "export"))
    return picture, bundle


def render_report(
    report: Report,
    notes: Mapping[str, Mapping[str, Any]],
    reader: Reader,
    served: Served = ALONE,
    account: str | None = None,
) -> str:
    """The page; not served, it is one file that needs nothing else. `notes` are the steps', by id.

    `account` is blotted out in the text for support.
    """
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
        policy=_policy(scripts=served is not ALONE),
        served=served,
        links=[(HTML_LANGS[code], name, address, code == lang) for code, name, address in served.links],
        drawing=Markup(draw(report, reader)),  # noqa: S704 - every word in it is escaped where it is drawn
        support=support_text(report, reader, account),
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
        attempts=attempts_of(report, reader),
        source=reader.source,
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


def _policy(*, scripts: bool) -> str:
    """Nothing may be loaded but, where the page is served, its own script; the style sheet is known by its hash."""
    digest = base64.b64encode(hashlib.sha256(static("report.css").encode()).digest()).decode()
    script = "script-src 'self'; " if scripts else ""
    return (
        f"default-src 'none'; {script}style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
