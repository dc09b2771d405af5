"""From the marks and phrases that stand in a text to the likeliest cause.

Every mark and rule that fits is evidence for a code, with a weight from 0 to 1. The heaviest code is the
answer; what is known besides the words (the provider, the mechanism, the account's form) then tilts the order.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bot.core.refusal.matching import find_matches, find_places
from bot.core.refusal.reading import Reading, read
from bot.core.refusal.similarity import rank_similar
from bot.core.refusal.terms import NOT_A_FAILURE, UNRECOGNISED, Context, Explanation

THRESHOLD = 0.4  # below this confidence the answer is login.unrecognised
_TOKEN_LOGINS = (
    "authenticate xoauth2",
    "auth xoauth2",
    "authenticate oauthbearer",
    "auth oauthbearer",
    "mechanism xoauth2",
)
_EWS_WORDS = ("ews", "exchange.asmx", "autodiscover", "soap", "remote server returned an error", "impersonat")
_MOST_ALTERNATIVES = 5
_SUPPORT = 0.15  # how much a second piece of evidence for a code counts
_TOLD_BY_A_FAILURE = 0.7  # evidence as heavy as this overrules a success line
_GENERIC = 0.6  # evidence lighter than this is a reply code, or a single word
_LIKE_ENOUGH = 0.45  # likeness below this is chance
_SAID_ENOUGH = 0.7  # evidence of the server's own words as heavy as this needs no other
_OF_THE_WAY = ("connect.", "dns.", "tls.", "greeting.", "login.connection_closed", "login.timeout")
_OF_THE_IDENTITY = ("m365.", "login.mfa", "login.token", "login.account", "login.password", "login.wrong")
_WRAPPED = 0.85  # words that only a wrapper says count for less


class _Evidence(NamedTuple):
    code: str
    weight: float
    kind: str  # aadsts | response | enhanced | reply | provider | phrase | similar
    also: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    provider: str | None = None


def explain(text: str, context: Context, rules: Mapping[str, Any]) -> Explanation:
    """What a refusal means: a pure function of the words, what is known besides, and compiled rules."""
    reading = read(text)
    if context.mechanism is None and any(words in reading.whole for words in _TOKEN_LOGINS):
        context = context._replace(mechanism="XOAUTH2")
    if context.protocol is None:
        context = context._replace(protocol=_protocol_of(reading))
    provider = context.provider or _recognise(reading, rules)
    evidence = _weigh(reading, context, provider, rules)
    if _reports_no_failure(reading, evidence):
        return Explanation(NOT_A_FAILURE, _calibrate("success", 1.0, rules), provider, (UNRECOGNISED,), ())
    provider = provider or next((one.provider for one in evidence if one.provider), None)
    if not evidence or max(one.weight for one in evidence) < _TOLD_BY_A_FAILURE:
        evidence += _resembling(reading, rules)
    return _decide(evidence, context, provider, rules)


def _recognise(reading: Reading, rules: Mapping[str, Any]) -> str | None:
    return next((provider for words, provider in rules["banners"] if words in reading.whole), None)


def _protocol_of(reading: Reading) -> str | None:
    """The protocol that the words betray, where nobody says which it was."""
    if reading.aadsts:
        return "oauth"
    if any(words in reading.whole for words in _EWS_WORDS):
        return "ews"
    if reading.enhanced or "smtp" in reading.whole:
        return "smtp"
    return "pop" if "-err" in reading.whole else None


def _weigh(reading: Reading, context: Context, provider: str | None, rules: Mapping[str, Any]) -> list[_Evidence]:
    """The evidence of the server's own words first, then of the words around them, as far as these add to it."""
    marks = list(_marked(reading, rules))
    told = list(_phrased(_unwrapped(reading.said, rules), context, provider, rules)) if reading.said else []
    heaviest = max((one.weight for one in told), default=0.0)
    if heaviest >= _SAID_ENOUGH:
        return marks + told
    around = _of_the_words_around(reading, context, provider, rules)
    if told:  # a server that answered was reached: what is said of the connection is noise
        around = [one for one in around if not one.code.startswith(_OF_THE_WAY)]
    elif reading.aadsts:  # the number decides; the words say more of the identity only
        around = [one for one in around if one.code.startswith(_OF_THE_IDENTITY)]
    known = {one.code for one in told}
    heavy = not (told or reading.aadsts or reading.said)
    return marks + told + [one if heavy else _lighter(one) for one in around if one.code not in known]


