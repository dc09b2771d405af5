"""What comes on the chat page's streams, and how the page's script shows it."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_NAMES = {"type", "action", "url", "name", "style", "status"}


@dataclass(slots=True)
class Feed:
    """What has come on the streams of one browser, and who waits for it."""

    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, kind: str, line: str, case: str) -> None:
        async with self.changed:
            self.raw.append(line)
            data = json.loads(line)
            if kind == "cases":
                self.cases = data
            else:
                self.messages[data["id"]] = {**data, "case": case}
            self.changed.notify_all()


@dataclass(frozen=True, slots=True)
class ChatSeen:
    feed: Feed
    id: int

    @property
    def _data(self) -> dict[str, Any]:
        return self.feed.messages[self.id]

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return list(self._data["body"]["blocks"])

    @property
    def case(self) -> str:
        return str(self._data["case"])

    thread = case

    @property
    def text(self) -> str:
        """As the page's script shows it: without control and direction characters (static/blocks.js)."""
        return _INVISIBLE.sub("", "\n".join([self._data["body"]["text"], *strings_of(self.blocks)]))

    @property
    def marked(self) -> str:
        return ""

    @property
    def actions(self) -> Sequence[str]:
        forms = [f"form.{block['name']}" for block in self.blocks if block["type"] == "Form"]
        return [b["action"] for b in self._buttons() if not b["url"]] + forms

    @property
    def links(self) -> Mapping[str, str]:
        """The script adds the report's page and its file for support, which open for the person's own browser."""
        page = f"/r/{self.case}"
        added = {"page": page, "export": f"{page}/export"} if self.report else {}
        return added | {b["action"]: b["url"] for b in self._buttons() if b["url"]}

    @property
    def addresses(self) -> Sequence[str]:
        return [part["url"] for part in parts_of(self.blocks) if part.get("url")]

    @property
    def colour(self) -> str:
        return str(self._data["body"]["data"].get("verdict", ""))

    @property
    def report(self) -> bool:
        return "verdict" in self._data["body"]["data"]

    def form(self, name: str) -> dict[str, Any] | None:
        return next((b for b in self.blocks if b["type"] == "Form" and b["name"] == name), None)

    def _buttons(self) -> list[dict[str, Any]]:
        return [button for block in self.blocks if block["type"] == "Buttons" for button in block["buttons"]]


def parts_of(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from parts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from parts_of(part)


def strings_of(value: Any) -> Iterator[str]:
    """Every word in a message's blocks, without the names by which the page calls its parts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from strings_of(part) if name not in _NAMES else ()
    elif isinstance(value, list):
        for part in value:
            yield from strings_of(part)
