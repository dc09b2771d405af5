"""Many checks in one process: `python -m benchmarks batch`. Of several runs the best counts: a busy machine only adds.

CPU and memory are the kernel's figures for the one process (`wait4`); the servers run in another one. The bare client
does the handshakes alone, without discovery, judging, reports or a store.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.crowd import NAMES, domains, is_dead
from benchmarks.distance import Unavailable
from benchmarks.table import Row

FEW, MANY = 1_000, 10_000
ROUNDS, ROUNDS_OF_MANY = 4, 2
CONNECT = 5.0
"""The connect time-out in seconds of the runs with dead hosts."""
DEAD = 5
"""Dead hosts in a hundred."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process used: seconds of CPU, peak memory in KiB, seconds to its end and to its last living domain."""

    cpu: float
    peak: int
    took: float
    last: float = 0.0


@contextlib.contextmanager
def crowd(count: int, dead: int, folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.crowd", str(count), str(dead), str(folder)]
    with subprocess.Popen(_pinned(1, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        if process.stdout.readline() != b"ready\n":
            raise Unavailable("ports 993, 465 and 53535 of 127.66.0.0/24 (the first two take root)")
        yield
        process.stdin.close()


def _pinned(core: int, command: list[str]) -> list[str]:
    """Client and servers on cores of their own where there are several."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core]), *command] if len(cores) > core else command


def _settings(folder: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "MIGCHECK_NETWORK__NAMESERVERS": json.dumps([f"{NAMES}:53535"]),
        "MIGCHECK_NETWORK__CA_FILE": str(folder / "root.pem"),
        "MIGCHECK_NETWORK__ALLOW": '["127.0.0.0/8"]',
        "MIGCHECK_NETWORK__TIMEOUTS__CONNECT": str(CONNECT),
        "MIGCHECK_DISCOVERY__ISPDB_URL": "",
        "MIGCHECK_STORE__URL": f"sqlite:///{folder}/store.db",
    }


def _used(process: "subprocess.Popen[bytes]", begun: float, last: float = 0.0) -> Run:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, time.perf_counter() - begun, last)


def run_bare(count: int, folder: Path) -> Run:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.bare", str(count), str(folder / "root.pem")]
    return _used(subprocess.Popen(_pinned(0, command)), begun)


def run_batch(count: int, dead: int, folder: Path) -> Run:
    lines = folder / "lines"
    lines.write_text("".join(f"{domain}\n" for domain in domains(count)), encoding="ascii")
    begun = time.perf_counter()
    command = [sys.executable, "-m", "bot", "check", "--batch", str(lines), "--json"]
    process = subprocess.Popen(
        _pinned(0, command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_settings(folder)
    )
    last, passed, causes = 0.0, 0, Counter[str]()
    assert process.stdout is not None
    for line in process.stdout:
        if b'"verdict": "pass"' in line:
            last, passed = time.perf_counter() - begun, passed + 1
        else:
            causes[_first_finding(json.loads(line))] += 1
    run = _used(process, begun, last)
    expected = sum(is_dead(number, dead) for number in range(count))
    if (passed, causes.total()) != (count - expected, expected):
        raise RuntimeError(f"{passed} passed instead of {count - expected}: {causes}")
    return run


def _first_finding(report: dict[str, Any]) -> str:
    return next((f"{f['code']} {f['evidence']}" for step in report["steps"] for f in step["findings"]), "nothing")


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="migcheck-bench-") as name:
        folder = Path(name)
        with crowd(MANY, 0, folder):
            run_batch(50, 0, folder)  # makes the store
            few = [(run_bare(FEW, folder), run_batch(FEW, 0, folder)) for _ in range(ROUNDS)]
            many = [(run_bare(MANY, folder), run_batch(MANY, 0, folder)) for _ in range(ROUNDS_OF_MANY)]
        with crowd(FEW, DEAD, folder):
            some_dead = [run_batch(FEW, DEAD, folder) for _ in range(ROUNDS)]
    runs = {FEW: few, MANY: many}
    return rows_of_cpu(runs) + rows_of_memory(runs) + rows_of_dead([run for _, run in few], some_dead)


def rows_of_cpu(runs: Mapping[int, Sequence[tuple[Run, Run]]]) -> list[Row]:
    rows, each = [], {}
    for count, pairs in runs.items():
        bare, own = (min(run.cpu for run in kind) / count * 1000 for kind in zip(*pairs, strict=True))
        each[count] = own
        name, note = f"CPU a check / bare client, {count:,} domains", f"{own:.2f} ms / {bare:.2f} ms, start included"
        rows.append(Row.at_most(name, own / bare, 2, note, "<= 2 (stretch 1.5)"))
    name = f"CPU a check, {MANY:,} domains / {FEW:,}"
    return [*rows, Row.at_most(name, each[MANY] / each[FEW], 1.1, shown="< 1.10")]


def rows_of_memory(runs: Mapping[int, Sequence[tuple[Run, Run]]]) -> list[Row]:
    rows = []
    for count, pairs in runs.items():
        peak = max(run.peak for _, run in pairs)
        name = f"memory / (70 MiB + 2 KiB a domain), {count:,} domains"
        rows.append(Row.at_most(name, peak / (70 * 1024 + 2 * count), 1, f"{peak / 1024:.0f} MiB at the most"))
    return rows


def rows_of_dead(living: Sequence[Run], some_dead: Sequence[Run]) -> list[Row]:
    last, took = min(run.last for run in living), min(run.took for run in living)
    later = min(run.last for run in some_dead) / last
    longer = (min(run.took for run in some_dead) - took) / CONNECT
    name, note = f"last living domain, {DEAD} % dead hosts / none", f"{FEW:,} domains in {took:.1f} s without dead ones"
    whole = f"whole batch longer by, in connect time-outs, {DEAD} % dead hosts"
    return [
        Row.at_most(name, later, 1.1, note),
        Row.at_most(whole, longer, 1.3, f"the time-out is {CONNECT:.0f} s"),
    ]
