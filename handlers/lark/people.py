"""Who a person at Lark is: mail address from the contacts, kept for a day, and the language they wrote last."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.core.model import Lang, lang_of
from bot.store.rows import PersonRow
from bot.store.store import Store
from handlers.lark.api import Api, Lost, Refused
from handlers.lark.inbound import Where

_FRESH = 86_400.0
_PATIENCE = 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Profile:
    lang: Lang
    address: str | None = None
    greeted: bool = False


class People:
    """Profiles, from the store where they are fresh, else from Lark. `default` is the language before any word."""

    def __init__(self, store: Store, api: Api, default: Lang, clock: Callable[[], float] = time.time) -> None:
        self._store, self._api, self._default, self._clock = store, api, default, clock

    async def lang(self, where: Where) -> Lang:
        """The language that the person wrote last."""
        row = await self._store.person(where.person)
        return self._profile(row).lang if row is not None else self._default

    async def known(self, where: Where) -> Profile | None:
        """The profile as far as it is kept and fresh: asks nobody."""
        row = await self._store.person(where.person)
        if row is None or self._clock() - float(row.state.get("at", 0.0)) > _FRESH:
            return None
        return self._profile(row)

    async def profile(self, where: Where) -> Profile:
        """The profile; Lark is asked where nothing fresh is kept. Without a permission there is no address."""
        if (known := await self.known(where)) is not None:
            return known
        found: dict[str, Any] = {}
        try:
            path = f"/open-apis/contact/v3/users/{where.user}"
            answer = await self._api.call("GET", path, patience=_PATIENCE, user_id_type="open_id")
            found = {"address": _address(answer.get("user") or {}), "at": self._clock()}
        except (Refused, Lost) as error:
            _log.warning("the contacts do not tell who a person is", code=getattr(error, "code", None))
        return self._profile(await self._change(where, found))

    async def remember(self, where: Where, *, lang: Lang | None = None, greeted: bool = False) -> None:
        """Keep the language that somebody wrote, or that they were greeted."""
        news = ({"lang": lang} if lang else {}) | ({"greeted": True} if greeted else {})
        row = await self._store.person(where.person)
        if row is None or any(row.state.get(name) != value for name, value in news.items()):
            await self._change(where, news)

    async def _change(self, where: Where, news: Mapping[str, Any]) -> PersonRow:
        now = self._clock()
        return await self._store.change_person(
            where.person, lambda row: replace(row, state={**row.state, **news}, updated=now)
        )

    def _profile(self, row: PersonRow) -> Profile:
        lang = row.lang or lang_of(row.state.get("lang")) or self._default
        return Profile(lang, row.state.get("address"), bool(row.state.get("greeted")))


def _address(user: Mapping[str, Any]) -> str | None:
    """The mailbox that the organisation gave them, otherwise the address in their profile."""
    return user.get("enterprise_email") or user.get("email") or None
