"""What a surface is to a story: people who do and see things. One adapter a surface; a story knows no other word of it.

An adapter plays the person's side only: what is pressed and typed reaches the bot as the platform sends it, and what is
seen is what the platform shows. How long something takes is the actor's business (`actor.py`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from bot.core.model import Lang
from tests.stories.pages import Opened


class Seen(Protocol):
    """A message as a person sees it. Looked at again, it may have changed."""

    @property
    def case(self) -> str:
        """The case that it belongs to; empty for what belongs to none."""
        ...

    @property
    def thread(self) -> str:
        """Names the conversation that it stands in."""
        ...

    @property
    def text(self) -> str:
        """All that can be read, fields of forms included."""
        ...

    @property
    def marked(self) -> str:
        """What of it the client reads as markup, as it was sent; the rest is shown letter by letter."""
        ...

    @property
    def actions(self) -> Collection[str]:
        """What can be pressed, by the names of the contract. A form is `form.NAME`."""
        ...

    @property
    def links(self) -> Mapping[str, str]:
        """Buttons that open an address."""
        ...

    @property
    def addresses(self) -> Collection[str]:
        """Every address that can be opened from it."""
        ...

    @property
    def colour(self) -> str: ...

    @property
    def report(self) -> bool:
        """Whether it brings a report."""
        ...


class Sheet(Protocol):
    """A form before the person, wherever the surface shows it."""

    @property
    def fields(self) -> Mapping[str, str]:
        """What stands in each field."""
        ...

    @property
    def text(self) -> str: ...

    async def send(self, **values: str) -> Mapping[str, str]:
        """Fill in and send; what is then said beside the fields. Nothing is said where it was taken."""
        ...


class Door(Protocol):
    """A place where a secret may be typed, as it was opened: what became of it meanwhile shows when it is used."""

    async def give(self, secret: str) -> bool:
        """Whether it was taken."""
        ...


class Hands(Protocol):
    """One person before one surface."""

    lang: Lang

    @property
    def name(self) -> str:
        """What the bot calls the person."""
        ...

    async def begin(self, text: str) -> None:
        """Begin a case with these words, where one is alone with the bot."""
        ...

    async def say(self, text: str) -> None:
        """Go on in the case that was begun last."""
        ...

    async def press(self, seen: Seen, action: str) -> None: ...

    async def sheet(self, seen: Seen | None, name: str) -> Sheet:
        """Open a form of a message, or (None) the one that begins a case."""
        ...

    async def door(self, offer: Seen) -> Door:
        """Go to where the secret may be typed."""
        ...

    async def open(self, address: str) -> Opened:
        """Open an address in one's own browser."""
        ...

    async def cases(self) -> str:
        """Ask for one's own cases; what is listed."""
        ...

    async def repeat(self, times: int = 1) -> None:
        """What was sent last is delivered again, as the platform does it where an answer was lost."""
        ...

    async def ask(self, text: str) -> None:
        """Begin a case by the command where there is one, otherwise in words."""
        ...

    async def command(self, text: str, place: str | None = None) -> None:
        """The command, typed anywhere."""
        ...

    async def mention(self, text: str, place: str) -> None:
        """Speak to the bot where others read along."""
        ...

    def sees(self, place: str | None = None) -> Sequence[Seen]:
        """The bot's messages, where one is alone with it or in a place."""
        ...

    async def until(self, found: Callable[[], Any], limit: float) -> Any:
        """Wait until `found()` is true, woken by whatever comes."""
        ...


class Surface(Protocol):
    """One platform with its people. An asynchronous context manager; at its end nothing that it forbids was done."""

    name: str
    kind: str
    lang: Lang
    """The language of somebody who has shown none."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What makes a bot serve it, by names of the environment."""
        ...

    async def connect(self, origin: str) -> None:
        """A bot is up at this address (again)."""
        ...

    def person(self, name: str, email: str | None, lang: Lang | None) -> Hands: ...

    def words(self, lang: Lang) -> Mapping[str, str]:
        """The texts that it shows, by key."""
        ...

    def written(self) -> str:
        """Everything that the bot has given it, in one text."""
        ...

    def place(self, name: str, *people: Hands, shared: bool = False, bot: bool = True) -> str:
        """A channel or group of these people; `shared` with another organisation."""
        ...

    def public(self, place: str) -> Sequence[Seen]:
        """The bot's messages that everybody in a place sees."""
        ...

    def stranger(self, name: str) -> Hands:
        """Somebody of another organisation."""
        ...

    def stumble(self) -> Callable[[], bool]:
        """Let the next calls end in "wait", in an error, in a cut connection. Whether all of it has come to pass."""
        ...

    def lose_answers(self) -> Callable[[], bool]:
        """Let the next messages be shown while their answers are lost. Whether that has come to pass."""
        ...

    def faults(self) -> Sequence[str]:
        """What the bot did that the platform would have refused or that breaks its rules."""
        ...

    def doubles(self) -> Sequence[str]:
        """Messages that are shown more than once."""
        ...


Make = Callable[[], AbstractAsyncContextManager[Surface]]
"""A surface on a server of its own."""
