"""Slack as a port of the conversation: a case is a thread in the person's direct messages."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from bot.core.case import Case
from bot.core.message import Message
from bot.store.threads import Thread
from handlers.port import Introduction, Unreachable
from handlers.slack.api import Lost, Refused
from handlers.slack.inbound import Where
from handlers.slack.means import Means
from handlers.slack.parts import Part
from handlers.slack.stream import news, plan, pressable, tasks
from handlers.slack.tokens import where_of
from handlers.slack.view import Names, Shown, shown

T = TypeVar("T")
NAME = "slack"
REPORT, ORDINARY = "migcheck_report", "migcheck_message"
_STREAMED = "/stream"
"""The end of the reference to a message that began as a streamed plan. Its buttons' message may stand before it."""
_QUIET = {"unfurl_links": False, "unfurl_media": False}
_LOOK_AT = 200
_PLAN_BLOCKS = frozenset({"plan", "task_card"})
_REMEMBERED = 1000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a case's messages go, and with which token."""

    thread: Thread
    where: Where
    token: str


class NotInstalled(Unreachable):
    """The bot was removed from the workspace: nothing can be shown there."""


class SlackPort:
    """See `handlers.port.Port`."""

    name = NAME
    open_to_all = False
    channels = True
    update_every = 1.1
    """Slack takes about one change a second in a conversation, fifty a minute."""

    def __init__(self, means: Means, *, secret_forms: bool) -> None:
        self._api, self._tokens, self._threads, self._people = means.api, means.tokens, means.threads, means.people
        self._words, self._replies, self._clock = means.words, means.replies, means.clock
        self.secret_forms = secret_forms
        self._told: dict[str, dict[str, Part]] = {}
        """What was told of the plans that this process streams."""
        self._begun: dict[str, Thread] = {}
        self._no_streams: set[str] = set()
        """Teams in which streaming was refused."""

    # What the conversation asks for.

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:
        """Show a message: the first of a case becomes the root of its thread, all others stand in it."""
        spot = await self._spot(case)
        streamed = "progress" in message.data and spot.thread.root is not None
        if streamed and (ref := await self._begin_stream(spot, case, key, message, again=again)) is not None:
            return ref
        made = self._made(case, key, message)
        channel, ts = await self._deliver(spot, case, key, made, again=again)
        if spot.thread.root is None:
            # The response_url has served when this is over: a way to write into a channel is not kept.
            place = {name: value for name, value in spot.thread.place.items() if name != "response_url"}
            await self._threads.begin(case.id, channel, ts, place)
            self._replies.tell_where_later(case, spot.where, spot.token, channel, ts)
        return f"{channel}/{ts}"

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:
        """Change a message. A plan that is streamed grows, until its last state takes its place."""
        spot = await self._spot(case)
        made = self._made(case, key, message)
        if ref.endswith(_STREAMED):
            await self._stream_on(spot, ref, message, made, self._words.of(case.lang))
        else:
            await self._update(spot, ref, made)

    async def whisper(self, case: Case, message: Message) -> None:
        """The case's place is a direct conversation: nobody else is there."""
        await self.post(case, f"whisper:{self._clock()}", message, again=False)

    async def introduce(self, case: Case) -> Introduction | None:
        where = where_of((await self._thread(case)).place)
        profile = await self._people.profile(where)
        if profile.outside:
            await self._replies.say(where, self._words.of(profile.lang)["command.stranger"])
            return None
        return Introduction(profile.lang, profile.address)

    async def share(self, case: Case, channel: str, message: Message) -> str:
        """Show a report in a channel, if it is one of this organisation's own."""
        spot = await self._spot(case)
        seen = shown(message, Names(self._words.of(case.lang)))
        try:
            if await self._is_shared(spot.token, channel):
                return "shared_outside"
            await self._api.once(
                spot.token, "chat_postMessage", channel=channel, text=seen.text, blocks=list(seen.blocks), **_QUIET
            )
        except Refused as refused:
            return "not_a_member" if refused.error in ("not_in_channel", "channel_not_found") else "failed"
        except Lost:
            return "failed"
        return ""

    async def shared_outside(self, token: str, channel: str) -> bool | None:
        """Whether others than the own organisation read a channel; None where the bot may not know."""
        try:
            return await self._is_shared(token, channel)
        except (Refused, Lost):
            return None

    async def _is_shared(self, token: str, channel: str) -> bool:
        answer = await self._api.call(token, "conversations_info", channel=channel, patience=5.0)
        info = answer.get("channel") or {}
        return bool(info.get("is_ext_shared") or info.get("is_pending_ext_shared"))

    # How it is done.

    async def _thread(self, case: Case) -> Thread:
        thread = self._begun.get(case.id) or await self._threads.of_case(case.id)
        if thread is None:
            _, team, user = case.person.split(":", 2)
            thread = Thread(case.id, case.person, user, None, {"team": team, "user": user}, self._clock())
            await self._threads.put(thread)
        return thread

    async def _spot(self, case: Case) -> _Spot:
        thread = await self._thread(case)
        where = where_of(thread.place)
        token = await self._tokens.token(where)
        if token is None:
            raise NotInstalled(where.team)
        if thread.root is None and not thread.channel.startswith("D"):
            thread = replace(thread, channel=await self._people.direct(where))
        elif thread.root is not None:
            _remember(self._begun, thread.case_id, thread)  # one that has begun does not change any more
        return _Spot(thread, where, token)

    def _made(self, case: Case, key: str, message: Message) -> Shown:
        """The message in blocks. The first block's id names it, so that it can be found again."""
        name = f"{case.id}/{key}"
        made = shown(message, Names(self._words.of(case.lang), name))
        if made.blocks:
            return Shown(made.text, ({**made.blocks[0], "block_id": name[:255]}, *made.blocks[1:]), made.data)
        return made

    async def _deliver(self, spot: _Spot, case: Case, key: str, made: Shown, *, again: bool) -> tuple[str, str]:
        """Post once. Where an answer was lost it is looked for what was posted, before it is posted again."""
        args: dict[str, Any] = {"text": made.text, "blocks": list(made.blocks), "metadata": metadata(case, key, made)}
        if spot.thread.root is not None:
            args["thread_ts"] = spot.thread.root
        pause = 0.5
        while True:
            if again and (found := await self._find(spot, case, key)) is not None:
                return found
            try:
                answer = await self._api.once(
                    spot.token, "chat_postMessage", channel=spot.thread.channel, **args, **_QUIET
                )
                return str(answer.get("channel") or spot.thread.channel), str(answer["ts"])
            except Lost:
                again = True
            except Refused as refused:
                dropped = next(
                    (part for part in ("metadata", "blocks") if part in refused.error and part in args), None
                )
                if dropped is None:
                    raise
                _log.error("Slack refuses a part of a message", error=refused.error, key=key)
                del args[dropped]  # the text says it all the same
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)

    async def _find(self, spot: _Spot, case: Case, key: str) -> tuple[str, str] | None:
        """The message that carries this name, among the newest of its thread or of the direct conversation."""
        name = f"{case.id}/{key}"
        found = next((m for m in await self._newest(spot) if _names(m) == name), None)
        return (spot.thread.channel, str(found["ts"])) if found is not None else None

    async def _newest(self, spot: _Spot) -> Sequence[Mapping[str, Any]]:
        """The newest messages of a case's thread, or of the direct conversation; none where Slack does not tell."""
        method, args = "conversations_history", dict[str, Any]()
        if spot.thread.root is not None:
            method, args = "conversations_replies", {"ts": spot.thread.root}
        try:
            answer = await self._api.call(
                spot.token, method, channel=spot.thread.channel, include_all_metadata=True, limit=_LOOK_AT, **args
            )
        except (Refused, Lost):
            return ()
        return answer.get("messages") or ()

    async def _update(self, spot: _Spot, ref: str, made: Shown) -> None:
        channel, ts = _place(ref)
        try:
            args = dict[str, Any](text=made.text, blocks=list(made.blocks))
            await self._api.call(spot.token, "chat_update", channel=channel, ts=ts, **args)
        except Refused as refused:
            if refused.error == "streaming_state_conflict":  # a stream that an earlier process began
                await self._end_stream(spot, channel, ts, [])
                await self._update(spot, ref, made)
            elif refused.error not in ("message_not_found", "cant_update_message"):
                raise

    # Streams: a nicer way to show progress, where there is one.

    async def _begin_stream(self, spot: _Spot, case: Case, key: str, message: Message, *, again: bool) -> str | None:
        """Begin a streamed plan, or find the one that was begun; None where this workspace has none."""
        if again:
            return await self._lost_plan(spot, case, key)
        if spot.where.team in self._no_streams:
            return None
        begun = tasks(message, self._words.of(case.lang))
        try:
            answer = await self._api.once(
                spot.token,
                "chat_startStream",
                channel=spot.thread.channel,
                thread_ts=spot.thread.root,
                recipient_user_id=spot.where.user,
                recipient_team_id=spot.where.team,
                task_display_mode="plan",
                chunks=[plan(message.text), *begun.values()],
            )
            ts = str(answer["ts"])
        except Lost:
            return await self._lost_plan(spot, case, key)
        except (Refused, KeyError):
            self._no_streams.add(spot.where.team)
            _log.info("no streams here, messages are changed instead", team=spot.where.team, case=case.id)
            return None
        ref = _streamed(spot, ts, await self._put_buttons(spot, case, key, message))
        _remember(self._told, ref, begun)
        return ref

    async def _put_buttons(self, spot: _Spot, case: Case, key: str, message: Message) -> str:
        """Post what can be pressed beside a plan; its time stamp, nothing where there is none."""
        if (beside := pressable(message)) is None:
            return ""
        try:
            _, ts = await self._deliver(spot, case, f"{key}/stop", self._made(case, f"{key}/stop", beside), again=False)
        except Refused as refused:
            _log.info("a plan stays without its button", error=refused.error, case=case.id)
            return ""
        return ts

    async def _lost_plan(self, spot: _Spot, case: Case, key: str) -> str | None:
        """The plan that was begun in a thread without anybody hearing of it; None where there is none.

        Nothing can be given to a plan by which it is found again: it is the bot's message without a name that is only
        a plan.
        """
        newest = await self._newest(spot)
        plans = [m for m in newest if m.get("bot_id") and _names(m) is None and _only_plan(m)]
        stop = next((str(m["ts"]) for m in newest if _names(m) == f"{case.id}/{key}/stop"), "")
        return _streamed(spot, str(plans[-1]["ts"]), stop) if plans else None

    async def _stream_on(self, spot: _Spot, ref: str, message: Message, made: Shown, words: Mapping[str, str]) -> None:
        """Tell what is new in a plan; all of it, where another process told of it before."""
        channel, ts = _place(ref)
        running = message.data.get("progress") == "running"
        now = tasks(message, words)
        changed = news(self._told.get(ref, {}), now)
        if running and not changed:
            return None
        if running:
            try:
                await self._api.call(spot.token, "chat_appendStream", channel=channel, ts=ts, chunks=changed)
            except Refused:  # it has ended
                self._told.pop(ref, None)
                return await self._update(spot, ref, made)
            _remember(self._told, ref, now)
            return None
        self._told.pop(ref, None)
        await self._end_stream(spot, channel, ts, changed)
        await self._take_buttons(spot, ref)
        return await self._update(spot, ref, made)

    async def _take_buttons(self, spot: _Spot, ref: str) -> None:
        channel, _, *beside = ref.removesuffix(_STREAMED).split("/")
        for ts in beside:
            try:
                await self._api.call(spot.token, "chat_delete", channel=channel, ts=ts)
            except Refused as refused:
                _log.info("a plan's button could not be taken away", error=refused.error)

    async def _end_stream(self, spot: _Spot, channel: str, ts: str, chunks: list[Part]) -> None:
        args = dict[str, Any](chunks=chunks) if chunks else {}
        try:
            await self._api.call(spot.token, "chat_stopStream", channel=channel, ts=ts, **args)
        except Refused as refused:
            _log.info("a stream could not be ended", error=refused.error)