def _of_the_words_around(
    reading: Reading,
    context: Context,
    provider: str | None,
    rules: Mapping[str, Any],
) -> list[_Evidence]:
    """Of a chain of exceptions the innermost; else all words, without the names that libraries give."""
    if reading.cause and not reading.said:
        deepest = list(_phrased(_unwrapped(reading.cause, rules), context, provider, rules))
        if max((one.weight for one in deepest), default=0.0) >= _GENERIC:
            return deepest
    bare = list(_phrased(_unwrapped(reading.bare, rules), context, provider, rules))
    if bare or reading.said:
        return bare
    return [_lighter(one) for one in _phrased(reading.plain, context, provider, rules)]


def _unwrapped(words: str, rules: Mapping[str, Any]) -> str:
    """The words without the sentences that libraries and programs always say."""
    for sentence in rules["wrappers"]:
        if sentence in words:
            words = words.replace(sentence, " ; ")
    return words


def _lighter(one: _Evidence) -> _Evidence:
    return one._replace(weight=one.weight * _WRAPPED)


def _marked(reading: Reading, rules: Mapping[str, Any]) -> Iterator[_Evidence]:
    for number in reading.aadsts:
        code = rules["aadsts"].get(number)
        yield _Evidence(code or "m365.sign_in_failed", 0.97 if code else 0.7, "aadsts", provider="m365")
    for kind, found in (("response", reading.responses), ("enhanced", reading.enhanced), ("reply", reading.replies)):
        table = rules[{"response": "responses", "enhanced": "enhanced", "reply": "replies"}[kind]]
        for mark in found:
            if mark in table:
                code, weight, also = table[mark]
                yield _Evidence(code, weight, kind, tuple(also))


def _phrased(plain: str, context: Context, provider: str | None, rules: Mapping[str, Any]) -> Iterator[_Evidence]:
    kin = rules["kin"].get(provider, (provider,))
    for number in find_matches(rules, find_places(plain, rules["lexicon"])):
        rule = rules["rules"][number]
        own = rule["provider"]
        if not (_fits(rule, "protocols", context.protocol) and _fits(rule, "stages", context.stage)):
            continue
        if not _fits(rule, "mechanisms", context.mechanism) or (
            "providers" in rule and provider not in rule["providers"]
        ):
            continue
        if own is not None and own not in kin and not (rule["anywhere"] and provider is None):
            continue
        yield _Evidence(
            rule["code"],
            rule["sure"],
            rule["kind"],
            tuple(rule["also"]),
            tuple(rule["apart"]),
            own,
        )


def _fits(rule: Mapping[str, Any], key: str, value: str | None) -> bool:
    """Whether a rule's condition allows what is known. What is unknown is allowed, but for stages and EWS."""
    if key not in rule:
        return True
    return value in rule[key] or (value is None and key != "stages" and rule[key] != ["ews"])


def _reports_no_failure(reading: Reading, evidence: list[_Evidence]) -> bool:
    """Whether the text is good news: success lines, or words of success, and nothing that weighs against them."""
    against = max((one.weight for one in evidence if one.code != NOT_A_FAILURE), default=0.0)
    said = any(one.code == NOT_A_FAILURE for one in evidence)
    if reading.failed:  # a BYE after LOGOUT is one too
        return said and not against
    return (said and against < _TOLD_BY_A_FAILURE) or (reading.succeeded and against < _GENERIC)


def _resembling(reading: Reading, rules: Mapping[str, Any]) -> list[_Evidence]:
    likeness = rank_similar(reading.plain, rules["examples"])
    return [_Evidence(code, score * 0.6, "similar") for code, score in likeness.items() if score >= _LIKE_ENOUGH]


