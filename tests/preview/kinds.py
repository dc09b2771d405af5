"""Every kind of message that the bot sends, made by the bot's own functions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.core import asides, cloud_talk, exchange_talk, handover, speech
from bot.core.case import Case
from bot.core.codec import to_json
from bot.core.events import CodeGiven, Post
from bot.core.intake import InputError
from bot.core.mailprogram import ProgramSettings, Setting
from bot.core.message import Button, Buttons, Message, Picture
from bot.core.model import Lang
from bot.core.wisdom import Wisdom
from bot.network import wisdom_in
from handlers.web.drawing import description
from tests.preview.samples import ACCOUNT, DOMAIN, ENDPOINTS, case, reports

ERROR = (
    "Oct 02 10:21:07 AUTHENTICATE failed: 535 5.7.139 Authentication unsuccessful, basic authentication is disabled."
)
HOSTILE = "Service <!channel> *unavailable* <at id=all></at> [press](https://evil.test) & so on"
ORIGIN = "https://migcheck.example.net"
CODE = "4821"
KEYS = {
    "ask_account": "ask",
    "ask_admin": "ask",
    "ask_domain": "ask",
    "ask_ews": "servers",
    "ask_exchange": "ask",
    "ask_servers": "servers",
    "not_explained": "explained",
    "pasted_secret": "pasted",
    "sign_in": "code",
    "watching": "watch",
}
"""By kind, how the conversation calls a message, where that is another name."""
PROBLEMS = ("", "not_a_member", "shared_outside", "gone", "failed", "unsure")


@dataclass(frozen=True, slots=True)
class Said:
    """A message under its kind's name; `key` is the name by which the conversation knows it."""

    kind: str
    key: str
    message: Message
    on_page: Message | None = None
    """The same on the local chat page, where that differs: no links that open something, nowhere to share."""


def kinds(lang: Lang) -> Iterator[Said]:
    """All messages of a conversation, in the order in which one may come across them."""
    wisdom, known = wisdom_in(lang), case(lang)
    for kind, make in {**TALK, **FORMS, **REFUSALS, **WATCHING}.items():
        name, _, variant = kind.partition(".")
        key = "form" if variant == "again" else KEYS.get(name, name)
        yield Said(kind, f"{key}:1", make(known, wisdom))
    yield from _offers(known, wisdom)
    yield Said("support", "support:1", _support(known, wisdom, ORIGIN, "key"), _support(known, wisdom, "", ""))
    yield from _reports(lang, known, wisdom)
    yield from _sharing(lang, known, wisdom)


def _reports(lang: Lang, known: Case, wisdom: Wisdom) -> Iterator[Said]:
    offers = speech.Offers(share=True, sign_in=True)
    for kind, report in reports(lang).items():
        told = replace(known, with_secret=bool(report.attempts))
        here = replace(offers, watch=kind == "report_fail")
        message = speech.report(told, report, wisdom, here)
        on_page = speech.report(told, report, wisdom, replace(here, share=False))
        yield Said(kind, "report:1", replace(message, blocks=(*message.blocks, _pages(wisdom))), on_page)


def _signing(known: Case) -> Case:
    return replace(known, scenario="m365", account=f"admin@{DOMAIN}", phase="checking")


def _sign_in(known: Case, wisdom: Wisdom) -> Message:
    """Where and with which code to sign in at Microsoft."""

    class Mind:
        def wisdom(self, _: Lang) -> Wisdom:
            return wisdom

    _, effects = cloud_talk.code_given(
        _signing(known), CodeGiven(1, "https://microsoft.com/devicelogin", "F7KQ2MX9P", 15), Mind()
    )
    return next(effect.message for effect in effects if isinstance(effect, Post))


def _pages(wisdom: Wisdom) -> Buttons:
    """The links that the conversation adds to a report on its way out."""
    texts = wisdom.catalogue.texts
    page = Button("page", texts["web"]["chat.full_report"], url=f"{ORIGIN}/r/K7QF-2M?k=key")
    return Buttons((page, Button("export", texts["words"]["button.export"], url=f"{ORIGIN}/r/K7QF-2M/export?k=key")))


