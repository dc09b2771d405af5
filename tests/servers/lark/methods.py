"""The methods of the open API: their arguments, and what each one does."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.servers.lark.card import elements_of, faults_of, faults_of_card
from tests.servers.lark.state import Chat, Posted, Refused, fresh

if TYPE_CHECKING:
    from tests.servers.lark.server import FakeLark

BAD_CARD, BAD_ARGUMENT, TOO_OFTEN = 230099, 9499, 230020
MOST_IMAGE, PNG, NO_PERMISSION = 10 * 1024 * 1024, b"\x89PNG\r\n\x1a\n", 99991672
NO_MESSAGE, RECALLED, NO_BOT, NOT_MINE = 230001, 230011, 230002, 230026


@dataclass(frozen=True, slots=True)
class Ask:
    lark: "FakeLark"
    args: dict[str, Any]
    """Body, query and the parts of the path together."""


@dataclass(frozen=True, slots=True)
class Method:
    act: Callable[[Ask], Mapping[str, Any]]
    must: frozenset[str]
    may: frozenset[str] = frozenset()
    bare: bool = False
    """Whether the answer stands beside `code`, not within `data`."""


def create(ask: Ask) -> Mapping[str, Any]:
    args, lark = ask.args, ask.lark
    match args["receive_id_type"]:
        case "open_id" if args["receive_id"] in lark.people:
            chat = lark.direct(args["receive_id"])
        case "chat_id" if args["receive_id"] in lark.chats:
            chat = lark.chats[args["receive_id"]]
        case _:
            raise Refused(BAD_ARGUMENT, "receive_id")
    return _post(ask, chat, None)


def reply(ask: Ask) -> Mapping[str, Any]:
    root = _message(ask)
    first = ask.lark.messages[root.root] if root.root else root
    return _post(ask, ask.lark.chats[root.chat], first)


def _post(ask: Ask, chat: Chat, root: Posted | None) -> Mapping[str, Any]:
    args, lark = ask.args, ask.lark
    if lark.bot not in chat.members:
        raise Refused(NO_BOT, "the bot is no member")
    uuid = args.get("uuid")
    if uuid is not None and len(uuid) > 50:
        raise Refused(BAD_ARGUMENT, "uuid")
    if uuid is not None and (chat.id, uuid) in lark.uuids:
        return _shape(lark.messages[lark.uuids[chat.id, uuid]])
    lark.count(("post", chat.id))
    thread = None
    if root is not None and args.get("reply_in_thread"):
        root.thread = root.thread or fresh("omt")
        thread = root.thread
    text, card = "", None
    if args["msg_type"] == "interactive":
        card = _card(args["content"])
        _known_images(ask, card)
    elif args["msg_type"] == "text":
        text = json.loads(args["content"])["text"]
    else:
        raise Refused(BAD_ARGUMENT, "msg_type")
    message = Posted(fresh("om"), chat.id, lark.bot, text, card, root.id if root else None, thread)
    lark.messages[message.id] = message
    if uuid is not None:
        lark.uuids[chat.id, uuid] = message.id
    return _shape(message)


def _card(content: str) -> dict[str, Any]:
    if faults := faults_of(content):
        raise Refused(BAD_CARD, "; ".join(faults))
    card: dict[str, Any] = json.loads(content)
    return card


def _known_images(ask: Ask, card: Mapping[str, Any]) -> None:
    if unknown := [
        p["img_key"] for p in elements_of(card) if p["tag"] == "img" and p["img_key"] not in ask.lark.images
    ]:
        raise Refused(BAD_CARD, f"no such images: {unknown}")


def patch(ask: Ask) -> Mapping[str, Any]:
    message = _message(ask)
    if message.author != ask.lark.bot or message.card is None:
        raise Refused(NOT_MINE, "not the bot's own card")
    card = _card(ask.args["content"])
    _known_images(ask, card)
    ask.lark.count(("patch", message.id), strict=True)
    message.states.append((ask.lark.now(), message.words))
    message.card = card
    return {}


def get(ask: Ask) -> Mapping[str, Any]:
    return {"items": [_shape(_message(ask))]}


def recall(ask: Ask) -> Mapping[str, Any]:
    """A bot takes back its own messages; others' only in a group that it manages, never in a direct chat."""
    message = _message(ask)
    chat = ask.lark.chats[message.chat]
    if message.author != ask.lark.bot and (chat.p2p or not chat.managed):
        raise Refused(NOT_MINE, "somebody else's message")
    message.recalled = True
    return {}


