"""`audit`: who checked what, from the store's audit trail. It never holds a secret."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.commands.status import BAD_INPUT, DONE, OWN_FAULT
from bot.core.limits import read_span
from bot.core.visible import visible
from bot.settings import load_settings
from bot.store.database import Row
from bot.store.rows import StoreError
from bot.store.store import open_store
from bot.store.uses import Uses

_AT_ONCE = 1000
"""Entries that are read at once: a trail may be long."""
_FIRST = ("domain", "account", "hosts")
"""What a line tells first of its subject."""


def audit_command(person: str | None, since: str | None, *, as_json: bool) -> int:
    """Print the trail, oldest first: of one `person`, and from `since` on (a span like `7d`, a day or a time).

    0 where that was done, 2 for a time that cannot be read, 4 where the store fails.
    """
    try:
        begin = read_since(since, time.time()) if since else 0.0
    except (ValueError, OverflowError):
        print("audit: --since is neither a span nor a day (examples: 24h, 7d, 2026-11-01)", file=sys.stderr)
        return BAD_INPUT
    try:
        count = asyncio.run(_print(person or None, begin, _as_json if as_json else line))
    except StoreError as error:
        print(f"audit: {error}", file=sys.stderr)
        return OWN_FAULT
    if not count:
        print("audit: there is no such entry", file=sys.stderr)
    return DONE


def read_since(text: str, now: float) -> float:
    """POSIX seconds of a span before `now`, of a day's local midnight, or of a time.

    Raises ValueError, and OverflowError for days that no clock of this machine can tell.
    """
    try:
        return now - read_span(text)
    except ValueError:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()


async def _print(person: str | None, since: float, told: Callable[[Row], str]) -> int:
    """Print each entry as it is `told`; how many there were."""
    count = 0
    async for rows in _pages(person, since):
        print("\n".join(told(row) for row in rows), flush=True)
        count += len(rows)
    return count


async def _pages(person: str | None, since: float) -> AsyncIterator[Sequence[Row]]:
    async with open_store(load_settings().store.url) as store:
        trail, after = Uses.beside(store), 0
        while rows := await trail.trail(since, _AT_ONCE, person=person, after=after):
            yield rows
            after = rows[-1]["id"]


def line(row: Row) -> str:
    """One entry as one line: time with its offset, person, case, what, and the subject as words with values."""
    subject: Mapping[str, Any] = row["subject"]
    names = sorted(subject, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    about = " ".join(f"{_word(name)}={_value(subject[name])}" for name in names if subject[name] not in (None, "", []))
    words = (_time(row["at"], " "), _word(row["person"]), _word(row["case_id"]), _word(row["what"]), about)
    return "  ".join(words).rstrip()


def _as_json(row: Row) -> str:
    """The same as JSON, in ASCII: a terminal is not to be led astray by what people typed."""
    told = {"at": _time(row["at"], "T"), "person": row["person"], "case": row["case_id"], "what": row["what"]}
    return json.dumps(told | {"subject": row["subject"]})


def _time(at: float, between: str) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(between, "seconds")


def _value(value: Any) -> str:
    return ",".join(_word(part) for part in value) if isinstance(value, list) else _word(value)


def _word(value: Any) -> str:
    """A text that cannot end a line, move a cursor, or look like two words."""
    return visible(str(value)).replace(" ", r"\x20")