def _sharing(lang: Lang, known: Case, wisdom: Wisdom) -> Iterator[Said]:
    yield Said("ask_share", "share:1", asides.ask_share(known, wisdom))
    for problem in PROBLEMS:
        yield Said(f"shared.{problem or 'done'}", "shared:1", asides.shared(known, wisdom, problem))
    report = reports(lang)["report_fail_login"]
    yield Said("shown_to_others", "silent", asides.shown_to_others(known, report, wisdom, account=False))


def _checking(known: Case, *, login: bool = False) -> Case:
    marks = (
        ("domain.exists", "pass", ""), ("domain.mail", "pass", ""), ("domain.servers", "pass", ""),
        ("imap.dns", "pass", ""), ("imap.connect", "pass", ""), ("imap.tls", "fail", "tls.chain_incomplete"),
        ("smtp.dns", "pass", ""), ("smtp.connect", "running", ""),
    )  # fmt: skip
    return replace(known, phase="checking", marks=marks, with_secret=login)


def _history(known: Case, wisdom: Wisdom) -> Message:
    other = replace(known, id="P3XW-8T", domain="example.com", phase="asking")
    url = "https://example.slack.com/archives/D1/p1"
    return asides.history([(known, "2026-11-24 09:00 UTC", url), (other, "2026-11-23 17:20 UTC", None)], wisdom, known)


def _compared(known: Case, wisdom: Wisdom) -> Message:
    theirs = {"imap": Setting("mail.example.co.jp", 143, "none"), "smtp": Setting(f"smtp.{DOMAIN}", 465, "tls")}
    return speech.compared(replace(known, found=ENDPOINTS), ProgramSettings(theirs, "taro"), wisdom)


def _agrees(known: Case, wisdom: Wisdom) -> Message:
    theirs = {name: Setting(where.host, where.port, "tls") for name, where in ENDPOINTS.items()}
    return speech.compared(replace(known, found=ENDPOINTS), ProgramSettings(theirs, ACCOUNT), wisdom)


def _only_read(known: Case, wisdom: Wisdom) -> Message:
    return speech.compared(
        replace(known, account=None), ProgramSettings({"imap": Setting("mail.example.co.jp", 993, "tls")}), wisdom
    )


def _explained(known: Case, wisdom: Wisdom, text: str = ERROR) -> Message:
    made = speech.explained(text, known, wisdom)
    assert made is not None, text
    return made


def _wrong(known: Case, wisdom: Wisdom) -> Message:
    typed = {"imap": "imap,example.co.jp", "smtp": f"smtp.{DOMAIN}:99999", "account": ACCOUNT}
    errors = [
        InputError("input.host_invalid", "imap", typed["imap"]),
        InputError("input.port_invalid", "smtp", typed["smtp"]),
    ]
    return speech.form_again("servers", known, wisdom, typed, errors)


def _wrong_account(known: Case, wisdom: Wisdom) -> Message:
    errors = [InputError("input.address_invalid", "account", "taro@@example")]
    return speech.form_again("account", known, wisdom, {"account": "taro@@example"}, errors)


def _exchange(known: Case, **more) -> Case:
    return replace(known, scenario="exchange", account=None, login_domain="corp.example.local", **more)


def _exchange_again(known: Case, wisdom: Wisdom) -> Message:
    typed = {"account": "CORP\\admin", "mailbox": "taro@example.com"}
    return exchange_talk.form_again(
        _exchange(known),
        wisdom,
        typed,
        {"mailbox": wisdom.catalogue.texts["findings"]["input.domain_mismatch"]["title"]},
    )


def _offers(known: Case, wisdom: Wisdom) -> Iterator[Said]:
    """The offer to type the secret: the chat page has the field itself, elsewhere it is a link."""
    told = {
        "offer": known,
        "offer.app_password": replace(known, domain="gmail.com", account="taro@gmail.com"),
        "offer.exchange": replace(_exchange(known), account="corp.example.local\\admin"),
    }
    for kind, one in told.items():
        on_page = replace(speech.secret_offer(one, wisdom, CODE, None), data={"code": CODE})
        yield Said(kind, "offer:1", speech.secret_offer(one, wisdom, CODE, f"{ORIGIN}/s/token"), on_page)
    on_page = replace(cloud_talk.offer(_signing(known), wisdom, CODE, None), data={"code": CODE})
    yield Said(
        "sign_in.page", "signin:1", cloud_talk.offer(_signing(known), wisdom, CODE, f"{ORIGIN}/m365/token"), on_page
    )