def _message(ask: Ask) -> Posted:
    message = ask.lark.messages.get(ask.args["message_id"])
    if message is None:
        raise Refused(NO_MESSAGE, "no such message")
    if message.recalled:
        raise Refused(RECALLED, "recalled")
    return message


def _shape(message: Posted) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "message_id": message.id, "chat_id": message.chat, "msg_type": "interactive" if message.card else "text",
        "create_time": str(int(message.created * 1000)), "deleted": message.recalled,
        "message_app_link": f"https://applink.larksuite.com/client/message/open?message_id={message.id}",
        "body": {"content": "{}"}, "sender": {"id": "cli_app", "id_type": "app_id", "sender_type": "app"},
    }  # fmt: skip
    shape |= {"root_id": message.root, "parent_id": message.root} if message.root else {}
    return shape | ({"thread_id": message.thread} if message.thread else {})


def user(ask: Ask) -> Mapping[str, Any]:
    person = ask.lark.people.get(ask.args["user_id"])
    if person is None:
        raise Refused(41050, "no authority")
    return {"user": {"open_id": ask.args["user_id"], "name": "A"} | person}


def bot_info(ask: Ask) -> Mapping[str, Any]:
    return {"bot": {"activate_status": 2, "app_name": "migcheck", "open_id": ask.lark.bot}, "msg": "ok"}


def chats(ask: Ask) -> Mapping[str, Any]:
    mine = [chat for chat in ask.lark.chats.values() if ask.lark.bot in chat.members and not chat.p2p]
    return {"items": [_chat(chat) for chat in mine], "has_more": False, "page_token": ""}


def chat_info(ask: Ask) -> Mapping[str, Any]:
    chat = _chat_of(ask)
    return {name: value for name, value in _chat(chat).items() if name != "chat_id"}


def members(ask: Ask) -> Mapping[str, Any]:
    chat = _chat_of(ask)
    people = sorted(chat.members - {ask.lark.bot})
    at, size = int(ask.args.get("page_token") or 0), 2
    items = [{"member_id": name, "member_id_type": "open_id", "name": "A"} for name in people[at : at + size]]
    more = at + size < len(people)
    return {"items": items, "has_more": more, "page_token": str(at + size) if more else ""}


def _chat_of(ask: Ask) -> Chat:
    chat = ask.lark.chats.get(ask.args["chat_id"])
    if chat is None or ask.lark.bot not in chat.members:
        raise Refused(232011, "not in the chat")
    return chat


def _chat(chat: Chat) -> dict[str, Any]:
    mode = "p2p" if chat.p2p else "group"
    return {"chat_id": chat.id, "name": chat.name or chat.id, "external": chat.external, "chat_mode": mode}


def ephemeral(ask: Ask) -> Mapping[str, Any]:
    """A card for one person in a group; it knows no languages."""
    chat = _chat_of(ask)
    if chat.p2p or ask.args["open_id"] not in chat.members:
        raise Refused(18053, "groups only, and members")
    card = ask.args["card"]
    faults = faults_of_card(card) + [f"i18n in {p['tag']}" for p in elements_of(card) if "i18n_content" in p]
    if faults:
        raise Refused(BAD_CARD, "; ".join(faults))
    message = Posted(fresh("om"), chat.id, ask.lark.bot, "", card, whom=ask.args["open_id"])
    ask.lark.messages[message.id] = message
    return {"message_id": message.id}


def upload(ask: Ask) -> Mapping[str, Any]:
    """A picture as a file of a form. Which kind it is its first bytes tell, not its name."""
    if not {"im:resource", "im:resource:upload"} & set(ask.lark.scopes):
        raise Refused(NO_PERMISSION, "im:resource")
    content = ask.args["image"]
    if ask.args["image_type"] not in ("message", "avatar") or not isinstance(content, bytes):
        raise Refused(BAD_ARGUMENT, "image_type or image")
    if not 0 < len(content) <= MOST_IMAGE or not content.startswith(PNG):
        raise Refused(BAD_ARGUMENT, "not a picture, or too large")
    key = fresh("img_v3")
    ask.lark.images[key] = content
    return {"image_key": key}


def scopes(ask: Ask) -> Mapping[str, Any]:
    return {"scopes": [{"scope_name": name, "grant_status": 1, "scope_type": "tenant"} for name in ask.lark.scopes]}


def application(ask: Ask) -> Mapping[str, Any]:
    _may_manage(ask)
    callbacks = {"callback_type": ask.lark.mode, "subscribed_callbacks": list(ask.lark.callbacks)}
    return {"app": {"app_id": ask.lark.app_id, "status": 1, "callback_info": callbacks}}


