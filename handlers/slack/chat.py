"""Slack as a port of the conversation: a case is a thread in the person's direct messages."""

from dataclasses import replace

from bot.core.case import Case
from bot.core.message import Message
from bot.store.threads import Thread
from handlers.port import Introduction, Unreachable
from handlers.slack.api import Lost, Refused
from handlers.slack.means import Means
from handlers.slack.plans import Plans, is_streamed, place_of, remember
from handlers.slack.posts import Name, Posts, Spot, Unseen, named
from handlers.slack.tokens import where_of
from handlers.slack.view import Names, Shown, shown

NAME = "slack"


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
        self._posts = Posts(means.api)
        self._plans = Plans(means.api, self._posts, means.words)
        self._begun: dict[str, Thread] = {}

    # What the conversation asks for.

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:
        """Show a message: the first of a case becomes the root of its thread, all others stand in it."""
        spot = await self._spot(case)
        streamed = "progress" in message.data and spot.root is not None
        if streamed and (ref := await self._plans.begin(spot, case, key, message, again=again)) is not None:
            return ref
        channel, ts = await self._posts.post(spot, Name(case.id, key), self._made(case, key, message), again=again)
        if spot.root is None:
            await self._begin(case, spot, channel, ts)
        return f"{channel}/{ts}"

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:
        """Change a message. A plan that is streamed grows, until its last state takes its place."""
        spot = await self._spot(case)
        made = self._made(case, key, message)
        if is_streamed(ref):
            await self._plans.go_on(spot, case, ref, message, made)
        else:
            await self._plans.change(spot, *place_of(ref), made)

    async def introduce(self, case: Case) -> Introduction | None:
        where = where_of((await self._thread(case)).place)
        profile = await self._people.profile(where)
        if profile.outside:
            await self._replies.say(where, self._words.of(profile.lang)["command.stranger"])
            return None
        return Introduction(profile.lang, profile.address)

    async def share(self, case: Case, key: str, channel: str, message: Message, *, again: bool) -> str:
        """Show a report in a channel, if it is one of this organisation's own. The bot may not read channels."""
        spot = await self._spot(case)
        seen = shown(message, Names(self._words.of(case.lang)))
        try:
            if await self._is_shared(spot.token, channel):
                return "shared_outside"
            there, made = replace(spot, channel=channel, root=None), Shown(seen.text, seen.blocks, {})
            await self._posts.post(there, Name(case.id, key), made, again=again, twice=False)
        except Refused as refused:
            return "not_a_member" if refused.error in ("not_in_channel", "channel_not_found") else "failed"
        except Unseen:
            return "unsure"
        except Lost:
            return "unsure" if again else "failed"
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

    async def _spot(self, case: Case) -> Spot:
        thread = await self._thread(case)
        where = where_of(thread.place)
        token = await self._tokens.token(where)
        if token is None:
            raise NotInstalled(where.team)
        channel = thread.channel
        if thread.root is None and not channel.startswith("D"):
            channel = await self._people.direct(where)
        elif thread.root is not None:
            remember(self._begun, thread.case_id, thread)  # one that has begun does not change any more
        return Spot(token, channel, thread.root, thread.created, where)

    async def _begin(self, case: Case, spot: Spot, channel: str, ts: str) -> None:
        """The case's first message is there: all others stand in its thread."""
        # The response_url has served when this is over: a way to write into a channel is not kept.
        place = {name: value for name, value in (await self._thread(case)).place.items() if name != "response_url"}
        await self._threads.begin(case.id, channel, ts, place)
        self._replies.tell_where_later(case, spot.where, spot.token, channel, ts)

    def _made(self, case: Case, key: str, message: Message) -> Shown:
        """The message in blocks, with its name, so that it can be found again."""
        name = Name(case.id, key)
        return named(shown(message, Names(self._words.of(case.lang), str(name))), name)
