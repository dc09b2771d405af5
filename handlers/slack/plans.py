"""Progress as a streamed plan: a nicer way to show it, where there is one."""

from collections.abc import Mapping
from typing import Any, TypeVar

import structlog

from bot.core.case import Case
from bot.core.message import Message
from handlers.slack.api import Api, Lost, Refused
from handlers.slack.parts import Part
from handlers.slack.posts import Name, Posts, Spot, named, names_of
from handlers.slack.stream import news, plan, pressable, tasks
from handlers.slack.view import Names, Shown, shown
from handlers.slack.words import Words

T = TypeVar("T")
_STREAMED = "/stream"
"""The end of the reference to a message that began as a streamed plan. Its buttons' message may stand before it."""
_PLAN_BLOCKS = frozenset({"plan", "task_card"})
_REMEMBERED = 1000
_log = structlog.get_logger(__name__)


class Plans:
    """The plans that this process streams, and such as another one began."""

    def __init__(self, api: Api, posts: Posts, words: Words) -> None:
        self._api, self._posts, self._words = api, posts, words
        self._told: dict[str, dict[str, Part]] = {}
        """What was told of the plans that this process streams."""
        self._no_streams: set[str] = set()
        """Teams in which streaming was refused."""

    async def begin(self, spot: Spot, case: Case, key: str, message: Message, *, again: bool) -> str | None:
        """Begin a plan, or find the one that was begun; a reference to it. None where this workspace has none."""
        if again:
            return await self._lost(spot, case, key)
        if spot.where.team in self._no_streams:
            return None
        begun = tasks(message, self._words.of(case.lang))
        try:
            answer = await self._api.once(
                spot.token,
                "chat_startStream",
                channel=spot.channel,
                thread_ts=spot.root,
                recipient_user_id=spot.where.user,
                recipient_team_id=spot.where.team,
                task_display_mode="plan",
                chunks=[plan(message.text), *begun.values()],
            )
            ts = str(answer["ts"])
        except Lost:
            return await self._lost(spot, case, key)
        except (Refused, KeyError):
            self._no_streams.add(spot.where.team)
            _log.info("no streams here, messages are changed instead", team=spot.where.team, case=case.id)
            return None
        ref = _reference(spot, ts, await self._put_buttons(spot, case, key, message))
        remember(self._told, ref, begun)
        return ref

    async def go_on(self, spot: Spot, case: Case, ref: str, message: Message, made: Shown) -> None:
        """Tell what is new in a plan; all of it where another process told of it before. The last state replaces it."""
        channel, ts = place_of(ref)
        running = message.data.get("progress") == "running"
        now = tasks(message, self._words.of(case.lang))
        changed = news(self._told.get(ref, {}), now)
        if running and not changed:
            return None
        if running:
            try:
                await self._api.call(spot.token, "chat_appendStream", channel=channel, ts=ts, chunks=changed)
            except Refused:  # it has ended
                self._told.pop(ref, None)
                return await self.change(spot, channel, ts, made)
            remember(self._told, ref, now)
            return None
        self._told.pop(ref, None)
        await self._end(spot, channel, ts, changed)
        await self._take_buttons(spot, ref)
        return await self.change(spot, channel, ts, made)

    async def change(self, spot: Spot, channel: str, ts: str, made: Shown) -> None:
        """Replace a message that may be a plan which an earlier process began, and nobody has ended."""
        try:
            await self._posts.change(spot.token, channel, ts, made)
        except Refused as refused:
            if refused.error != "streaming_state_conflict":
                raise
            await self._end(spot, channel, ts, [])
            await self._posts.change(spot.token, channel, ts, made)

    async def _lost(self, spot: Spot, case: Case, key: str) -> str | None:
        """The plan that was begun in a thread without anybody hearing of it; None where there is none.

        Nothing can be given to a plan by which it is found again: it is the bot's message without a name that is only
        a plan.
        """
        plans, stop = list[str](), ""
        try:
            async for message in self._posts.seen(spot):
                names = names_of(message)
                if f"{case.id}/{key}/stop" in names:
                    stop = str(message["ts"])
                elif message.get("bot_id") and _only_plan(message) and not _has_name(case, names):
                    plans.append(str(message["ts"]))
        except Refused as refused:
            _log.warning("Slack does not show what was posted", error=refused.error, case=case.id)
        return _reference(spot, plans[-1], stop) if plans else None

    async def _put_buttons(self, spot: Spot, case: Case, key: str, message: Message) -> str:
        """Post what can be pressed beside a plan; its time stamp, nothing where there is none."""
        if (beside := pressable(message)) is None:
            return ""
        name = Name(case.id, f"{key}/stop")
        made = named(shown(beside, Names(self._words.of(case.lang), str(name))), name)
        try:
            _, ts = await self._posts.post(spot, name, made, again=False)
        except Refused as refused:
            _log.info("a plan stays without its button", error=refused.error, case=case.id)
            return ""
        return ts

    async def _take_buttons(self, spot: Spot, ref: str) -> None:
        channel, _, *beside = ref.removesuffix(_STREAMED).split("/")
        for ts in beside:
            try:
                await self._api.call(spot.token, "chat_delete", channel=channel, ts=ts)
            except Refused as refused:
                _log.info("a plan's button could not be taken away", error=refused.error)

    async def _end(self, spot: Spot, channel: str, ts: str, chunks: list[Part]) -> None:
        args = dict[str, Any](chunks=chunks) if chunks else {}
        try:
            await self._api.call(spot.token, "chat_stopStream", channel=channel, ts=ts, **args)
        except Refused as refused:
            _log.info("a stream could not be ended", error=refused.error)


def is_streamed(ref: str) -> bool:
    """Whether a reference is to a plan."""
    return ref.endswith(_STREAMED)


def place_of(ref: str) -> tuple[str, str]:
    """The channel and the time stamp that a reference names."""
    channel, ts = ref.removesuffix(_STREAMED).split("/")[:2]
    return channel, ts


def remember(kept: dict[str, T], name: str, value: T) -> None:
    """Keep so many and no more: what was used longest ago goes. Another node may end what this one began."""
    kept.pop(name, None)
    if len(kept) >= _REMEMBERED:
        del kept[next(iter(kept))]
    kept[name] = value


def _reference(spot: Spot, ts: str, stop: str) -> str:
    """The reference to a streamed plan and, where there is one, to its buttons' message."""
    return f"{spot.channel}/{ts}{f'/{stop}' if stop else ''}{_STREAMED}"


def _only_plan(message: Mapping[str, Any]) -> bool:
    return all(block.get("type") in _PLAN_BLOCKS for block in message.get("blocks") or ())


def _has_name(case: Case, names: frozenset[str]) -> bool:
    """Slack's own ids of blocks may hold any character."""
    return any(name.startswith(f"{case.id}/") for name in names)
