"""How wide words are, about, and where a line of them ends: SVG breaks no lines. Pure."""

import re
import unicodedata
from collections.abc import Iterator

from handlers.literal import ELLIPSIS

_WIDE, _NARROW, _BOLDER = 1.0, 0.56, 1.07
"""Parts of the size: of East Asian letters, of all others on average, and how much wider bold ones are."""
_NEVER_FIRST = "、。，．・：；！？」』）】〉》”’)],.:;!?%…"
_PIECES = re.compile(
    r"\s+|[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+"
)


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is, in the units of `size`."""
    letters = sum(_WIDE if unicodedata.east_asian_width(c) in "WF" else _NARROW for c in text)
    return letters * size * (_BOLDER if bold else 1.0)


def cut_to(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """As much of a text as fits into a width; what was cut off is marked."""
    if width_of(text, size, bold=bold) <= width:
        return text
    while text and width_of(text + ELLIPSIS, size, bold=bold) > width:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


def wrapped(text: str, size: float, width: float, most: int, *, bold: bool = False) -> list[str]:
    """A text in at most so many lines. Words stay whole where they fit into a line; East Asian ones break anywhere."""
    lines = [""]
    for piece in _pieces(" ".join(text.split()), size, width, bold=bold):
        if width_of(lines[-1] + piece, size, bold=bold) > width and piece not in _NEVER_FIRST:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) > most:
        rest = " ".join(lines[most - 1 :])
        lines = [*lines[: most - 1], cut_to(rest, size, width, bold=bold)]
    return lines


def _pieces(text: str, size: float, width: float, *, bold: bool) -> Iterator[str]:
    """What a line may break between; a word that is wider than a line breaks into its letters."""
    for piece in _PIECES.findall(text):
        if width_of(piece, size, bold=bold) > width:
            yield from piece
        else:
            yield piece
