"""Slack's payloads to what they mean. Pure; here Slack's forms of text, ids and envelopes end."""

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.slack.attached import File, files_of, shortened

Payload = Mapping[str, Any]

PREFIX = "migcheck."
OFFER = "offer"
"""Has the secret offered (again). `secret` is what leads to its field: a link, or a button that opens a window."""
_REFERENCE = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Where:
    """Who did something, and where. `team` and `enterprise` say which installation it came through."""

    team: str
    user: str
    channel: str = ""
    thread: str | None = None
    enterprise: str | None = None
    grid: bool = False
    """Whether the bot is installed for a whole organisation (Enterprise Grid)."""
    response_url: str | None = field(default=None, repr=False)
    trigger: str | None = field(default=None, repr=False)
    shared: bool = False
    """Whether people of another organisation read this conversation."""
    foreign: bool = False
    """Whether it is somebody of another organisation."""

    @property
    def person(self) -> str:
        """Our name for them. Where the bot serves a whole organisation they are the same in each of its workspaces."""
        home = self.enterprise if self.grid and self.enterprise else self.team or self.enterprise
        return f"slack:{home}:{self.user}"

    @property
    def direct(self) -> bool:
        return self.channel.startswith("D")


@dataclass(frozen=True, slots=True)
class Command:
    """The slash command with what was typed behind it."""

    id: str
    where: Where
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """A message to the bot: in its direct conversation, or as an @mention. `root` is the thread that it belongs to."""

    id: str
    where: Where
    text: str = field(repr=False)
    root: str
    mention: bool = False
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Press:
    """A button or menu. `case` and `key` name the message it stands in; `chosen` is a menu's value."""

    id: str
    where: Where
    action: str
    case: str = ""
    key: str = ""
    chosen: str | None = None
    link: bool = False
    """Whether the button is a link: Slack opens it, and only tells of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A view that was sent. A secret in it stays in `values` and is never shown."""

    id: str
    where: Where
    name: str
    about: Mapping[str, str]
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The message shortcut: the text of the message that it was used on, and its files."""

    id: str
    where: Where
    text: str = field(repr=False)
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody opened the bot's own pages in Slack."""

    id: str
    where: Where
    tab: str


def read_command(body: Payload) -> Command:
    where = Where(
        str(body.get("team_id") or ""),
        str(body["user_id"]),
        str(body.get("channel_id", "")),
        None,
        body.get("enterprise_id") or None,
        _true(body.get("is_enterprise_install")),
        body.get("response_url"),
        body.get("trigger_id"),
    )
    return Command(_id("command", body, body.get("trigger_id")), where, words(str(body.get("text") or "")))


def read_message(body: Payload) -> Said | None:
    """A person's message; None for the bot's own, edits, deletions, joins and messages of other bots."""
    event = body["event"]
    if event.get("subtype") not in (None, "file_share", "thread_broadcast") or event.get("bot_id"):
        return None
    if not event.get("user") or not event.get("ts"):
        return None
    where = _of_event(body)
    name = f"slack:message:{where.team}:{event['channel']}:{event['ts']}"
    return Said(
        name,
        where,
        words(str(event.get("text") or "")),
        event.get("thread_ts") or event["ts"],
        event["type"] == "app_mention",
        files_of(event),
    )


def read_opened(body: Payload) -> Opened:
    return Opened(_id("event", body, body.get("event_id")), _of_event(body), str(body["event"].get("tab", "home")))


def read_press(body: Payload) -> Press:
    action = body["actions"][0]
    case, _, key = str(action.get("value") or "").partition("/")
    chosen = action.get("selected_option") or {}
    name = str(action["action_id"]).removeprefix(PREFIX)
    where = _of_interaction(body, (body.get("message") or {}).get("thread_ts"))
    taken = _id("press", body, body.get("trigger_id") or action.get("action_ts"))
    return Press(taken, where, name, case, key, chosen.get("value"), _is_link(body, action))


