"""Requests that a platform waits for go first: work in the background pauses while there are any, but not for long."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LONGEST = 0.25
"""Seconds that the background waits at most, so that a stream of requests does not starve it."""


class Calm:
    """Counts the requests under way."""

    def __init__(self) -> None:
        self._under_way = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """A request is under way."""
        self._under_way += 1
        self._none.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._none.set()

    async def wait(self) -> None:
        """Until no request is under way, or it has taken long enough."""
        if self._under_way:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST):
                    await self._none.wait()
