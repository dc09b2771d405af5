"""Lark's payloads to what they mean. Pure; here Lark's envelopes, forms of text and ids end."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.secret import Secret
from handlers.lark.form import typed_of

Payload = Mapping[str, Any]

_MOST_TEXT = 20_000
_MICROSECONDS = 16
"""Digits of a time that counts them."""


@dataclass(frozen=True, slots=True)
class Where:
    """Who did something, and where. `user` is the open_id, which is this app's own name for a person."""

    tenant: str
    user: str
    chat: str = ""
    foreign: bool = False
    """Whether it is somebody of another organisation."""

    @property
    def person(self) -> str:
        return f"lark:{self.tenant}:{self.user}"


@dataclass(frozen=True, slots=True)
class Said:
    """A message to the bot: in its direct chat, or in a group. `root` is the message that its thread began with."""

    id: str
    where: Where
    text: str = field(repr=False)
    message: str
    root: str
    group: bool = False
    mentioned: tuple[str, ...] = ()
    """Whom the message speaks to, by open_id."""
    at: float | None = None
    """When it was written, by Lark's clock; so below."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button of a card, or a form that was sent. `case` and `key` name the message it stands in."""

    id: str
    where: Where
    action: str
    case: str = ""
    key: str = ""
    form: str = ""
    message: str = ""
    root: str = ""
    """The message whose thread the form that begins a case stands in, as far as the bot knew."""
    whom: str = ""
    """Whose form that is, by open_id."""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: Secret | None = field(default=None, repr=False, compare=False)
    link: bool = False
    """Whether the button is a link: Lark opens it, and only tells of it."""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """An entry of the bot's menu."""

    id: str
    where: Where
    entry: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody opened the direct chat with the bot."""

    id: str
    where: Where


Happening = Said | Press | Chosen | Entered


def read(body: Payload) -> Happening | None:
    """What happened; None for what is of no interest here. Raises KeyError, TypeError or ValueError for nonsense.

    Of no interest is that a message was recalled (im.message.recalled_v1): to be told of it, the bot would need the
    right to read all messages of its chats. The case goes on either way, and the message is not quoted again.
    """
    header, event = body["header"], body["event"]
    match header["event_type"]:
        case "im.message.receive_v1":
            return _read_message(header, event)
        case "card.action.trigger":
            return _read_press(header, event)
        case "application.bot.menu_v6":
            user = _named(event["operator"]["operator_id"]["open_id"])
            return Chosen(_id(header), Where(_tenant(header), user), str(event["event_key"]), _time(header))
        case "im.chat.access_event.bot_p2p_chat_entered_v1":
            where = Where(_tenant(header), _named(event["operator_id"]["open_id"]), str(event.get("chat_id") or ""))
            return Entered(_id(header), where)
    return None


def _read_message(header: Payload, event: Payload) -> Said | None:
    """A person's message; the id that it is known by is its own, whichever event brings it."""
    sender, message = event["sender"], event["message"]
    if sender.get("sender_type", "user") != "user":
        return None
    name = _named(message["message_id"])
    where = _where(header, sender.get("tenant_key"), sender["sender_id"]["open_id"], message["chat_id"])
    mentions = message.get("mentions") or ()
    text = text_of(str(message.get("message_type")), str(message.get("content") or ""))
    for mention in mentions:
        text = text.replace(str(mention.get("key") or "\0"), " ")
    return Said(
        f"lark:message:{name}",
        where,
        re.sub(r"^[`\s]+|[`\s]+$", "", text)[:_MOST_TEXT],
        name,
        str(message.get("root_id") or name),
        message.get("chat_type") != "p2p",
        tuple(str((mention.get("id") or {}).get("open_id") or "") for mention in mentions),
        _time(message),
    )


def text_of(kind: str, content: str) -> str:
    """The words of a message; nothing for pictures, files and the like."""
    try:
        parts = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(parts, dict):
        return ""
    if kind == "text":
        return str(parts.get("text") or "")
    if kind == "post":
        return "\n".join(_lines(parts))
    return ""


def _lines(post: Payload) -> Iterator[str]:
    """A rich text's lines. Links and addresses stand as they are shown. Some send it by locale: one of them does."""
    if "content" not in post:
        post = next((one for one in post.values() if isinstance(one, dict)), {})
    if post.get("title"):
        yield str(post["title"])
    for line in post.get("content") or ():
        pieces = [piece for piece in line if isinstance(piece, dict)] if isinstance(line, list) else []
        yield "".join(str(p.get("text") or p.get("user_id") or "") for p in pieces)


def _read_press(header: Payload, event: Payload) -> Press:
    action, operator = event["action"], event["operator"]
    context = event.get("context") or {}
    where = _where(header, operator.get("tenant_key"), operator["open_id"], context.get("open_chat_id"))
    value, typed = _value(action), action.get("form_value") or {}
    secret = typed.get("secret")
    return Press(
        _id(header),
        where,
        str(value.get("action") or ""),
        str(value.get("case") or ""),
        str(value.get("key") or ""),
        str(value.get("form") or ""),
        str(context.get("open_message_id") or ""),
        str(value.get("root") or ""),
        str(value.get("whom") or ""),
        typed_of(typed),
        Secret(str(secret)) if secret else None,
        bool(value.get("link")),
        _time(header),
    )


def _value(action: Payload) -> Payload:
    """What the bot wrote into its own button. For a form's button some clients send only its name."""
    value = action.get("value")
    if not value:
        try:
            value = json.loads(str(action.get("name") or ""))
        except (ValueError, RecursionError):
            value = None
    return value if isinstance(value, dict) else {}


def _where(header: Payload, tenant: Any, user: Any, chat: Any) -> Where:
    """The app's organisation stands in the header; the person's own beside the person."""
    mine, theirs = _tenant(header), str(tenant or "")
    return Where(mine or theirs, _named(user), str(chat or ""), bool(mine and theirs and mine != theirs))


def _named(name: Any) -> str:
    """A person or message by its id. Raises ValueError where there is none: it would be everybody's."""
    if not name or not isinstance(name, str):
        raise ValueError("no id")
    return name


def _tenant(header: Payload) -> str:
    return str(header.get("tenant_key") or "")


def _time(told: Payload) -> float | None:
    """When something happened: a string of milliseconds in events, of microseconds in callbacks."""
    digits = str(told.get("create_time") or "")
    if not digits.isdecimal():
        return None
    return int(digits) / (1e6 if len(digits) >= _MICROSECONDS else 1e3)


def _id(header: Payload) -> str:
    """By which name an event is known again when it is delivered again."""
    return f"lark:event:{header['event_id']}"
