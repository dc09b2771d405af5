"""`python -m benchmarks [NAME...]`: measure, print, and put the figures into benchmarks/README.md."""

import sys
from collections.abc import Callable

from benchmarks import batch, load, people, refusals, round_trips, start
from benchmarks.distance import Unavailable
from benchmarks.table import Row, put_in_readme

BENCHMARKS: dict[str, Callable[[], list[Row]]] = {
    "start": start.measure,
    "round_trips": round_trips.measure,
    "batch": batch.measure,
    "people": people.measure,
    "refusals": refusals.measure,
}
LONG: dict[str, Callable[[], list[Row]]] = {"load": load.measure}
"""Only by name: it takes a quarter of an hour."""


def main(names: list[str]) -> int:
    known = BENCHMARKS | LONG
    if unknown := set(names) - set(known):
        print(f"no such benchmark: {', '.join(sorted(unknown))} (known: {', '.join(known)})", file=sys.stderr)
        return 2
    found: dict[str, list[Row]] = {}
    for name in names or BENCHMARKS:
        try:
            found[name] = known[name]()
        except Unavailable as error:
            print(f"{name}: not measured, since this system gives no {error}", file=sys.stderr)
            continue
        for row in found[name]:
            print(" | ".join(row.cells()), flush=True)
    put_in_readme(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
