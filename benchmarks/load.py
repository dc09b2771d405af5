"""A migration's weekend: `make bench-load`; with other numbers `python -m benchmarks.load --help`.

People come evenly within ten minutes and go through the whole dialogue (see `people.py`). They reach the web nodes
through a balancer that is not sticky; nodes, PostgreSQL, mail servers and Slack share the machine's cores. Smaller
numbers come at the same pace, to show what grows with what is stored. Figures are of an empty database each.
"""

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks.nodes import Crowd, Node, free_port, node, serving, settings, share, slack, town
from benchmarks.table import Row
from tests.servers.postgres import cluster

PEOPLE, MINUTES = (100, 500, 2_000), 10.0
WEBS, WORKERS = 2, 2
_DRAINED = 60.0
ACK = 3.0
"""Seconds that Slack waits for an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many nodes there are. Without workers it is one node that does all, with SQLite."""

    webs: int = WEBS
    workers: int = WORKERS

    @property
    def single(self) -> bool:
        return self.workers == 0


@dataclass(frozen=True, slots=True)
class Measured:
    """A crowd, and what the nodes came to: seconds of CPU and KiB of memory, of all and of the largest."""

    count: int
    crowd: Crowd
    cpu: float
    memory: int
    left: int
    """Effects and jobs that were not done in the end."""
    drained: float
    """Seconds until nothing waited any more, or until it was given up."""


@contextlib.contextmanager
def store(plan: Plan, folder: Path, count: int) -> Iterator[str]:
    """An empty database."""
    if plan.single:
        yield f"sqlite:///{folder}/store-{count}.db"
        return
    with cluster(durable=True) as postgres, postgres.database() as url:
        yield url


@contextlib.contextmanager
def nodes(plan: Plan, environment: Mapping[str, str], log: Path) -> Iterator[tuple[str, Sequence[Node]]]:
    """Where people reach the nodes, and the nodes."""
    with contextlib.ExitStack() as stack:
        port = free_port()
        environment = {**environment, "MIGCHECK_WEB__PUBLIC_URL": f"http://127.0.0.1:{port}"}
        roles = ["all"] if plan.single else ["web"] * plan.webs + ["worker"] * plan.workers
        started = [stack.enter_context(node(environment, log, role, None)) for role in roles]
        ports = [one.origin.rpartition(":")[2] for one, role in zip(started, roles, strict=True) if role != "worker"]
        process = stack.enter_context(serving(None, "tests.servers.balancer", str(port), *ports))
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}", started


def load(plan: Plan, count: int, seconds: float) -> Measured:
    """Let so many people come within so many seconds."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="migcheck-load-")))
        stack.enter_context(town(count, folder, None))
        people = stack.enter_context(slack(None))
        url = stack.enter_context(store(plan, folder, count))
        more = {} if plan.single else {"QUEUE__URL": url}
        environment = settings(folder, people, url, **more)
        origin, started = stack.enter_context(nodes(plan, environment, folder / "log"))
        before = [one.cpu() for one in started]
        crowd = people.crowd(origin, 0, count, within=seconds)
        left, drained = wait_until_drained(url)
        cpu = sum(one.cpu() for one in started) - sum(before)
        return Measured(count, crowd, cpu, max(one.memory() for one in started), left, drained)


def wait_until_drained(url: str) -> tuple[int, float]:
    """Wait until nothing waits in the outbox or the queue, a minute at most: how much is left, and the seconds."""
    engine, began = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://")), time.monotonic()
    with contextlib.closing(engine.connect().execution_options(isolation_level="AUTOCOMMIT")) as connection:
        while (left := waiting(connection)) and time.monotonic() < began + _DRAINED:
            time.sleep(0.2)
    return left, time.monotonic() - began


def waiting(connection: sa.Connection) -> int:
    """Effects that are not done, offers apart (they stand until a secret could not be typed any more), and due jobs."""
    effects = "SELECT count(*) FROM outbox WHERE done IS NULL AND effect NOT LIKE '%OfferSecret%'"
    found = int(connection.execute(sa.text(effects)).scalar_one())
    if sa.inspect(connection).has_table("procrastinate_jobs"):
        jobs = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND scheduled_at IS NULL"
        found += int(connection.execute(sa.text(jobs)).scalar_one())
    return found


def rows_of(measured: Measured) -> list[Row]:
    crowd, name = measured.crowd, f"{measured.count:,} people"
    reports = sorted(report for one in crowd.seen for report in one["reports"])
    late = sum(ack > ACK for ack in crowd.acks)
    wrong = crowd.problems
    told = "; ".join(wrong[:3]) or f"of {measured.count:,}"
    middle = f"the middle one {share(crowd.firsts, 0.5):.2f} s"
    return [
        Row.at_most(f"{name}: acknowledgements later than {ACK:.0f} s", late, 0, f"of {len(crowd.acks):,}", "0"),
        Row(f"{name}: acknowledgement, ms, 99 of 100", share(crowd.acks, 0.99) * 1000, "", None),
        Row(f"{name}: first finding, s, 99 of 100", share(crowd.firsts, 0.99), "", None, middle),
        Row(f"{name}: report, s, 99 of 100", share(reports, 0.99), "", None),
        Row.at_most(f"{name}: people with another number of reports than two, or one twice", len(wrong), 0, told, "0"),
        Row.at_most(
            f"{name}: effects and jobs left over", measured.left, 0, f"{measured.drained:.1f} s after the end", "0"
        ),
        Row(f"{name}: CPU of all nodes a person, ms", measured.cpu / measured.count * 1000, "", None),
        Row(f"{name}: memory of the largest node, MiB", measured.memory / 1024, "", None),
    ]


def measure(plan: Plan | None = None, numbers: Sequence[int] = PEOPLE, minutes: float = MINUTES) -> list[Row]:
    pace = minutes * 60 / max(numbers)
    return [row for count in numbers for row in rows_of(load(plan or Plan(), count, count * pace))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Other numbers than the table's.")
    parser.add_argument("--people", type=int, nargs="+", default=list(PEOPLE))
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for the largest number of people")
    parser.add_argument("--webs", type=int, default=WEBS)
    parser.add_argument("--workers", type=int, default=WORKERS, help="0: one node that does all, with SQLite")
    asked = parser.parse_args()
    for row in measure(Plan(asked.webs, asked.workers), asked.people, asked.minutes):
        print(json.dumps(row.cells()))


if __name__ == "__main__":
    main()
