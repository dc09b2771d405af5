"""Templates, words and static files: what the pages are made of."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.core.dialogue import Mind
from bot.core.model import LANGS, Lang

_HERE = Path(__file__).resolve().parent
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
LANG_NAMES: Mapping[Lang, str] = {"ja": "日本語", "en": "English", "zh": "中文"}
HTML_LANGS: Mapping[Lang, str] = {"ja": "ja", "en": "en", "zh": "zh-Hans"}


class Words:
    """The words of the pages in one language: `words("secret.title")`, in templates as well."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __call__(self, key: str) -> str:
        return self._texts[key]

    def below(self, prefix: str) -> dict[str, str]:
        """All words of a page, without its prefix."""
        return {key.removeprefix(prefix): text for key, text in self._texts.items() if key.startswith(prefix)}


def words_in(lang: Lang, mind: Mind) -> Words:
    return Words(mind.wisdom(lang).catalogue.texts["web"])


@cache
def templates() -> Environment:
    """Everything is escaped, and a missing value is an error rather than a gap."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, lang: Lang, words: Words, **values: Any) -> str:
    names = [(code, LANG_NAMES[code]) for code in LANGS]
    return templates().get_template(template).render(lang=HTML_LANGS[lang], languages=names, words=words, **values)


def html(text: str, *, status: int = 200, policy: str | None = None) -> web.Response:
    response = web.Response(text=text, status=status, content_type="text/html")
    if policy is not None:
        response.headers["Content-Security-Policy"] = policy
    return response


def notice(kind: str, status: int, lang: Lang, words: Words) -> web.Response:
    """A page that says one thing: what happened, and what to do."""
    title, lead = words(f"{kind}.title"), words(f"{kind}.lead")
    return html(render("notice.html", lang, words, title=title, lead=lead), status=status)


@cache
def static(name: str) -> str:
    """A file of static/, by its plain name. Raises KeyError where there is none."""
    path = _HERE / "static" / name
    if path.suffix not in _KINDS or path.parent != _HERE / "static" or not path.is_file():
        raise KeyError(name)
    return path.read_text(encoding="utf-8")


async def serve_static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    try:
        return web.Response(text=static(name), content_type=_KINDS[Path(name).suffix])
    except KeyError:
        raise web.HTTPNotFound from None
