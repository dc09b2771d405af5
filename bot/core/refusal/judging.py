"""From the marks and phrases that stand in a text to the likeliest cause.

Every mark and rule that fits is evidence for a code, with a weight from 0 to 1; `ranking` weighs it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.core.refusal.matching import find_matches, find_places
from bot.core.refusal.ranking import Evidence, calibrate, decide
from bot.core.refusal.reading import Reading, read
from bot.core.refusal.similarity import rank_similar
from bot.core.refusal.terms import NOT_A_FAILURE, UNRECOGNISED, Context, Explanation
from bot.core.refusal.vague import VAGUE, names_no_cause

_TOKEN_LOGINS = (
    "authenticate xoauth2",
    "auth xoauth2",
    "authenticate oauthbearer",
    "auth oauthbearer",
    "mechanism xoauth2",
)
_EWS_WORDS = ("ews", "exchange.asmx", "autodiscover", "soap", "remote server returned an error", "impersonat")
_TOLD_BY_A_FAILURE = 0.7  # evidence as heavy as this overrules a success line
_GENERIC = 0.6  # evidence lighter than this is a reply code, or a single word
_LIKE_ENOUGH = 0.45  # likeness below this is chance
_SAID_ENOUGH = 0.7  # evidence of the server's own words as heavy as this needs no other
_OF_THE_WAY = ("connect.", "dns.", "tls.", "greeting.", "login.connection_closed", "login.timeout")
_OF_THE_IDENTITY = ("m365.", "login.mfa", "login.token", "login.account", "login.password", "login.wrong")
_REFUSED_LOGINS = (
    "authentication failed exception",
    "authentication exception",
    "authentication error",
    "auth error",
    "login error",
    "bad credentials exception",
    "invalid credentials exception",
)
_LOGIN_CLASS = 0.66  # the weight of such a name
_CERTAIN = 0.8  # words of the connection as heavy as this are meant
_WRAPPED = 0.85  # words that only a wrapper says count for less


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
        return Explanation(
            NOT_A_FAILURE, calibrate("success", 1.0, rules), provider, tuple(rules["neighbours"][NOT_A_FAILURE]), ()
        )
    provider = provider or next((one.provider for one in evidence if one.provider), None)
    if not evidence or max(one.weight for one in evidence) < _TOLD_BY_A_FAILURE:
        evidence += _resembling(reading, rules)
    told = decide(evidence, context, provider, rules)
    by_words_alone = not (context.stage or reading.said or reading.replies or reading.aadsts)
    if told.code != UNRECOGNISED and by_words_alone and names_no_cause(reading.plain, rules["vague"]):
        told = told._replace(confidence=min(told.confidence, VAGUE))
    return told


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


def _weigh(reading: Reading, context: Context, provider: str | None, rules: Mapping[str, Any]) -> list[Evidence]:
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
) -> list[Evidence]:
    """Of a chain of exceptions the innermost; else all words, without the names that libraries give."""
    if reading.cause and not reading.said:
        deepest = list(_phrased(_unwrapped(reading.cause, rules), context, provider, rules))
        deepest = _as_its_class_says(reading.cause, deepest)
        if max((one.weight for one in deepest), default=0.0) >= _GENERIC:
            return deepest
    bare = list(_phrased(_unwrapped(reading.bare, rules), context, provider, rules))
    bare = _as_its_class_says(reading.plain, bare)
    if bare or reading.said:
        return bare
    return [_lighter(one) for one in _phrased(reading.plain, context, provider, rules)]


def _as_its_class_says(words: str, evidence: list[Evidence]) -> list[Evidence]:
    """What an exception for a refused log-in says loosely of the connection is not of the connection.

    JavaMail's AuthenticationFailedException says "failed to connect" where the server refused the log-in.
    """
    if not any(name in words for name in _REFUSED_LOGINS):
        return evidence
    kept = [one for one in evidence if one.weight >= _CERTAIN or not one.code.startswith(_OF_THE_WAY)]
    return kept if kept or not evidence else [Evidence("login.wrong_credentials", _LOGIN_CLASS, "phrase")]


def _unwrapped(words: str, rules: Mapping[str, Any]) -> str:
    """The words without the sentences that libraries and programs always say."""
    for sentence in rules["wrappers"]:
        if sentence in words:
            words = words.replace(sentence, " ; ")
    return words


def _lighter(one: Evidence) -> Evidence:
    return one._replace(weight=one.weight * _WRAPPED)


def _marked(reading: Reading, rules: Mapping[str, Any]) -> Iterator[Evidence]:
    for number in reading.aadsts:
        code = rules["aadsts"].get(number)
        yield Evidence(code or "m365.sign_in_failed", 0.97 if code else 0.7, "aadsts", provider="m365")
    for kind, found in (("response", reading.responses), ("enhanced", reading.enhanced), ("reply", reading.replies)):
        table = rules[{"response": "responses", "enhanced": "enhanced", "reply": "replies"}[kind]]
        for mark in found:
            if mark in table:
                code, weight, also = table[mark]
                yield Evidence(code, weight, kind, tuple(also))


def _phrased(plain: str, context: Context, provider: str | None, rules: Mapping[str, Any]) -> Iterator[Evidence]:
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
        yield Evidence(
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


def _reports_no_failure(reading: Reading, evidence: list[Evidence]) -> bool:
    """Whether the text is good news: success lines, or words of success, and nothing that weighs against them."""
    against = max((one.weight for one in evidence if one.code != NOT_A_FAILURE), default=0.0)
    said = any(one.code == NOT_A_FAILURE for one in evidence)
    if reading.failed:  # a BYE after LOGOUT is one too
        return said and not against
    return (said and against < _TOLD_BY_A_FAILURE) or (reading.succeeded and against < _GENERIC)


def _resembling(reading: Reading, rules: Mapping[str, Any]) -> list[Evidence]:
    likeness = rank_similar(reading.plain, rules["examples"])
    return [Evidence(code, score * 0.6, "similar") for code, score in likeness.items() if score >= _LIKE_ENOUGH]
