"""Calls of Slack's Web API: what may pass is waited out; what was refused and what may have happened are told apart."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import metrics
from handlers.port import Away

_TOO_MANY, _SERVER_FAULT = 429, 500
_PATIENCE = 600.0
"""Seconds that a call may be tried again and again: longer than any wait that Slack asks for."""
_ANSWER = 15
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_log = structlog.get_logger(__name__)


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Slack says no, and will say so again. `error` is its word for why."""

    def __init__(self, method: str, error: str) -> None:
        super().__init__(f"{method}: {error}")
        self.error = error


class Lost(Away):
    """The call was made and its answer did not come: it may have had its effect."""


@dataclass(frozen=True, slots=True)
class _Later:
    """Nothing happened; the same may be asked again after so many seconds, or None: after a while."""

    seconds: float | None


class Api:
    """One for a process. `url` is the base of the Web API; the session is shared by all calls."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url.rstrip("/") + "/", session

    def client(self, token: str | None = None) -> AsyncWebClient:
        """slack_sdk's client for a token. It tries nothing twice of its own accord."""
        return AsyncWebClient(token, base_url=self._url, session=self._session, timeout=_ANSWER, retry_handlers=[])

    async def call(self, token: str, method: str, *, patience: float = _PATIENCE, **args: Any) -> Mapping[str, Any]:
        """Call a method by slack_sdk's name of it until it answers. Raises Refused, or Lost once patience is over.

        For methods that can be called twice without harm.
        """
        until, pause = time.monotonic() + patience, _FIRST_PAUSE
        while True:
            try:
                return await self.once(token, method, until=until, **args)
            except Lost:
                if time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def once(self, token: str, method: str, *, until: float | None = None, **args: Any) -> Mapping[str, Any]:
        """Call a method so that it happens once at most: 429 is waited out, since then nothing has happened.

        Raises Refused, and Lost where it may have happened or `until` (monotonic) is reached.
        """
        until = time.monotonic() + _PATIENCE if until is None else until
        while True:
            answer = await self._ask(token, method, args)
            if not isinstance(answer, _Later):
                return answer
            pause = answer.seconds if answer.seconds is not None else 1.0
            if time.monotonic() + pause > until:
                raise Lost
            _log.info("Slack asks to wait", method=method, seconds=pause)
            await asyncio.sleep(pause)

    async def _ask(self, token: str, method: str, args: Mapping[str, Any]) -> Mapping[str, Any] | _Later:
        try:
            answer = await getattr(self.client(token), method)(**args)
        except SlackApiError as error:
            return _meaning(method, error)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            metrics.platform_failed("slack", "lost")
            _log.info("Slack did not answer", method=method, error=type(error).__name__)
            raise Lost from None
        data = answer.data
        return data if isinstance(data, Mapping) else {}


def _meaning(method: str, error: SlackApiError) -> _Later:
    """An answer that is no success: later, lost, or refused."""
    response = error.response
    status = getattr(response, "status_code", 0)
    data = getattr(response, "data", None)
    word = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == _TOO_MANY or word in ("ratelimited", "rate_limited"):
        metrics.platform_failed("slack", "rate_limited")
        return _Later(_seconds(getattr(response, "headers", {})))
    if status >= _SERVER_FAULT or word in _PASSING or not word:
        metrics.platform_failed("slack", "server")
        raise Lost
    metrics.platform_failed("slack", "refused")
    raise Refused(method, word)


def _seconds(headers: Any) -> float | None:
    value = next((v for k, v in dict(headers).items() if k.lower() == "retry-after"), None)
    value = value[0] if isinstance(value, list) else value
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
