"""The local chat page as a platform: its messages are in the store, the open pages are told to look."""

import time
from collections.abc import Callable

from bot.core.case import Case
from bot.core.codec import to_json
from bot.core.message import Message
from bot.store.store import Store
from handlers.port import Introduction
from handlers.web.feed import Feed

NAME = "web"


class WebPort:
    """See `handlers.port.Port`. The conversation has stored a message before it is posted."""

    name = NAME
    secret_forms = False
    open_to_all = True
    channels = False
    update_every = 0.0

    def __init__(self, store: Store, feed: Feed, clock: Callable[[], float] = time.time) -> None:
        self._store, self._feed, self._clock = store, feed, clock

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:  # noqa: ARG002 - the port's
        self._feed.tell(case.person)
        return key

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:  # noqa: ARG002
        self._feed.tell(case.person)

    async def whisper(self, case: Case, message: Message) -> None:
        await self._store.add_message(case.id, case.person, to_json(message), self._clock())
        self._feed.tell(case.person)

    async def introduce(self, case: Case) -> Introduction:
        """A browser tells nothing but its language, which the case has."""
        return Introduction(case.lang, case.address)

    async def share(self, case: Case, key: str, channel: str, message: Message, *, again: bool) -> str:  # noqa: ARG002
        return "failed"
