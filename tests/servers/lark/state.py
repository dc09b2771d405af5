"""What a Lark knows: people, chats, messages, and what was asked of it."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from tests.servers.lark.card import elements_of, words_of


class Refused(Exception):  # noqa: N818
    """A call is refused with this code."""

    def __init__(self, code: int, why: str = "") -> None:
        super().__init__(f"{code} {why}")
        self.code, self.why = code, why


@dataclass(frozen=True, slots=True)
class Answer:
    """A scripted answer in place of the real one: a status, a code (-1: a page without one), a wait.

    Status 0 closes the connection.
    """

    status: int = 200
    code: int = 0
    wait: float | None = None
    after_effect: bool = False
    """Do what was asked, then lose the answer."""


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    args: dict[str, Any]
    code: int
    at: float


@dataclass(slots=True)
class Chat:
    id: str
    members: set[str]
    p2p: bool = False
    external: bool = False
    managed: bool = False
    """Whether the bot is its owner or manager."""
    name: str = ""


@dataclass(slots=True)
class Posted:
    """A message as people see it. `whom` is the only one who sees it, where it is ephemeral."""

    id: str
    chat: str
    author: str
    text: str = ""
    card: dict[str, Any] | None = None
    root: str | None = None
    thread: str | None = None
    whom: str | None = None
    states: list[tuple[float, str]] = field(default_factory=list)
    recalled: bool = False
    created: float = field(default_factory=time.time)

    @property
    def elements(self) -> list[dict[str, Any]]:
        return list(elements_of(self.card))

    @property
    def words(self) -> str:
        return self.text or words_of(self.card)

    def said(self, locale: str) -> str:
        return self.text or words_of(self.card, locale)

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return [part for part in self.elements if part["tag"] == "button"]

    @property
    def actions(self) -> list[str]:
        return [str(value_of(part).get("action")) for part in self.buttons]

    def button(self, action: str) -> dict[str, Any] | None:
        return next((part for part in self.buttons if value_of(part).get("action") == action), None)

    def url(self, action: str) -> str:
        part = self.button(action)
        assert part is not None, f"no {action} among {self.actions}"
        return str(next(b["default_url"] for b in part["behaviors"] if b["type"] == "open_url"))

    def field(self, name: str) -> dict[str, Any] | None:
        return next(
            (p for p in self.elements if p["tag"] in ("input", "select_static", "checker") and p.get("name") == name),
            None,
        )

    @property
    def case(self) -> str:
        return next(str(value_of(part)["case"]) for part in self.buttons)


def value_of(button: dict[str, Any]) -> dict[str, Any]:
    return next((b["value"] for b in button.get("behaviors", []) if b["type"] == "callback"), {})


def fresh(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
