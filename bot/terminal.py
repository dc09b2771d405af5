"""Messages as plain text for a terminal: the same blocks as everywhere, with marks that need no colour."""

import sys
from typing import TextIO

from bot.core.message import (
    Actions,
    Block,
    Buttons,
    Comparison,
    Fields,
    Form,
    Message,
    More,
    Reader,
    Steps,
    Text,
    Untrusted,
    mark,
)
from bot.core.model import StepResult

MARKS = {"pass": "✓", "fail": "✗", "warn": "!", "unknown": "?", "skipped": "–", "running": "…"}


def render(message: Message, reader: Reader) -> str:
    """The whole message as lines of text."""
    return "\n".join(line for block in message.blocks for line in _lines(block, reader)).strip() + "\n"


def _lines(block: Block, reader: Reader) -> list[str]:
    match block:
        case Text(text=text, style="title"):
            return ["", text, ""]
        case Text(text=text):
            return text.splitlines()
        case Untrusted(label=label, text=text):
            return [f"{label}:", *(f"  | {line}" for line in text.splitlines())]
        case Fields(rows=rows):
            return [f"  {name}: {value}" for name, value in rows]
        case Comparison(left=left, right=right, rows=pairs):
            return [
                f"  {left} / {right}",
                *(f"  {'=' if same else '≠'} {name}: {a or '-'} / {b or '-'}" for name, a, b, same in pairs),
            ]
        case Steps(rows=rows):
            return ["", *(_path(service, marks) for service, marks in rows)]
        case Actions(title=title, who=who, actions=actions, links=links):
            numbered = [f"  {i}. {action}" for i, action in enumerate(actions, 1)]
            return [
                "",
                f"■ {title}",
                f"  {reader.word('who_line', who=who)}",
                *numbered,
                *(f"  {link.title}  {link.url}" for link in links),
            ]
        case More(label=label, blocks=blocks):
            return ["", f"── {label}", *(line for part in blocks for line in _lines(part, reader))]
        case Buttons() | Form():
            return []


def _path(service: str, marks: tuple) -> str:  # type: ignore[type-arg]
    return f"{service}: " + "  ".join(f"{MARKS[m.status]} {m.label}" for m in marks)


class Progress:
    """Steps on standard error as they finish: a live list on a terminal, plain lines otherwise."""

    def __init__(self, reader: Reader, stream: TextIO | None = None) -> None:
        self._reader = reader
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._running: list[str] = []

    def started(self, step: str) -> None:
        if self._live:
            self._running.append(step)
            self._redraw()

    def finished(self, result: StepResult) -> None:
        if result.id in self._running:
            self._running.remove(result.id)
        self._clear()
        self._stream.write(self._line(result) + "\n")
        self._redraw()
        self._stream.flush()

    def note(self, text: str) -> None:
        """Words between the steps: what the person is to do meanwhile."""
        self._clear()
        self._stream.write(f"\n{text}\n\n")
        self._redraw()
        self._stream.flush()

    def end(self) -> None:
        self._clear()

    def _line(self, result: StepResult) -> str:
        shown = mark(result, self._reader)
        took = f"  {result.duration_ms:.0f} ms" if result.duration_ms is not None else ""
        note = f"  {shown.note}" if shown.note else ""
        word = self._reader.word(f"status.{result.status}")
        return f"{MARKS[result.status]} {self._reader.service(result.id)} {shown.label}: {word}{note}{took}"

    def _clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")

    def _redraw(self) -> None:
        if self._live and self._running:
            names = ", ".join(f"{self._reader.service(s)} {self._reader.label(s)}" for s in self._running)
            self._clear()
            self._stream.write(f"{MARKS['running']} {names}"[:120])
            self._stream.flush()
