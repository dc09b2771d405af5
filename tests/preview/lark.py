"""Lark cards (JSON 2.0) as HTML, as far as the bot's own cards use them.

Source: open.larksuite.com, "Card JSON 2.0 structure" and the pages of its components.
"""

import html
import re
from collections.abc import Callable, Mapping

from markupsafe import Markup

from tests.preview.parts import Part, UnknownPartError, anchor, wrap

_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_COLORS = frozenset({"default", "red", "grey", "green", "orange", "blue"})


def card(part: Part, locale: str) -> Markup:
    """A whole card, as a reader of that locale sees it."""
    header = part.get("header")
    head = wrap(f"la-head la-{header['template']}", _text(header["title"], locale)) if header else ""
    return wrap("la-card", head, wrap("la-body", *_elements(part["body"], locale)))


def said(part: Part, locale: str) -> Markup:
    """A card in the bot's turn of the chat."""
    return wrap("la-message", wrap("la-face", "m"), wrap("la-content", wrap("la-by", "migcheck"), card(part, locale)))


def element(part: Part, locale: str) -> Markup:
    if part["tag"] not in TAGS:
        raise UnknownPartError(part["tag"])
    return TAGS[part["tag"]](part, locale)


def _elements(part: Part, locale: str) -> list[Markup]:
    return [element(one, locale) for one in part["elements"]]


def _text(part: Part, locale: str) -> str:
    """Plain text, in the reader's language where it has that."""
    if part["tag"] != "plain_text":
        raise UnknownPartError(part["tag"])
    return _content(part, locale)


def _content(part: Part, locale: str) -> str:
    return part.get("i18n_content", {}).get(locale, part["content"])


def _div(part: Part, locale: str) -> Markup:
    words = part["text"]
    size, color = words.get("text_size", "normal"), words.get("text_color", "default")
    if size not in ("normal", "heading", "notation") or color not in _COLORS:
        raise UnknownPartError(f"{size} {color}")
    return wrap(f"la-div la-{size} la-text-{color}", _text(words, locale))


def _markdown(part: Part, locale: str) -> Markup:
    """Links, which are all that the bot sends as markdown. Character references are what Lark reads them as."""
    content, at = _content(part, locale), 0
    made: list[Markup | str] = []
    for found in _LINK.finditer(content):
        made += [html.unescape(content[at : found.start()]), anchor("la-link", found[2], html.unescape(found[1]))]
        at = found.end()
    return wrap("la-div", *made, html.unescape(content[at:]))


def _image(part: Part, locale: str) -> Markup:
    """In place of the picture what it shows: only Lark has the picture itself."""
    return wrap("la-image", "🖼 ", _text(part["alt"], locale))


def _columns(part: Part, locale: str) -> Markup:
    look = "la-box" if part.get("background_style") == "grey" else "la-row"
    return wrap(look, *(element(one, locale) for one in part["columns"]))


def _column(part: Part, locale: str) -> Markup:
    return wrap("la-column", *_elements(part, locale))


def _button(part: Part, locale: str) -> Markup:
    look = "la-button la-primary" if part["type"] == "primary" else "la-button"
    url = next((one["default_url"] for one in part["behaviors"] if one["type"] == "open_url"), None)
    if url is not None:
        return anchor(look, url, _text(part["text"], locale))
    return wrap(look, _text(part["text"], locale), tag="span")


def _form(part: Part, locale: str) -> Markup:
    return wrap("la-form", *_elements(part, locale))


def _input(part: Part, locale: str) -> Markup:
    label = wrap(
        "la-label", _text(part["label"], locale), wrap("la-required", " *" if part["required"] else "", tag="span")
    )
    empty = _text(part["placeholder"], locale) if "placeholder" in part else " "
    value = wrap("la-field", part["default_value"]) if "default_value" in part else wrap("la-field la-empty", empty)
    return wrap(
        "la-input",
        label,
        wrap("la-masked", value, wrap("la-eye", "hidden", tag="span"))
        if part.get("input_type") == "password"
        else value,
    )


def _select(part: Part, locale: str) -> Markup:
    options = {one["value"]: _text(one["text"], locale) for one in part["options"]}
    shown = options.get(part.get("initial_option", "")) or _text(part["placeholder"], locale)
    listed = wrap("la-options", *(wrap("", one, tag="li") for one in options.values()), tag="ul")
    return wrap("la-select", wrap("la-field la-choice", shown, tag="summary"), listed, tag="details")


def _checker(part: Part, locale: str) -> Markup:
    return wrap("la-tick", "☑ " if part["checked"] else "☐ ", _text(part["text"], locale))


def _panel(part: Part, locale: str) -> Markup:
    title = wrap("", _text(part["header"]["title"], locale), tag="summary")
    return wrap("la-panel", title, *_elements(part, locale), tag="details")


TAGS: Mapping[str, Callable[[Part, str], Markup]] = {
    "div": _div,
    "markdown": _markdown,
    "img": _image,
    "column_set": _columns,
    "column": _column,
    "button": _button,
    "form": _form,
    "input": _input,
    "select_static": _select,
    "checker": _checker,
    "collapsible_panel": _panel,
}
KNOWN = frozenset({*TAGS, "plain_text"})
"""Every `tag` that can be drawn."""
