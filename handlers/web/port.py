"""The local chat page as a platform: its messages are in the store, the open pages are told to look."""

from bot.core.case import Case
from bot.core.message import Message
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

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:  # noqa: ARG002 - the port's
        self._feed.tell(case.person)
        return key

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:  # noqa: ARG002
        self._feed.tell(case.person)

    async def introduce(self, case: Case) -> Introduction:
        """A browser tells nothing but its language, which the case has."""
        return Introduction(case.lang, case.address)

    async def share(self, case: Case, key: str, channel: str, message: Message, *, again: bool) -> str:  # noqa: ARG002
        return "failed"
