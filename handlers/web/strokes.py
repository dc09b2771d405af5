"""Elements of SVG: lines, marks and letters. Every word is escaped here. Pure.

Colours are presentation attributes: a page's style sheet may overrule them by the classes, and a renderer without one
needs nothing else. Marks are strokes, so that no font must have them.
"""

from collections.abc import Mapping
from html import escape

from handlers.literal import clean

INK, SOFT, LINE, CARD, SUNK = "#1d2823", "#57645d", "#d5dad3", "#ffffff", "#ecefea"
COLORS: Mapping[str, str] = {
    "pass": "#17713f",
    "fail": "#b3231b",
    "warn": "#8a5300",
    "unknown": "#56529b",
    "skipped": "#6b766f",
}
_MARKS = {
    "pass": "M-5 0 L-1.5 4 L5 -4",
    "fail": "M-4.5 -4.5 L4.5 4.5 M4.5 -4.5 L-4.5 4.5",
    "warn": "M0 -6 L0 1 M0 5 L0 5.5",
    "unknown": "M-3 -3 C-3 -7 3.5 -6.5 3 -3 C2.5 -1 0 -1 0 2 M0 5.2 L0 5.6",
    "skipped": "M-4 0 L4 0",
}
_RADIUS = 13.0
"""Of the disc that the marks are drawn for."""


def element(tag: str, inner: str = "", /, **attributes: str | float | None) -> str:
    """An element. Attributes have `_` for `-` (`kind` is `class`); what is None is left out. `inner` is SVG already."""
    named = {
        "class" if name == "kind" else _attribute(name): value
        for name, value in attributes.items()
        if value is not None
    }
    shown = "".join(f' {name}="{escape(number(value))}"' for name, value in named.items())
    return f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>"


def _attribute(name: str) -> str:
    return name if name == "viewBox" else name.replace("_", "-")


def number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def moved(x: float, y: float, inner: str) -> str:
    """Elements at another place."""
    return element("g", inner, transform=f"translate({number(x)} {number(y)})")


def plain(text: str) -> str:
    """Words as XML may hold them, on one line."""
    return " ".join(clean(text).replace("\ufffe", "").replace("\uffff", "").split())


def words(
    x: float, y: float, text: str, size: float, *, bold: bool = False, tone: str = "ink", anchor: str | None = None
) -> str:
    """A line of text. `tone` is ink, soft or a status."""
    return element(
        "text",
        escape(plain(text)),
        kind=f"tone-{tone}",
        x=x,
        y=y,
        font_size=size,
        fill={"ink": INK, "soft": SOFT, **COLORS}[tone],
        font_weight="700" if bold else None,
        text_anchor=anchor,
    )


def box(width: float, height: float, *, bad: bool = False, dashed: bool = False) -> str:
    """A frame with round corners; `bad` in the colour of a failure."""
    return element(
        "rect",
        kind="card" if not bad else "card bad",
        width=width,
        height=height,
        rx=8,
        fill=CARD,
        stroke=COLORS["fail"] if bad else LINE,
        stroke_width=2,
        stroke_dasharray="7 5" if dashed else None,
    )


def path(route: str, *, width: float = 2, color: str = LINE, dashed: bool = False) -> str:
    """A line along a route (SVG 1.1, 8.3)."""
    dashes = "3 5" if dashed else None
    return element("path", kind="rail", d=route, fill="none", stroke=color, stroke_width=width, stroke_dasharray=dashes)


def node(x: float, y: float, status: str, radius: float = _RADIUS, *, ringed: bool = False) -> str:
    """A step's mark on its disc; hollow where the step was not run."""
    color, hollow = COLORS[status], status == "skipped"
    ring = element(
        "circle", kind=f"ring-{status}", r=radius + 6, fill="none", stroke=color, stroke_width=3, opacity="0.35"
    )
    disc = (
        element("circle", kind="card", r=radius - 1, fill=CARD, stroke=LINE, stroke_width=2)
        if hollow
        else element("circle", kind=f"disc-{status}", r=radius, fill=color)
    )
    stroke = element(
        "path",
        kind="mark" if not hollow else "mark hollow",
        d=_MARKS[status],
        fill="none",
        stroke=color if hollow else CARD,
        stroke_width="2.6",
        stroke_linecap="round",
        stroke_linejoin="round",
        transform=f"scale({radius / _RADIUS:.2f})",
    )
    return moved(x, y, (ring if ringed else "") + disc + stroke)
