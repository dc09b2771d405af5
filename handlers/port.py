"""What a chat platform must do for the conversation. A platform is one folder in handlers/ that implements this."""

from typing import Protocol

from bot.core.case import Case
from bot.core.message import Message


class Port(Protocol):
    """Delivers messages to one platform. Errors that may pass (429, 5xx, time-outs) are waited out inside."""

    name: str
    secret_forms: bool
    """Whether the platform has a form of its own in which a secret may be typed (`secrets.entry: modal`)."""

    async def post(self, case: Case, key: str, message: Message) -> str:
        """Show a message in the case's place; the platform's id of it. The same key is shown once."""
        ...

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:
        """Replace a message."""
        ...

    async def whisper(self, case: Case, message: Message) -> None:
        """Show a message to the person alone."""
        ...
