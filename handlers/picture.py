"""The drawing of a check as a PNG, lettered with a font of this machine."""

import asyncio
import functools
from collections.abc import Callable

import resvg_py

from bot.asking import reader_for
from bot.core.dialogue import Mind
from bot.core.message import Picture
from bot.core.model import Lang, Report
from bot.fonts import fonts_for
from handlers.web.drawing import description, draw

_SCALE = 1.5
"""Sharp on dense screens as well; Lark asks for no more than 1,500 pixels across."""


async def picture_of(
    report: Report, lang: Lang, mind: Mind, find: Callable[[Lang], tuple[str, ...]] = fonts_for
) -> Picture | None:
    """The picture in a language, in English where no font has its letters; None where there is no font at all."""
    lettered: Lang = lang if find(lang) else "en"
    if not (files := find(lettered)):
        return None
    reader = reader_for(mind.wisdom(lettered), lettered, report=report)
    told = reader_for(mind.wisdom(lang), lang, report=report)
    png = await asyncio.to_thread(png_of, draw(report, reader), files)
    return Picture(description(report, told), png)


@functools.lru_cache(maxsize=16)
def png_of(svg: str, fonts: tuple[str, ...]) -> bytes:
    """A drawing as PNG, lettered with these font files. It takes some hundredths of a second."""
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=_SCALE, skip_system_fonts=True, font_files=list(fonts)))
