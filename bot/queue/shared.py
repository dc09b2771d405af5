"""The queue of several nodes: procrastinate's, in PostgreSQL. Its jobs, locks, notifications and signs of life."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.job_context import AbortReason
from procrastinate.jobs import Job as Stored
from procrastinate.jobs import Status
from procrastinate.worker import Worker

from bot import metrics
from bot.logs import of_case
from bot.queue.job import CHAT, CHECKS, WATCHES, Job, Task, Work, own_queue
from bot.queue.schema import TODO, lacking
from bot.store.look import QUEUE_PARTS, WAITING
from bot.store.place import IMPATIENCE, PATIENCE
from bot.store.rows import StoreError

BEAT_EVERY, SILENT_FOR = 5.0, 20.0
"""Seconds between two signs of life, and after how many without one somebody is taken for dead."""
_AT_ONCE: Mapping[str, int] = {CHAT: 60, CHECKS: 100, WATCHES: 2}
_OWN_AT_ONCE = 100
_POLL = 2.0
"""Seconds until a job that is due at a time of its own is found; all others are notified of."""
_RETRIES, _LONGEST_PAUSE = 20, 5
"""How often a job is tried again, and the seconds between two tries at the most: the rest of its case waits behind it.
What has failed for good is found by the sweep."""
_RESTART_AFTER = 1.0
_REMAINS_HOURS = 24
"""For so long a job that has failed for good serves whoever looks for the cause."""
_LOOK_AGAIN = 0.1
_HAND_BACK = 2.0
"""Seconds of the time to end that are kept for giving back what is under way."""
_TASKS: tuple[Task, ...] = ("deliver", "check", "watch", "expire")
_OWN = own_queue("")
_ORPHANS_TO_CHECKS = (
    "UPDATE procrastinate_jobs SET queue_name = %s, lock = 'job:' || id, queueing_lock = NULL"
    " WHERE status = 'todo' AND starts_with(queue_name, %s) AND queue_name <> ALL(%s)"
)
"""Jobs that wait for nodes which are not there any more. procrastinate itself has no way to move a job that waits."""
_log = structlog.get_logger(__name__)


class SharedQueue:
    """See `bot.queue.job.Queue`. `node` is this process; `role` says at which queues it works: web, worker or all."""

    lasting = True

    def __init__(self, url: str, node: str, role: str, *, transactional: bool, grace: float) -> None:
        self.transactional, self._grace = transactional, grace
        chat = {CHAT: _AT_ONCE[CHAT], own_queue(node): _OWN_AT_ONCE}
        probes = {CHECKS: _AT_ONCE[CHECKS], WATCHES: _AT_ONCE[WATCHES]}
        self._queues = (chat if role != "worker" else {}) | (probes if role != "web" else {})
        self._connector = procrastinate.PsycopgConnector(
            conninfo=url, kwargs=dict(PATIENCE), configure=_configure, min_size=2, max_size=10, timeout=10.0
        )
        self._app = procrastinate.App(connector=self._connector)
        for name in _TASKS:
            self._app.task(name=name, pass_context=True, retry=_Again())(self._carry_out)
        self._work: Work = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._workers: dict[str, Worker] = {}
        """Those that take jobs, and those that end and wait for theirs."""
        self._end_by: float | None = None
        self._under_way: set[int] = set()
        self._left = set[int]()
        """Jobs that are marked as being carried out and are not, as of the last sign of life."""
        self._shown = asyncio.Condition()
        self._showing = 0

    async def open(self) -> None:
        """Connect, and make the tables where there are none: of several nodes one does.

        Raises StoreError, also where the tables are not those that this version of procrastinate works with.
        """
        for noisy in ("procrastinate", "psycopg", "psycopg.pool"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)  # what fails is told here, without values
        with _faults():
            await self._app.open_async()
            async with self._connector.pool.connection() as connection:
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext('migcheck.queue'))")
                found = await (await connection.execute(QUEUE_PARTS)).fetchall()
                if not found:
                    await connection.execute(self._app.schema_manager.get_schema())
        if (wrong := lacking(frozenset(name for (name,) in found))) is not None:
            raise StoreError(f"{wrong}: {TODO}")

    async def start(self, work: Work) -> None:
        self._work = work
        for queue, at_once in self._queues.items():
            self._tasks[queue] = asyncio.create_task(self._work_at(queue, at_once))

    async def beat(self) -> None:
        """A sign of life of each worker, those that wait for their last jobs among them: nobody takes these away.

        A job whose end could not be written down, since the database was away, would be taken for one that is being
        carried out, and its lock with it, for as long as this node lives. It is put back; what was done is seen then.
        """
        manager, left = self._app.job_manager, dict[int, Stored]()
        with _faults():
            for worker in list(self._workers.values()):
                if worker.worker_id is not None:
                    await manager.update_heartbeat(worker.worker_id)
                    doing = await manager.list_jobs_async(worker_id=worker.worker_id, status="doing")
                    left |= {job.id: job for job in doing if job.id is not None and job.id not in self._under_way}
            for name in left.keys() & self._left:  # twice in a row: none that has just begun or ended
                await self._put_back(left[name])
        self._left = set(left) - self._left

    async def defer(self, jobs: Iterable[Job], connection: Any = None) -> None:
        stored = [_stored(job) for job in jobs]
        with _faults():
            if connection is not None and stored:
                await self._app.job_manager.batch_defer_jobs_async(stored, connection=connection)
                return
            for one in stored:
                with contextlib.suppress(AlreadyEnqueued):
                    await self._app.job_manager.defer_job_async(one)

    async def restore(self, jobs: Iterable[Job]) -> None:
        query = (
            "SELECT task_name, args->>'case', args->'effect' FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        )
        async with self._alone("migcheck.restore") as mine:
            if not mine:
                return
            async with self._connector.pool.connection() as connection:
                there = set(await (await connection.execute(query)).fetchall())
            await self.defer(job for job in jobs if (job.task, job.case, job.effect) not in there)

    async def tidy(self) -> None:
        with _faults():
            await self._app.job_manager.delete_old_jobs(
                _REMAINS_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
            )

    async def stop(self, name: str) -> None:
        manager = self._app.job_manager
        with _faults():
            for job in await manager.list_jobs_async(queueing_lock=name):
                if job.id is not None:
                    await manager.cancel_job_by_id_async(job.id, abort=True, delete_job=True)

    async def settle(self) -> None:
        async with self._shown:
            await self._shown.wait_for(lambda: not self._showing)

    async def pause(self) -> None:
        """Take no more of what other nodes can do as well. The time to end runs from now."""
        self._end_by = asyncio.get_running_loop().time() + self._grace
        await self._end(queue for queue in self._queues if queue in (CHECKS, WATCHES))

    async def close(self, grace: float) -> None:
        if self._end_by is None:
            self._end_by = asyncio.get_running_loop().time() + grace
        with contextlib.suppress(ConnectorException, psycopg.Error, OSError):
            await self._empty_own(self._end_by - _HAND_BACK)
        await self._end(self._queues)
        await self._app.close_async()

    async def _empty_own(self, until: float) -> None:
        """Let what only this node can do begin, as far as there is time: a secret that was just typed, for instance."""
        own = next((queue for queue in self._tasks if queue.startswith(_OWN)), None)
        while own is not None and asyncio.get_running_loop().time() < until:
            if not list(await self._app.job_manager.list_jobs_async(queue=own, status="todo")):
                return
            await asyncio.sleep(_LOOK_AGAIN)

    async def ready(self) -> None:
        """Raises StoreError where this node cannot work at its queues now."""
        with _faults():
            async with self._connector.pool.connection(timeout=1.0) as connection:
                await connection.execute("SELECT 1")
        if missing := self._tasks.keys() - self._workers.keys():
            raise StoreError(f"no worker for {', '.join(sorted(missing))}")

    async def depth(self) -> Mapping[str, tuple[int, float]]:
        with _faults():
            async with self._connector.pool.connection() as connection:
                rows = await (await connection.execute(WAITING)).fetchall()
        return {queue: (jobs, oldest) for queue, jobs, oldest in rows}

    async def rescue(self, alive: Callable[[], Awaitable[frozenset[str]]]) -> int:
        """Give the jobs of workers and nodes that have died to others; how many. One node at a time does it.

        `alive` are the nodes that give signs of life.
        """
        async with self._alone("migcheck.rescue") as mine:
            if not mine:
                return 0
            return await self._retry_stalled() + await self._empty_own_queues(await alive())

    async def _retry_stalled(self) -> int:
        manager = self._app.job_manager
        stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_FOR))
        for job in stalled:
            await self._put_back(job)
        return len(stalled)

    async def _put_back(self, job: Stored) -> None:
        decision = _handed_on(job)
        try:
            await self._app.job_manager.retry_job(job, queue=decision.queue, lock=decision.lock)
        except UniqueViolation:  # another one of its name waits for it to end
            await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)

    async def _empty_own_queues(self, alive: frozenset[str]) -> int:
        """What waits in a dead node's own queue can be done by nobody any more; somebody must say so.

        One statement, so that a node which dies over it loses none.
        """
        async with self._connector.pool.connection() as connection:
            moved = await connection.execute(_ORPHANS_TO_CHECKS, (CHECKS, _OWN, [own_queue(node) for node in alive]))
            return moved.rowcount

    @contextlib.asynccontextmanager
    async def _alone(self, what: str) -> AsyncIterator[bool]:
        """Whether nobody else is at this; if so, nobody will be meanwhile."""
        with _faults():
            async with self._connector.pool.connection() as connection:
                got = await connection.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", (what,))
                yield (await got.fetchone()) == (True,)

    async def _work_at(self, queue: str, at_once: int) -> None:
        """A worker ends where the database is away; then a new one is tried, until `_end` wants none."""
        while queue in self._tasks:
            worker = self._workers[queue] = self._worker(queue, at_once)
            try:
                await worker.run()  # type: ignore[no-untyped-call]
            except (ConnectorException, psycopg.Error, OSError) as error:
                _log.warning("the queue cannot be used", queue=queue, error=type(error.__cause__ or error).__name__)
            except Exception as error:  # noqa: BLE001 - a node without workers would be of no use
                _log.error("a worker failed", queue=queue, fault=metrics.fault(error))
            finally:
                del self._workers[queue]
            await asyncio.sleep(_RESTART_AFTER)

    def _worker(self, queue: str, at_once: int) -> Worker:
        return Worker(
            self._app,
            queues=[queue],
            concurrency=at_once,
            install_signal_handlers=False,
            fetch_job_polling_interval=_POLL,
            abort_job_polling_interval=_POLL,
            shutdown_graceful_timeout=self._grace,
            update_heartbeat_interval=BEAT_EVERY,
            stalled_worker_timeout=SILENT_FOR,
            delete_jobs="successful",
        )

    async def _end(self, queues: Iterable[str]) -> None:
        """Let the jobs of these queues end in time; what does not is given back."""
        left = (self._end_by or 0.0) - asyncio.get_running_loop().time() - _HAND_BACK
        ending = []
        for queue in list(queues):
            if (task := self._tasks.pop(queue, None)) is not None:
                if (worker := self._workers.get(queue)) is not None:
                    worker.shutdown_graceful_timeout = max(0.0, left)
                task.cancel()
                ending.append(task)
        await asyncio.gather(*ending, return_exceptions=True)

    async def _carry_out(self, context: JobContext, case: str, effect: int) -> None:
        name: Any = context.job.task_name
        number = context.job.id or 0
        self._under_way.add(number)
        self._showing += name == "deliver"
        try:
            with of_case(case):
                await self._work[name](Job(name, case, effect, context.job.queue))
        except asyncio.CancelledError:
            if context.abort_reason() is AbortReason.SHUTDOWN and not await self._has_heir(context.job):
                raise _Unfinished from None
            if context.abort_reason() is None:
                raise
        except Exception as error:
            _tell(error, context.job)
            if not await self._has_heir(context.job):
                raise
        finally:
            self._under_way.discard(number)
            self._showing -= name == "deliver"
            async with self._shown:
                self._shown.notify_all()

    async def _has_heir(self, job: Stored) -> bool:
        """Whether another job of its name waits for it to end: then it cannot be put back, and need not."""
        name = job.queueing_lock
        return name is not None and any(await self._app.job_manager.list_jobs_async(queueing_lock=name, status="todo"))


def _tell(error: Exception, job: Stored) -> None:
    """That a job has failed, in the log. Where the store is away that is no fault of the bot's own."""
    about = {"task": job.task_name, "case": job.task_kwargs["case"]}
    if isinstance(error, StoreError):
        metrics.failed(error)
        _log.warning("a job waits for the store", **about, why=str(error))
    else:
        _log.error("a job failed", **about, turn=job.attempts, fault=metrics.fault(error))


