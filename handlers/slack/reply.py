"""Answers where somebody typed: only that person sees them, also where the bot is no member."""

import asyncio
from typing import Any

import aiohttp
import structlog

from bot.core.case import Case
from handlers.ending import end
from handlers.slack.api import Api, Lost, Refused
from handlers.slack.inbound import Where
from handlers.slack.parts import Part, escaped, link, rich, row, section, word
from handlers.slack.words import Words

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_OK = 200
QUIET = {"unfurl_links": False, "unfurl_media": False}
"""No message of the bot's grows a preview, neither of its own links nor of foreign ones."""
_log = structlog.get_logger(__name__)


class Replies:
    """By the response_url of a command or press (five uses within half an hour), else by an ephemeral message."""

    def __init__(self, api: Api, session: aiohttp.ClientSession, words: Words) -> None:
        self._api, self._session, self._words = api, session, words
        self._under_way: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Let what is under way end."""
        await end(self._under_way)

    def tell_where_later(self, case: Case, where: Where, token: str, channel: str, ts: str) -> None:
        """As `tell_where`, while the case goes on."""
        task = asyncio.create_task(self.tell_where(case, where, token, channel, ts))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def tell_where(self, case: Case, where: Where, token: str, channel: str, ts: str) -> None:
        """Say where the case is talked about, with a link to its thread; not where that is the same place."""
        if where.response_url is None and where.channel in ("", channel):
            return
        words = self._words.of(case.lang)
        parts = [word(words["command.opened"] + " ")]
        try:
            answer = await self._api.call(token, "chat_getPermalink", channel=channel, message_ts=ts, patience=10.0)
            parts.append(link(str(answer["permalink"]), words["command.open"]))
            text = f"{words['command.opened']} {answer['permalink']}"
        except (Refused, Lost, KeyError):
            text = words["command.opened"]
        await self.say(where, text, [rich(row(*parts))], token)

    async def say(self, where: Where, text: str, blocks: list[Part] | None = None, token: str | None = None) -> None:
        """Say something to the person alone. Nothing is lost with it that is not said elsewhere."""
        shown = blocks or [section(text)]
        if where.response_url is not None and await self._respond(where.response_url, text, shown):
            return
        if token is None or not where.channel:
            return
        try:
            args: dict[str, Any] = {"channel": where.channel, "user": where.user, "text": text, "blocks": shown}
            args |= {"thread_ts": where.thread} if where.thread else {}
            await self._api.call(token, "chat_postEphemeral", patience=30.0, **args)
        except (Refused, Lost) as error:
            _log.info("an answer for one person could not be shown", error=getattr(error, "error", "lost"))

    async def answer(self, where: Where, root: str, text: str, token: str | None) -> None:
        """Say something below a message of the direct conversation. It belongs to no case."""
        if token is None:
            return
        args: dict[str, Any] = {"channel": where.channel, "thread_ts": root, "text": escaped(text)}
        try:
            await self._api.once(token, "chat_postMessage", blocks=[section(text)], **args, **QUIET)
        except (Refused, Lost) as error:
            _log.info("an answer could not be shown", error=getattr(error, "error", "lost"))

    async def _respond(self, url: str, text: str, blocks: list[Part]) -> bool:
        body = {"response_type": "ephemeral", "replace_original": False, "text": text, "blocks": blocks, **QUIET}
        try:
            async with self._session.post(url, json=body, timeout=_TIMEOUT, allow_redirects=False) as answer:
                return answer.status == _OK
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False
