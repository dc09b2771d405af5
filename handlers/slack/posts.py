"""Messages at Slack by the names that the bot gives them: posted once, found again, changed."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from handlers.slack.api import Api, Lost, Refused
from handlers.slack.inbound import Where
from handlers.slack.reply import QUIET
from handlers.slack.view import Shown

REPORT, ORDINARY = "migcheck_report", "migcheck_message"
_LOOK_AT = 200
_CLOCKS_DIFFER = 600.0
"""Seconds by which Slack's clock and the store's may differ: with more than five minutes no request is taken."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_PARTS = {"metadata": "metadata", "blocks": "blocks", "thread_not_found": "thread_ts"}
"""By what stands in Slack's word for why, what a message is posted without: its text says it all the same."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where messages go, and with which token. `root` is the thread's first message, None outside of threads.

    `since` is the time (POSIX seconds) before which nothing was posted there that could be looked for.
    """

    token: str
    channel: str
    root: str | None
    since: float
    where: Where


@dataclass(frozen=True, slots=True)
class Name:
    """What a message is called: of which case it is, and which one of it."""

    case: str
    key: str

    def __str__(self) -> str:
        return f"{self.case}/{self.key}"


class Unseen(Exception):  # noqa: N818 - nothing is wrong here
    """A message may be there already, and the bot may not look."""


class Posts:
    """All that is posted once."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, spot: Spot, name: Name, made: Shown, *, again: bool, twice: bool = True) -> tuple[str, str]:
        """Post once; channel and time stamp. What may be there already (`again`, a lost answer) is looked for first.

        Looking goes on for as long as Slack does not answer. Where the bot may not look, a message that is there twice
        is better than none if `twice` says so, else Unseen is raised. Raises Refused.
        """
        args: dict[str, Any] = {"text": made.text, "blocks": list(made.blocks), "metadata": metadata(name, made)}
        args |= {"thread_ts": spot.root} if spot.root is not None else {}
        pause = _FIRST_PAUSE
        while True:
            if again and (found := await self._find(spot, name, twice=twice)) is not None:
                return spot.channel, found
            try:
                answer = await self._api.once(spot.token, "chat_postMessage", channel=spot.channel, **args, **QUIET)
                return str(answer.get("channel") or spot.channel), str(answer["ts"])
            except Lost:
                again = True
            except Refused as refused:
                dropped = next((part for word, part in _PARTS.items() if word in refused.error and part in args), None)
                if dropped is None:
                    raise
                _log.error("Slack refuses a part of a message", error=refused.error, key=name.key)
                del args[dropped]
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _find(self, spot: Spot, name: Name, *, twice: bool) -> str | None:
        """The time stamp of the message of this name."""
        try:
            async for message in self.seen(spot):
                if str(name) in names_of(message):
                    return str(message["ts"])
        except Refused as refused:
            _log.warning("Slack does not show what was posted", error=refused.error, case=name.case)
            if not twice:
                raise Unseen from None
        return None

    async def seen(self, spot: Spot) -> AsyncIterator[Mapping[str, Any]]:
        """The messages of a thread, oldest first, or outside of threads of a conversation, newest first.

        Waits for as long as Slack does not answer. Raises Refused.
        Sources: docs.slack.dev, conversations.replies and conversations.history ("Pagination by cursor").
        """
        method = "conversations_history" if spot.root is None else "conversations_replies"
        args = dict[str, Any](channel=spot.channel, include_all_metadata=True, limit=_LOOK_AT)
        args |= {"ts": spot.root} if spot.root is not None else {}
        while True:
            answer = await self._api.call(spot.token, method, patience=math.inf, **args)
            messages = answer.get("messages") or ()
            for message in messages:
                yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            older = spot.root is None and messages and float(messages[-1]["ts"]) < spot.since - _CLOCKS_DIFFER
            if not cursor or older:
                return
            args["cursor"] = cursor

    async def change(self, token: str, channel: str, ts: str, made: Shown) -> None:
        """Replace what a message says; one that is gone stays gone. Raises Refused or Lost."""
        try:
            args = dict[str, Any](text=made.text, blocks=list(made.blocks))
            await self._api.call(token, "chat_update", channel=channel, ts=ts, **args)
        except Refused as refused:
            if refused.error not in ("message_not_found", "cant_update_message"):
                raise


def named(made: Shown, name: Name) -> Shown:
    """The message with its name as the id of its first block."""
    if not made.blocks:
        return made
    return Shown(made.text, ({**made.blocks[0], "block_id": str(name)[:255]}, *made.blocks[1:]), made.data)


def metadata(name: Name, made: Shown) -> dict[str, Any]:
    """What a program may read of a message. A report's is for everybody; by the others they are found again."""
    if "verdict" in made.data:
        return {"event_type": REPORT, "event_payload": dict(made.data)}
    return {"event_type": ORDINARY, "event_payload": {"case": name.case, "key": name.key}}


def names_of(message: Mapping[str, Any]) -> frozenset[str]:
    """By which names a message of ours goes: its first block's, and that of its metadata."""
    blocks, found = message.get("blocks") or [{}], message.get("metadata") or {}
    names = {str(blocks[0].get("block_id") or "")}
    if found.get("event_type") == ORDINARY:
        payload = found.get("event_payload") or {}
        names.add(f"{payload.get('case')}/{payload.get('key')}")
    return frozenset(names)
