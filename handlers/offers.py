"""Offers to type a secret: one a case, each behind a token of its own, until it is taken, withdrawn or too old."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.store.rows import Offer
from bot.store.store import Store
from handlers.delivery import Due

_TOKEN_BYTES = 16
"""128 bits: nobody guesses a token within the life of an offer."""


@dataclass(frozen=True, slots=True)
class _Live:
    due: Due
    person: str
    code: str
    until: float
    timer: asyncio.TimerHandle


class Offers:
    """`over` is told when an offer ends in whatever way, `expired` when it ran out of time."""

    def __init__(
        self,
        store: Store,
        life: float,
        clock: Callable[[], float],
        over: Callable[[Due], Awaitable[None]],
        expired: Callable[[Due], Awaitable[None]],
    ) -> None:
        self._store, self._life, self._clock, self._over, self._expired = store, life, clock, over, expired
        self._live: dict[str, _Live] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def make(self, due: Due, person: str) -> tuple[str, str]:
        """End the case's earlier offers and make a new one: its token, and the code that page and chat show."""
        await self._store.kill_offers(due.case, self._clock())
        await self._end(due.case, but=due)
        code, until = fresh_code(), self._clock() + self._life
        token = await self._keep(due.case, person, code, until)
        self._remember(due, person, code, until)
        return token, code

    def resume(self, due: Due, person: str) -> None:
        """An offer that an earlier process made: its link is good as long as it lives."""
        self._remember(due, person, fresh_code(), due.created + self._life)

    async def renew(self, case: str) -> str | None:
        """Another token for the live offer of a case, in place of the earlier one; None where there is none."""
        live = self._live.get(case)
        if live is None or live.until <= self._clock():
            return None
        await self._store.kill_offers(case, self._clock())
        return await self._keep(case, live.person, live.code, live.until)

    async def spend(self, token: str) -> Offer | None:
        """The offer, for the first who asks while it is open."""
        offer = await self._store.spend_offer(token, self._clock())
        if offer is not None:
            await self._end(offer.case_id)
        return offer

    async def kill(self, case: str) -> None:
        """End every offer of a case."""
        await self._store.kill_offers(case, self._clock())
        await self._end(case)

    async def close(self) -> None:
        """The process ends; offers live on in the store."""
        for live in self._live.values():
            live.timer.cancel()
        self._live.clear()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _keep(self, case: str, person: str, code: str, until: float) -> str:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await self._store.add_offer(token, Offer(case, person, code, until))
        return token

    def _remember(self, due: Due, person: str, code: str, until: float) -> None:
        timer = asyncio.get_running_loop().call_later(max(0.0, until - self._clock()), self._run_out, due)
        self._live[due.case] = _Live(due, person, code, until, timer)

    def _run_out(self, due: Due) -> None:
        task = asyncio.create_task(self._tell_expired(due))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _tell_expired(self, due: Due) -> None:
        await self._expired(due)
        if (live := self._live.get(due.case)) is not None and live.due.id == due.id:
            await self._end(due.case)

    async def _end(self, case: str, but: Due | None = None) -> None:
        """Forget a case's offer. It is over, unless it belongs to the effect that is being carried out once more."""
        if (live := self._live.pop(case, None)) is not None:
            live.timer.cancel()
            if but is None or but.id != live.due.id:
                await self._over(live.due)


def fresh_code() -> str:
    """Four digits that tell one offer from another at a glance. They protect nothing by themselves."""
    return f"{secrets.randbelow(10_000):04}"
