"""Round trips of one check with log-in, fitted over several distances: `python -m benchmarks round_trips`.

Every process runs at the near end of a wire that delays each packet, the servers at its far end. Times are those of the
whole process; its own clock (`duration_ms` of the report) tells how much of the rest is Python's start.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from benchmarks import byhand
from benchmarks.distance import Distance, Place
from benchmarks.fitting import Fit, fit
from benchmarks.serving import ACCOUNT, NAMES, PASSWORD
from benchmarks.table import Row

TRIPS = (0.02, 0.06, 0.12)
RUNS = 8
MOST_OF_ITS_OWN = 150
"""Milliseconds that the program may add."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    domain: str
    arguments: tuple[str, ...]
    bound: int
    goal: float


CASES = (
    Case("hosts given", "hosts.test", ("--imap", "imap.hosts.test", "--smtp", "smtp.hosts.test"), 7, 1.05),
    Case("discovery by SRV", "srv.test", ("srv.test",), 8, 1.05),
    Case("guessable names", "guess.test", ("guess.test",), 7, 1.10),
    Case(
        "STARTTLS",
        "starttls.test",
        ("--imap", "imap.starttls.test:143", "--smtp", "smtp.starttls.test:587"),
        9,
        1.05,
    ),
)


class Servers:
    """The process with the servers, and what it has seen."""

    def __init__(self, place: Place) -> None:
        self._process = place.start(
            [sys.executable, "-m", "benchmarks.serving"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.ca_file: str = self._told()["ca_file"]

    def _told(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def seen(self) -> Mapping[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        seen: Mapping[str, int] = self._told()
        return seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def environment(ca_file: str, folder: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "MIGCHECK_NETWORK__NAMESERVERS": json.dumps([f"{NAMES}:53"]),
        "MIGCHECK_NETWORK__CA_FILE": ca_file,
        "MIGCHECK_NETWORK__ALLOW": '["10.77.0.0/16"]',
        "MIGCHECK_DISCOVERY__ISPDB_URL": "",
        "MIGCHECK_STORE__URL": f"sqlite:///{folder}/store.db",
    }


def check(place: Place, case: Case, settings: Mapping[str, str]) -> tuple[float, float]:
    """Seconds of the whole process until its report is there, and by its own clock."""
    account = ACCOUNT.format(domain=case.domain)
    command = [sys.executable, "-m", "bot", "check", *case.arguments, "--account", account, "--secret-stdin", "--json"]
    begun = time.perf_counter()
    process = place.start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=settings
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(PASSWORD.encode() + b"\n")
    process.stdin.close()
    report = json.loads(process.stdout.readline())
    took = time.perf_counter() - begun
    process.stdout.close()
    process.wait()
    if report["verdict"] != "pass":
        raise RuntimeError(f"{case.name}: {report['failing_step']} {report['cause']}")
    return took, report["duration_ms"] / 1000


def measure_case(distance: Distance, servers: Servers, case: Case, settings: Mapping[str, str]) -> tuple[Fit, Fit]:
    whole, inside = defaultdict(list), defaultdict(list)
    check(distance.near, case, settings)
    servers.seen()
    for _ in range(RUNS):
        for trip in TRIPS:
            distance.round_trip = trip
            took, own = check(distance.near, case, settings)
            whole[trip].append(took)
            inside[trip].append(own)
            seen = servers.seen()
            if seen != {"connections": 2, "attempts": 2}:
                raise RuntimeError(f"{case.name}: {seen} instead of two connections with one log-in each")
    return fit(whole), fit(inside)


def measure_by_hand(distance: Distance, settings: Mapping[str, str], *, together: bool) -> Fit:
    times = defaultdict(list)
    for _ in range(RUNS):
        for trip in TRIPS:
            distance.round_trip = trip
            process = distance.near.start(
                [sys.executable, "-m", "benchmarks.byhand", "together" if together else "in turn"],
                stdout=subprocess.PIPE,
                env=settings,
            )
            out, _ = process.communicate()
            times[trip].append(float(out))
    return fit(times)


def rows_of(case: Case, whole: Fit, inside: Fit) -> list[Row]:
    trips = f"{whole.slope:.2f} trips; two connections, one log-in each"
    own = f"{inside.intercept:.0f} ms by its own clock, the rest is Python's start and imports"
    adds = f"{case.name}: what the program adds, ms"
    return [
        Row.at_most(f"{case.name}: trips / bound of {case.bound}", whole.slope / case.bound, case.goal, trips),
        Row.at_most(adds, whole.intercept, MOST_OF_ITS_OWN, own, f"< {MOST_OF_ITS_OWN}"),
    ]


def rows_by_hand(distance: Distance, settings: Mapping[str, str]) -> list[Row]:
    if not byhand.is_possible():
        return []
    rows = []
    for together, manner in ((False, "in sequence"), (True, "in parallel")):
        found = measure_by_hand(distance, settings, together=together)
        name = f"openssl, curl and dig {manner}: trips / bound of 7"
        rows.append(Row(name, found.slope / 7, "", None, f"{found.slope:.1f} trips, without submission"))
    return rows


def measure(cases: Sequence[Case] = CASES) -> list[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="migcheck-bench-") as folder,
        Distance() as distance,
        Servers(distance.far) as servers,
    ):
        settings = environment(servers.ca_file, folder)
        rows = [row for case in cases for row in rows_of(case, *measure_case(distance, servers, case, settings))]
        return rows + rows_by_hand(distance, settings)
