"""Messages to Block Kit. Pure: a message, the reader's words and the name of the message give the blocks."""

import json
from collections.abc import Iterable, Mapping
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
    Input,
    Message,
    More,
    StepMark,
    Steps,
    Text,
    Untrusted,
)
from handlers.literal import cut
from handlers.slack.inbound import OFFER
from handlers.slack.parts import (
    Part,
    button,
    context,
    escaped,
    header,
    link,
    literal,
    mixed,
    numbered,
    plain,
    rich,
    row,
    section,
    word,
)

MOST_BLOCKS = 48
"""Slack takes 50 in a message; two are kept for the note that something was cut off and its button."""
MOST_BYTES = 11_500
"""Slack refuses messages whose blocks are larger than about 13,000 bytes (msg_blocks_too_long)."""
TEXT_LENGTH, ACTION_LENGTH = 3000, 600
_MARKS = {"pass": "✓", "warn": "!", "fail": "✗", "unknown": "?", "skipped": "–"}


@dataclass(frozen=True, slots=True)
class Names:
    """What a rendering needs besides the message: the reader's words, and the name by which its buttons call it."""

    words: Mapping[str, str]
    value: str = ""
    """Goes into every button: case and key of the message."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as Slack takes it."""

    text: str
    blocks: tuple[Part, ...]
    data: Mapping[str, Any]


def shown(message: Message, names: Names) -> Shown:
    """The message within Slack's limits; what does not fit is left out from the end and said so."""
    return Shown(fallback(message, names), tuple(_fitting(blocks_of(message.blocks, names), names)), message.data)


def blocks_of(blocks: Iterable[Block], names: Names) -> list[Part]:
    """Blocks as Slack's, however many they become."""
    return [part for block in blocks for part in _parts(block, names)]


def _parts(block: Block, names: Names) -> list[Part]:
    match block:
        case Text(text=text, style="title"):
            return [header(text)] if len(text) <= 150 else [rich(row(word(text, bold=True)))]  # noqa: PLR2004
        case Text(text=text, style="note"):
            return [context([text])] if text.strip() else []
        case Text(text=text):
            return [_prose(text)] if text.strip() else []
        case Untrusted(label=label, text=text):
            return [rich(row(word(label, bold=True)), literal(text))]
        case Fields(rows=rows):
            return [_fields(rows, names)]
        case Comparison():
            return [_comparison(block, names)]
        case Steps():
            return _steps(block, names)
        case Actions():
            return [_actions(block, names)]
        case More(label=label):
            if not names.value:  # where others read along nothing can be pressed
                return []
            return [{"type": "actions", "elements": [button("more", label, value=names.value)]}]
        case Buttons(buttons=buttons):
            return list(_buttons(buttons, names))
        case Form():
            return _form(block, names)


def _prose(text: str) -> Part:
    """A paragraph. A command in it is shown as code."""
    return section(text) if len(spans(text)) == 1 else rich(row(*mixed(text, TEXT_LENGTH)))


def labelled(name: str, value: str, words: Mapping[str, str]) -> str:
    """A name and its value, with the colon of the reader's language."""
    return words["named"].format(name=name, value=value)


def _fields(rows: Iterable[tuple[str, str]], names: Names) -> Part:
    colon = labelled("", "", names.words)
    lines = [
        row(word(name, bold=True), word(colon), word(cut(value, 300), code=True), word("\n")) for name, value in rows
    ]
    return rich(*lines)


def _comparison(table: Comparison, names: Names) -> Part:
    """Two columns as lines, since the width of Slack's own tables cannot be counted on."""
    lines = []
    for label, left, right, same in table.rows:
        mark = f"{_MARKS['pass' if same else 'fail']} " if left else ""  # nothing to compare with is no fault
        lines.append(row(word(f"{mark}{label}\n", bold=not same)))
        lines.append(
            row(
                word(f"    {labelled(table.left, '', names.words)}"),
                word(left or "–", code=True),
                word(f"\n    {labelled(table.right, '', names.words)}"),
                word(right or "–", code=True),
                word("\n"),
            )
        )
    return rich(*lines)


def _steps(steps: Steps, names: Names) -> list[Part]:
    """A line for each service: its steps in order, with a mark and, where it is not good, the word for it."""
    lines = []
    for service, marks in steps.rows:
        elements = [word(f"{service}\n", bold=True)]
        for place, mark in enumerate(marks):
            said, failed = _mark(mark.status, mark.label, names), mark.status == "fail"
            elements.append(word(("  →  " if place else "") + said, bold=failed))
        notes = [m for m in marks if m.note and m.status in ("fail", "warn", "unknown")]
        elements += [word(f"\n    {labelled(mark.label, cut(mark.note, 200), names.words)}") for mark in notes]
        lines.append(row(*_joined([*elements, word("\n")])))
    return [rich(*lines)] if lines else []


def _joined(elements: Iterable[Part]) -> list[Part]:
    """Neighbours of the same style as one, since every element costs room."""
    joined: list[Part] = []
    for element in elements:
        if joined and joined[-1].get("style") == element.get("style"):
            joined[-1] = {**joined[-1], "text": joined[-1]["text"] + element["text"]}
        else:
            joined.append(element)
    return joined


