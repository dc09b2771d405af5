"""The methods of the Web API: which token and scope each one takes, which arguments, and what it does."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.servers.slack.kit import faults_of_blocks, faults_of_view
from tests.servers.slack.state import Grant, Posted, Refused, Workspace, fresh_token

if TYPE_CHECKING:
    from tests.servers.slack.server import FakeSlack

Args = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: the server, whose token it came with, and the arguments."""

    slack: "FakeSlack"
    grant: Grant
    args: Args

    @property
    def team(self) -> Workspace:
        return self.slack.teams[self.grant.team]


@dataclass(frozen=True, slots=True)
class Method:
    act: Callable[[Ask], Mapping[str, Any]]
    scope: str | None
    must: tuple[str, ...]
    may: tuple[str, ...] = ()
    token: str = "bot"


def _message(ask: Ask, channel: str, *, whom: str | None = None) -> Posted:
    args = ask.args
    blocks = args.get("blocks") or []
    if faults := faults_of_blocks(blocks):
        raise Refused("invalid_blocks", errors=faults)
    if not args.get("text") and not blocks:
        raise Refused("no_text")
    if len(args.get("text", "")) > 40_000:
        raise Refused("msg_too_long")
    thread = args.get("thread_ts")
    if thread is not None and ask.team.find(channel, thread) is None:
        raise Refused("thread_not_found")
    return Posted(channel, ask.team.ts(), args.get("text", ""), blocks, thread, _metadata(args), whom, ask.team.bot)


def _metadata(args: Args) -> dict[str, Any] | None:
    found = args.get("metadata")
    if found is not None and (
        set(found) != {"event_type", "event_payload"}
        or not isinstance(found["event_payload"], dict)
        or any(isinstance(value, dict | list) and not value for value in found["event_payload"].values())
    ):
        raise Refused("invalid_metadata_format")
    return found


def _channel(ask: Ask, name: str, *, member: bool = True) -> str:
    team = ask.team
    channel = team.im(name) if name in team.people else name
    if channel not in team.members:
        raise Refused("channel_not_found")
    if member and team.bot not in team.members[channel]:
        raise Refused("not_in_channel")
    return channel


def post_message(ask: Ask) -> Mapping[str, Any]:
    channel = _channel(ask, ask.args["channel"])
    message = _message(ask, channel)
    ask.team.messages.append(message)
    return {"channel": channel, "ts": message.ts, "message": _shape(message)}


def post_ephemeral(ask: Ask) -> Mapping[str, Any]:
    channel = _channel(ask, ask.args["channel"])
    user = ask.args["user"]
    if user not in ask.team.members[channel]:
        raise Refused("user_not_in_channel")
    message = _message(ask, channel, whom=user)
    ask.team.messages.append(message)
    return {"message_ts": message.ts}


def _own(ask: Ask) -> Posted:
    message = ask.team.find(_channel(ask, ask.args["channel"], member=False), ask.args["ts"])
    if message is None or message.whom is not None:
        raise Refused("message_not_found")
    if message.author != ask.team.bot:
        raise Refused("cant_update_message")
    return message


def update(ask: Ask) -> Mapping[str, Any]:
    message = _own(ask)
    if message.stream == "open":
        raise Refused("streaming_state_conflict")
    made = _message(ask, message.channel)
    message.states.append((ask.slack.now(), message.text))
    message.text, message.blocks = made.text, made.blocks
    message.metadata = made.metadata if "metadata" in ask.args else message.metadata
    return {"channel": message.channel, "ts": message.ts, "text": message.text}


def delete(ask: Ask) -> Mapping[str, Any]:
    message = _own(ask)
    message.deleted = True
    return {"channel": message.channel, "ts": message.ts}


def permalink(ask: Ask) -> Mapping[str, Any]:
    channel, ts = ask.args["channel"], ask.args["message_ts"]
    if ask.team.find(channel, ts) is None:
        raise Refused("message_not_found")
    return {"channel": channel, "permalink": f"https://practice.slack.com/archives/{channel}/p{ts.replace('.', '')}"}


