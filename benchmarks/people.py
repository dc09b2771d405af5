"""Many people at once before one bot: `python -m benchmarks people`. Of several rounds the best counts, as for a batch.

Everybody is new: the bot asks Slack who they are before it may check anything. The whole dialogue is gone through, from
the command over the first report, the account and the secret page to the second report with a log-in.
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.nodes import Crowd, Node, Slack, node, settings, share, slack, town
from benchmarks.table import Row

AT_ONCE, ROUNDS, ALONE = 50, 3, 15
OPEN = 10_000
TRIP = 0.1
"""Seconds that a call of Slack takes in the round that counts round trips."""


@dataclass(frozen=True, slots=True)
class Round:
    """One crowd, and what the bot used for it: seconds of CPU a person."""

    crowd: Crowd
    cpu: float


def one_round(bot: Node, people: Slack, first: int, count: int = AT_ONCE, delay: float = 0.0) -> Round:
    before = bot.cpu()
    crowd = people.crowd(bot.origin, first, count, delay=delay)
    if crowd.problems:
        raise RuntimeError(f"not everybody came through: {crowd.problems[:5]}")
    return Round(crowd, (bot.cpu() - before) / count)


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="migcheck-bench-") as name:
        folder = Path(name)
        with town((2 * ROUNDS + 2) * AT_ONCE + 2 * ALONE, folder), slack() as people:
            environment = settings(folder, people, f"sqlite:///{folder}/store.db")
            with node(environment, folder / "log") as bot:
                idle = bot.memory()
                alone = [one_round(bot, people, number, 1) for number in range(ALONE)]
                begun = ALONE + AT_ONCE
                rounds = [one_round(bot, people, begun + turn * AT_ONCE) for turn in range(ROUNDS)]
                begun += ROUNDS * AT_ONCE
                distant = [one_round(bot, people, begun + turn * AT_ONCE, delay=TRIP) for turn in range(ROUNDS)]
                begun += ROUNDS * AT_ONCE
                far = [one_round(bot, people, begun + turn, 1, TRIP) for turn in range(5)]
            many = memory_of_open_cases(environment, people, folder, begun + 10)
    return [*rows_of_rounds(rounds), *rows_of_distance(distant, alone, far), *rows_of_memory(idle, many)]


def rows_of_rounds(rounds: list[Round]) -> list[Row]:
    acks = min(share(one.crowd.acks, 0.99) for one in rounds) * 1000
    firsts = min(one.crowd.firsts[-1] for one in rounds)
    middle = min(share(one.crowd.firsts, 0.5) for one in rounds)
    lag = max(one.crowd.lag for one in rounds) * 1000
    reports = min(share([seen["reports"][0] for seen in one.crowd.seen], 0.5) for one in rounds)
    cpu = min(one.cpu for one in rounds) * 1000
    return [
        Row.at_most(
            f"{AT_ONCE} at once: acknowledgement, ms, 99 of 100", acks, 300, f"of {2 * AT_ONCE} a round; probes running"
        ),
        Row.at_most(
            f"{AT_ONCE} at once: first finding in the thread, s, the last of all",
            firsts,
            1,
            f"the middle one after {middle:.2f} s; the measuring process was up to {lag:.0f} ms late",
        ),
        Row(f"{AT_ONCE} at once: first report, s, the middle one", reports, "", None),
        Row("CPU of a whole dialogue, ms", cpu, "", None, "two checks, one of them with log-in; two acknowledgements"),
    ]


def rows_of_distance(distant: list[Round], alone: list[Round], far: list[Round]) -> list[Row]:
    last = min(one.crowd.firsts[-1] for one in distant)
    acks = share([one.crowd.acks[0] for one in alone], 0.5) * 1000
    near = share([one.crowd.firsts[0] for one in alone], 0.5)
    trips = (share([one.crowd.firsts[0] for one in far], 0.5) - near) / TRIP
    name = f"{AT_ONCE} at once, {TRIP * 1000:.0f} ms to Slack: first finding, s, the last of all"
    what = "somebody new: the profile, the message, its change"
    return [
        Row.at_most(name, last, 1 + TRIP, "one second and one round trip"),
        Row("one alone: acknowledgement, ms, the middle one", acks, "", None),
        Row("one alone: first finding, ms", near * 1000, "", None),
        Row("round trips to Slack before the first finding", trips, "", None, what),
    ]


def rows_of_memory(idle: int, many: int) -> list[Row]:
    note = f"{idle / 1024:.0f} MiB when it has just started"
    return [Row.at_most(f"memory with {OPEN:,} open cases, MiB", many / 1024, 150, note)]


# Memory. A few people go as far as the offer to type their secret; their rows are copied for the others.


def memory_of_open_cases(environment: dict[str, str], people: Slack, folder: Path, first: int) -> int:
    """Resident KiB of a bot that has taken up so many open offers, and has talked to somebody since."""
    store = folder / "open.db"
    environment = environment | {"MIGCHECK_STORE__URL": f"sqlite:///{store}"}
    with node(environment, folder / "log") as bot:
        crowd = people.crowd(bot.origin, first, 1, until="offer")
    if crowd.problems:
        raise RuntimeError(f"there is no open case to copy: {crowd.problems}")
    multiply(store, OPEN)
    with node(environment, folder / "log") as bot:
        one_round(bot, people, first + 1, 1)
        time.sleep(1)
        return bot.memory()


def multiply(store: Path, count: int) -> None:
    """Copy everything of the one case, with its person and effects, under names of its own for each copy."""
    with closing(sqlite3.connect(store)) as connection:
        ((case, person),) = connection.execute("SELECT id, person FROM cases").fetchall()
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            copy_rows(connection, table, case, person.rpartition(":")[2], count)
        connection.commit()


def copy_rows(connection: sqlite3.Connection, table: str, case: str, user: str, count: int) -> None:
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    named = [name for _, name, kind, _, _, key in columns if not (key and kind.upper() == "INTEGER")]
    rows = connection.execute(f"SELECT {', '.join(named)} FROM {table}").fetchall()
    mine = [row for row in rows if any(isinstance(value, str) and (case in value or user in value) for value in row)]
    marks = ", ".join("?" * len(named))
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(named)}) VALUES ({marks})", copies(named, mine, case, user, count)
    )


def copies(
    named: list[str], rows: list[tuple[object, ...]], case: str, user: str, count: int
) -> Iterable[list[object]]:
    for number in range(count):
        for row in rows:
            yield [copied(name, value, case, user, number) for name, value in zip(named, row, strict=True)]


def copied(name: str, value: object, case: str, user: str, number: int) -> object:
    """A value for copy `number`: its case, its person and that person's conversation are others. Hashes differ too."""
    if not isinstance(value, str):
        return value
    if name.endswith("_hash"):
        return f"{number:08x}{value[8:]}"
    return value.replace(case, f"{number:06}").replace(user[1:], f"X{number:05}")


if __name__ == "__main__":
    print(json.dumps([row.cells() for row in measure()], indent=1))
