"""Whose request may see a report."""

from aiohttp import web

from bot.core.case import case_from_json, read_case_id
from bot.store.rows import KeptReport
from bot.store.store import Store
from handlers.web.session import Sessions


class Opening:
    """A report opens with the key in its link, or for the person whose case it is."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store, self._sessions = store, sessions

    async def kept(self, request: web.Request) -> KeptReport:
        """The report of the case in the address. Raises HTTPNotFound, whatever is wrong."""
        found = await self._found(request)
        if found is None:
            raise web.HTTPNotFound
        return found

    async def account(self, case: str) -> str | None:
        """The account that was checked, which is blotted out where others read along."""
        row = await self._store.case(case)
        return case_from_json(row.state).account if row is not None else None

    async def _found(self, request: web.Request) -> KeptReport | None:
        case = read_case_id(request.match_info["case"])
        if case is None:
            return None
        if (key := request.query.get("k")) is not None:
            return await self._store.report_for(case, key)
        person, row = self._sessions.person(request), await self._store.case(case)
        own = person is not None and row is not None and row.person == person
        return await self._store.report(case) if own else None