def replies(ask: Ask) -> Mapping[str, Any]:
    channel, ts = _channel(ask, ask.args["channel"]), ask.args["ts"]
    if not channel.startswith("D"):
        raise Refused("missing_scope", needed="channels:history", provided=",".join(ask.grant.scopes))
    found = [
        m for m in ask.team.messages if m.channel == channel and not m.deleted and not m.whom and ts in (m.ts, m.thread)
    ]
    return _page(ask, found)


def history(ask: Ask) -> Mapping[str, Any]:
    channel = _channel(ask, ask.args["channel"])
    if not channel.startswith("D") and "channels:history" not in ask.grant.scopes:
        raise Refused("missing_scope", needed="channels:history", provided=",".join(ask.grant.scopes))
    found = [m for m in ask.team.messages if m.channel == channel and not m.deleted and not m.whom and not m.thread]
    return _page(ask, found[::-1])


def _page(ask: Ask, found: list[Posted]) -> Mapping[str, Any]:
    """Some of the messages, and where the rest begins. A cursor is good for what it was given for."""
    begin = int(ask.args.get("cursor") or 0)
    end = begin + min(int(ask.args.get("limit", 100)), ask.slack.page)
    more = {"response_metadata": {"next_cursor": str(end)}} if end < len(found) else {}
    return {"messages": [_shape(m, ask.args) for m in found[begin:end]], "has_more": bool(more), **more}


def _shape(message: Posted, args: Args | None = None) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "message", "ts": message.ts, "text": message.text, "user": message.author}
    shape |= {"blocks": message.blocks} if message.blocks else {}
    shape |= {"thread_ts": message.thread} if message.thread else {}
    if message.author == "UBOT":
        shape["bot_id"] = "BBOT"
    if message.metadata and (args is None or str(args.get("include_all_metadata", "")).lower() in ("1", "true")):
        shape["metadata"] = message.metadata
    return shape


def start_stream(ask: Ask) -> Mapping[str, Any]:
    args, team = ask.args, ask.team
    if not ask.slack.streams:
        raise Refused("method_not_supported_for_channel_type")
    channel = _channel(ask, args["channel"])
    root = team.find(channel, args["thread_ts"])
    if root is None:
        raise Refused("thread_not_found")
    if not channel.startswith("D") and not (args.get("recipient_user_id") and args.get("recipient_team_id")):
        raise Refused("missing_recipient_user_id")
    message = Posted(
        channel, team.ts(), args.get("markdown_text", ""), [], args["thread_ts"], None, None, team.bot, stream="open"
    )
    _chunks(ask, message)
    team.messages.append(message)
    return {"channel": channel, "ts": message.ts}


def append_stream(ask: Ask) -> Mapping[str, Any]:
    message = _own(ask)
    if message.stream != "open":
        raise Refused("message_not_in_streaming_state")
    _chunks(ask, message)
    return {"channel": message.channel, "ts": message.ts}


def stop_stream(ask: Ask) -> Mapping[str, Any]:
    message = _own(ask)
    if message.stream != "open":
        raise Refused("message_not_in_streaming_state")
    _chunks(ask, message)
    blocks = ask.args.get("blocks") or []
    if faults := faults_of_blocks(blocks):
        raise Refused("invalid_blocks", errors=faults)
    message.stream, message.blocks, message.metadata = "done", blocks, _metadata(ask.args)
    return {"channel": message.channel, "ts": message.ts}


def _chunks(ask: Ask, message: Posted) -> None:
    may = {
        "task_update": {"id", "title", "status", "details", "output", "sources"},
        "plan_update": {"title"},
        "markdown_text": {"text"},
    }
    for chunk in ask.args.get("chunks") or []:
        fields = set(chunk) - {"type"}
        if chunk.get("type") not in may or fields - may[chunk["type"]]:
            raise Refused("invalid_chunks")
        if chunk["type"] == "task_update":
            if not chunk.get("title") or chunk.get("status") not in ("pending", "in_progress", "complete", "error"):
                raise Refused("invalid_chunks")
            if len(chunk["title"]) > 75 or any(len(chunk.get(name, "")) > 256 for name in ("details", "output")):
                raise Refused("invalid_chunks")
            message.tasks[chunk["id"]] = chunk
        message.text += chunk.get("text", "")


