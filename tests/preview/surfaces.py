"""What each surface makes of a message: the real blocks, cards and texts, drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, get_args

from markupsafe import Markup

from bot.core import asides
from bot.core.message import Form, Message, More, Text
from bot.core.model import LANGS, Lang
from bot.network import wisdom_in
from handlers.lark import form as lark_form
from handlers.lark import parts as lark_parts
from handlers.lark import view as lark_view
from handlers.lark.words import Words as LarkWords
from handlers.slack import view as slack_view
from handlers.slack import window as slack_window
from handlers.slack.files import Problem
from handlers.slack.home import home_blocks
from handlers.slack.parts import link, rich, row, section, word
from handlers.slack.people import Profile
from handlers.slack.stream import plan, tasks
from handlers.slack.words import Words as SlackWords
from handlers.web.pages import words_in
from tests.preview import lark, slack
from tests.preview.kinds import CODE, ORIGIN, Said, body_of, kinds
from tests.preview.parts import wrap
from tests.preview.samples import ACCOUNT, DOMAIN, case, reports

SURFACES = ("slack", "lark", "web")
COMMAND = "/migcheck"


class Mind:
    wisdom = staticmethod(cache(wisdom_in))


MIND = Mind()
SLACK, LARK = SlackWords(MIND), LarkWords(MIND)


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of message on one surface in one language. `body` is drawn by the chat page's own module."""

    drawn: Markup | None = None
    body: Mapping[str, Any] | None = None

    @property
    def here(self) -> bool:
        return self.drawn is not None or self.body is not None


Row = Mapping[str, Cell]


def rows(lang: Lang) -> Iterator[tuple[str, Row]]:
    """Every kind with its cells. A surface that has nothing of the kind has an empty cell (see ELSEWHERE)."""
    yield from outside(lang)
    for one in kinds(lang):
        web = (
            Cell()
            if lacks(one.kind, "web")
            else Cell(body={"key": one.key, "body": body_of(one.on_page or one.message)})
        )
        yield one.kind, {"slack": Cell(_slack(one, lang)), "lark": Cell(_lark(one, lang)), "web": web}


# A message of the conversation.


def _slack(one: Said, lang: Lang) -> Markup:
    """The message and, below it, the windows that its buttons open."""
    words, message = SLACK.of(lang), one.message
    names = slack_view.Names(words, "" if one.key == "silent" else f"K7QF-2M|{one.key}")
    drawn = slack.message(slack_view.shown(message, names).blocks)
    if "progress" in message.data:
        drawn = slack.message((), plan=[plan(message.text), *tasks(message, words).values()]) + drawn
    if one.kind == "offer":
        lead = words["form.secret.lead"].format(account=ACCOUNT, case="K7QF-2M", code=CODE)
        return drawn + slack.window(slack_window.secret_window({}, lead, words))
    if one.kind == "ask_share":
        preview = asides.shown_to_others(
            case(lang), reports(lang)["report_fail_login"], MIND.wisdom(lang), account=False
        )
        return slack.window(slack_window.share_window(preview, "C0MIGRATION", {}, words, sure=False))
    return drawn + _windows(message, names)


def _windows(message: Message, names: slack_view.Names) -> Markup:
    drawn = Markup()
    for block in message.blocks:
        if isinstance(block, Form):
            drawn += slack.window(slack_window.form_window(block, message.text, {}, names.words))
        if isinstance(block, More) and names.value:
            drawn += slack.window(slack_window.more_window(message.blocks, names))
    return drawn


def _lark(one: Said, lang: Lang) -> Markup:
    message = _with_groups(one.message)
    names = lark_view.Names(LARK.of(lang), "K7QF-2M", one.key, silent=one.key == "silent", image="img_v3_1")
    drawn = lark.said(lark_view.card_of(message, names), lark_view.LOCALES[lang])
    if one.kind == "offer":  # where `secrets.entry` is `modal`
        drawn += lark.said(
            lark_view.card_of(message, replace(names, takes_secret=True, code=CODE)), lark_view.LOCALES[lang]
        )
    return drawn


def _with_groups(message: Message) -> Message:
    """The question where to share, with the groups that the port finds."""
    groups = (("oc_1", "メール移行 / mail migration"), ("oc_2", "helpdesk"))

    def filled(form: Form) -> Form:
        inputs = (replace(one, options=groups, value="oc_1") if one.name == "channel" else one for one in form.inputs)
        return replace(form, inputs=tuple(inputs))

    return replace(message, blocks=tuple(filled(b) if isinstance(b, Form) else b for b in message.blocks))


# What is said outside of any conversation.

