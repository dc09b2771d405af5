"""Somebody in a story: an adapter's hands, and the patience to wait for what is to be seen."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.stories.pages import Opened
from tests.stories.surface import Door, Hands, Seen, Sheet

PATIENCE = 20.0


class Actor:
    """`words` are the texts that the surface shows in this person's language."""

    def __init__(self, hands: Hands, words: Mapping[str, str]) -> None:
        self.hands, self.words, self.lang = hands, words, hands.lang

    # What they do.

    async def begin(self, text: str) -> None:
        await self.hands.begin(text)

    async def say(self, text: str) -> None:
        await self.hands.say(text)

    async def ask(self, text: str) -> None:
        await self.hands.ask(text)

    async def command(self, text: str, place: str | None = None) -> None:
        await self.hands.command(text, place)

    async def press(self, seen: Seen, action: str) -> None:
        await self.hands.press(seen, action)

    async def sheet(self, seen: Seen | None, name: str) -> Sheet:
        return await self.hands.sheet(seen, name)

    async def door(self, offer: Seen) -> Door:
        return await self.hands.door(offer)

    async def open(self, address: str) -> Opened:
        return await self.hands.open(address)

    async def type(self, secret: str) -> bool:
        """Type a secret where the newest offer says; whether it was taken."""
        return await (await self.door(await self.offer())).give(secret)

    # What they see.

    def sees(self, place: str | None = None) -> Sequence[Seen]:
        return self.hands.sees(place)

    def reports(self) -> Sequence[Seen]:
        return [seen for seen in self.sees() if seen.report]

    def hearing(self, key: str, place: str | None = None, **known: object) -> Sequence[Seen]:
        """The messages so far that say a phrase; its placeholders stand for anything but what is `known`."""
        pattern = spoken(self.words[key], **known)
        return [seen for seen in self.sees(place) if pattern.search(seen.text)]

    async def hears(
        self, key: str, *, place: str | None = None, after: int = 0, limit: float = PATIENCE, **known: object
    ) -> Seen:
        """The first message (after so many others) that says a phrase."""
        return await self._nth(lambda: self.hearing(key, place, **known), after, limit, key)

    async def sees_with(self, action: str, *, after: int = 0, limit: float = PATIENCE) -> Seen:
        """The first message (after so many others) in which this can be pressed."""
        return await self._nth(lambda: [s for s in self.sees() if action in s.actions], after, limit, action)

    async def report(self, number: int = 0, limit: float = PATIENCE) -> Seen:
        return await self._nth(self.reports, number, limit, "report")

    async def offer(self, after: int = 0) -> Seen:
        """An offer to type the secret: it alone can be cancelled and names its way; the newest."""

        def found() -> list[Seen]:
            return [s for s in self.sees() if "cancel" in s.actions and not s.report and _offers(s)][::-1]

        return await self._nth(found, after, PATIENCE, "offer")

    async def until(self, found: Callable[[], Any], limit: float = PATIENCE) -> Any:
        return await self.hands.until(found, limit)

    async def _nth(self, found: Callable[[], Sequence[Seen]], number: int, limit: float, what: str) -> Seen:
        def nth() -> Seen | None:
            seen = found()
            return seen[number] if len(seen) > number else None

        try:
            seen: Seen = await self.hands.until(nth, limit)
        except TimeoutError:
            shown = "\n---\n".join(one.text for one in self.sees())
            raise AssertionError(f"no {what} (number {number}) among:\n{shown}") from None
        return seen


def _offers(seen: Seen) -> bool:
    return "secret" in seen.links or "secret" in seen.actions or "form.secret" in seen.actions


def spoken(template: str, **known: object) -> re.Pattern[str]:
    """A phrase as it is said: unknown placeholders stand for anything, and spaces may be broken in another way."""
    parts = re.split(r"(\{\w+\})", template.strip())
    made = [_part(part, known) for part in parts]
    return re.compile("".join(made))


def _part(part: str, known: Mapping[str, object]) -> str:
    if re.fullmatch(r"\{\w+\}", part):
        name = part[1:-1]
        return re.escape(str(known[name])) if name in known else r"[\s\S]*?"
    return r"\s+".join(re.escape(word) for word in re.split(r"\s+", part))