def meant(action: str) -> str:
    """The dialogue's name of a button that is no link and opens no window."""
    if action == OFFER:
        return "secret"
    return action.replace(".", ":") if action.startswith("choose.") else action


def _is_link(body: Payload, action: Payload) -> bool:
    blocks = (body.get("message") or {}).get("blocks") or ()
    elements = [e for block in blocks for e in block.get("elements") or () if isinstance(e, dict)]
    mine = [
        e for e in elements if e.get("action_id") == action.get("action_id") and e.get("value") == action.get("value")
    ]
    return bool(action.get("url")) or any(e.get("url") for e in mine)


def read_window(body: Payload) -> Window:
    view = body["view"]
    values: dict[str, str] = {}
    for block, inputs in view.get("state", {}).get("values", {}).items():
        for state in inputs.values():
            values[block] = _value(state)
    name = str(view.get("callback_id", "")).removeprefix(PREFIX)
    return Window(f"slack:view:{view['id']}", _of_interaction(body, None), name, _about(view), values)


def _about(view: Payload) -> dict[str, str]:
    """What the bot wrote into its own view. Slack hands it back as it was."""
    try:
        about = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in about.items()} if isinstance(about, dict) else {}


def read_shortcut(body: Payload) -> Shortcut:
    message = body.get("message") or {}
    where = _of_interaction(body, None)
    return Shortcut(_id("shortcut", body, body.get("trigger_id")), where, text_of(message), files_of(message))


def text_of(message: Payload) -> str:
    """The words of a message, of its attachments where it has none itself (forwarded mail, alerts)."""
    if message.get("text"):
        return words(str(message["text"]))
    return words("\n".join(str(a.get("text") or a.get("fallback") or "") for a in message.get("attachments") or ()))


def words(text: str) -> str:
    """Slack's form of a text as the person typed it: links, addresses and mentions undone, quotes of code taken off."""
    plain = html.unescape(_REFERENCE.sub(_undo, text)).strip().strip("`").strip()
    return shortened(plain[:_MOST_TEXT])


def _undo(match: re.Match[str]) -> str:
    target, label = match[1], match[2]
    if target[:1] in ("@", "#", "!"):
        return ""
    if target.startswith(("mailto:", "tel:")):
        return label or target.partition(":")[2]
    return label or target


def _of_event(body: Payload) -> Where:
    event = body["event"]
    granted = (body.get("authorizations") or [{}])[0] or {}
    team = str(granted.get("team_id") or body.get("team_id") or "")
    theirs = event.get("user_team") or event.get("source_team")
    return Where(
        team,
        str(event["user"]),
        str(event.get("channel") or ""),
        event.get("thread_ts"),
        granted.get("enterprise_id") or body.get("enterprise_id") or None,
        _true(granted.get("is_enterprise_install")),
        shared=bool(body.get("is_ext_shared_channel")),
        foreign=bool(theirs and team and theirs != team and not granted.get("is_enterprise_install")),
    )


def _of_interaction(body: Payload, thread: str | None) -> Where:
    team, enterprise, view = body.get("team") or {}, body.get("enterprise") or {}, body.get("view") or {}
    user = body["user"]
    return Where(
        str(view.get("app_installed_team_id") or team.get("id") or user.get("team_id") or ""),
        str(user["id"]),
        str((body.get("channel") or body.get("container") or {}).get("id", "")),
        thread,
        enterprise.get("id"),
        _true(body.get("is_enterprise_install")),
        body.get("response_url"),
        body.get("trigger_id"),
    )


def _value(state: Payload) -> str:
    if "selected_option" in state:
        return str((state["selected_option"] or {}).get("value", ""))
    if "selected_options" in state:
        return ",".join(str(option["value"]) for option in state["selected_options"] or ())
    return str(state.get("selected_conversation") or state.get("value") or "")


def _id(kind: str, body: Payload, own: Any) -> str:
    """By which name a request is known again when it is delivered again."""
    known = str(own) if own else hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
    return f"slack:{kind}:{known}"


def _true(value: Any) -> bool:
    return value is True or value == "true"
