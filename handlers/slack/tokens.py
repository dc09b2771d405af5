"""Which token is good for which workspace: the one of the settings, or that of an installation, renewed in time."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import structlog
from slack_sdk.errors import SlackTokenRotationError
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator

from handlers.slack.inbound import Where

_MINUTES_BEFORE = 120
_log = structlog.get_logger(__name__)


class Tokens(Protocol):
    """`token` is None where the bot is not installed (any more)."""

    async def token(self, where: Where) -> str | None: ...

    async def stored(self, where: Where) -> str | None:
        """The token as it is, without asking Slack for anything."""
        ...


class Bots(Protocol):
    """What is needed of slack_sdk's installation store."""

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None: ...

    async def async_save_bot(self, bot: Bot) -> None: ...


class OneToken:
    """The bot is in one workspace."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self, where: Where) -> str | None:  # noqa: ARG002 - there is but one
        return self._token

    async def stored(self, where: Where) -> str | None:  # noqa: ARG002
        return self._token


class InstalledTokens:
    """The tokens of installations. One that ends soon is renewed first; of two who want to, one does it."""

    def __init__(self, bots: Bots, rotator: AsyncTokenRotator | None) -> None:
        self._bots, self._rotator = bots, rotator
        self._locks: dict[tuple[str | None, str], asyncio.Lock] = {}

    async def token(self, where: Where) -> str | None:
        bot = await self._find(where)
        if bot is not None and self._ends_soon(bot) and self._rotator is not None:
            async with self._locks.setdefault((where.enterprise, where.team), asyncio.Lock()):
                bot = await self._renewed(where)
        return bot.bot_token if bot is not None else None

    async def stored(self, where: Where) -> str | None:
        bot = await self._find(where)
        return bot.bot_token if bot is not None else None

    async def _find(self, where: Where) -> Bot | None:
        return await self._bots.async_find_bot(
            enterprise_id=where.enterprise, team_id=where.team or None, is_enterprise_install=where.grid
        )

    def _ends_soon(self, bot: Bot) -> bool:
        ends = bot.bot_token_expires_at
        return ends is not None and float(ends) < time.time() + _MINUTES_BEFORE * 60

    async def _renewed(self, where: Where) -> Bot | None:
        """A refresh token is good once: whoever comes second finds what the first one stored."""
        bot = await self._find(where)
        if bot is None or not self._ends_soon(bot) or self._rotator is None:
            return bot
        try:
            fresh = await self._rotator.perform_bot_token_rotation(bot=bot, minutes_before_expiration=_MINUTES_BEFORE)
        except (SlackTokenRotationError, TimeoutError, aiohttp.ClientError, OSError):
            again = await self._find(where)  # another process may have been faster; the old one is good for a while yet
            _log.warning("a token could not be renewed", team=where.team)
            return again
        if fresh is None:
            return bot
        await self._bots.async_save_bot(fresh)
        return fresh


def where_of(place: Mapping[str, Any]) -> Where:
    """The place that is kept of a case's thread."""
    return Where(
        str(place.get("team") or ""),
        str(place.get("user") or ""),
        str(place.get("origin") or ""),
        place.get("thread"),
        place.get("enterprise"),
        bool(place.get("grid")),
        place.get("response_url"),
    )