class _Unfinished(Exception):  # noqa: N818 - nothing is wrong
    """The process ends before the job does."""


class _Again(BaseRetryStrategy):
    """A job that was cut short is for another node, at once; one that failed is tried again, later each time."""

    def get_retry_decision(self, *, exception: BaseException, job: Stored) -> RetryDecision | None:
        if isinstance(exception, _Unfinished):
            return _handed_on(job)
        if job.attempts >= _RETRIES:
            return None
        return RetryDecision(retry_in={"seconds": min(_LONGEST_PAUSE, 2**job.attempts)})


async def _configure(connection: psycopg.AsyncConnection) -> None:
    await connection.execute(IMPATIENCE)
    await connection.commit()


def _handed_on(job: Stored) -> RetryDecision:
    """For whoever can do it. What one node alone could do has lost its secret: somebody says so at once."""
    if job.queue.startswith(_OWN):
        return RetryDecision(queue=CHECKS, lock=f"job:{job.id}")
    return RetryDecision()


def _stored(job: Job) -> Stored:
    return Stored(
        queue=job.queue,
        lock=job.lock,
        queueing_lock=job.name,
        task_name=job.task,
        task_kwargs={"case": job.case, "effect": job.effect},
        scheduled_at=datetime.fromtimestamp(job.at, UTC) if job.at is not None else None,
    )


@contextlib.contextmanager
def _faults() -> Any:
    """Raises StoreError in place of the database's errors: they may show addresses and values."""
    try:
        yield
    except AlreadyEnqueued:
        raise
    except (ConnectorException, psycopg.Error, OSError) as error:
        raise StoreError(f"the queue cannot be used ({type(error.__cause__ or error).__name__})") from None
