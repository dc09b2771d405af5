"""The drawing of a check, on the page and as a picture: the same one, lettered in three languages, with foreign words as text."""

import base64
import functools
import shutil
import struct
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.app import Mind
from bot.asking import reader_for
from bot.core.model import LANGS, Finding, Lang, Report
from bot.fonts import FOLDERS, fonts_for
from bot.network import wisdom_in
from bot.settings import Settings
from bot.store.store import open_store
from handlers.picture import picture_of, png_of
from handlers.web.drawing import draw
from handlers.web.export import Export
from handlers.web.lettering import cut_to, width_of, wrapped
from handlers.web.report_page import ALONE, Served, render_report
from handlers.web.session import sessions
from tests.handlers.test_report_page import CERTIFICATE, HOSTILE, made, step

SVG = "{http://www.w3.org/2000/svg}"
PNG = b"\x89PNG\r\n\x1a\n"
MIND = Mind()
LACKING = Finding(
    "tls.chain_incomplete",
    "fail",
    {
        "chain": [CERTIFICATE],
        "missing": [{**CERTIFICATE, "subject": "CN=Issuing"}],
        "verify_code": 20,
        "verify_text": "unable",
    },
)
needs_letters = pytest.mark.skipif(not fonts_for("ja"), reason="needs fonts-noto-cjk")


def failing(finding: Finding = LACKING, **more) -> Report:
    steps = (step("domain.exists"), step("imap.connect"), step("imap.tls", "fail", 5, finding),
             step("imap.login", "skipped", None, skipped_because="imap.tls"), step("smtp.connect"))  # fmt: skip
    return replace(made(*steps), verdict="fail", failing_step="imap.tls", cause=finding.code, **more)


def drawn(report: Report, lang: Lang = "en") -> str:
    return draw(report, reader_for(wisdom_in(lang), lang, report=report))


def parts(svg: str, kind: str) -> list[ET.Element]:
    return [part for part in ET.fromstring(svg).iter() if kind in part.get("class", "").split()]


