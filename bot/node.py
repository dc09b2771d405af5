"""One of several nodes: it gives signs of life, follows the store's clock, and takes up what dead nodes have left."""

import contextlib

from bot.queue.job import Queue
from bot.queue.shared import BEAT_EVERY, SILENT_FOR, SharedQueue
from bot.store.nodes import Node, Nodes, StoreClock
from bot.store.rows import StoreError
from handlers.conversation import SWEEP_EVERY, SWEPT_AGE, Conversation

_HASTY_EVERY, _HASTY_AGE = 15.0, 20.0
_FORGOTTEN_AFTER = 3600.0


class Presence:
    """The node among the others. Every method raises StoreError where the store or the queue fails."""

    every = BEAT_EVERY

    def __init__(self, nodes: Nodes, queue: SharedQueue, clock: StoreClock, me: Node) -> None:
        self._nodes, self._queue, self._clock, self._me = nodes, queue, clock, me

    async def beat(self) -> None:
        """A sign of life, and a look at the clock and at the others."""
        await self._clock.follow(self._nodes)
        await self._nodes.beat(Node(self._me.id, self._me.role, self._me.version, self._clock()))
        await self._queue.beat()
        await self._queue.rescue(self._alive)

    async def leave(self) -> None:
        """Where the store is away, the others take this node for dead soon."""
        with contextlib.suppress(StoreError):
            await self._nodes.leave(self._me.id)

    async def _alive(self) -> frozenset[str]:
        return frozenset(node.id for node in await self._nodes.since(self._clock() - SILENT_FOR))


def sweeping(queue: Queue) -> tuple[float, float]:
    """Seconds between two searches for effects without a job, and how old those are at least.

    A node may die after it has stored effects and before it puts their jobs in, where both are not one transaction.
    That is noticed as soon as any other death.
    """
    return (SWEEP_EVERY, SWEPT_AGE) if queue.transactional else (_HASTY_EVERY, _HASTY_AGE)


async def sweep(conversation: Conversation, nodes: Nodes, clock: StoreClock, age: float) -> None:
    """Find effects without a job that are so many seconds old, and forget nodes that are long gone."""
    await conversation.sweep(age)
    await nodes.forget(clock() - _FORGOTTEN_AFTER)
