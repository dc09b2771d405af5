"""/s/TOKEN: the one page on which a secret is typed. It works without scripts; looking at it spends nothing."""

import time
from collections.abc import Callable

from aiohttp import web

from bot.core.case import Case, case_from_json
from bot.core.cloud_talk import is_m365
from bot.core.dialogue import Mind
from bot.core.model import Lang
from bot.core.report import endpoints_of
from bot.core.secret import Secret
from bot.store.rows import Offer
from bot.store.store import Store
from handlers.conversation import Conversation
from handlers.web.forms import read_field
from handlers.web.guard import from_elsewhere
from handlers.web.pages import html, notice, render, words_in
from handlers.web.session import language

MOST_SECRET = 4_000


class SecretPage:
    def __init__(
        self, store: Store, conversation: Conversation, mind: Mind, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._conversation, self._mind, self._clock = store, conversation, mind, clock

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/s/{token}", self.show), web.post("/s/{token}", self.take)]

    async def show(self, request: web.Request) -> web.Response:
        """The form, for GET and HEAD: link previews and scanners of mail fetch such links."""
        offer = await self._offer(request.match_info["token"])
        if offer is None or not offer.open_at(self._clock()):
            return await self._over(request, offer)
        return await self._form(request, offer)

    async def take(self, request: web.Request) -> web.Response:
        """The first POST with a secret spends the token. The answer never holds the secret."""
        if from_elsewhere(request):
            raise web.HTTPForbidden
        token = request.match_info["token"]
        offer = await self._offer(token)
        if offer is None or not offer.open_at(self._clock()):
            return await self._over(request, offer)
        typed = await read_field(request, "secret")
        if not typed or len(typed) > MOST_SECRET:
            return await self._form(request, offer, "secret.too_long" if typed else "secret.empty", status=422)
        if not await self._conversation.take_secret(token, Secret(typed)):
            return await self._over(request, await self._offer(token))
        lang = await self._lang(request, offer)
        return notice("secret.taken", 200, lang, words_in(lang, self._mind))

    async def _offer(self, token: str) -> Offer | None:
        """The offer of a token; none for one that leads to a sign-in at Microsoft, where nothing is typed here."""
        offer = await self._store.offer(token)
        case = await self._case(offer) if offer is not None else None
        return offer if case is None or not is_m365(case) else None

    async def _over(self, request: web.Request, offer: Offer | None) -> web.Response:
        """Says whether the token was used, is too old, or never was; each with what to do."""
        lang = await self._lang(request, offer)
        if offer is None:
            return notice("secret.unknown", 404, lang, words_in(lang, self._mind))
        kind = "secret.spent" if offer.spent is not None else "secret.expired"
        return notice(kind, 410, lang, words_in(lang, self._mind))

    async def _form(self, request: web.Request, offer: Offer, problem: str = "", status: int = 200) -> web.Response:
        case = await self._case(offer)
        if case is None:
            return await self._over(request, None)
        lang = await self._lang(request, offer)
        words = words_in(lang, self._mind)
        page = render(
            "secret.html",
            lang,
            words,
            address=request.path,
            case=case.id,
            account=case.account or "",
            servers=await self._servers(case),
            code=offer.code,
            problem=words(problem) if problem else "",
            most=MOST_SECRET,
        )
        return html(page, status=status)

    async def _case(self, offer: Offer) -> Case | None:
        row = await self._store.case(offer.case_id)
        return case_from_json(row.state) if row is not None else None

    async def _servers(self, case: Case) -> list[str]:
        """Where the secret will be sent: the servers that the last check found, or those that the person named."""
        kept = await self._store.report(case.id)
        known = {
            **(endpoints_of(kept.report) if kept is not None and kept.report.domain == case.domain else {}),
            **case.endpoints,
        }
        return [where.url or str(where) for where in known.values()]

    async def _lang(self, request: web.Request, offer: Offer | None) -> Lang:
        """The conversation's language; the browser's where there is none."""
        case = await self._case(offer) if offer is not None and "lang" not in request.query else None
        return case.lang if case is not None else language(request)