ELSEWHERE: Mapping[str, frozenset[str]] = {
    "start_form": frozenset({"web"}),
    "command_opened": frozenset({"web"}),
    "command_unclear": frozenset({"web"}),
    "command_help": frozenset({"web"}),
    "app_home": frozenset({"lark", "web"}),
    "files": frozenset({"lark", "web"}),
    "history": frozenset({"web"}),
    "ask_share": frozenset({"web"}),
    "shared": frozenset({"web"}),
    "shown_to_others": frozenset({"web"}),
    "refused": frozenset({"web"}),
}
"""Kinds (or what stands before their dot) that a surface has no use for.

The chat page has a text box and a list of cases instead of commands, no channels, and checks everything for whoever
may open it. Only Slack has App Home, and a word about files that cannot be read: the chat page reads them itself.
"""


def lacks(kind: str, surface: str) -> bool:
    return surface in ELSEWHERE.get(kind.partition(".")[0], ())


def outside(lang: Lang) -> Iterator[tuple[str, Row]]:
    yield (
        "greeting",
        {"slack": Cell(_told_slack("greeting", lang)), "lark": Cell(_lark_greeting(lang)), "web": Cell(_start(lang))},
    )
    yield (
        "start_form",
        {
            "slack": Cell(_start_window(lang)),
            "lark": Cell(lark.said(start_card(lang), lark_view.LOCALES[lang])),
            "web": Cell(),
        },
    )
    for kind in ("command_opened", "command_unclear", "command_help"):
        key = kind.replace("_", ".")
        opened = _opened(lang) if kind == "command_opened" else _told_slack(key, lang, private=True)
        yield kind, {"slack": Cell(opened), "lark": Cell(_told_lark(key, lang)), "web": Cell()}
    for problem in get_args(Problem):
        said = _told_slack(f"file.{problem}", lang)
        yield f"files.{problem}", {"slack": Cell(said), "lark": Cell(), "web": Cell()}
    yield "app_home", {"slack": Cell(_home(lang)), "lark": Cell(), "web": Cell()}


def _told_slack(key: str, lang: Lang, *, private: bool = False) -> Markup:
    text = SLACK.of(lang)[key].format(command=COMMAND, example=DOMAIN)
    return slack.message([section(text)], "Only visible to you" if private else "")


def _opened(lang: Lang) -> Markup:
    words = SLACK.of(lang)
    parts = row(
        word(words["command.opened"] + " "), link("https://example.slack.com/archives/D1/p1", words["command.open"])
    )
    return slack.message([rich(parts)], "Only visible to you")


def _start_window(lang: Lang) -> Markup:
    """The form, sent with a domain that cannot be read."""
    words = SLACK.of(lang)
    form = slack_window.start_form(words, "example..jp", ACCOUNT)
    wrong = words["input_error"].format(field=words["field.domain"], typed="example..jp", example=DOMAIN)
    return slack.window(slack_window.form_window(form, words["form.start.lead"], {}, words), {"domain": wrong})


def _home(lang: Lang) -> Markup:
    words = SLACK.of(lang)
    cases = [(case(lang), 1_795_510_800.0, "https://example.slack.com/archives/D1/p1")]
    secrets = words["home.secrets.page"].format(origin=ORIGIN)
    return slack.home(home_blocks(Profile(lang, ACCOUNT, offset=32_400), cases, words, words["home.lead"], secrets))


def _told_lark(key: str, lang: Lang) -> Markup:
    """One card in all languages, as its reader sees it."""
    cards = {one: _sentence(key, one) for one in LANGS}
    return lark.said(lark_view.in_languages(cards, "ja"), lark_view.LOCALES[lang])


def _sentence(key: str, lang: Lang) -> dict[str, Any]:
    text = LARK.of(lang)[key].format(command=COMMAND, example=DOMAIN)
    return lark_view.card_of(Message(text, (Text(text),)), lark_view.Names(LARK.of(lang)))


def _lark_greeting(lang: Lang) -> Markup:
    cards = {one: _sentence("greeting", one) for one in LANGS}
    for one, made in cards.items():
        start = lark_parts.button(LARK.of(one)["form.start"], {"action": "start"})
        made["body"]["elements"].append(lark_parts.side_by_side([start]))
    return lark.said(lark_view.in_languages(cards, "ja"), lark_view.LOCALES[lang])


def start_card(lang: Lang) -> dict[str, Any]:
    """The same form as a card of Lark's."""
    words = LARK.of(lang)
    wrong = words["input_error"].format(field=words["field.domain"], typed="example..jp", example=DOMAIN)
    form = lark_form.start_form(words, {"domain": "example..jp", "account": ACCOUNT}, {"domain": wrong})
    return lark_view.card_of(form, lark_view.Names(words, "", "start"))


def _start(lang: Lang) -> Markup:
    """The chat page before anything was said."""
    words = words_in(lang, MIND)
    lead = wrap("lead", words("chat.lead"), tag="p")
    how = wrap("", words("chat.how"), Markup("<br>"), words("chat.safe"), tag="p")
    return wrap("web-start", wrap("", words("chat.title"), tag="h1"), lead, how)
