"""What is put into a queue, and what a queue does. A job names what is to be done; everything else is in the store."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Task = Literal["deliver", "check", "watch", "expire"]
"""Show what a case has to say; run a check; look whether what is watched works; end an offer that ran out."""

CHAT, CHECKS, WATCHES = "chat", "checks", "watches"
"""The queues: what needs the platforms, what probes for a person who waits, what probes for nobody in particular."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. It is idempotent: what is done already is not done again. Nothing secret is in it.

    Of jobs with the same `lock` one runs at a time, in the order in which they came. `name` is how a job can be
    stopped; of those that wait only one has it. `at` is when it is due, in POSIX seconds of the store's clock.
    """

    task: Task
    case: str
    effect: int = 0
    queue: str = CHAT
    lock: str | None = None
    name: str | None = None
    at: float | None = None


Work = Mapping[Task, Callable[[Job], Awaitable[None]]]
"""What carries jobs out. An exception means that the job is to be tried again."""


class Queue(Protocol):
    """Takes jobs, and has them carried out by this process or another one."""

    transactional: bool
    """Whether jobs can be put in by the transaction that stores what they are about, so that neither is without the
    other."""
    lasting: bool
    """Whether jobs outlive this process."""

    async def start(self, work: Work) -> None:
        """Carry jobs out from now on."""
        ...

    async def defer(self, jobs: Iterable[Job], connection: Any = None) -> None:
        """Put jobs in; one whose name waits already is left out, where no transaction's `connection` is given."""
        ...

    async def restore(self, jobs: Iterable[Job]) -> None:
        """Put in those of which none is there: none waits, nor is being carried out."""
        ...

    async def tidy(self) -> None:
        """Forget what is long over."""
        ...

    async def stop(self, name: str) -> None:
        """Cancel a job, whether it waits or is being carried out."""
        ...

    async def settle(self) -> None:
        """Until this process has nothing to show any more that it knows of."""
        ...

    async def pause(self) -> None:
        """Take no more of what other nodes can do as well."""
        ...

    async def ready(self) -> None:
        """Raises StoreError where nothing can be put in or carried out now."""
        ...

    async def depth(self) -> Mapping[str, tuple[int, float]]:
        """How many jobs are due and wait, and since how many seconds the oldest, by queue."""
        ...

    async def close(self, grace: float) -> None:
        """Take no more work, end what is under way within `grace` seconds, and hand back the rest."""
        ...


def own_queue(node: str) -> str:
    """The queue for what only one node can do: it holds the secret."""
    return f"node:{node}"
