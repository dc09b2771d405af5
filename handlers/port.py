"""What a chat platform must do for the conversation. A platform is one folder in handlers/ that implements this."""

from dataclasses import dataclass
from typing import Protocol

from bot.core.case import Case
from bot.core.message import Message
from bot.core.model import Lang


@dataclass(frozen=True, slots=True)
class Introduction:
    """Who a person is, as far as the platform tells: the language they read, and their own mail address."""

    lang: Lang | None = None
    address: str | None = None


class Unreachable(Exception):  # noqa: N818 - nothing is wrong here
    """Nothing can be shown to a person any more, and nothing will pass: the bot was removed from where they are."""


class Away(Exception):  # noqa: N818 - nothing is wrong here
    """The platform does not answer, and has not for a long time; what it was asked for may have been done."""


class Surface(Protocol):
    """What must be known of a platform to decide, also where other nodes serve it."""

    name: str
    open_to_all: bool
    """Whether whoever reaches the bot here may check everything; otherwise `access.*` says who may what."""
    channels: bool
    """Whether there are places in which a report can be shown to others."""
    update_every: float
    """Seconds between two states of one message: not more often than the platform takes."""


class Port(Surface, Protocol):
    """Delivers messages to one platform. Errors that may pass (429, 5xx, time-outs) are waited out inside.

    What takes longer than a port waits raises Away; it is tried again.
    """

    secret_forms: bool
    """Whether the platform has a form of its own in which a secret may be typed (`secrets.entry: modal`)."""

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:
        """Show a message in the case's place; the platform's id of it. The same key is shown once.

        `again`: an earlier try may have been delivered although nobody heard of it; then it is looked for first.
        """
        ...

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:
        """Replace a message."""
        ...

    async def introduce(self, case: Case) -> Introduction | None:
        """Who the case's person is; None where this bot does not talk to them, which they were then told."""
        ...

    async def share(self, case: Case, key: str, channel: str, message: Message, *, again: bool) -> str:
        """Show a message to others; empty, or why it could not be: not_a_member, shared_outside, failed.

        `again` as for `post`; `unsure` where it may have been shown and the bot may not look: it is not shown again.
        """
        ...
