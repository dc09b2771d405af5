"""Who a person at Slack is: language and mail address from the profile, kept for a day, and the language they chose."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.core.model import Lang, lang_of
from bot.store.rows import PersonRow
from bot.store.store import Store
from handlers.slack.api import Api, Refused
from handlers.slack.inbound import Where
from handlers.slack.tokens import Tokens

_DAY = 86_400
_FRESH = float(_DAY)
DEFAULT_LANG: Lang = "ja"


@dataclass(frozen=True, slots=True)
class Profile:
    """`outside` is somebody of another organisation. `chosen` is whether the language is the person's own choice.

    `offset` is the seconds by which their clock is ahead of UTC, None where that is not known.
    """

    lang: Lang
    address: str | None = None
    outside: bool = False
    chosen: bool = False
    greeted: bool = False
    offset: int | None = None


class People:
    """Profiles, from the store where they are fresh, else from Slack."""

    def __init__(self, store: Store, api: Api, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        self._store, self._api, self._tokens, self._clock = store, api, tokens, clock

    async def known(self, where: Where) -> Profile | None:
        """The profile as far as it is kept and fresh: asks nobody."""
        row = await self._store.person(where.person)
        if row is None or self._clock() - float(row.state.get("at", 0.0)) > _FRESH:
            return None
        return _profile(row)

    async def profile(self, where: Where) -> Profile:
        """The profile; Slack is asked where nothing fresh is kept."""
        if (known := await self.known(where)) is not None:
            return known
        token = await self._tokens.token(where)
        found: dict[str, Any] = {}
        if token is not None:
            try:
                answer = await self._api.call(token, "users_info", user=where.user, include_locale=True)
                found = _read(answer.get("user") or {}, where)
            except Refused:
                found = {}
        return _profile(await self._keep(where, found | {"at": self._clock()}))

    async def direct(self, where: Where) -> str:
        """The direct conversation with a person; where it cannot be opened, their own id, which serves for posting."""
        row = await self._store.person(where.person)
        if row is not None and row.state.get("direct"):
            return str(row.state["direct"])
        token = await self._tokens.token(where)
        try:
            answer = await self._api.call(token or "", "conversations_open", users=where.user)
            channel = str(answer["channel"]["id"])
        except (Refused, KeyError):
            return where.user
        await self._keep(where, {"direct": channel})
        return channel

    async def change(
        self, where: Where, *, lang: Lang | None = None, auto: bool = False, greeted: bool = False
    ) -> None:
        """Keep a choice: a language, the profile's language again, or that the person was greeted."""
        now = self._clock()

        def chosen(row: PersonRow) -> PersonRow:
            state = {**row.state, "greeted": True} if greeted else row.state
            return replace(row, lang=None if auto else lang or row.lang, state=state, updated=now)

        await self._store.change_person(where.person, chosen)

    async def _keep(self, where: Where, news: Mapping[str, Any]) -> PersonRow:
        """Keep what was found out beside what is kept already."""
        now = self._clock()
        return await self._store.change_person(
            where.person, lambda row: replace(row, state={**row.state, **news}, updated=now)
        )


def _read(user: dict[str, Any], where: Where) -> dict[str, Any]:
    profile = user.get("profile") or {}
    offset = user.get("tz_offset")
    return {
        "offset": offset if isinstance(offset, int) and abs(offset) <= _DAY else None,
        "lang": lang_of(str(user.get("locale") or "")[:2].lower()),
        "address": profile.get("email") or None,
        "outside": bool(user.get("is_stranger")) or _elsewhere(user, where),
    }


def _elsewhere(user: dict[str, Any], where: Where) -> bool:
    """Whether somebody is of another workspace and, on an Enterprise Grid, of another organisation.

    `is_stranger` does not tell: it is false for all with whom a channel is shared (docs.slack.dev, User object).
    """
    team, organisation = user.get("team_id"), (user.get("enterprise_user") or {}).get("enterprise_id")
    if not team or not where.team or team == where.team:
        return False
    return not where.enterprise or organisation != where.enterprise


def _profile(row: PersonRow) -> Profile:
    state = row.state
    return Profile(
        row.lang or lang_of(state.get("lang")) or DEFAULT_LANG,
        state.get("address"),
        bool(state.get("outside")),
        row.lang is not None,
        bool(state.get("greeted")),
        state.get("offset"),
    )
