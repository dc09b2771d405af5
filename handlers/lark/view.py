"""Messages to cards (JSON 2.0). Pure: a message, the reader's words and the name of the message give the card."""

import json
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.commands import spans
from bot.core.message import (
    Actions,
    Block,
    Button,
    Buttons,
    Comparison,
    Fields,
    Form,
    Message,
    More,
    Steps,
    Text,
    Untrusted,
)
from bot.core.model import Lang
from handlers.lark.form import form_part, secret_part
from handlers.lark.parts import (
    UNTRUSTED_LENGTH,
    Part,
    box,
    button,
    image,
    links,
    note,
    panel,
    plain,
    side_by_side,
    title,
    words,
)
from handlers.literal import clean, cut

MOST_ELEMENTS = 190
"""Lark takes 200 in a card, every text counted; the rest is kept for the note that something was cut off."""
MOST_BYTES = 28_000
"""Lark takes 30 kB; a card travels as a string within JSON, so it is counted as that."""
LOCALES: Mapping[Lang, str] = {"ja": "ja_jp", "en": "en_us", "zh": "zh_cn"}
_TEMPLATES = {"pass": "green", "warn": "orange", "fail": "red", "unknown": "grey"}
_MARKS = {"pass": "✓", "warn": "!", "fail": "✗", "unknown": "?", "skipped": "–"}
_SUMMARY, _TITLE = 200, 200


@dataclass(frozen=True, slots=True)
class Names:
    """What a card needs besides the message: the reader's words, and the case and key by which its buttons call it."""

    words: Mapping[str, str]
    case: str = ""
    key: str = ""
    takes_secret: bool = False
    """Whether the offer to type a secret has the field for it."""
    code: str = ""
    """What the offer names to be found beside the field."""
    silent: bool = False
    """Whether others read along: then nothing can be pressed."""
    image: str = ""
    """Lark's key of the message's picture, where it was uploaded."""
    root: str = ""
    """The message whose thread a form stands in that begins a case: Lark does not tell when the form is sent."""
    whom: str = ""
    """Whose form it is that begins a case, by open_id: there is no case yet that would tell."""

    @property
    def value(self) -> dict[str, str]:
        begins = {"root": self.root, "whom": self.whom}
        return {"case": self.case, "key": self.key} | {name: value for name, value in begins.items() if value}


def card_of(message: Message, names: Names) -> Part:
    """The card within Lark's limits; what does not fit is left out from the end and said so."""
    blocks = list(message.blocks) or [Text(message.text)]
    head = _head(message, blocks)
    said = blocks[1:] if head and isinstance(blocks[0], Text) and len(blocks[0].text) <= _TITLE else blocks
    private = names.takes_secret or any(isinstance(block, Form) for block in blocks)
    config = {
        "update_multi": True,
        "enable_forward": not private,
        "summary": {"content": cut(clean(message.text).replace("\n", " ").strip(), _SUMMARY)},
    }
    card: Part = {"schema": "2.0", "config": config, **head, "body": {"elements": []}}
    elements = [part for block in said for part in _parts(block, names)] or _parts(blocks[0], names)
    if message.picture is not None and names.image:
        elements.insert(0, image(names.image, message.picture.alt))
    card["body"]["elements"] = _fitting(card, elements, names)
    return card


def _head(message: Message, blocks: list[Block]) -> Part:
    """A coloured title, which is all that old clients show: for reports, progress and what begins with a title."""
    titled = isinstance(blocks[0], Text) and blocks[0].style == "title"
    if not titled and "progress" not in message.data:
        return {}
    color = _TEMPLATES.get(str(message.data.get("verdict")), "blue")
    text = blocks[0].text if titled and isinstance(blocks[0], Text) else message.text
    return {"header": {"title": plain(text, _TITLE), "template": color}}


def _parts(block: Block, names: Names) -> list[Part]:
    match block:
        case Text(text=text, style=style):
            shown = {"title": title, "note": note}.get(style, words)
            return [shown(text)] if text.strip() else []
        case Untrusted(label=label, text=text):
            return [words(label), box(words(cut(clean(text), UNTRUSTED_LENGTH)))]
        case Fields(rows=rows):
            return [box(words("\n".join(_named(name, cut(_line(value), 300), names) for name, value in rows)))]
        case Comparison():
            return [box(words(_comparison(block, names)))]
        case Steps():
            return [part for service, marks in block.rows for part in _steps(service, marks, names)]
        case Actions():
            return _actions(block, names)
        case More(label=label, blocks=blocks):
            return [panel(label, [part for inner in blocks for part in _parts(inner, names)])]
        case Buttons(buttons=buttons):
            return [] if names.silent else _buttons(buttons, names)
        case Form():
            return [form_part(block, names.value)]


def _line(text: str) -> str:
    return " ".join(text.split())


def _named(name: str, value: str, names: Names) -> str:
    """A name and its value, with the colon of the reader's language."""
    return names.words["named"].format(name=name, value=value)


def _comparison(table: Comparison, names: Names) -> str:
    """Two columns as lines, since a phone is too narrow for a table. Where one side is empty, there is no verdict."""
    lines = []
    for label, left, right, same in table.rows:
        if not left.strip():
            lines.append(_named(label, _line(right), names))
            continue
        lines.append(f"{_MARKS['pass'] if same else _MARKS['fail']} {label}")
        lines += [f"    {_named(table.left, _line(left), names)}", f"    {_named(table.right, _line(right), names)}"]
    return "\n".join(lines)


