"""What a Slack knows: workspaces, people, channels, messages, views, and what was asked of it."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from tests.servers.slack.kit import actions_of, words_of

ALL_SCOPES = (
    "commands", "chat:write", "app_mentions:read", "im:history", "users:read", "users:read.email", "assistant:write",
    "channels:read", "groups:read", "im:write", "files:read",
)  # fmt: skip


class Refused(Exception):  # noqa: N818
    """A call is refused with this error word."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error, self.more = error, more


@dataclass(frozen=True, slots=True)
class Answer:
    """A scripted answer in place of the real one: a status, headers, an error word, a wait, or a lost answer."""

    status: int = 200
    error: str = ""
    retry_after: int | None = None
    delay: float = 0.0
    after_effect: bool = False
    """Do what was asked, then lose the answer (5xx, or the connection where status is 0)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the Web API."""

    method: str
    args: dict[str, Any]
    ok: bool
    error: str
    at: float


@dataclass(slots=True)
class Posted:
    """A message as people see it. `whom` is the only one who sees it, where it is ephemeral."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread: str | None = None
    metadata: dict[str, Any] | None = None
    whom: str | None = None
    author: str = "UBOT"
    states: list[tuple[float, str]] = field(default_factory=list)
    stream: str | None = None
    """"open" while it is streamed, "done" after."""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: bool = False

    @property
    def actions(self) -> list[dict[str, Any]]:
        return actions_of(self.blocks)

    @property
    def words(self) -> str:
        return words_of(self.blocks)

    def action(self, name: str) -> dict[str, Any] | None:
        """The button with this action_id (without "migcheck.")."""
        return next((a for a in self.actions if a["action_id"] == f"migcheck.{name}"), None)


@dataclass(slots=True)
class Workspace:
    """A workspace with its people and conversations, and the tokens that are good for it."""

    id: str = "T0001"
    name: str = "Practice"
    bot: str = "UBOT"
    organisation: str | None = None
    """The Enterprise Grid for which the bot is installed as a whole; its workspaces have their people in common."""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    """Channels and who is in them (the bot as UBOT)."""
    shared: set[str] = field(default_factory=set)
    messages: list[Posted] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    homes: dict[str, dict[str, Any]] = field(default_factory=dict)
    prompts: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    ticks: int = 0

    def ts(self) -> str:
        self.ticks += 1
        return f"{int(time.time())}.{self.ticks:06d}"

    def im(self, user: str) -> str:
        """The direct conversation of a person with the bot."""
        channel = f"D{user[1:]}"
        self.members.setdefault(channel, {user, self.bot})
        return channel

    def find(self, channel: str, ts: str) -> Posted | None:
        newest_first = reversed(self.messages)
        return next((m for m in newest_first if m.ts == ts and m.channel == channel and not m.deleted), None)


@dataclass(slots=True)
class Grant:
    """What a token may do, and in which workspace."""

    team: str
    scopes: frozenset[str]
    kind: str = "bot"
    expires: float | None = None


@dataclass(slots=True)
class Response:
    """A response_url: five uses in thirty minutes."""

    team: str
    channel: str
    user: str
    left: int = 5
    until: float = field(default_factory=lambda: time.monotonic() + 1800)


def fresh_token(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(12)}"
