"""/m365/TOKEN: from here people go to Microsoft to sign in, and /m365/redirect is where Microsoft sends them back.

The link is bound to the case and its person, as that of the secret page; the browser that pressed the button is known
by a cookie. What it brings back is taken once, and goes on in memory alone (see `bot.core.cloud_grant`).
"""

import secrets
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.core.case import Case, case_from_json
from bot.core.cloud import Registration
from bot.core.cloud_grant import Attempt, Returned, address_to_sign_in, label_of, pack
from bot.core.dialogue import Mind
from bot.core.model import Lang
from bot.core.secret import Secret
from bot.store.rows import Offer
from bot.store.store import Store
from handlers.web.forms import read_field
from handlers.web.guard import from_elsewhere
from handlers.web.pages import html, notice, render, words_in
from handlers.web.session import language

REDIRECT = "/m365/redirect"
_SEED_BYTES = 32
_MOST_CODE, _MOST_WORDS = 4_000, 1_000
_ENDINGS = {"done": ("signin.taken", 200), "over": ("signin.spent", 410), "foreign": ("signin.foreign", 400)}
"""What is said once Microsoft has sent somebody back, by the last word of the address: nothing else is left in it."""

Take = Callable[[str, Secret], Awaitable[bool]]
"""Spends an offer, by its token, for what Microsoft sent back; False, and that is wiped, where it is not open."""


class SignInPage:
    def __init__(
        self, store: Store, take: Take, mind: Mind, app: Registration, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._take, self._mind, self._app, self._clock = store, take, mind, app, clock
        secure = app.redirect.startswith("https:")
        self._cookie, self._secure = "__Host-migcheck_m365_" if secure else "migcheck_m365_", secure

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(REDIRECT, self.back),
            *(web.get(f"/m365/{word}", self.end) for word in _ENDINGS),
            web.get("/m365/{token}", self.show),
            web.post("/m365/{token}", self.leave),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Who is to sign in, for what, and the button; GET and HEAD spend nothing."""
        offer, case = await self._open(request.match_info["token"])
        if offer is None or case is None:
            return await self._over(request)
        page = render(
            "signin.html",
            case.lang,
            words_in(case.lang, self._mind),
            address=request.path,
            case=case.id,
            account=case.account or "",
            domain=case.domain or "",
            code=offer.code,
            app=self._app.client_id,
            platform=self._app.authority,
        )
        return html(page)

    async def leave(self, request: web.Request) -> web.Response:
        """The button: this browser gets its cookie and goes to Microsoft. Pressed again, it is another attempt.

        It goes by a page, not by a redirect of the form: organisations that sign in elsewhere redirect further on, and
        the policy of a form (form-action) would have to name everyone on the way.
        """
        if from_elsewhere(request):
            raise web.HTTPForbidden
        token = request.match_info["token"]
        mail = await read_field(request, "mail") == "yes"
        offer, case = await self._open(token)
        if offer is None or case is None:
            return await self._over(request)
        attempt = Attempt(token, secrets.token_urlsafe(_SEED_BYTES), mail)
        target = address_to_sign_in(attempt, self._app, case.account or "", case.domain or "")
        words = words_in(case.lang, self._mind)
        response = html(render("leaving.html", case.lang, words, target=target, platform=self._app.authority))
        self._remember(response, attempt, offer.expires - self._clock())
        return response

    async def back(self, request: web.Request) -> web.Response:
        """Microsoft's answer, brought by the browser. The next address that it sees holds nothing of it."""
        attempt = self._attempt(request)
        returned = _returned(request, attempt) if attempt is not None else None
        if attempt is None or returned is None:
            return _moved("foreign", language(request))
        _, case = await self._open(attempt.token)
        taken = case is not None and await self._take(attempt.token, pack(returned))
        response = _moved("done" if taken else "over", case.lang if case is not None else language(request))
        response.del_cookie(self._name(attempt.token), path="/", secure=self._secure, httponly=True, samesite="Lax")
        return response

    async def end(self, request: web.Request) -> web.Response:
        kind, status = _ENDINGS[request.path.rpartition("/")[2]]
        lang = language(request)
        return notice(kind, status, lang, words_in(lang, self._mind))

    async def _open(self, token: str) -> tuple[Offer | None, Case | None]:
        """The offer and its case, where it is open and for a sign-in at Microsoft."""
        offer = await self._store.offer(token)
        if offer is None or not offer.open_at(self._clock()):
            return None, None
        row = await self._store.case(offer.case_id)
        case = case_from_json(row.state) if row is not None else None
        return (offer, case) if case is not None and case.scenario == "m365" and case.account else (None, None)

    async def _over(self, request: web.Request) -> web.Response:
        """Says whether the link was used, is too old, or never was; each with what to do."""
        lang, offer = language(request), await self._store.offer(request.match_info["token"])
        if offer is None:
            return notice("signin.unknown", 404, lang, words_in(lang, self._mind))
        kind = "signin.spent" if offer.spent is not None else "signin.expired"
        return notice(kind, 410, lang, words_in(lang, self._mind))

    def _name(self, token: str) -> str:
        return self._cookie + label_of(token)

    def _remember(self, response: web.Response, attempt: Attempt, life: float) -> None:
        """Lax, as Microsoft's page sends the browser here; a page of another site's that posts gets no cookie."""
        response.set_cookie(
            self._name(attempt.token),
            f"{attempt.token}.{attempt.seed}.{int(attempt.mail)}",
            max_age=max(1, int(life)),
            httponly=True,
            samesite="Lax",
            secure=self._secure,
            path="/",
        )

    def _attempt(self, request: web.Request) -> Attempt | None:
        """The attempt of this browser's that a state belongs to."""
        state = request.query.get("state", "")
        kept = request.cookies.get(self._cookie + state.partition(".")[0], "")
        token, _, rest = kept.partition(".")
        seed, _, mail = rest.partition(".")
        if not kept.isascii() or not token or len(seed) < _SEED_BYTES:
            return None
        attempt = Attempt(token, seed, mail == "1")
        return attempt if attempt.fits(state) else None


def _returned(request: web.Request, attempt: Attempt) -> Returned | None:
    """RFC 6749, 4.1.2 and 4.1.2.1."""
    query = request.query
    if error := query.get("error", ""):
        words = (query.get(name, "")[:_MOST_WORDS] for name in ("error_subcode", "error_description"))
        return Returned("", "", "", attempt.mail, error[:_MOST_WORDS], *words)
    code = query.get("code", "")
    if not code or len(code) > _MOST_CODE:
        return None
    return Returned(code, attempt.verifier, attempt.nonce, attempt.mail)


def _moved(word: str, lang: Lang) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/m365/{word}?lang={lang}"})