def _decide(
    evidence: list[_Evidence],
    context: Context,
    provider: str | None,
    rules: Mapping[str, Any],
) -> Explanation:
    evidence = [one for one in evidence if one.code != NOT_A_FAILURE]
    totals = _add_up(evidence)
    ranking = sorted(totals, key=lambda code: -totals[code])
    if not ranking:
        return Explanation(UNRECOGNISED, _calibrate("nothing", 1.0, rules), provider, _likely(context, rules), ())
    first = ranking[0]
    leading = max((one for one in evidence if one.code == first), key=lambda one: one.weight)
    ranking = _join(ranking[:1], leading.also, ranking[1:], rules["neighbours"].get(first, ()))
    ranking = _tilt(ranking, totals[first], context, provider, rules)
    if context.stage == "login":
        ranking = sorted(ranking, key=lambda code: not code.startswith("login."))
    rival = max((totals[code] for code in totals if code != ranking[0] and code not in leading.also), default=0.0)
    confidence = _calibrate(_kind(evidence, first), totals[first], rules)
    confidence -= _calibrate("rival", max(0.0, totals[first] - rival), rules)
    if confidence < THRESHOLD:
        ranking = [UNRECOGNISED, *ranking]
        confidence = _calibrate("unsure", 1 - confidence, rules)
    alternatives = tuple(code for code in ranking[1:] if code != ranking[0])[:_MOST_ALTERNATIVES]
    apart = _join(leading.apart, *(rules["tells"].get(code, ()) for code in ranking[:3]))
    return Explanation(ranking[0], round(confidence, 3), provider, alternatives, tuple(apart))


def _kind(evidence: list[_Evidence], code: str) -> str:
    """What speaks for a code: a provider's words, a code of the protocol, words, or two of them together."""
    kinds = {one.kind for one in evidence if one.code == code}
    marked = not kinds.isdisjoint(("response", "enhanced", "reply"))
    if marked and not kinds.isdisjoint(("phrase", "provider")):
        return "agreed"
    return next((kind for kind in ("aadsts", "provider", "phrase") if kind in kinds), "mark" if marked else "similar")


def _add_up(evidence: list[_Evidence]) -> dict[str, float]:
    """The weight of each code: its heaviest piece of evidence, and a little for every other one."""
    totals: dict[str, float] = {}
    for one in sorted(evidence, key=lambda item: -item.weight):
        before = totals.get(one.code)
        totals[one.code] = one.weight if before is None else before + (1 - before) * one.weight * _SUPPORT
    return totals


def _likely(context: Context, rules: Mapping[str, Any]) -> tuple[str, ...]:
    """What to think of when the words say nothing."""
    return tuple(rules["neighbours"].get(f"{UNRECOGNISED}/{context.stage}", rules["neighbours"].get(UNRECOGNISED, ())))


def _tilt(
    ranking: list[str],
    weight: float,
    context: Context,
    provider: str | None,
    rules: Mapping[str, Any],
) -> list[str]:
    for tilt in rules["tilts"]:
        if (
            tilt["from"] != ranking[0]
            or weight > tilt.get("below", 80) / 100
            or not _holds(tilt["when"], context, provider)
        ):
            continue
        if tilt.get("place", "second") == "first":
            return _join([tilt["to"]], ranking)
        ranking = _join(ranking[:1], [tilt["to"]], ranking[1:])
    return ranking


def _holds(when: Mapping[str, Any], context: Context, provider: str | None) -> bool:
    known = {
        "protocol": context.protocol,
        "provider": provider,
        "password": context.password,
        "access": context.access,
        "mechanism": context.mechanism and context.mechanism.upper(),
        "stage": context.stage,
        "account": None if context.account is None else _form(context.account),
    }
    capabilities = {name.upper() for name in context.capabilities}
    return all(
        not capabilities.isdisjoint(allowed) if key == "capability" else known[key] in allowed
        for key, allowed in when.items()
    )


def _form(account: str) -> str:
    if "\\" in account:
        return "domain"
    return "address" if "@" in account else "bare"


def _join(*groups: Any) -> list[str]:
    """The groups one after another, every code once."""
    return list(dict.fromkeys(code for group in groups for code in group))


def _calibrate(kind: str, weight: float, rules: Mapping[str, Any]) -> float:
    """A weight as the share of right answers that was measured for it, between measured points on a line."""
    curve = rules["calibration"].get(kind) or rules["calibration"]["phrase"]
    below, *rest = curve
    if weight <= below[0]:
        return float(below[1])
    for point in rest:
        if weight <= point[0]:
            return float(below[1] + (point[1] - below[1]) * (weight - below[0]) / (point[0] - below[0]))
        below = point
    return float(below[1])