def _view(ask: Ask, kind: str) -> dict[str, Any]:
    view = ask.args["view"]
    if faults := faults_of_view(view):
        raise Refused("invalid_arguments", response_metadata={"messages": faults})
    if view["type"] != kind:
        raise Refused("invalid_arguments")
    return dict(view)


def views_open(ask: Ask) -> Mapping[str, Any]:
    user = ask.slack.triggers.use(ask.args["trigger_id"])
    view = _view(ask, "modal") | {"id": f"V{secrets.token_hex(5).upper()}", "user": user, "hash": secrets.token_hex(4)}
    ask.team.views[view["id"]] = view
    return {"view": view}


def views_update(ask: Ask) -> Mapping[str, Any]:
    known = ask.team.views.get(ask.args.get("view_id", ""))
    if known is None:
        raise Refused("not_found")
    if ask.args.get("hash", known["hash"]) != known["hash"]:
        raise Refused("hash_conflict")
    known.update(_view(ask, "modal") | {"hash": secrets.token_hex(4)})
    return {"view": known}


def views_publish(ask: Ask) -> Mapping[str, Any]:
    if ask.args["user_id"] not in ask.team.people:
        raise Refused("not_enabled")
    ask.team.homes[ask.args["user_id"]] = _view(ask, "home")
    return {"view": ask.team.homes[ask.args["user_id"]]}


def users_info(ask: Ask) -> Mapping[str, Any]:
    person = ask.team.people.get(ask.args["user"])
    if person is None:
        raise Refused("user_not_found")
    profile = dict(person.get("profile", {}))
    if "users:read.email" not in ask.grant.scopes:
        profile.pop("email", None)
    user = {"id": ask.args["user"], "team_id": ask.team.id, "tz_offset": 32_400} | person | {"profile": profile}
    if (organisation := ask.team.organisation) is not None and "team_id" not in person:
        user["enterprise_user"] = {"id": ask.args["user"], "enterprise_id": organisation, "teams": [ask.team.id]}
    if str(ask.args.get("include_locale", "")).lower() not in ("1", "true"):
        user.pop("locale", None)
    return {"user": user}


def conversations_open(ask: Ask) -> Mapping[str, Any]:
    return {"channel": {"id": ask.team.im(ask.args["users"])}}


def conversations_info(ask: Ask) -> Mapping[str, Any]:
    channel = _channel(ask, ask.args["channel"], member=False)
    shared = channel in ask.team.shared
    return {
        "channel": {"id": channel, "is_im": channel.startswith("D"), "is_ext_shared": shared, "name": channel.lower()}
    }


def auth_test(ask: Ask) -> Mapping[str, Any]:
    return {"url": "https://practice.slack.com/", "team": ask.team.name, "user": "migcheck", "team_id": ask.team.id,
            "user_id": ask.team.bot, "bot_id": "BBOT", "is_enterprise_install": bool(ask.team.organisation)}  # fmt: skip


def suggested_prompts(ask: Ask) -> Mapping[str, Any]:
    prompts = ask.args["prompts"]
    if not 1 <= len(prompts) <= 4 or any(set(p) != {"title", "message"} for p in prompts):
        raise Refused("invalid_arguments")
    ask.team.prompts[ask.args["channel_id"]] = prompts
    return {}


def set_status(ask: Ask) -> Mapping[str, Any]:
    ask.team.statuses.append(ask.args)
    return {}


def connections_open(ask: Ask) -> Mapping[str, Any]:
    return {"url": ask.slack.socket_url()}