def _remember(kept: dict[str, T], name: str, value: T) -> None:
    """Keep so many and no more: what was used longest ago goes. Another node may end what this one began."""
    kept.pop(name, None)
    if len(kept) >= _REMEMBERED:
        del kept[next(iter(kept))]
    kept[name] = value


def _place(ref: str) -> tuple[str, str]:
    """The channel and the time stamp that a reference names."""
    channel, ts = ref.removesuffix(_STREAMED).split("/")[:2]
    return channel, ts


def _streamed(spot: _Spot, ts: str, stop: str) -> str:
    """The reference to a streamed plan and, where there is one, to its buttons' message."""
    return f"{spot.thread.channel}/{ts}{f'/{stop}' if stop else ''}{_STREAMED}"


def metadata(case: Case, key: str, made: Shown) -> dict[str, Any]:
    """What a program may read of a message. A report's is for everybody; by the others they are found again."""
    if "verdict" in made.data:
        return {"event_type": REPORT, "event_payload": dict(made.data)}
    return {"event_type": ORDINARY, "event_payload": {"case": case.id, "key": key}}


def _only_plan(message: Mapping[str, Any]) -> bool:
    return all(block.get("type") in _PLAN_BLOCKS for block in message.get("blocks") or ())


def _names(message: Mapping[str, Any]) -> str | None:
    """By which name a message of ours goes."""
    blocks = message.get("blocks") or [{}]
    if "/" in str(blocks[0].get("block_id", "")):
        return str(blocks[0]["block_id"])
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    if found.get("event_type") == ORDINARY:
        return f"{payload.get('case')}/{payload.get('key')}"
    return None
