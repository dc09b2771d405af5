"""What goes on in the background when the bot ends."""

import asyncio
from collections.abc import Iterable

_MOMENT = 5.0
"""Seconds: an answer that is on its way arrives. One that waits for a platform would hold up the end for minutes."""


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Let tasks end within a moment; the others are cancelled."""
    left = set(tasks)
    if left:
        _, left = await asyncio.wait(left, timeout=_MOMENT)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
