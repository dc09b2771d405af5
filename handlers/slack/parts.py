"""The smallest parts of Block Kit. Every word that is shown goes through here, as literal text.

Nothing is ever sent as mrkdwn: a `plain_text` object and the text of rich text elements are shown as they are, so that
no server and no person can draw a mention, a link or formatting. Only the `text` of a message is read as markup by
Slack; it is escaped by `escaped`.
"""

from collections.abc import Sequence
from typing import Any

from bot.core.commands import spans
from handlers.literal import clean, cut

Part = dict[str, Any]

UNTRUSTED_LENGTH = 1000
"""How much of a server's words is shown."""


def escaped(text: str) -> str:
    """For the `text` of a message, where Slack reads & < > as markup."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str, length: int) -> Part:
    """A text object that shows what stands in it. Emoji names stay words. Slack takes no empty one."""
    return {"type": "plain_text", "text": cut(clean(text).strip(), length) or " ", "emoji": False}


def header(text: str) -> Part:
    return {"type": "header", "text": plain(text, 150)}


def section(text: str) -> Part:
    return {"type": "section", "text": plain(text, 3000)}


def context(lines: Sequence[str]) -> Part:
    return {"type": "context", "elements": [plain(line, 2000) for line in lines[:10]]}


def word(text: str, *, bold: bool = False, code: bool = False) -> Part:
    """A run of literal text within rich text."""
    style = {name: True for name, on in (("bold", bold), ("code", code)) if on}
    return {"type": "text", "text": clean(text) or " "} | ({"style": style} if style else {})


def link(url: str, text: str) -> Part:
    return {"type": "link", "url": url, "text": cut(clean(text), 200) or url}


def row(*elements: Part) -> Part:
    """One line of rich text."""
    return {"type": "rich_text_section", "elements": list(elements)}


def numbered(rows: Sequence[Part], before: int = 0) -> Part:
    """A numbered list; `before` is how many numbers stand above it already."""
    made: Part = {"type": "rich_text_list", "style": "ordered", "elements": list(rows)}
    return made | ({"offset": before} if before else {})


def mixed(text: str, length: int) -> list[Part]:
    """Words of advice, with the commands in them as code."""
    return [word(cut(piece, length), code=code) for piece, code in spans(text)] or [word("")]


def literal(text: str) -> Part:
    """Foreign words in a box, letter by letter."""
    return {"type": "rich_text_preformatted", "elements": [word(cut(clean(text), UNTRUSTED_LENGTH))]}


def rich(*elements: Part) -> Part:
    return {"type": "rich_text", "elements": list(elements)}


def button(action: str, label: str, *, value: str = "", url: str | None = None, primary: bool = False) -> Part:
    """A button; with `url` it is a link, and Slack tells of the press all the same."""
    made: Part = {"type": "button", "action_id": cut(f"migcheck.{action}", 255), "text": plain(label, 75)}
    if value:
        made["value"] = cut(value, 2000)
    if url is not None:
        made["url"] = url
    if primary:
        made["style"] = "primary"
    return made