def _support(known: Case, wisdom: Wisdom, origin: str, key: str) -> Message:
    """What is handed over to support; the picture itself is of no matter here."""
    places = handover.places_of(origin, "K7QF-2M", key)
    found = reports(known.lang)["report_fail_login"]
    alt = description(found, speech.reader(known, wisdom, found))
    return handover.for_support(known, found, wisdom, places, Picture(alt, None))


Make = Callable[[Case, Wisdom], Message]

TALK: Mapping[str, Make] = {
    "help": speech.help_text,
    "ask_domain": speech.ask_domain,
    "progress": lambda known, wisdom: speech.progress(_checking(known), wisdom),
    "progress.login": lambda known, wisdom: speech.progress(_checking(known, login=True), wisdom),
    "progress.done": lambda known, wisdom: speech.done(_checking(known), wisdom),
    "progress.stopped": lambda known, wisdom: speech.done(_checking(known), wisdom, stopped=True),
    "expired": speech.expired,
    "pasted_secret": speech.pasted_secret,
    "explained": _explained,
    "explained.bare": lambda known, wisdom: _explained(replace(known, domain=None, account=None), wisdom),
    "explained.no_failure": lambda known, wisdom: _explained(known, wisdom, "* OK [CAPABILITY IMAP4rev1] Logged in"),
    "not_explained": lambda known, wisdom: asides.not_explained(HOSTILE, replace(known, domain=None), wisdom),
    "compared": _compared,
    "compared.same": _agrees,
    "compared.only": _only_read,
    "interrupted": lambda known, wisdom: speech.interrupted(known, wisdom, own_fault=False),
    "interrupted.own_fault": lambda known, wisdom: speech.interrupted(known, wisdom, own_fault=True),
    "cancelled": speech.cancelled,
    "unclear": speech.unclear,
    "remark.thanks": lambda known, wisdom: speech.remark(known, wisdom, "thanks"),
    "remark.works": lambda known, wisdom: speech.remark(known, wisdom, "works"),
    "support.gone": handover.nothing_kept,
    "history": _history,
    "history.none": lambda known, wisdom: asides.history([], wisdom, known),
}
FORMS: Mapping[str, Make] = {
    "ask_account": lambda known, wisdom: speech.ask_account(replace(known, account=None), wisdom, secrets=True),
    "ask_account.off": lambda known, wisdom: speech.ask_account(known, wisdom, secrets=False),
    "ask_account.again": _wrong_account,
    "ask_servers": lambda known, wisdom: speech.ask_servers(known, wisdom, {}),
    "ask_servers.again": _wrong,
    "ask_admin": lambda known, wisdom: cloud_talk.ask_admin(replace(known, scenario="m365", account=None), wisdom),
    "sign_in": _sign_in,
    "expired.sign_in": lambda known, wisdom: cloud_talk.expired(_signing(known), wisdom),
    "ask_ews": lambda known, wisdom: exchange_talk.ask_address(_exchange(known), wisdom),
    "ask_exchange": lambda known, wisdom: exchange_talk.ask_account(replace(_exchange(known), login_domain=""), wisdom),
    "ask_exchange.login_domain": lambda known, wisdom: exchange_talk.ask_account(_exchange(known), wisdom),
    "ask_exchange.again": _exchange_again,
}  # fmt: skip
REFUSALS: Mapping[str, Make] = {
    **{
        f"refused.{why}": lambda known, wisdom, why=why: asides.refused(replace(known, address="taro@example.net"), wisdom, why)
        for why in ("unknown_person", "domain", "account", "servers")
    },
    **{
        f"limited.{what}": lambda known, wisdom, what=what: asides.limited(known, wisdom, what, 12)
        for what in ("logins", "checks", "probes", "rest")
    },
}  # fmt: skip
WATCHING: Mapping[str, Make] = {
    "watching": asides.watching,
    "watching.stopped": asides.watch_stopped,
    "watching.recovered": lambda known, wisdom: asides.watch_ended(known, wisdom, recovered=True),
    "watching.over": lambda known, wisdom: asides.watch_ended(known, wisdom, recovered=False),
}


def body_of(message: Message) -> dict:
    """The message as the chat page gets it."""
    return to_json(message)
