"""Lark's servers on loopback: the open API and the long connection."""

import asyncio
import contextlib
import json
import secrets
import time
from collections import defaultdict, deque
from typing import Any, Self

from aiohttp import WSMsgType, web

from tests.servers.lark.methods import ROUTES, TOO_OFTEN, Ask, Method
from tests.servers.lark.people import Delivery, Person
from tests.servers.lark.state import Answer, Call, Chat, Posted, Refused, fresh

ALL_EVENTS = ("im.message.receive_v1", "application.bot.menu_v6", "im.chat.access_event.bot_p2p_chat_entered_v1")
ALL_SCOPES = (
    "im:message:send_as_bot", "im:message:update", "im:message.p2p_msg:readonly", "im:message.group_at_msg:readonly",
    "im:chat:readonly", "im:chat.members:read", "contact:user.base:readonly", "contact:user.email:readonly",
    "contact:user.employee:readonly", "im:message:recall", "im:resource:upload",
    "application:application:self_manage",
)  # fmt: skip
_A_SECOND = 5
_RENEWED_BELOW = 1800


class FakeLark:
    """An asynchronous context manager. `script` answers calls in place of the real methods; `calls` has them all."""

    def __init__(self, *, native: bool = False, token_life: float = 7200) -> None:
        self.app_id, self.app_secret = "cli_a1b2c3", secrets.token_hex(16)
        self.encrypt_key, self.verification_token = secrets.token_hex(16), secrets.token_hex(16)
        self.tenant, self.bot, self.native, self.token_life = "tenant1", "ou_bot", native, token_life
        self.scopes: tuple[str, ...] = ALL_SCOPES
        self.mode = "webhook"
        self.events: tuple[str, ...] = ALL_EVENTS
        self.callbacks: tuple[str, ...] = ("card.action.trigger",)
        self.people: dict[str, dict[str, Any]] = {}
        self.chats: dict[str, Chat] = {}
        self.messages: dict[str, Posted] = {}
        self.images: dict[str, bytes] = {}
        self.uuids: dict[tuple[str, str], str] = {}
        self.commands: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, float] = {}
        self.issued = 0
        self.script: dict[str, deque[Answer]] = defaultdict(deque)
        self.calls: list[Call] = []
        self.faults: list[str] = []
        """Everything that Lark would have refused or that breaks its rules: a test expects none."""
        self.toasts: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.acked: dict[str, asyncio.Future[Any]] = {}
        self.changed = asyncio.Condition()
        self.delivery = Delivery()
        self._times: dict[Any, deque[float]] = defaultdict(deque)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 20)
        for (verb, path), (name, method) in ROUTES.items():
            app.router.add_route(verb, path, self._serve(name, method))
        app.router.add_post("/open-apis/auth/v3/tenant_access_token/internal", self._issue)
        app.router.add_post("/callback/ws/endpoint", self._endpoint)
        app.router.add_get("/ws", self._socket)
        app.router.add_route("*", "/{rest:.*}", self._lost)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in list(self.sockets):
            await socket.close()
        await self._stack.aclose()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def now(self) -> float:
        return time.monotonic()

    # Who and what there is.

    def person(self, name: str, *, email: str | None = None, tenant: str | None = None) -> Person:
        self.people[name] = {"enterprise_email": email} if email else {}
        self.direct(name)
        return Person(self, name, tenant or self.tenant)

    def direct(self, user: str) -> Chat:
        """The direct chat of a person with the bot."""
        return self.chats.setdefault(f"oc_direct_{user}", Chat(f"oc_direct_{user}", {user, self.bot}, p2p=True))

    def group(self, name: str, *members: str, external: bool = False) -> str:
        self.chats[name] = Chat(name, set(members), external=external, name=f"Group {name}")
        return name

    def made(self, method: str) -> list[Call]:
        """The calls of a method that were answered well."""
        return [call for call in self.calls if call.method == method and call.code == 0]

    async def until(self, found: Any, limit: float = 20.0) -> Any:
        """Wait until `found()` is true; what it gave. Woken by whatever is asked of this Lark."""
        async with asyncio.timeout(limit), self.changed:
            while not (result := found()):
                await self.changed.wait()
            return result

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def count(self, what: Any, *, strict: bool = False) -> None:
        """Five a second, of changes of a message and of messages in a chat."""
        times, now = self._times[what], self.now()
        while times and times[0] < now - 1:
            times.popleft()
        if len(times) >= _A_SECOND:
            if strict:
                self.faults.append(f"more than {_A_SECOND} a second: {what}")
            raise Refused(TOO_OFTEN, "too often")
        times.append(now)

    # The open API.

    def _serve(self, name: str, method: Method) -> Any:
        async def serve(request: web.Request) -> web.Response:
            args = {**request.query, **request.match_info, **(await _body(request))}
            scripted = self.script[name].popleft() if self.script[name] else None
            if scripted is not None and not scripted.after_effect:
                return await self._done(
                    Call(name, args, scripted.code or scripted.status, self.now()), _scripted(request, scripted)
                )
            try:
                self._authorise(request)
                data = self._act(name, method, args)
                code, answer = 0, {"code": 0, "msg": "success"} | (dict(data) if method.bare else {"data": data})
            except Refused as refused:
                code, answer = refused.code, {"code": refused.code, "msg": refused.why}
            response = web.json_response(answer, status=200 if code == 0 else 400)
            if scripted is not None:
                response = _scripted(request, scripted)
            return await self._done(Call(name, args, code, self.now()), response)

        return serve

    def _act(self, name: str, method: Method, args: dict[str, Any]) -> Any:
        unknown = set(args) - method.must - method.may
        missing = method.must - set(args)
        if unknown or missing:
            self.faults.append(f"{name}: unknown {unknown}, missing {missing}")
            raise Refused(9499, "arguments")
        try:
            return method.act(Ask(self, args))
        except Refused as refused:
            if refused.code in (9499, 230099):
                self.faults.append(f"{name}: {refused}")
            raise

    async def _done(self, call: Call, response: web.Response) -> web.Response:
        self.calls.append(call)
        await self.tell()
        return response

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            raise Refused(99991661, "no token")
        if self.tokens.get(token, 0.0) < self.now():
            raise Refused(99991663, "token invalid or over")

    async def _issue(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.script["auth"]:
            return await self._done(Call("auth", {}, -1, self.now()), _scripted(request, self.script["auth"].popleft()))
        if body != {"app_id": self.app_id, "app_secret": self.app_secret}:
            return await self._done(
                Call("auth", {}, 10014, self.now()), web.json_response({"code": 10014, "msg": "app secret invalid"})
            )
        current = next((t for t, until in self.tokens.items() if until > self.now() + _RENEWED_BELOW), None)
        if current is None:
            current = f"t-{secrets.token_hex(12)}"
            self.tokens[current] = self.now() + self.token_life
            self.issued += 1
        left = int(self.tokens[current] - self.now())
        answer = {"code": 0, "msg": "ok", "tenant_access_token": current, "expire": left}
        return await self._done(Call("auth", {}, 0, self.now()), web.json_response(answer))

    async def _lost(self, request: web.Request) -> web.Response:
        self.faults.append(f"no such address: {request.method} {request.path}")
        return web.Response(status=404, text="404 page not found")

    # The long connection.

    async def _endpoint(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (body.get("AppID"), body.get("AppSecret")) != (self.app_id, self.app_secret):
            return web.json_response({"code": 1000040345, "msg": "app_id or app_secret is invalid"})
        config = {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 0, "PingInterval": 120}
        url = f"ws://127.0.0.1:{self.port}/ws?device_id=1&service_id=1&access_key=hidden&ticket=hidden"
        return web.json_response({"code": 0, "msg": "", "data": {"URL": url, "ClientConfig": config}})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        from lark_oapi.ws.pb.pbbp2_pb2 import Frame  # noqa: PLC0415 - slow

        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await self.tell()
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                continue
            frame = Frame()
            frame.ParseFromString(message.data)
            headers = {header.key: header.value for header in frame.headers}
            waiting = self.acked.pop(headers.get("message_id", ""), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(json.loads(frame.payload))
        self.sockets.remove(socket)
        await self.tell()
        return socket


async def _body(request: web.Request) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    if request.content_type == "multipart/form-data":
        form = await request.post()
        return {name: part.file.read() if isinstance(part, web.FileField) else part for name, part in form.items()}
    body = await request.json()
    assert isinstance(body, dict)
    return body


def _scripted(request: web.Request, answer: Answer) -> web.Response:
    if answer.status == 0:
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)
    if answer.code == -1:
        return web.Response(status=answer.status, text="<html>not here</html>")
    headers = {"x-ogw-ratelimit-reset": str(answer.wait)} if answer.wait is not None else {}
    return web.json_response(
        {"code": answer.code or 99991400, "msg": "scripted"}, status=answer.status, headers=headers
    )


__all__ = ["FakeLark", "fresh"]
