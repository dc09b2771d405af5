"""Limits, counted: what is asked of the database, and that it comes to the same as counting every use."""

import random
from collections.abc import Iterable, Sequence

import pytest
import sqlalchemy as sa

from bot.core.limits import Limit
from bot.store.store import Store
from bot.store.tables import uses
from bot.store.uses import _NEWEST, Uses

NOW = 1000.0
LIMITS = [Limit(2, 100), Limit(3, 1000)]


async def used(table: Uses, name: str, times: Iterable[float]) -> None:
    """One use at each of these times, in any order."""
    for at in times:
        assert await table.take([("person", name, ())], at) is None


async def free_at(table: Uses, name: str, limits: Sequence[Limit], now: float) -> float | None:
    """When a use is free that is asked for now; it is counted where that is now."""
    over = await table.take([("person", name, limits)], now)
    return over[1] if over is not None else None


@pytest.mark.parametrize(
    ("times", "free"),
    [
        ([], None),
        ([950], None),
        ([940, 950], 1040),
        ([950, 940], 1040),
        ([100, 200, 300], 1100),
        ([100, 940, 950], 1100),
        ([0, 1, 2, 850, 950], 1002),
    ],
)
async def test_when_the_next_use_is_free(store: Store, times: list[float], free: float | None) -> None:
    table = Uses.beside(store)
    await used(table, "ann", times)
    await used(table, "bob", [990.0] * 5)
    assert await free_at(table, "ann", LIMITS, NOW) == free


async def test_a_limit_is_never_passed_and_what_is_said_to_be_free_is_free(store: Store) -> None:
    table, dice = Uses.beside(store), random.Random(8)
    for turn in range(30):
        limit = Limit(dice.randint(1, 5), dice.randint(1, 500))
        taken, name = list[float](), f"person {turn}"
        for at in sorted(dice.uniform(0, NOW) for _ in range(dice.randint(1, 15))):
            if (free := await free_at(table, name, [limit], at)) is None:
                taken.append(at)
            else:
                assert free > at
                assert free == sorted(taken)[-limit.times] + limit.seconds
        assert all(sum(use <= at < use + limit.seconds for use in taken) <= limit.times for at in taken)
        if (free := await free_at(table, name, [limit], NOW)) is not None:
            assert await free_at(table, name, [limit], free) is None


async def test_however_many_uses_there_are_one_is_read_and_none_is_sorted(store: Store) -> None:
    """Everybody who checks the same domain or host waits meanwhile."""
    async with store._engine.connect() as connection:
        asked = str(_NEWEST.compile(connection.sync_engine))
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", ("host", "x", 1, 59))
        assert [row.detail.split(" (")[0] for row in plan] == ["SEARCH uses USING COVERING INDEX uses_of_key"]
        await connection.execute(sa.insert(uses), [{"kind": "host", "key": "x", "at": float(n)} for n in range(500)])
        found = await connection.execute(_NEWEST, {"of": "host", "who": "x", "newer": 59})
        assert found.scalars().all() == [440.0]
