"""How often a message is changed: not more often than its platform takes, and its last state always arrives."""

import asyncio
import time
from collections.abc import Awaitable, Callable

Send = Callable[[], Awaitable[None]]


class Pacer:
    """States of messages on their way: of those that come within `interval` seconds only the newest is sent."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: dict[str, float] = {}
        self._waiting: dict[str, Send] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def send(self, name: str, send: Send) -> None:
        """Send now, or a little later; what waits under this name is replaced."""
        pause = self._last.get(name, 0.0) + self._interval - time.monotonic()
        if pause <= 0 and name not in self._tasks:
            self._last[name] = time.monotonic()
            return await send()
        self._waiting[name] = send
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._later(name, pause))
        return None

    async def last(self, name: str, send: Send) -> None:
        """Send the last state: nothing that waits under this name comes after it."""
        self._waiting.pop(name, None)
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()
            await asyncio.wait([task])
        await send()
        self._last.pop(name, None)

    async def close(self) -> None:
        """Send at once what waits."""
        tasks, waiting = list(self._tasks.values()), list(self._waiting.values())
        self._tasks.clear()
        self._waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(send() for send in waiting), return_exceptions=True)

    async def _later(self, name: str, pause: float) -> None:
        try:
            await asyncio.sleep(pause)
            while (send := self._waiting.pop(name, None)) is not None:
                self._last[name] = time.monotonic()
                await send()
                if name in self._waiting:
                    await asyncio.sleep(self._interval)
        finally:
            self._tasks.pop(name, None)
