"""/r/CASE?k=KEY: what a support engineer wants to see of a report. The same HTML is what `report --html` writes."""

from aiohttp import web

from bot.core.dialogue import Mind
from bot.store.store import Store
from handlers.web.session import Sessions


class ReportPage:
    def __init__(self, store: Store, mind: Mind, sessions: Sessions) -> None:
        self._store, self._mind, self._sessions = store, mind, sessions

    def routes(self) -> list[web.RouteDef]:
        return []