def versions(ask: Ask) -> Mapping[str, Any]:
    """The newest first: one that nobody has approved yet, then the one that is in use."""
    _may_manage(ask)
    draft = {"version": "1.1.0", "status": 4, "publish_time": None, "event_infos": []}
    events = [{"event_type": name, "event_name": name} for name in ask.lark.events]
    published = {"version": "1.0.0", "status": 1, "publish_time": "1790000000", "event_infos": events}
    return {"items": [draft, published], "has_more": False}


def _may_manage(ask: Ask) -> None:
    if "application:application:self_manage" not in ask.lark.scopes:
        raise Refused(NO_PERMISSION, "application:application:self_manage")
    if ask.args["app_id"] != ask.lark.app_id:
        raise Refused(210508, "insufficient permission level")
    if ask.args["lang"] not in ("zh_cn", "en_us", "ja_jp"):
        raise Refused(BAD_ARGUMENT, "lang")


def commands(ask: Ask) -> Mapping[str, Any]:
    _native(ask)
    return {"items": list(ask.lark.commands.values())}


def add_command(ask: Ask) -> Mapping[str, Any]:
    _native(ask)
    name = fresh("cmd")
    ask.lark.commands[name] = {
        "command_id": name,
        "command": ask.args["command"],
        "description": ask.args["description"],
    }
    return {"command_id": name}


def change_command(ask: Ask) -> Mapping[str, Any]:
    _native(ask)
    ask.lark.commands[ask.args["command_id"]] |= {"description": ask.args["description"]}
    return {}


def _native(ask: Ask) -> None:
    if not ask.lark.native:
        raise Refused(99991672, "no such API here")


def _method(act: Callable[[Ask], Mapping[str, Any]], must: str = "", may: str = "", *, bare: bool = False) -> Method:
    return Method(act, frozenset(must.split()), frozenset(may.split()), bare)


ROUTES: Mapping[tuple[str, str], tuple[str, Method]] = {
    ("POST", "/open-apis/im/v1/messages"): ("message.create", _method(create, "receive_id_type receive_id msg_type content", "uuid")),
    ("POST", "/open-apis/im/v1/messages/{message_id}/reply"): ("message.reply", _method(reply, "message_id msg_type content", "uuid reply_in_thread")),
    ("PATCH", "/open-apis/im/v1/messages/{message_id}"): ("message.patch", _method(patch, "message_id content")),
    ("GET", "/open-apis/im/v1/messages/{message_id}"): ("message.get", _method(get, "message_id", "user_id_type")),
    ("DELETE", "/open-apis/im/v1/messages/{message_id}"): ("message.delete", _method(recall, "message_id")),
    ("GET", "/open-apis/contact/v3/users/{user_id}"): ("user.get", _method(user, "user_id user_id_type", "department_id_type")),
    ("GET", "/open-apis/bot/v3/info"): ("bot.info", _method(bot_info, bare=True)),
    ("GET", "/open-apis/im/v1/chats"): ("chat.list", _method(chats, "", "page_size page_token user_id_type sort_type")),
    ("GET", "/open-apis/im/v1/chats/{chat_id}"): ("chat.get", _method(chat_info, "chat_id", "user_id_type")),
    ("GET", "/open-apis/im/v1/chats/{chat_id}/members"): ("chat.members", _method(members, "chat_id", "member_id_type page_size page_token")),
    ("POST", "/open-apis/ephemeral/v1/send"): ("ephemeral.send", _method(ephemeral, "chat_id open_id msg_type card")),
    ("POST", "/open-apis/im/v1/images"): ("image.create", _method(upload, "image_type image")),
    ("GET", "/open-apis/application/v6/scopes"): ("scope.list", _method(scopes)),
    ("GET", "/open-apis/application/v6/applications/{app_id}"): ("application.get", _method(application, "app_id lang", "user_id_type")),
    ("GET", "/open-apis/application/v6/applications/{app_id}/app_versions"): ("version.list", _method(versions, "app_id lang", "page_size page_token order user_id_type")),
    ("GET", "/open-apis/application/v7/app_slash_commands"): ("command.list", _method(commands)),
    ("POST", "/open-apis/application/v7/app_slash_commands"): ("command.create", _method(add_command, "command description")),
    ("PATCH", "/open-apis/application/v7/app_slash_commands/{command_id}"): ("command.patch", _method(change_command, "command_id description", "command")),
}  # fmt: skip
