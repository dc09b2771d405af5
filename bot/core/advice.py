"""Findings to advice: which pieces fit the circumstances, in which order, in which words."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.core.told import Advice, Link

if TYPE_CHECKING:  # `explain` starts without the model
    from bot.core.model import Endpoint, Service, StepResult

MOST_AT_ONCE = 3
"""Pieces of advice that are shown before "more"."""
_STARTTLS_NAMES = {"imap": "imap", "smtp": "smtp", "pop": "pop3"}
_LINKS_EACH = 3
BY_TOKEN = ("XOAUTH2", "OAUTHBEARER")
"""Mechanisms that take the token of a sign-in: no password was sent."""
_OF_PASSWORDS = frozenset(
    {"login.wrong_credentials", "login.basic_auth_disabled", "login.app_password_required", "login.protocol_disabled"}
)
"""Causes for which providers' cautions speak of passwords: where a token was refused they would mislead."""


class Circumstances(NamedTuple):
    """What decides which advice fits, and what its placeholders are filled with."""

    scenario: str
    lang: str
    provider: Mapping[str, Any] | None = None
    domain: str | None = None
    account: str | None = None
    endpoints: "Mapping[Service, Endpoint]" = MappingProxyType({})


class Catalogue(NamedTuple):
    """The parts of the knowledge that advice is made of."""

    advice: Mapping[str, Any]
    links: Mapping[str, Any]
    texts: Mapping[str, Any]


def advise(steps: "Iterable[StepResult]", circumstances: Circumstances, catalogue: Catalogue) -> tuple[Advice, ...]:
    """Advice for every finding that calls for some: failures first, in plan order, each piece once."""
    found = [(step.id, finding) for step in steps for finding in step.findings]
    order = {"fail": 0, "unknown": 1, "warn": 2, "info": 3}
    ranked = sorted(found, key=lambda pair: order[pair[1].severity])
    pieces: dict[tuple[str, str], Advice] = {}
    for step, finding in ranked:
        by_token = finding.evidence.get("mechanism") in BY_TOKEN
        for name, advice in _advice_for(step, finding.code, circumstances, catalogue, by_token=by_token):
            pieces.setdefault((name, advice.title), advice)
    advised = list(pieces.values())
    # The last resort belongs at the end, whatever it was found for; the cause's own advice stays first.
    first, rest = advised[:1], advised[1:]
    return tuple(first + sorted(rest, key=lambda advice: advice.who == "support"))


def advice_for_code(code: str, service: str, circumstances: Circumstances, catalogue: Catalogue) -> tuple[Advice, ...]:
    """The advice for a cause that was told by words alone, without a check."""
    return tuple(a for _, a in _advice_for(f"{service}.", code, circumstances, catalogue))


def _advice_for(
    step: str, code: str, circumstances: Circumstances, catalogue: Catalogue, *, by_token: bool = False
) -> Iterable[tuple[str, Advice]]:
    service = step.partition(".")[0]
    values = _values(service, circumstances, catalogue)
    caution = [] if by_token and code in _OF_PASSWORDS else _caution(code, service, circumstances)
    for entry in catalogue.advice["codes"].get(code, ()):
        if _fits(entry.get("when", {}), service, circumstances, "token" if by_token else "password"):
            piece, words = catalogue.advice["pieces"][entry["piece"]], catalogue.texts["pieces"][entry["piece"]]
            told = [filled for action in words["actions"] if (filled := fill(action, values)) is not None]
            actions, caution = caution + told, []  # once, with the likeliest piece
            links = _links(piece.get("topics", ()), circumstances, catalogue)
            if actions:
                yield (
                    entry["piece"],
                    Advice(
                        code,
                        fill(words["title"], values) or words["title"],
                        tuple(actions),
                        piece["who"],
                        links,
                    ),
                )


