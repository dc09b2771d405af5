"""What a person hands over to support: a text to paste, a picture of the failing step, and the way to the bundle.

None of it names the account: whoever wants to name it adds it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.core.advice import words_of
from bot.core.asides import HIDDEN
from bot.core.case import Case
from bot.core.message import (
    Button,
    Buttons,
    Message,
    Picture,
    Reader,
    Text,
    Untrusted,
    attempts_of,
    decisive_step,
    report_message,
    time_of,
)
from bot.core.model import Report, StepResult
from bot.core.speech import reader, said
from bot.core.wisdom import Wisdom

MOST_TEXT = 1_000
"""Characters of the text: what every surface shows of a text in one piece."""
_MOST_WORDS = 240
_SHORTEST_NAME = 3
"""A shorter user name would be found in other words as well."""


@dataclass(frozen=True, slots=True)
class Places:
    """The addresses of a case's page, picture and bundle."""

    page: str
    picture: str
    bundle: str


def places_of(origin: str, case: str, key: str = "") -> Places:
    """Where they open with a key; without one they open for the person alone, on the bot's own chat page."""
    page, query = f"{origin}/r/{case}", f"?k={key}" if key else ""
    return Places(f"{page}{query}", f"{page}/picture.png{query}", f"{page}/export{query}")


def for_support(case: Case, report: Report, wisdom: Wisdom, places: Places, picture: Picture | None) -> Message:
    """All of it in one message. Without a picture (no font to letter it) the rest stands alone."""
    told = reader(replace(case, account=None), wisdom, report)
    web = told.catalogue.texts["web"]
    links = [Button("picture", told.word("button.picture"), url=places.picture)] if picture else []
    links.append(Button("export", told.word("button.export"), url=places.bundle))
    links.append(Button("page", web["chat.full_report"], url=places.page))
    text = told.word("talk.support")
    words = Untrusted(told.word("support.text"), support_text(report, told, case.account))
    blocks = (Text(web["report.support"], "title"), Text(text), words, Buttons(tuple(links)))
    return Message(text, blocks, {"support": case.id}, picture)


def nothing_kept(case: Case, wisdom: Wisdom) -> Message:
    """There is no report any more."""
    told = reader(case, wisdom)
    again = Buttons((Button("recheck", told.word("button.recheck"), primary=True),))
    return said(told, "talk.support.gone", again)


def support_text(report: Report, told: Reader, account: str | None) -> str:
    """The text to paste: what fails where, when it was tried and from where, and what the server said."""
    failing = decisive_step(report)
    web = told.catalogue.texts["web"]
    fails = report.verdict == "fail"
    lines = [told.word("support.subject" if fails else "support.subject.other"), report_message(report, told).text, ""]
    rows = [
        (web["report.case"], report.case),
        (web["report.domain"], report.domain or ""),
        (web["report.provider"], _provider(told)),
        (web["report.scenario"], web[f"report.scenario.{report.scenario}"]),
        *(_failing(failing, told, fails=fails) if failing is not None else ()),
        (web["report.started"], _when(report, told)),
        (web["report.attempts"], attempts_of(report, told) or web["report.no_attempts"]),
        *(_heard(failing, told, account) if failing is not None else ()),
    ]
    in_lines = [(name, " ".join(value.split())) for name, value in rows]
    lines += [told.word("named", name=name, value=value) for name, value in in_lines if value]
    end = told.word("support.without")
    text = "\n".join(lines)
    return f"{text[: MOST_TEXT - len(end) - 1]}\n{end}"


def _provider(told: Reader) -> str:
    provider = told.circumstances.provider
    return str(provider["names"][told.circumstances.lang]) if provider else ""


def _failing(step: StepResult, told: Reader, *, fails: bool) -> Iterator[tuple[str, str]]:
    """Which step, of which server, for which cause."""
    web = told.catalogue.texts["web"]
    where = told.word("support.where", **told.where(step.id))
    yield told.word("support.failing") if fails else web["report.step"], where
    for finding in step.findings[:1]:
        title, _ = words_of(finding.code, step.id.partition(".")[0], told.circumstances, told.catalogue)
        yield web["report.cause"], told.word("support.code", title=title, code=finding.code)
    yield web["report.server"], step.target or ""


def _when(report: Report, told: Reader) -> str:
    time, vantage = time_of(report), report.vantage
    return told.word("support.tried", time=time, vantage=vantage) if vantage else time


def _heard(step: StepResult, told: Reader, account: str | None) -> Iterator[tuple[str, str]]:
    """The words of OpenSSL and of the server, as far as they belong to the step."""
    for finding in step.findings[:1]:
        evidence = finding.evidence
        if evidence.get("verify_text"):
            yield told.word("openssl_words"), f"{evidence.get('verify_code', '')} {evidence['verify_text']}"
        if evidence.get("server"):
            yield told.word("server_words"), without_account(str(evidence["server"]), account)[:_MOST_WORDS]


def without_account(words: str, account: str | None) -> str:
    """A server's words without the account's name: the address, the name alone, and with a Windows domain."""
    if not account:
        return words
    address = account.rpartition("\\")[2]
    names = {account, address, address.partition("@")[0]}
    wanted = sorted((name for name in names if len(name) >= _SHORTEST_NAME), key=len, reverse=True)
    if not wanted:
        return words
    pattern = "|".join(re.escape(name) for name in wanted)
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", HIDDEN, words, flags=re.IGNORECASE)
