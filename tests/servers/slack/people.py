"""People at Slack: what they type, press and send reaches the bot as Slack sends it, and is acknowledged in time."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.servers.slack.kit import actions_of
from tests.servers.slack.state import Posted, Response, Workspace

if TYPE_CHECKING:
    from tests.servers.slack.server import FakeSlack

ACK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Ack:
    """How the bot answered a request."""

    status: int
    body: Any
    seconds: float
    request: tuple[str, dict[str, str]] = field(default=("", {}), repr=False)
    """What was sent, so that it can be sent again."""


@dataclass(slots=True)
class Delivery:
    """How requests reach the bot: HTTP to `url`, or Socket Mode where it is None."""

    url: str | None = None


class Person:
    """Somebody who uses the bot."""

    def __init__(self, slack: "FakeSlack", team: Workspace, user: str) -> None:
        self.slack, self.team, self.id = slack, team, user
        self.at = team.id
        """The workspace that they have before them: on an Enterprise Grid there are several."""
        self.im = team.im(user)

    # What they do.

    async def command(self, text: str = "", channel: str | None = None, command: str = "/migcheck") -> Ack:
        channel = channel or self.im
        url, key = self._response_url(channel)
        body = {
            "token": "legacy", "team_id": self.at, "team_domain": "practice", "channel_id": channel,
            "channel_name": "directmessage" if channel.startswith("D") else channel.lower(), "user_id": self.id,
            "user_name": self.id.lower(), "command": command, "text": text, "api_app_id": "A0001",
            "is_enterprise_install": "true" if self.team.organisation else "false",
            "response_url": url, "trigger_id": self.slack.triggers.make(self.id),
        } | ({"enterprise_id": self.team.organisation} if self.team.organisation else {})  # fmt: skip
        ack = await self.deliver("slash_commands", body)
        self._heard(ack, key)
        return ack

    async def says(
        self, text: str, *, thread: str | None = None, channel: str | None = None, kind: str = "message", **more: Any
    ) -> str:
        """A message in the direct conversation (or, as an @mention, in a channel); its ts."""
        channel = channel or self.im
        message = Posted(channel, self.team.ts(), text, [], thread, author=self.id)
        self.team.messages.append(message)
        event = {
            "type": kind,
            "user": self.id,
            "text": text,
            "ts": message.ts,
            "channel": channel,
            "team": self.team.id,
            "event_ts": message.ts,
        }
        event |= {"channel_type": "im"} if kind == "message" else {}
        event |= {"thread_ts": thread} if thread else {}
        await self.event(event | more, shared=channel in self.team.shared)
        return message.ts

    async def attaches(self, *files: dict[str, Any], text: str = "", thread: str | None = None) -> str:
        """A message with files (`slack.drawer.keep`) in the direct conversation; its ts."""
        return await self.says(text, thread=thread, subtype="file_share", files=list(files), upload=False)

    async def mentions(self, text: str, channel: str, thread: str | None = None) -> str:
        return await self.says(f"<@{self.team.bot}> {text}", channel=channel, thread=thread, kind="app_mention")

    async def opens(self, tab: str = "home") -> Ack:
        return await self.event(
            {"type": "app_home_opened", "user": self.id, "channel": self.im, "tab": tab, "event_ts": self.team.ts()}
        )

    async def event(self, event: dict[str, Any], *, shared: bool = False, **envelope: Any) -> Ack:
        body = {
            "token": "legacy", "team_id": self.at, "api_app_id": "A0001", "event": event, "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5).upper()}", "event_time": int(time.time()), "is_ext_shared_channel": shared,
            "authorizations": [{"enterprise_id": self.team.organisation, "team_id": None if self.team.organisation else self.at, "user_id": self.team.bot, "is_bot": True, "is_enterprise_install": bool(self.team.organisation)}],
        } | envelope  # fmt: skip
        return await self.deliver("events_api", body)

    async def presses(
        self, message: Posted, action: str, *, value: str | None = None, option: str | None = None
    ) -> Ack:
        """A button (or, with `option`, a menu) of a message."""
        found = message.action(action)
        assert found is not None, f"no migcheck.{action} among {[a['action_id'] for a in message.actions]}"
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": message.whom is not None,
        }
        shape = {
            "type": "message",
            "ts": message.ts,
            "text": message.text,
            "blocks": message.blocks,
            "user": self.team.bot,
        }
        shape |= {"thread_ts": message.thread} if message.thread else {}
        url, key = self._response_url(message.channel)
        more = {
            "container": container,
            "channel": {"id": message.channel, "name": "directmessage"},
            "message": shape,
            "response_url": url,
        }
        return await self._action(found, more, value, option, key)

    async def presses_home(self, action: str, *, option: str | None = None) -> Ack:
        return await self.presses_home_of(self.team.homes[self.id], action, option=option)

    async def presses_home_of(self, home: dict[str, Any], action: str, *, option: str | None = None) -> Ack:
        found = next(a for a in actions_of(home["blocks"]) if a["action_id"] == f"migcheck.{action}")
        return await self._action(
            found, {"container": {"type": "view"}, "view": home | {"id": "VHOME"}}, None, option, None
        )

    async def _action(
        self, element: dict[str, Any], more: dict[str, Any], value: str | None, option: str | None, key: str | None
    ) -> Ack:
        action = {
            k: element[k] for k in ("action_id", "block_id", "type", "text", "value", "style") if k in element
        } | {"action_ts": self.team.ts()}
        if value is not None:
            action["value"] = value
        if option is not None:
            action["selected_option"] = next(o for o in element["options"] if o["value"] == option)
        body = {"type": "block_actions", "user": self._user(), "api_app_id": "A0001", **self._place(),
                "trigger_id": self.slack.triggers.make(self.id), "actions": [action], "state": {"values": {}}} | more  # fmt: skip
        ack = await self.deliver("interactive", body)
        self._heard(ack, key)
        return ack

    async def shortcut(self, message: Posted, callback: str = "migcheck.explain", **more: Any) -> Ack:
        shape = {"type": "message", "ts": message.ts, "text": message.text, "user": message.author} | more
        shape |= {"thread_ts": message.thread} if message.thread else {}
        url, key = self._response_url(message.channel)
        body = {"type": "message_action", "callback_id": callback, "trigger_id": self.slack.triggers.make(self.id), "message_ts": message.ts,
                "action_ts": self.team.ts(), "response_url": url, "user": self._user(), **self._place(),
                "channel": {"id": message.channel, "name": "x"}, "message": shape}  # fmt: skip
        ack = await self.deliver("interactive", body)
        self._heard(ack, key)
        return ack

    async def submits(self, view: dict[str, Any], **values: Any) -> Ack:
        """Send a view with these values by block_id; what was filled in before stays."""
        state: dict[str, Any] = {}
        for block in view["blocks"]:
            if block["type"] != "input":
                continue
            element, name = block["element"], block["block_id"]
            state[name] = {element["action_id"]: _typed(element, values.pop(name, None))}
        assert not values, f"no such fields: {values}"
        shape = {
            k: view[k]
            for k in ("id", "type", "callback_id", "private_metadata", "hash", "blocks", "title")
            if k in view
        }
        body = {"type": "view_submission", **self._place(), "user": self._user(), "api_app_id": "A0001", "trigger_id": self.slack.triggers.make(self.id),
                "view": shape | {"state": {"values": state}, "team_id": self.team.id}}  # fmt: skip
        ack = await self.deliver("interactive", body)
        errors = ack.body.get("errors", {}) if isinstance(ack.body, dict) else {}
        ids = {block.get("block_id") for block in view["blocks"] if block["type"] == "input"}
        if unknown := set(errors) - ids:
            self.slack.faults.append(f"errors on blocks that are no inputs of the view: {unknown}")
        if not errors:
            self.team.views.pop(view["id"], None)  # the window closes
        return ack

    # What they see.

    def sees(self, channel: str | None = None, thread: str | None = None) -> list[Posted]:
        """Messages of the bot that this person can see."""
        return [
            m for m in self.team.messages
            if m.author == self.team.bot and not m.deleted and m.channel == (channel or self.im) and m.whom in (None, self.id) and (thread is None or thread in (m.thread, m.ts))
        ]  # fmt: skip

    async def sees_with(
        self,
        action: str | None = None,
        *,
        words: str = "",
        channel: str | None = None,
        limit: float = 20.0,
        after: int = 0,
    ) -> Posted:
        """The first message with a button, or words in it, as soon as it is there."""

        def found() -> Posted | None:
            fitting = [
                m for m in self.sees(channel) if (action is None or m.action(action)) and words in m.text + m.words
            ]
            return fitting[after] if len(fitting) > after else None

        message: Posted = await self.slack.until(found, limit)
        return message

    async def offer(self, limit: float = 20.0) -> Posted:
        """The newest offer to type a secret: it can be cancelled, which a report's button cannot."""

        def found() -> Posted | None:
            return next((m for m in reversed(self.sees()) if m.action("secret") and m.action("cancel")), None)

        message: Posted = await self.slack.until(found, limit)
        return message

    async def report(self, number: int = 0, limit: float = 30.0) -> Posted:
        """The nth report."""

        def found() -> Posted | None:
            reports = [m for m in self.sees() if m.metadata and m.metadata["event_type"] == "migcheck_report"]
            return reports[number] if len(reports) > number else None

        message: Posted = await self.slack.until(found, limit)
        return message

    async def view(self, callback: str | None = None, limit: float = 5.0) -> dict[str, Any]:
        """The view that was opened for this person last."""

        def found() -> dict[str, Any] | None:
            mine = [
                v
                for v in self.team.views.values()
                if v["user"] == self.id and (callback is None or v.get("callback_id") == f"migcheck.{callback}")
            ]
            return mine[-1] if mine else None

        view: dict[str, Any] = await self.slack.until(found, limit)
        return view

    # How it reaches the bot.

    async def deliver(
        self, kind: str, body: dict[str, Any], *, retry: int = 0, headers: dict[str, str] | None = None
    ) -> Ack:
        """Send to the bot by the transport in use, and hold it to Slack's time."""
        if self.slack.delivery.url is None:
            return await self._by_socket(kind, body, retry)
        if kind == "slash_commands":
            raw, sort = urllib.parse.urlencode(body), "application/x-www-form-urlencoded"
        elif kind == "interactive":
            raw, sort = urllib.parse.urlencode({"payload": json.dumps(body)}), "application/x-www-form-urlencoded"
        else:
            raw, sort = json.dumps(body), "application/json"
        return await self.post(
            raw, signed(self.slack.signing_secret, raw) | {"Content-Type": sort} | _retry(retry) | (headers or {})
        )

    async def post(self, raw: str, headers: dict[str, str]) -> Ack:
        began = time.monotonic()
        assert self.slack.delivery.url is not None
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.slack.delivery.url, data=raw.encode(), headers=headers) as answer,
        ):
            text = await answer.text()
            ack = Ack(
                answer.status,
                json.loads(text) if answer.content_type == "application/json" and text else text,
                time.monotonic() - began,
                (raw, headers),
            )
        if ack.seconds > ACK_SECONDS:
            self.slack.faults.append(f"acknowledged after {ack.seconds:.1f} s")
        return ack

    async def again(self, ack: Ack, retry: int = 1) -> Ack:
        """The same request as Slack delivers it again, freshly signed."""
        raw, headers = ack.request
        return await self.post(raw, headers | signed(self.slack.signing_secret, raw) | _retry(retry))

    async def _by_socket(self, kind: str, body: dict[str, Any], retry: int) -> Ack:
        envelope = secrets.token_hex(8)
        waiting = self.slack.acked[envelope] = asyncio.get_running_loop().create_future()
        sent: dict[str, Any] = {
            "envelope_id": envelope,
            "type": kind,
            "payload": body,
            "accepts_response_payload": kind != "events_api",
        }
        sent |= {"retry_attempt": retry, "retry_reason": "timeout"} if kind == "events_api" else {}
        began = time.monotonic()
        await self.slack.sockets[-1].send_str(json.dumps(sent))
        try:
            payload = await asyncio.wait_for(waiting, ACK_SECONDS)
        except TimeoutError:
            self.slack.faults.append(f"{kind} was not acknowledged in time")
            raise
        return Ack(200, payload or "", time.monotonic() - began)

    def _response_url(self, channel: str) -> tuple[str, str]:
        key = secrets.token_hex(8)
        self.slack.responses[key] = Response(self.team.id, channel, self.id)
        return f"http://127.0.0.1:{self.slack.port}/response/{key}", key

    def _heard(self, ack: Ack, key: str | None) -> None:
        """An answer in the acknowledgement itself is shown like one by the response_url."""
        if key is None or ack.status != 200 or not ack.body:
            return
        body = ack.body if isinstance(ack.body, dict) else {"text": ack.body}
        if "response_action" not in body:
            self.slack.hear(self.slack.responses[key], body)

    def _user(self) -> dict[str, str]:
        return {"id": self.id, "username": self.id.lower(), "name": self.id.lower(), "team_id": self.at}

    def _place(self) -> dict[str, Any]:
        """Whose installation a payload belongs to. For a whole organisation there may be no workspace in it."""
        if self.team.organisation is None:
            return {"team": {"id": self.at, "domain": "practice"}, "enterprise": None, "is_enterprise_install": False}
        organisation = {"id": self.team.organisation, "name": "Practice Group"}
        return {"team": None, "enterprise": organisation, "is_enterprise_install": True}


def signed(secret: str, raw: str, at: float | None = None) -> dict[str, str]:
    """The headers with which Slack signs a request."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{raw}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def _retry(number: int) -> dict[str, str]:
    return {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"} if number else {}


def _typed(element: dict[str, Any], value: Any) -> dict[str, Any]:
    kind = element["type"]
    if kind == "static_select":
        chosen = next((o for o in element["options"] if o["value"] == value), element.get("initial_option"))
        return {"type": kind, "selected_option": chosen}
    if kind == "checkboxes":
        return {"type": kind, "selected_options": [o for o in element["options"] if o["value"] in (value or ())]}
    if kind == "conversations_select":
        return {"type": kind, "selected_conversation": value or element.get("initial_conversation")}
    return {"type": kind, "value": value if value is not None else element.get("initial_value")}
