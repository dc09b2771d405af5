"""What comes up in a run is told although the store is away for a moment."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from bot.core.case import Case
from bot.core.cloud import DeviceCode
from bot.core.events import CodeGiven, Event, StartCheck
from bot.core.model import Request, StepResult
from bot.store.rows import StoreError
from handlers.jobs import Due
from handlers.runs import Orders, Runs, _News

START = StartCheck(1, Request("example.test"), None, sign_in=True)
ORDERS = Orders(Due(1, "K7QF-2M", START, 0.0), START, Case("K7QF-2M", "desk:hanako", "desk", "", "en"), None)


async def test_a_code_that_a_person_is_waited_for_to_type_is_not_lost() -> None:
    told: list[Event] = []
    away = [StoreError("the store is away")] * 2

    async def tell(_event: str, _case: str, events: Sequence[Event]) -> None:
        if away:
            raise away.pop()
        told.extend(events)

    nothing = cast("Any", None)
    news, runs = _News(), Runs(nothing, nothing, nothing, nothing, tell, nothing, lambda: 0.0)
    news.add_at_once(DeviceCode("https://microsoft.test/devicelogin", "ABCD", 15))
    telling = asyncio.create_task(runs._tell_steps(ORDERS, "run:K7QF-2M:1", news))
    async with asyncio.timeout(5):
        while not told:
            assert not telling.done()
            await asyncio.sleep(0.01)
    assert told == [CodeGiven(1, "https://microsoft.test/devicelogin", "ABCD", 15)]
    news.close()
    await asyncio.wait_for(telling, 5)


async def test_a_code_is_told_where_the_run_is_over_before_the_first_telling() -> None:
    told: list[Event] = []

    async def tell(_event: str, _case: str, events: Sequence[Event]) -> None:
        told.extend(events)

    nothing = cast("Any", None)
    news, runs = _News(), Runs(nothing, nothing, nothing, nothing, tell, nothing, lambda: 0.0)
    news.add(StepResult("m365.tenant", "pass"))
    news.add_at_once(DeviceCode("https://microsoft.test/devicelogin", "ABCD", 15))
    news.add(StepResult("m365.signin", "fail"))
    news.close()
    await asyncio.wait_for(runs._tell_steps(ORDERS, "run:K7QF-2M:1", news), 5)
    assert told == [CodeGiven(1, "https://microsoft.test/devicelogin", "ABCD", 15)], "the report tells of the steps"
