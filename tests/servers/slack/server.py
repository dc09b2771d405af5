"""Slack's servers on loopback: the Web API, response_urls and Socket Mode."""

import asyncio
import base64
import contextlib
import json
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import WSMsgType, web

from tests.servers.slack.files import Drawer
from tests.servers.slack.kit import faults_of_blocks
from tests.servers.slack.methods import METHODS, Ask, Refused
from tests.servers.slack.people import Delivery, Person
from tests.servers.slack.state import ALL_SCOPES, Answer, Call, Grant, Posted, Response, Workspace, fresh_token
from tests.servers.slack.triggers import Triggers

_JSON_ARGS = ("blocks", "view", "metadata", "chunks", "prompts")


class FakeSlack:
    """An asynchronous context manager. `script` answers calls in place of the real methods; `calls` has them all."""

    def __init__(self, *, streams: bool = True, scopes: tuple[str, ...] = ALL_SCOPES, team: str = "T0001") -> None:
        self.streams, self.scopes = streams, frozenset(scopes)
        self.signing_secret, self.client_id, self.client_secret = (
            secrets.token_hex(16),
            "123.456",
            secrets.token_hex(16),
        )
        self.teams: dict[str, Workspace] = {team: Workspace(team)}
        self.bot_token, self.app_token = fresh_token("xoxb"), fresh_token("xapp")
        self.grants = {
            self.bot_token: Grant(team, self.scopes),
            self.app_token: Grant(team, frozenset({"connections:write"}), "app"),
        }
        self.refreshes: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.rotation = False
        self.page = 1000
        """The most messages in one answer: for some apps 15 (docs.slack.dev, conversations.replies, "Rate limits")."""
        self.script: dict[str, deque[Answer]] = defaultdict(deque)
        self.calls: list[Call] = []
        self.faults: list[str] = []
        """Everything that Slack would have refused or that breaks its rules: a test expects none."""
        self.triggers, self.responses = Triggers(), dict[str, Response]()
        self.sockets: list[web.WebSocketResponse] = []
        self.acked: dict[str, asyncio.Future[Any]] = {}
        self.changed = asyncio.Condition()
        self.delivery = Delivery()
        self.drawer = Drawer(self)
        self._stack = contextlib.AsyncExitStack()

    @property
    def team(self) -> Workspace:
        return next(iter(self.teams.values()))

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/response/{key}", self._response)
        app.router.add_get("/socket", self._socket)
        app.router.add_get("/files-pri/{key}/{name}", self.drawer.give)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self.sockets:
            await socket.close()
        await self._stack.aclose()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    def now(self) -> float:
        return time.monotonic()

    def person(
        self,
        name: str = "U0001",
        *,
        email: str | None = None,
        locale: str = "en-US",
        team: str | None = None,
        **more: Any,
    ) -> Person:
        """Somebody of a workspace, who has a profile and a direct conversation with the bot."""
        workspace = self.teams[team] if team else self.team
        profile = {"email": email} if email else {}
        workspace.people[name] = {"name": name.lower(), "locale": locale, "profile": profile, "is_bot": False} | more
        workspace.im(name)
        return Person(self, workspace, name)

    def channel(self, name: str, *members: str, shared: bool = False) -> str:
        self.team.members[name] = set(members)
        if shared:
            self.team.shared.add(name)
        return name

    def issue(self, team: str) -> tuple[str, dict[str, Any]]:
        """A fresh bot token for a workspace; with rotation it has an end, and a refresh token."""
        self.teams.setdefault(team, Workspace(team))
        token = fresh_token("xoxe.xoxb" if self.rotation else "xoxb")
        expires = self.now() + 43_200 if self.rotation else None
        self.grants[token] = Grant(team, self.scopes, "bot", expires)
        if not self.rotation:
            return token, {}
        refresh = fresh_token("xoxe")
        self.refreshes[refresh] = team
        return token, {"refresh_token": refresh, "expires_in": 43_200}

    def made(self, method: str) -> list[Call]:
        """The calls of a method that were answered well."""
        return [call for call in self.calls if call.method == method and call.ok]

    async def until(self, found: Any, limit: float = 20.0) -> Any:
        """Wait until `found()` is true; what it gave. Woken by whatever is asked of this Slack."""
        async with asyncio.timeout(limit), self.changed:
            while not (result := found()):
                await self.changed.wait()
            return result

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _api(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        args = await _arguments(request) | _basic(request)
        token = _token(request, args)
        scripted = self.script[name].popleft() if self.script[name] else None
        if scripted is not None:
            await asyncio.sleep(scripted.delay)
            if not scripted.after_effect:
                self.calls.append(Call(name, args, False, scripted.error or str(scripted.status), self.now()))
                await self.tell()
                return _scripted(request, scripted)
        answer = self._answer(name, token, args)
        self.calls.append(Call(name, args, answer["ok"], answer.get("error", ""), self.now()))
        await self.tell()
        if scripted is not None and scripted.after_effect:
            return _scripted(request, scripted)
        granted = self.grants.get(token)
        headers = {"x-oauth-scopes": ",".join(sorted(granted.scopes))} if granted else {}
        return web.json_response(answer, headers=headers)

    def _answer(self, name: str, token: str, args: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = {"ok": True, **self._act(name, token, args)}
        except Refused as refused:
            answer = {"ok": False, "error": refused.error, **refused.more}
            if refused.error in (
                "invalid_blocks",
                "invalid_arguments",
                "invalid_auth",
                "invalid_chunks",
                "invalid_metadata_format",
                "no_text",
                "msg_too_long",
                "unknown_method",
            ):
                self.faults.append(f"{name}: {refused.error} {refused.more}")
        return answer

    def _act(self, name: str, token: str, args: dict[str, Any]) -> Mapping[str, Any]:
        method = METHODS.get(name)
        if method is None:
            raise Refused("unknown_method", method=name)
        if method.token == "none":
            return method.act(Ask(self, Grant("", frozenset(), "none"), args))
        grant = self.grants.get(token)
        if grant is None or (grant.expires is not None and grant.expires < self.now()):
            raise Refused("invalid_auth" if grant is None else "token_expired")
        if grant.kind != method.token:
            raise Refused("not_allowed_token_type")
        if method.scope and method.scope not in grant.scopes:
            raise Refused("missing_scope", needed=method.scope, provided=",".join(sorted(grant.scopes)))
        known = {*method.must, *method.may, "team_id"}
        if wrong := [n for n in args if n not in known] + [n for n in method.must if n not in args]:
            raise Refused("invalid_arguments", response_metadata={"messages": wrong})
        return method.act(Ask(self, grant, args))

    async def _response(self, request: web.Request) -> web.Response:
        known = self.responses.get(request.match_info["key"])
        body = await request.json()
        if known is None or known.left <= 0 or known.until < time.monotonic():
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        known.left -= 1
        self.hear(known, body)
        await self.tell()
        return web.Response(text="ok")

    def hear(self, where: Response, body: Mapping[str, Any]) -> None:
        """What is said in answer to a command, at once or by its response_url."""
        unknown = set(body) - {
            "text",
            "blocks",
            "response_type",
            "replace_original",
            "delete_original",
            "thread_ts",
            "unfurl_links",
            "unfurl_media",
            "metadata",
        }
        if faults := [*faults_of_blocks(list(body.get("blocks", []))), *unknown]:
            self.faults.append(f"response: {faults}")
        team = self.teams[where.team]
        whom = None if body.get("response_type") == "in_channel" else where.user
        team.messages.append(
            Posted(where.channel, team.ts(), body.get("text", ""), list(body.get("blocks", [])), None, None, whom)
        )

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_str(
            json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0001"}})
        )
        await self.tell()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                answer = json.loads(message.data)
                waiting = self.acked.pop(answer.get("envelope_id", ""), None)
                if waiting is None:
                    self.faults.append(f"an envelope was acknowledged that is not open: {answer}")
                elif not waiting.done():
                    waiting.set_result(answer.get("payload"))
        self.sockets.remove(socket)
        return socket


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    sent = dict(await request.post()) if request.method == "POST" else {}
    args: dict[str, Any] = {**request.query, **sent}
    for name in _JSON_ARGS:
        if isinstance(args.get(name), str):
            args[name] = json.loads(args[name])
    return args


def _basic(request: web.Request) -> dict[str, Any]:
    """client_id and client_secret, which oauth.v2.access takes as a user and password of HTTP as well."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return {}
    user, _, password = base64.b64decode(value).decode().partition(":")
    return {"client_id": user, "client_secret": password}


def _token(request: web.Request, args: dict[str, Any]) -> str:
    header = request.headers.get("Authorization", "")
    return str(args.pop("token", "")) or header.removeprefix("Bearer ")


def _scripted(request: web.Request, answer: Answer) -> web.Response:
    if answer.status == 0:
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)
    headers = {"Retry-After": str(answer.retry_after)} if answer.retry_after is not None else {}
    error = answer.error or ("ratelimited" if answer.status == 429 else "internal_error")
    return web.json_response({"ok": False, "error": error}, status=answer.status, headers=headers)
