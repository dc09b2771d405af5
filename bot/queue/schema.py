"""The queue's tables in PostgreSQL: those that this version of procrastinate needs, or another one's."""

import re

from procrastinate import sql

NEEDED = frozenset(re.findall(r"procrastinate_\w+", " ".join(sql.queries.values())))
"""The tables, functions and types that procrastinate's own queries name. It numbers its functions: what works otherwise
has another name (procrastinate_fetch_job_v2)."""
TODO = "bring the queue's tables up to date: docs/operations.md, Upgrade"


def lacking(parts: frozenset[str]) -> str | None:
    """What is wrong with the parts of the queue, in a sentence; None where all is well, or nothing is there yet."""
    missing = sorted(NEEDED - parts)
    if not parts or not missing:
        return None
    return f"the queue's tables are of another version of procrastinate ({missing[0]} is missing)"