def oauth_access(ask: Ask) -> Mapping[str, Any]:
    """A code for an installation, or (with rotation) a refresh token, which is good once, for the next pair."""
    args, slack = ask.args, ask.slack
    if (args.get("client_id"), args.get("client_secret")) != (slack.client_id, slack.client_secret):
        raise Refused("bad_client_secret")
    if args.get("grant_type") == "refresh_token":
        team = slack.refreshes.pop(args.get("refresh_token", ""), None)
        if team is None:
            raise Refused("invalid_refresh_token")
    else:
        team = slack.codes.pop(args.get("code", ""), None)
        if team is None:
            raise Refused("invalid_code")
    token, more = slack.issue(team)
    base = {"app_id": "A0001", "token_type": "bot", "scope": ",".join(sorted(slack.scopes)), "bot_user_id": "UBOT"}
    base |= more | {"access_token": token, "authed_user": {"id": "U0001"}}
    if (organisation := slack.teams[team].organisation) is not None:
        whole = {"team": None, "enterprise": {"id": organisation, "name": "Practice Group"}}
        return base | whole | {"is_enterprise_install": True}
    return base | {"team": {"id": team, "name": team}, "enterprise": None, "is_enterprise_install": False}


_POST = ("text", "blocks", "thread_ts", "metadata", "unfurl_links", "unfurl_media", "parse", "mrkdwn", "link_names")
METHODS: Mapping[str, Method] = {
    "chat.postMessage": Method(post_message, "chat:write", ("channel",), _POST),
    "chat.postEphemeral": Method(post_ephemeral, "chat:write", ("channel", "user"), (*_POST[:3], "parse", "link_names")),
    "chat.update": Method(update, "chat:write", ("channel", "ts"), ("text", "blocks", "metadata", "parse", "link_names")),
    "chat.delete": Method(delete, "chat:write", ("channel", "ts")),
    "chat.getPermalink": Method(permalink, None, ("channel", "message_ts")),
    "chat.startStream": Method(start_stream, "chat:write", ("channel", "thread_ts"),
                               ("markdown_text", "recipient_user_id", "recipient_team_id", "chunks", "task_display_mode")),
    "chat.appendStream": Method(append_stream, "chat:write", ("channel", "ts"), ("markdown_text", "chunks")),
    "chat.stopStream": Method(stop_stream, "chat:write", ("channel", "ts"), ("markdown_text", "blocks", "metadata", "chunks")),
    "views.open": Method(views_open, None, ("view", "trigger_id")),
    "views.update": Method(views_update, None, ("view",), ("view_id", "hash", "external_id")),
    "views.publish": Method(views_publish, None, ("view", "user_id"), ("hash",)),
    "users.info": Method(users_info, "users:read", ("user",), ("include_locale",)),
    "conversations.open": Method(conversations_open, "im:write", ("users",), ("return_im",)),
    "conversations.info": Method(conversations_info, "channels:read", ("channel",), ("include_locale", "include_num_members")),
    "conversations.replies": Method(replies, "im:history", ("channel", "ts"), ("include_all_metadata", "limit", "oldest", "cursor", "latest", "inclusive")),
    "conversations.history": Method(history, "im:history", ("channel",), ("include_all_metadata", "limit", "oldest", "cursor", "latest", "inclusive")),
    "auth.test": Method(auth_test, None, ()),
    "assistant.threads.setSuggestedPrompts": Method(suggested_prompts, "assistant:write", ("channel_id", "prompts"), ("thread_ts", "title")),
    "assistant.threads.setStatus": Method(set_status, "assistant:write", ("channel_id", "thread_ts", "status"), ("loading_messages",)),
    "apps.connections.open": Method(connections_open, "connections:write", (), (), "app"),
    "oauth.v2.access": Method(oauth_access, None, ("client_id", "client_secret"), ("code", "redirect_uri", "grant_type", "refresh_token"), "none"),
}  # fmt: skip

__all__ = ["METHODS", "Ask", "Refused", "fresh_token"]