def said(svg: str) -> str:
    return "\n".join(part.text or "" for part in ET.fromstring(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize("lang", LANGS)
def test_the_failing_step_is_marked_and_explained(lang: Lang) -> None:
    svg, texts = drawn(failing(), lang), wisdom_in(lang).catalogue.texts
    assert len(parts(svg, "ring-fail")) == 1
    for words in ("K7QF-2M", "192.0.2.7", "imap.example.test:993", "20 (unable)", texts["words"]["picture.fails_here"],
                  texts["web"]["report.chain.missing"], "Issuing"):  # fmt: skip
        assert words in said(svg), words
    assert ET.fromstring(svg).get("aria-label", "").startswith(texts["words"]["picture.alt"].partition("{")[0].strip())
    assert "ring" not in drawn(made(step("imap.connect")), lang), "nothing is marked where nothing is wrong"


def test_a_service_in_latin_letters_stands_apart_from_japanese() -> None:
    unknown = step("m365.tenant", "fail", 5, Finding("m365.domain_unknown", "fail"))
    svg = drawn(replace(made(unknown), verdict="fail", failing_step=unknown.id, cause="m365.domain_unknown"), "ja")
    assert "– Microsoft 365 の「" in said(svg)


def test_the_chain_is_drawn_only_where_it_is_the_matter() -> None:
    assert len([part for part in parts(drawn(failing()), "bad") if part.get("stroke-dasharray")]) == 1
    refused = Finding("login.wrong_credentials", "fail", {"server": "taro@example.test is wrong"})
    svg = drawn(failing(refused))
    assert parts(svg, "bad") == []
    assert "taro" not in svg, "a server's words may name the account"


@given(st.text(max_size=200))
def test_foreign_words_are_text_within_the_drawing(words: str) -> None:
    finding = replace(
        LACKING, evidence={**LACKING.evidence, "verify_text": words, "chain": [{**CERTIFICATE, "subject": words}]}
    )
    report = failing(finding, domain=words, vantage=words, case="K7QF-2M")
    report = replace(report, steps=(replace(report.steps[0], target=words), *report.steps[1:]))
    tree = ET.fromstring(drawn(report))
    assert {part.tag.removeprefix(SVG) for part in tree.iter()} <= {"svg", "g", "rect", "circle", "path", "text"}


def test_it_loads_and_runs_nothing() -> None:
    svg = drawn(failing(domain=HOSTILE, vantage=HOSTILE))
    assert "<img" not in svg
    assert "href" not in svg
    assert "url(" not in svg
    assert " style=" not in svg
    assert "\u202e" not in svg


@given(st.text(alphabet="ab 証明書、。「」-.", max_size=300), st.integers(60, 400))
def test_lines_fit_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, 14, width, 1000)
    assert all(width_of(line, 14) <= width + 2 * 14 for line in lines), "no more than a mark that may begin no line"
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert len(wrapped(text, 14, width, 2)) <= 2
    assert width_of(cut_to(text, 14, width), 14) <= width


@needs_letters
@pytest.mark.parametrize("lang", LANGS)
async def test_the_picture_is_that_drawing(lang: Lang) -> None:
    picture = await picture_of(failing(), lang, MIND)
    assert picture is not None
    assert picture.png == png_of(drawn(failing(), lang), fonts_for(lang))
    assert picture.png.startswith(PNG)
    assert struct.unpack(">I", picture.png[16:20]) == (1440,)
    assert len(picture.png) < 1_000_000
    assert "example.test" in picture.alt


@needs_letters
@pytest.mark.parametrize(
    ("lang", "one", "other"), [("ja", "証明書", "中間鍵"), ("zh", "证书链", "邮箱册"), ("ja", "カナ", "かな")]
)
def test_letters_are_drawn_and_no_empty_boxes(lang: Lang, one: str, other: str) -> None:
    svg = drawn(failing(), lang)
    assert png_of(svg.replace("192.0.2.7", one), fonts_for(lang)) != png_of(
        svg.replace("192.0.2.7", other), fonts_for(lang)
    )


@pytest.mark.skipif(not fonts_for("en"), reason="needs any font")
async def test_without_a_font_of_the_language_the_picture_is_in_english_and_without_any_there_is_none(
    tmp_path: Path,
) -> None:
    latin = next(path for folder in FOLDERS for path in folder.rglob("DejaVuSans.ttf"))
    shutil.copy(latin, tmp_path)
    find = functools.partial(fonts_for, folders=(tmp_path,))
    assert (find("ja"), find("zh")) == ((), ())
    picture, english = await picture_of(failing(), "ja", MIND, find), await picture_of(failing(), "en", MIND, find)
    assert picture is not None
    assert english is not None
    assert picture.png == english.png
    assert picture.alt != english.alt, "what a screen reader reads needs no font"
    assert await picture_of(failing(), "ja", MIND, functools.partial(fonts_for, folders=(tmp_path / "none",))) is None


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_has_the_drawing_and_what_support_needs(lang: Lang) -> None:
    report = failing(Finding("login.wrong_credentials", "fail", {"server": "no such user taro@example.test"}))
    reader = reader_for(wisdom_in(lang), lang, report=report)
    page = render_report(report, {}, reader, ALONE, "taro@example.test")
    assert draw(report, reader) in page
    support = page.partition('id="support-text"')[2].partition("</pre>")[0]
    assert "K7QF-2M" in support
    assert "taro" not in support
    assert "picture.png" not in page, "a file leads to nothing that must be served"
    served = render_report(report, {}, reader, Served((), "/r/K7QF-2M/picture.png?k=1", "/r/K7QF-2M/export?k=1"))
    assert '<script src="/static/report.js" defer></script>' in served
    assert "script-src &#39;self&#39;" in served
    assert 'href="/r/K7QF-2M/picture.png?k=1"' in served


async def test_the_bundle_holds_the_picture(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/x.db") as store:
        await store.put_report(failing(), "en", 1.0)
        await store.add_report_key("K7QF-2M", "the-key")
        app = web.Application()
        app.add_routes(Export(store, MIND, sessions(Settings())).routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            address = f"http://127.0.0.1:{runner.addresses[0][1]}/r/K7QF-2M/export"
            async with aiohttp.ClientSession() as session:
                async with session.get(address, params={"k": "another"}) as answer:
                    assert answer.status == 404
                async with session.get(address, params={"k": "the-key"}) as answer:
                    bundle = await answer.json()
        finally:
            await runner.cleanup()
    assert base64.b64decode(bundle["picture"].removeprefix("data:image/png;base64,")).startswith(PNG)
