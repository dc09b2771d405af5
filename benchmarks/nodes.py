"""What the benchmarks of many people are made of, in processes of their own: bots, mail servers, Slack and its people.

The bots have core 0 and all else core 1, unless told otherwise: what measures shall not slow down what is measured.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.crowd import NAMES
from benchmarks.distance import Unavailable

_START, _END = 60.0, 40.0
_TICKS = os.sysconf("SC_CLK_TCK")


def pinned(core: int | None, command: list[str]) -> list[str]:
    cores = sorted(os.sched_getaffinity(0))
    return command if core is None or len(cores) <= core else ["taskset", "-c", str(cores[core]), *command]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(core: int | None, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the benchmarks that ends with its standard input."""
    line = pinned(core, [sys.executable, "-m", *command])
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()


@contextlib.contextmanager
def town(count: int, folder: Path, core: int | None = 1) -> Iterator[None]:
    """Mail servers for so many people (`benchmarks.town`)."""
    with serving(core, "benchmarks.town", str(count), str(folder)) as process:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise Unavailable("ports 993, 465 and 53535 of 127.66.0.0/24 (the first two take root)")
        yield


@dataclass(frozen=True, slots=True)
class Crowd:
    """What people saw, in seconds: each acknowledgement, the first finding, and each report; `expected` is how many."""

    expected: int
    seen: Sequence[Mapping[str, Any]]
    calls: Mapping[str, int]
    faults: Sequence[str]
    lag: float
    """How late the measuring process was, at the most."""

    @property
    def acks(self) -> list[float]:
        return sorted(ack for one in self.seen for ack in one["acks"])

    @property
    def firsts(self) -> list[float]:
        return sorted(one["first"] for one in self.seen if one["first"] is not None)

    @property
    def problems(self) -> list[str]:
        """Whatever did not go as it should for somebody."""
        wrong = [one["problem"] for one in self.seen if one["problem"]]
        reports = [f"{len(one['reports'])} reports" for one in self.seen if len(one["reports"]) != self.expected]
        return [*self.faults, *wrong, *reports, *(f"{one['twice']} twice" for one in self.seen if one["twice"])]


class Slack:
    """The process of `benchmarks.slackside`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.settings: dict[str, str] = self._read()

    def crowd(
        self, url: str, first: int, count: int, within: float = 0.0, delay: float = 0.0, until: str = "end"
    ) -> Crowd:
        """Let so many people come, spread over `within` seconds; every call of Slack takes `delay` seconds more.

        `until` is how far they go: to the offer to take a secret, or to the end, the second report.
        """
        asked = {"url": f"{url}/slack/events", "first": first, "count": count, "within": within, "delay": delay}
        asked |= {"until": until}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        told = self._read()
        return Crowd(2 if until == "end" else 1, told["seen"], told["calls"], told["faults"], told["lag"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of Slack has ended")
        told: dict[str, Any] = json.loads(line)
        return told


@contextlib.contextmanager
def slack(core: int | None = 1) -> Iterator[Slack]:
    with serving(core, "benchmarks.slackside") as process:
        yield Slack(process)


def settings(folder: Path, slack: Slack, store: str, **more: str) -> dict[str, str]:
    """The environment of a bot among these people. `more` is by the settings' names in the environment."""
    wanted = {
        "NETWORK__NAMESERVERS": json.dumps([f"{NAMES}:53535"]),
        "NETWORK__CA_FILE": str(folder / "root.pem"),
        "NETWORK__ALLOW": '["127.0.0.0/8"]',
        "DISCOVERY__ISPDB_URL": "",
        "STORE__URL": store,
        "SLACK__ENABLED": "true",
        "SLACK__API_URL": slack.settings["api_url"],
        "SLACK__BOT_TOKEN": slack.settings["bot_token"],
        "SLACK__SIGNING_SECRET": slack.settings["signing_secret"],
        **more,
    }
    outside = {n: v for n, v in os.environ.items() if not n.startswith("MIGCHECK_") and n != "PYTHONDONTWRITEBYTECODE"}
    return outside | {f"MIGCHECK_{name}": value for name, value in wanted.items()}


@dataclass(frozen=True, slots=True)
class Node:
    """A running bot."""

    process: "subprocess.Popen[bytes]"
    origin: str
    log: Path

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> int:
        """Resident memory in KiB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.origin}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
        return False


@contextlib.contextmanager
def node(environment: Mapping[str, str], log: Path, role: str = "all", core: int | None = 0) -> Iterator[Node]:
    """A bot, ready to serve; ended in an orderly way."""
    port = free_port()
    command = pinned(core, [sys.executable, "-m", "bot", "run", "--role", role])
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, env={**environment, "MIGCHECK_WEB__LISTEN": f"127.0.0.1:{port}"}, stdout=out, stderr=out
        )
    started = Node(process, f"http://127.0.0.1:{port}", log)
    try:
        deadline = time.monotonic() + _START
        while not started.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the bot did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of all values does not exceed: `share(times, 0.99)`."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