def _steps(service: str, marks: Iterable[Any], names: Names) -> list[Part]:
    """One service: its steps in order, each with a mark, and below what was found where it is not good."""
    shown = list(marks)
    path = "  →  ".join(_mark(mark.status, mark.label, names) for mark in shown)
    notes = [_named(m.label, cut(m.note, 200), names) for m in shown if m.note and m.status in _MARKED]
    failed = any(mark.status == "fail" for mark in shown)
    return [words("\n".join([service, path, *notes]), color="red" if failed else "default")]


_MARKED = ("fail", "warn", "unknown")


def _mark(status: str, label: str, names: Names) -> str:
    said = names.words.get(f"status.{status}", status)
    told = label if status == "pass" else names.words["marked"].format(stage=label, status=said)
    return f"{_MARKS.get(status, '·')} {told}"


def _actions(advice: Actions, names: Names) -> list[Part]:
    parts = [words(advice.title)]
    if advice.who:
        parts.append(note(names.words["who_line"].format(who=advice.who)))
    if advice.actions:
        parts.append(box(words("\n".join(f"{n}. {_action(a)}" for n, a in enumerate(advice.actions, 1)))))
    return [*parts, *([links([(one.title, one.url) for one in advice.links])] if advice.links else [])]


def _action(action: str) -> str:
    """A line of advice. A command that ends it has a line of its own, since nothing else can set it apart."""
    *before, (last, is_command) = spans(action) or (("", False),)
    if not before or not is_command:
        return cut(action, 600)
    return f"{cut(''.join(text for text, _ in before).rstrip(), 600)}\n    {cut(last, 600)}"


def _buttons(buttons: Iterable[Button], names: Names) -> list[Part]:
    """Buttons in a row. Where the secret may be typed here, its field stands in place of its button."""
    field = [secret_part(names.value, names.words, names.code)] if names.takes_secret else []
    made = [
        button(
            b.label,
            {**names.value, "action": b.action} | ({"link": "yes"} if b.url is not None else {}),
            primary=b.primary,
            url=b.url,
        )
        for b in buttons
        if not (field and b.action == "secret")
    ]
    return [*field, *([side_by_side(made)] if made else [])]


# Limits.


def _fitting(card: Part, elements: list[Part], names: Names) -> list[Part]:
    """As many elements as fit. What can be pressed stays; the rest goes from the end."""
    if _fits(card, elements):
        return elements
    cut_off = note(names.words["cut_off"])
    words_at = [at for at, element in enumerate(elements) if not _pressable(element)]

    def kept(count: int) -> list[Part]:
        last = words_at[count - 1] if count else -1
        tail = [element for element in elements[last + 1 :] if _pressable(element)]
        return [*elements[: last + 1], cut_off, *tail]

    most = bisect(range(1, len(words_at)), False, key=lambda count: not _fits(card, kept(count)))
    found = kept(most)
    while not _fits(card, found) and len(found) > 1:
        found = found[:-1]
    return found


def _fits(card: Part, elements: list[Part]) -> bool:
    whole = {**card, "body": {"elements": elements}}
    return size_of(whole) <= MOST_BYTES and sum(1 for _ in tagged(whole)) <= MOST_ELEMENTS


def size_of(card: Part) -> int:
    """Bytes of a card as it is sent: a string within JSON."""
    return len(json.dumps(json.dumps(card, ensure_ascii=False), ensure_ascii=False).encode())


def tagged(part: Any) -> Iterator[Part]:
    """Everything in a card that Lark counts as an element."""
    if isinstance(part, dict):
        if "tag" in part:
            yield part
        for inner in part.values():
            yield from tagged(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from tagged(inner)


def _pressable(element: Part) -> bool:
    return any(part["tag"] in ("button", "form") for part in tagged(element))


# Several languages in one card.


def in_languages(cards: Mapping[Lang, Part], main: Lang) -> Part:
    """One card that everybody reads in their own language: the main one with the others' words beside its own.

    Where the cards are not of one shape (links differ, say), or it grows too large, the main one alone.
    """
    try:
        merged = _merged({LOCALES[lang]: card for lang, card in cards.items()}, cards[main])
    except _ShapesDifferError:
        return cards[main]
    return merged if size_of(merged) <= MOST_BYTES else cards[main]


class _ShapesDifferError(Exception):
    pass


def _merged(versions: Mapping[str, Any], main: Any) -> Any:
    if isinstance(main, dict):
        if any(not isinstance(v, dict) or v.keys() != main.keys() for v in versions.values()):
            raise _ShapesDifferError
        if "content" in main:
            said = {locale: version["content"] for locale, version in versions.items()}
            return main | ({"i18n_content": said} if len(set(said.values())) > 1 else {})
        return {key: _merged({loc: v[key] for loc, v in versions.items()}, part) for key, part in main.items()}
    if isinstance(main, list):
        if any(not isinstance(v, list) or len(v) != len(main) for v in versions.values()):
            raise _ShapesDifferError
        return [_merged({loc: v[at] for loc, v in versions.items()}, part) for at, part in enumerate(main)]
    return main
