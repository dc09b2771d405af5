"""Calls of Lark's open API: tokens are kept and renewed, what may pass is waited out, what is refused is told.

Sources: open.larksuite.com, "tenant_access_token (custom apps)", "Rate limits", and the pages of the methods.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

from bot import metrics
from handlers.port import Away

_WRONG, _TOO_MANY, _SERVER_FAULT = 400, 429, 500
_PATIENCE = 600.0
"""Seconds that a call may be tried again and again: longer than any wait that Lark asks for."""
_ANSWER_SECONDS = 15.0
_ANSWER = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_RENEW_BEFORE = 600.0
"""Seconds before its end at which a token is renewed: within the last half hour, when Lark issues a new one."""
_RATES = frozenset({99991400, 230020, 11232, 11247})
"""Codes for "too often": of the app, and of one chat or message."""
_BAD_TOKEN = frozenset({99991661, 99991663, 99991664, 99991665, 99991668})
_OK = 0
_log = structlog.get_logger(__name__)


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Lark says no, and will say so again. `code` is its number for why, or a negative HTTP status."""

    def __init__(self, path: str, code: int) -> None:
        super().__init__(f"{path}: {code}")
        self.code = code


class Lost(Away):
    """No answer came within the time there was: the call may have had its effect."""


@dataclass(frozen=True, slots=True)
class _Later:
    """The same may be asked again after so many seconds, or None: after a while."""

    seconds: float | None = None


_Answer = Mapping[str, Any] | _Later | int


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float


class Api:
    """One for a process. `base` is the address of the open API, Lark's or Feishu's."""

    def __init__(self, base: str, app_id: str, app_secret: str, session: aiohttp.ClientSession) -> None:
        self._base, self._app_id, self._app_secret, self._session = base.rstrip("/"), app_id, app_secret, session
        self._token: _Token | None = None
        self._lock = asyncio.Lock()

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        patience: float = _PATIENCE,
        **query: str,
    ) -> Mapping[str, Any]:
        """The `data` of an answer, sooner or later. Raises Refused, or Lost once patience is over.

        For calls that can be made twice without harm; those that post carry a `uuid`.
        """
        return await self._insist(lambda token: self._ask(method, path, body, query, token), path, patience)

    async def upload(
        self, path: str, fields: Mapping[str, str], name: str, content: bytes, *, patience: float = _PATIENCE
    ) -> Mapping[str, Any]:
        """Send bytes as the file `name` of a form (multipart/form-data). Answers and raises as `call`."""
        return await self._insist(lambda token: self._send(path, fields, name, content, token), path, patience)

    async def _insist(self, ask: Callable[[str], Awaitable[_Answer]], path: str, patience: float) -> Mapping[str, Any]:
        until, pause, renewed = time.monotonic() + patience, _FIRST_PAUSE, False
        while True:
            token = await self._fresh(until)
            answer = await ask(token)
            if isinstance(answer, int):
                if answer not in _BAD_TOKEN or renewed:
                    raise Refused(path.partition("?")[0], answer)
                renewed = True
                self._drop(token)
            elif not isinstance(answer, _Later):
                data = answer.get("data", answer)
                return data if isinstance(data, Mapping) else {}
            else:
                await _rest(answer, pause, until)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def token(self) -> str:
        """A token that is good for some minutes yet. Raises Refused or Lost."""
        return await self._fresh(time.monotonic() + _ANSWER_SECONDS)

    def _drop(self, token: str) -> None:
        if self._token is not None and self._token.text == token:
            self._token = None

    async def _fresh(self, until: float) -> str:
        """Of many who need a new token one asks for it."""
        pause = _FIRST_PAUSE
        async with self._lock:
            while self._token is None or self._token.renew_at <= time.monotonic():
                body = {"app_id": self._app_id, "app_secret": self._app_secret}
                path = "/open-apis/auth/v3/tenant_access_token/internal"
                asked = time.monotonic()
                answer = await self._ask("POST", path, body, {}, None)
                if isinstance(answer, int):
                    raise Refused(path, answer)
                if isinstance(answer, _Later):
                    await _rest(answer, pause, until)
                    pause = min(pause * 2, _LONGEST_PAUSE)
                    continue
                life = float(answer.get("expire") or 0)
                renew_at = asked + life - min(_RENEW_BEFORE, life / 2)
                self._token = _Token(str(answer["tenant_access_token"]), renew_at)
            return self._token.text

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str], token: str | None
    ) -> _Answer:
        return await self._request(method, path, token, json=body, params=query)

    async def _send(self, path: str, fields: Mapping[str, str], name: str, content: bytes, token: str) -> _Answer:
        form = aiohttp.FormData(fields)
        form.add_field(name, content, filename=f"{name}.png", content_type="image/png")
        return await self._request("POST", path, token, data=form)

    async def _request(self, method: str, path: str, token: str | None, **what: Any) -> _Answer:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        try:
            async with self._session.request(
                method, self._base + path, headers=headers, timeout=_ANSWER, allow_redirects=False, **what
            ) as response:
                data = await _json(response)
                return _meaning(response, data)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            metrics.platform_failed("lark", "lost")
            _log.info("Lark did not answer", path=path.partition("?")[0], error=type(error).__name__)
            return _Later()


async def _rest(answer: _Later, pause: float, until: float) -> None:
    wait = answer.seconds if answer.seconds is not None else pause
    if time.monotonic() + wait > until:
        raise Lost
    await asyncio.sleep(wait)


async def _json(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    try:
        data = await response.json(content_type=None)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _meaning(response: aiohttp.ClientResponse, data: Mapping[str, Any]) -> _Answer:
    """An answer: its data, later, or the code of a refusal."""
    code = data.get("code")
    if response.status == _TOO_MANY or code in _RATES:
        metrics.platform_failed("lark", "rate_limited")
        return _Later(_seconds(response.headers))
    if response.status >= _SERVER_FAULT:
        metrics.platform_failed("lark", "server")
        return _Later()
    if code != _OK:
        metrics.platform_failed("lark", "refused")
    if not isinstance(code, int):  # some other server's page: no such address, or a proxy that forbids
        return -response.status if response.status >= _WRONG else _Later()
    return data if code == _OK else code


def _seconds(headers: Mapping[str, str]) -> float | None:
    """How long to wait, from the header that Lark sends (x-ogw-ratelimit-reset) or the usual one."""
    value = headers.get("x-ogw-ratelimit-reset") or headers.get("Retry-After")
    try:
        return min(max(0.0, float(value)), _LONGEST_PAUSE) if value is not None else None
    except ValueError:
        return None
