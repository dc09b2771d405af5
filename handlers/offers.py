"""Offers to type a secret: one a case, each behind a token of its own, until it is taken, withdrawn or too old."""

import secrets
from collections.abc import Callable

from bot.store.rows import Offer
from bot.store.store import Store

_TOKEN_BYTES = 16
"""128 bits: nobody guesses a token within the life of an offer."""


class Offers:
    """They live in the store, of which every node knows the same. `life` is how many seconds one lives."""

    def __init__(self, store: Store, life: float, clock: Callable[[], float]) -> None:
        self._store, self.life, self._clock = store, life, clock

    async def make(self, case: str, person: str) -> tuple[str, str]:
        """End the case's earlier offers and make a new one: its token, and the code that page and chat show."""
        await self._store.kill_offers(case, self._clock())
        code = fresh_code()
        return await self._keep(Offer(case, person, code, self._clock() + self.life)), code

    async def renew(self, case: str) -> str | None:
        """Another token for the open offer of a case, in place of the earlier one; None where there is none."""
        offer = await self._store.open_offer(case, self._clock())
        if offer is None:
            return None
        await self._store.kill_offers(case, self._clock())
        return await self._keep(offer)

    async def find(self, token: str) -> Offer | None:
        """The offer of a token while it is open. Spends nothing."""
        offer = await self._store.offer(token)
        return offer if offer is not None and offer.open_at(self._clock()) else None

    async def open_until(self, case: str) -> float | None:
        """When the open offer of a case ends; None where there is none."""
        offer = await self._store.open_offer(case, self._clock())
        return offer.expires if offer is not None else None

    async def _keep(self, offer: Offer) -> str:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await self._store.add_offer(token, offer)
        return token


def fresh_code() -> str:
    """Four digits that tell one offer from another at a glance. They protect nothing by themselves."""
    return f"{secrets.randbelow(10_000):04}"
