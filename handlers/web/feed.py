"""Wakes up the open chat pages of a person when something of theirs has changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Feed:
    """What changed is in the store; here is only that something did."""

    def __init__(self) -> None:
        self._pages: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    @contextmanager
    def page(self, person: str) -> Iterator[asyncio.Event]:
        """An event that is set with every change, for as long as a page is open."""
        changed = asyncio.Event()
        pages = self._pages.setdefault(person, set())
        pages.add(changed)
        try:
            yield changed
        finally:
            pages.discard(changed)
            if not pages:
                self._pages.pop(person, None)

    def tell(self, person: str) -> None:
        for changed in self._pages.get(person, ()):
            changed.set()

    def close(self) -> None:
        """Let every open page end its request."""
        self.closed = True
        for pages in self._pages.values():
            for changed in pages:
                changed.set()