def _mark(status: str, label: str, names: Names) -> str:
    said = label if status == "pass" else marked(label, status, names.words)
    return f"{_MARKS.get(status, '·')} {said}"


def marked(label: str, status: str, words: Mapping[str, str]) -> str:
    """A step and what came of it, in the brackets of the reader's language."""
    return words["marked"].format(stage=label, status=words.get(f"status.{status}", status))


def _actions(advice: Actions, names: Names) -> Part:
    who = names.words["who_line"].format(who=advice.who) if advice.who else ""
    parts = [row(word(advice.title, bold=True), word(f"\n{who}\n" if who else "\n"))]
    parts += _list(advice.actions)
    if advice.links:
        links: list[Part] = []
        for one in advice.links:
            links += [word("  ·  ")] if links else []
            links.append(link(one.url, one.title))
        parts.append(row(*links))
    return rich(*parts)


def _list(actions: Iterable[str]) -> list[Part]:
    """What to do, numbered. A command that ends a line stands in a box, from where it can be copied."""
    parts: list[Part] = []
    rows: list[Part] = []
    first = 0
    for place, action in enumerate(actions, 1):
        *before, (last, is_command) = spans(action) or (("", False),)
        if before and is_command:
            rows.append(row(*mixed("".join(text for text, _ in before).rstrip(), ACTION_LENGTH)))
            parts += [numbered(rows, first), literal(last)]
            rows, first = [], place
        else:
            rows.append(row(*mixed(action, ACTION_LENGTH)))
    return [*parts, numbered(rows, first)] if rows else parts


def _buttons(buttons: Iterable[Button], names: Names) -> Iterable[Part]:
    made = [button(_action(b, names), b.label, value=names.value, url=b.url, primary=b.primary) for b in buttons]
    for start in range(0, len(made), 25):
        yield {"type": "actions", "elements": made[start : start + 25]}


def _action(button: Button, names: Names) -> str:
    offered = button.url is not None or names.value.rpartition("/")[2].startswith("offer")
    return OFFER if button.action == "secret" and not offered else button.action.replace(":", ".")


def _form(form: Form, names: Names) -> list[Part]:
    """A form opens as a window, since only there an error can stand beside its field. Here it is told as well."""
    wrong = [row(word(f"{_MARKS['fail']} {error}")) for error in _errors(form, names)]
    opens = button(f"form.{form.name}", names.words["open_form"], value=names.value, primary=True)
    return [*([rich(*wrong)] if wrong else []), {"type": "actions", "elements": [opens]}]


def _errors(form: Form, names: Names) -> list[str]:
    return [error_at(one, names.words) for one in form.inputs if one.error]


def error_at(one: Input, words: Mapping[str, str]) -> str:
    """What is wrong with a field, beginning with the field's name."""
    return one.error if one.error.startswith(one.label) else labelled(one.label, one.error, words)


def _fitting(blocks: list[Part], names: Names) -> list[Part]:
    """As many blocks as fit. Buttons stay, since they are what one can do; the rest goes from the end."""
    if len(blocks) <= MOST_BLOCKS and _size(blocks) <= MOST_BYTES:
        return blocks
    kept = list(blocks)
    note = context([names.words["cut_off"]])
    while len(kept) > 1 and (len(kept) > MOST_BLOCKS or _size([*kept, note]) > MOST_BYTES):
        last = next((i for i in range(len(kept) - 1, 0, -1) if kept[i]["type"] != "actions"), len(kept) - 1)
        del kept[last]
    place = next((i for i in range(len(kept) - 1, -1, -1) if kept[i]["type"] != "actions"), -1)
    return [*kept[: place + 1], note, *kept[place + 1 :]]


def _size(blocks: list[Part]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False).encode())


def fallback(message: Message, names: Names) -> str:
    """What notifications and screen readers read, and what is left where blocks are not shown: no foreign words."""
    lines = [message.text]
    for block in message.blocks:
        match block:
            case Text(text=text) if text != message.text:
                lines.append(text)
            case Steps(rows=rows):
                lines += [labelled(service, _aloud(marks, names), names.words) for service, marks in rows]
            case Actions(title=title, who=who, actions=actions, links=links):
                lines += [
                    names.words["marked"].format(stage=title, status=who) if who else title,
                    *(f"{n}. {action}" for n, action in enumerate(actions, 1)),
                    *(labelled(one.title, one.url, names.words) for one in links if not who),
                ]
            case Form():
                lines += _errors(block, names)
            case _:
                pass
    return cut(escaped("\n".join(line for line in lines if line.strip())), TEXT_LENGTH)


def _aloud(marks: Iterable[StepMark], names: Names) -> str:
    """A service's path as one says it: what is not good, without signs and without what follows from it."""
    notable = [mark for mark in marks if mark.status not in ("pass", "skipped")]
    notable = notable or [mark for mark in marks if mark.status == "skipped"]
    said = [marked(mark.label, mark.status, names.words) for mark in notable]
    return names.words["comma"].join(said) or names.words["status.pass"]


def title_of(text: str) -> Part:
    """A window's title: at most 24 characters."""
    return plain(text, 24)
