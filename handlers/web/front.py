"""GET /: the chat page itself, or the question for the token that opens it."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from bot.core.dialogue import Mind
from bot.core.model import LANGS
from handlers.web.forms import read_field
from handlers.web.guard import CHAT_POLICY, from_elsewhere
from handlers.web.pages import html, render, words_in
from handlers.web.session import Sessions, language

_PAUSE_AFTER_WRONG = 1.0
"""Seconds: guessing a token is not worth it."""


class Front:
    """`suggestions` are what an empty page offers to send: practice domains, say. What follows a "|" explains."""

    def __init__(self, mind: Mind, sessions: Sessions, suggestions: Sequence[str] = ()) -> None:
        self._mind, self._sessions, self._suggestions = mind, sessions, suggestions

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.show), web.post("/chat/enter", self.enter)]

    async def show(self, request: web.Request) -> web.Response:
        known = self._sessions.person(request) is not None
        if not known and not self._sessions.open:
            return self._door(request, wrong=False)
        lang = language(request)
        words = words_in(lang, self._mind)
        spoken = self._mind.wisdom(lang).catalogue.texts["words"]
        config = {
            "words": {**words.below("chat."), "export": spoken["button.export"]},
            "secret": words.below("secret."),
            "status": {key.removeprefix("status."): word for key, word in spoken.items() if key.startswith("status.")},
            "who": spoken["who_line"],
            "named": spoken["named"],
            "suggestions": [each.partition("|")[::2] for each in self._suggestions],
        }
        response = html(render("chat.html", lang, words, config=config), policy=CHAT_POLICY)
        if not known:
            self._sessions.begin(response)
        if request.query.get("lang") in LANGS:
            self._sessions.remember_lang(response, lang)
        return response

    async def enter(self, request: web.Request) -> web.Response:
        """Take the token of the chat page from its form."""
        if from_elsewhere(request):
            raise web.HTTPForbidden
        token = await read_field(request, "token")
        if self._sessions.open or not self._sessions.knows(token):
            await asyncio.sleep(_PAUSE_AFTER_WRONG)
            return self._door(request, wrong=True)
        response = web.Response(status=303, headers={"Location": "/"})
        self._sessions.begin(response)
        return response

    def _door(self, request: web.Request, *, wrong: bool) -> web.Response:
        lang = language(request)
        words = words_in(lang, self._mind)
        return html(render("token.html", lang, words, wrong=wrong), status=403 if wrong else 200)
