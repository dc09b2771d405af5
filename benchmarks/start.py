"""How long people wait for Python to start: `python -m benchmarks start`.

Whole processes, many of them, in turn with `python -c pass` of the same interpreter; medians of their CPU time, which a
busy machine disturbs less than the clock. Bytecode is cached, as it is after the first start of an installation.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.table import Row

RUNS = 40
TEXT = "535 5.7.8 Username and Password not accepted"
PASS = ("-c", "pass")
COMMANDS = (
    ("check --help", ("-m", "bot", "check", "--help"), 2.5),
    ("explain", ("-m", "bot", "explain", "--lang", "ja", TEXT), 4.0),
)


def milliseconds(arguments: Sequence[str]) -> float:
    """CPU of one process from its start to its end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit status {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def measure() -> list[Row]:
    wanted = [PASS, *(arguments for _, arguments, _ in COMMANDS)]
    times: dict[Sequence[str], list[float]] = {arguments: [] for arguments in wanted}
    for arguments in wanted:
        milliseconds(arguments)
    for _ in range(RUNS):
        for arguments in wanted:
            times[arguments].append(milliseconds(arguments))
    nothing = statistics.median(times[PASS])
    rows = []
    for name, arguments, goal in COMMANDS:
        took = statistics.median(times[arguments])
        note = f"{took:.0f} ms / {nothing:.0f} ms"
        rows.append(Row.at_most(f"`{name}` / `python -c pass`", took / nothing, goal, note))
    return rows
