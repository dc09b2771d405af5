"""The page: every kind of message in every language, the surfaces side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.core.model import LANGS, Lang
from handlers.web.pages import HTML_LANGS, LANG_NAMES, static, words_in
from tests.preview.surfaces import MIND, SURFACES, Row, rows

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "build" / "preview" / "index.html"
TITLES = {"slack": "Slack", "lark": "Lark", "web": "Chat page"}


def write() -> Path:
    """Write the page and say where it is."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return PAGE


def page() -> str:
    """One file with everything in it; nothing is loaded from elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    module = static("blocks.js")
    assert "</script" not in module, "the module stands within the page"
    values = {
        "langs": [(lang, HTML_LANGS[lang], LANG_NAMES[lang]) for lang in LANGS],
        "surfaces": [(name, TITLES[name]) for name in SURFACES],
        "kinds": gathered(),
        "configs": {lang: config(lang) for lang in LANGS},
        "style": Markup(static("style.css") + (HERE / "preview.css").read_text(encoding="utf-8")),
        "module": Markup(module),
    }
    return environment.get_template("page.html").render(values)


def gathered() -> Mapping[str, Mapping[Lang, Row]]:
    """Kind, then language, then surface."""
    made: dict[str, dict[Lang, Row]] = {}
    for lang in LANGS:
        for kind, row in rows(lang):
            made.setdefault(kind, {})[lang] = row
    return made


def config(lang: Lang) -> Mapping[str, Any]:
    """What the chat page's own script gives to the module."""
    words, spoken = words_in(lang, MIND), MIND.wisdom(lang).catalogue.texts["words"]
    status = {key.removeprefix("status."): said for key, said in spoken.items() if key.startswith("status.")}
    return {
        "words": {**words.below("chat."), "status": status, "who": spoken["who_line"], "named": spoken["named"]},
        "secret": words.below("secret."),
    }
