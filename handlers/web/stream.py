"""Server-sent events of the local chat page: the person's cases, and the messages of the open one as they change."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.core import speech
from bot.core.case import case_from_json
from bot.store.rows import CaseRow, MessageRow
from bot.store.store import Store
from handlers.web.feed import Feed
from handlers.web.session import Sessions

_CASES_SHOWN = 50
_RECONNECT_AFTER = 1_000
"""Milliseconds after which a page that was cut off asks again."""
_SKEW = 30.0
"""Seconds by which the clocks of two nodes that write into one conversation may differ."""
_SIGN_OF_LIFE = 20.0
"""Seconds: proxies cut connections on which nothing moves."""


class Stream:
    """`look_every`: seconds after which the store is looked at, where other nodes write into it as well."""

    def __init__(self, store: Store, feed: Feed, sessions: Sessions, look_every: float | None = None) -> None:
        self._store, self._feed, self._sessions = store, feed, sessions
        self._pause = look_every or _SIGN_OF_LIFE

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/chat/stream", self.serve, allow_head=False)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Runs until the page goes or the server stops. `Last-Event-ID` is the time of the last change that arrived."""
        person = self._sessions.person(request)
        if person is None:
            raise web.HTTPUnauthorized
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        with self._feed.page(person) as changed, contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            await response.write(f"retry: {_RECONNECT_AFTER}\n\n".encode())
            news = _News(self._store, person, request.query.get("case"), _since(request))
            while not self._feed.closed:
                changed.clear()
                await response.write(await news.gather() or b": \n\n")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause):
                        await changed.wait()
        return response


class _News:
    """What one open page has not seen yet."""

    def __init__(self, store: Store, person: str, case: str | None, since: float) -> None:
        self._store, self._person, self._case, self._since = store, person, case, since
        self._sent: dict[int, float] = {}
        self._cases: list[dict[str, Any]] | None = None

    async def gather(self) -> bytes:
        parts = []
        rows = await self._store.cases_of(self._person, _CASES_SHOWN)
        if (cases := [_case(row) for row in rows]) != self._cases:
            self._cases = cases
            parts.append(_event("cases", cases))
        if self._case is not None:
            parts += [_event("message", _message(row), row.updated) for row in await self._messages()]
        return b"".join(parts)

    async def _messages(self) -> list[MessageRow]:
        since = self._since - _SKEW
        rows = await self._store.messages_of(self._person, case_id=self._case, changed_since=since)
        if not self._sent:  # a page that was cut off knows what came before
            self._sent = {row.id: row.updated for row in rows if row.updated < self._since}
        fresh = [row for row in rows if self._sent.get(row.id) != row.updated]
        self._sent |= {row.id: row.updated for row in fresh}
        self._since = max(self._since, *(row.updated for row in fresh), 0.0)
        return fresh


def _since(request: web.Request) -> float:
    try:
        return float(request.headers.get("Last-Event-ID", "0"))
    except ValueError:
        return 0.0


def _event(kind: str, data: Any, name: float | None = None) -> bytes:
    line = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (f"id: {name!r}\n" if name is not None else "").encode() + f"event: {kind}\ndata: {line}\n\n".encode()


def _case(row: CaseRow) -> dict[str, Any]:
    case = case_from_json(row.state)
    return {
        "id": case.id,
        "title": case.account or speech.subject(case),
        "phase": case.phase,
        "lang": case.lang,
        "offered": case.offered,
        "updated": row.updated,
    }


def _message(row: MessageRow) -> Mapping[str, Any]:
    return {"id": row.id, "key": row.key, "at": row.created, "body": row.body}
