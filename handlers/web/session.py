"""Who sits before the local chat page: a browser, known by a cookie. The store never sees the cookie itself."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from aiohttp import web

from bot.core.model import LANGS, Lang
from bot.settings import Settings

COOKIE = "migcheck_session"
LANG_COOKIE = "migcheck_lang"
_YEAR = 365 * 24 * 3600
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sessions:
    """`key` is the chat token, which a cookie proves that its browser once knew; empty where none is asked for."""

    key: bytes
    secure: bool

    @property
    def cookie(self) -> str:
        """The cookie's name. With https no neighbour under the same domain can set it (RFC 6265bis, 4.1.3.2)."""
        return f"__Host-{COOKIE}" if self.secure else COOKIE

    @property
    def open(self) -> bool:
        """Whether whoever reaches the page may use it."""
        return not self.key

    def knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.key)

    def person(self, request: web.Request) -> str | None:
        """The person of a request, None where the cookie is missing or not ours."""
        name, _, proof = request.cookies.get(self.cookie, "").partition(".")
        if not (name + proof).isascii() or len(name) < _ID_BYTES or not hmac.compare_digest(proof, self._proof(name)):
            return None
        return "web:" + hashlib.sha256(name.encode()).hexdigest()[:20]

    def begin(self, response: web.StreamResponse) -> None:
        """Give a browser its cookie."""
        name = secrets.token_urlsafe(_ID_BYTES)
        self._set(response, self.cookie, f"{name}.{self._proof(name)}")

    def remember_lang(self, response: web.StreamResponse, lang: Lang) -> None:
        self._set(response, LANG_COOKIE, lang)

    def _set(self, response: web.StreamResponse, name: str, value: str) -> None:
        response.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="Strict", secure=self.secure, path="/")

    def _proof(self, name: str) -> str:
        return hmac.new(self.key or b"open", name.encode(), "sha256").hexdigest()[:32]


def sessions(settings: Settings) -> Sessions:
    return Sessions(chat_key(settings), settings.web.origin.startswith("https:"))


def chat_key(settings: Settings) -> bytes:
    """The token that the chat page asks for, empty where it asks for none."""
    token = settings.web.chat_token
    return token.get_secret_value().encode() if token is not None else b""


def language(request: web.Request) -> Lang:
    """The language that was chosen, otherwise the browser's first one that we speak, otherwise Japanese."""
    for chosen in (request.query.get("lang"), request.cookies.get(LANG_COOKIE)):
        if chosen in LANGS:
            return chosen
    wanted = [part.split(";")[0].strip()[:2].lower() for part in _accepted(request)]
    return next((lang for name in wanted for lang in LANGS if lang == name), "ja")


def _accepted(request: web.Request) -> list[str]:
    """Languages of Accept-Language, the most wanted first (RFC 9110 section 12.5.4)."""
    parts = request.headers.get("Accept-Language", "").split(",")[:20]
    return sorted(parts, key=_weight, reverse=True)


def _weight(part: str) -> float:
    _, _, weight = part.partition("q=")
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0
