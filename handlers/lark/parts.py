"""The smallest parts of a card (JSON 2.0). Every word that is shown goes through here, as literal text.

Words travel as `plain_text`, which Lark shows letter by letter; only links of our own need markdown, and their titles
are escaped. A property that Lark does not know is an error of the whole card, so parts have no more than they need.
Source: open.larksuite.com, "Card JSON 2.0 structure" and the pages of its components.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from handlers.literal import clean, cut

Part = dict[str, Any]

UNTRUSTED_LENGTH = 1000
"""How much of a server's words is shown."""
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#+\-.!~|:&@$]")
_URL_BREAKERS = {" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", '"': "%22", "\\": "%5C"}


def plain(text: str, length: int = 4000) -> Part:
    """A text object that shows what stands in it. Lark takes no empty one."""
    return {"tag": "plain_text", "content": cut(clean(text).strip(), length) or " "}


def words(text: str, *, size: str = "normal", color: str = "default") -> Part:
    """A paragraph. `size` is normal, heading or notation; `color` one of Lark's names."""
    style = {"text_size": size} if size != "normal" else {}
    return {"tag": "div", "text": plain(text) | style | ({"text_color": color} if color != "default" else {})}


def title(text: str) -> Part:
    return words(text, size="heading")


def note(text: str) -> Part:
    return words(text, size="notation", color="grey")


def box(*elements: Part) -> Part:
    """Elements on a grey ground."""
    column = {"tag": "column", "width": "weighted", "weight": 1, "padding": "8px", "elements": list(elements)}
    return {"tag": "column_set", "background_style": "grey", "columns": [column]}


def side_by_side(elements: Iterable[Part]) -> Part:
    """Elements in a row that breaks where it is too narrow."""
    columns = [{"tag": "column", "width": "auto", "elements": [element]} for element in elements]
    return {"tag": "column_set", "flex_mode": "flow", "horizontal_spacing": "8px", "columns": columns}


def links(found: Sequence[tuple[str, str]]) -> Part:
    """Links of our own: (title, address). The only markdown of a card."""
    lines = [f"[{escaped(name)}]({_address(url)})" for name, url in found]
    return {"tag": "markdown", "content": " · ".join(lines)}


def escaped(text: str) -> str:
    """Words within markdown, with every mark as a character reference."""
    return _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", clean(text).replace("\n", " "))


def _address(url: str) -> str:
    return "".join(_URL_BREAKERS.get(letter, letter) for letter in url)


def button(label: str, value: Mapping[str, str], *, primary: bool = False, url: str | None = None) -> Part:
    """A button. `value` comes back when it is pressed; with `url` it is a link, and Lark tells of the press as well."""
    back = {"type": "callback", "value": dict(value)}
    opens = [{"type": "open_url", "default_url": url}] if url is not None else []
    kind = "primary" if primary else "default"
    return {"tag": "button", "text": plain(label, 100), "type": kind, "behaviors": [*opens, back]}


def image(key: str, alt: str) -> Part:
    """A picture that was uploaded before; it opens larger when it is pressed."""
    return {"tag": "img", "img_key": key, "alt": plain(alt, 1000), "scale_type": "fit_horizontal", "preview": True}


def submit(label: str, value: Mapping[str, str]) -> Part:
    """The button that sends a form. Its name says the same as its value, since old clients leave the value out."""
    made = button(label, value, primary=True)
    return made | {"name": json.dumps(dict(value), separators=(",", ":")), "form_action_type": "submit"}


def panel(label: str, elements: Sequence[Part]) -> Part:
    """What is behind "more"."""
    return {
        "tag": "collapsible_panel",
        "expanded": False,
        "header": {"title": plain(label, 200)},
        "elements": list(elements),
    }