def _fits(when: Mapping[str, Sequence[str]], service: str, circumstances: Circumstances, login: str) -> bool:
    provider = circumstances.provider or {}
    known = {
        "scenario": circumstances.scenario,
        "service": service,
        "password": provider.get("password"),
        "kind": provider.get("kind"),
        "provider": provider.get("id"),
        "access": provider.get("access", {}).get(service),
        "login": login,
    }
    return all(known[key] in allowed for key, allowed in when.items())


def _caution(code: str, service: str, circumstances: Circumstances) -> list[str]:
    """The provider's own sentence for this cause, where it has one."""
    for caution in (circumstances.provider or {}).get("cautions", ()):
        if code in caution["codes"] and service in caution.get("services", (service,)):
            return [caution[circumstances.lang]]
    return []


def _values(service: str, circumstances: Circumstances, catalogue: Catalogue) -> dict[str, str]:
    """What the placeholders of a service's advice stand for; a command that lacks a part of it is left out."""
    where = next((place for name, place in circumstances.endpoints.items() if name == service), None)
    provider = circumstances.provider
    values: dict[str, str | None] = {
        "domain": circumstances.domain,
        "account": circumstances.account,
        "provider": provider["names"][circumstances.lang] if provider else None,
        "service": service.upper() if service != "pop" else "POP3",
    }
    if where is not None:
        values |= {"host": where.host, "port": str(where.port), "starttls": _STARTTLS_NAMES.get(service)}
    known = {key: value for key, value in values.items() if value}
    for name, command in catalogue.advice["commands"].items():
        if name.startswith("openssl") and (
            where is None or (where.security == "starttls") != (name == "openssl_starttls")
        ):
            continue
        if (text := fill(command, known)) is not None:
            known[name] = text
    return known


def fill(text: str, values: Mapping[str, str]) -> str | None:
    """The text with its placeholders filled, None where one has no value."""
    try:
        return text.format_map(values)
    except KeyError:
        return None


def _links(topics: Iterable[str], circumstances: Circumstances, catalogue: Catalogue) -> tuple[Link, ...]:
    """The provider's own pages first, then general ones; in the reader's language where there is one."""
    found: dict[str, Link] = {}
    own = (circumstances.provider or {}).get("links", ())
    for topic in topics:
        theirs = [link for link in own if link["topic"] == topic]
        for link in (
            _in_language(theirs, circumstances.lang)[:2]
            or _in_language(catalogue.links.get(topic, ()), circumstances.lang)[:1]
        ):
            found.setdefault(link["url"], Link(link["title"], link["url"], link["lang"]))
    return tuple(found.values())[:_LINKS_EACH]


def _in_language(links: Iterable[Mapping[str, str]], lang: str) -> list[Mapping[str, str]]:
    """Those in the reader's language; without any, the English ones; without those, whatever there is."""
    every = list(links)
    for wanted in (lang, "en"):
        if chosen := [link for link in every if link["lang"] == wanted]:
            return chosen
    return every


def words_of(code: str, service: str, circumstances: Circumstances, catalogue: Catalogue) -> tuple[str, str]:
    """A finding's title and why, filled in; a sentence whose placeholder has no value keeps a neutral word for it."""
    entry = catalogue.texts["findings"].get(code, {"title": code, "why": code})  # a stored report may be older than we
    values = _values(service, circumstances, catalogue)
    neutral = catalogue.texts.get("neutral", {})
    unknown = {name: word for name, word in neutral.items() if name not in values}
    filled = [fill(_closed(entry[part], unknown), {**neutral, **values}) or entry[part] for part in ("title", "why")]
    return filled[0], filled[1]


def _closed(text: str, unknown: Mapping[str, str]) -> str:
    """The text without the spaces that set off Latin letters, where a word in Japanese or Chinese is to stand."""
    for name, word in unknown.items():
        if not word.isascii():
            text = text.replace(f" {{{name}}}", f"{{{name}}}").replace(f"{{{name}}} ", f"{{{name}}}")
    return text
