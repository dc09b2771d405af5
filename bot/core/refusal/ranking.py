"""From evidence to an answer: the likeliest cause, the causes to think of next, and how sure the answer is.

The heaviest code is the answer; what is known besides the words (the provider, the mechanism, the account's form)
then tilts the order. Alternatives are what else the words speak for, then what hid behind such words before.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bot.core.refusal.terms import NOT_A_FAILURE, UNRECOGNISED, Context, Explanation

THRESHOLD = 0.4  # below this confidence the answer is login.unrecognised
_MOST_ALTERNATIVES = 5
_SUPPORT = 0.15  # how much a second piece of evidence for a code counts
_TIE = 0.06  # a rival as near as this comes before the causes that hide behind the same words
_RIVAL = 0.6  # a rival lighter than this is a reply code, or a single word


class Evidence(NamedTuple):
    """One thing in a text that speaks for a code."""

    code: str
    weight: float  # 0..1
    kind: str  # aadsts | response | enhanced | reply | provider | phrase | similar
    also: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    provider: str | None = None


def decide(
    evidence: list[Evidence],
    context: Context,
    provider: str | None,
    rules: Mapping[str, Any],
) -> Explanation:
    """The answer that the evidence gives; login.unrecognised where there is none, or too little."""
    evidence = [one for one in evidence if one.code != NOT_A_FAILURE]
    totals = _add_up(evidence)
    ranking = sorted(totals, key=lambda code: -totals[code])
    if not ranking:
        return Explanation(UNRECOGNISED, calibrate("nothing", 1.0, rules), provider, _likely(context, rules), ())
    first = ranking[0]
    leading = max((one for one in evidence if one.code == first), key=lambda one: one.weight)
    ranking = _order(ranking, totals, leading.also, _companions(first, context, rules))
    ranking = _tilt(ranking, totals[first], context, provider, rules)
    if context.stage == "login":
        ranking = sorted(ranking, key=lambda code: not code.startswith("login."))
    rival = max((totals[code] for code in totals if code != ranking[0] and code not in leading.also), default=0.0)
    confidence = calibrate(_kind(evidence, first), totals[first], rules)
    confidence -= calibrate("rival", max(0.0, totals[first] - rival), rules)
    if confidence < THRESHOLD:
        ranking = _join([UNRECOGNISED], ranking, _likely(context, rules))
        confidence = calibrate("unsure", 1 - confidence, rules)
    alternatives = tuple(code for code in ranking[1:] if code != ranking[0])[:_MOST_ALTERNATIVES]
    apart = _join(leading.apart, *(rules["tells"].get(code, ()) for code in ranking[:3]))
    return Explanation(ranking[0], round(confidence, 3), provider, alternatives, tuple(apart))


def _order(ranking: list[str], totals: Mapping[str, float], also: Iterable[str], companions: list[str]) -> list[str]:
    """The answer, rivals that are as good, the first cause behind the same words, other rivals, then the rest."""
    first, others = ranking[0], ranking[1:]
    ties = [code for code in others if totals[code] >= totals[first] - _TIE]
    rivals = [code for code in others if totals[code] >= _RIVAL]
    behind = list(also)
    return _join([first], ties, behind[:1], rivals, behind[1:], others, companions)


def _companions(code: str, context: Context, rules: Mapping[str, Any]) -> list[str]:
    """Causes that hid behind the same words before: in this protocol, then in any."""
    known = rules["neighbours"]
    return _join(known.get(f"{code}/{context.protocol}", ()), known.get(code, ()), _likely(context, rules))


def _kind(evidence: list[Evidence], code: str) -> str:
    """What speaks for a code: a provider's words, a code of the protocol, words, or two of them together."""
    kinds = {one.kind for one in evidence if one.code == code}
    marked = not kinds.isdisjoint(("response", "enhanced", "reply"))
    if marked and not kinds.isdisjoint(("phrase", "provider")):
        return "agreed"
    return next((kind for kind in ("aadsts", "provider", "phrase") if kind in kinds), "mark" if marked else "similar")


def _add_up(evidence: list[Evidence]) -> dict[str, float]:
    """The weight of each code: its heaviest piece of evidence, and a little for every other one."""
    totals: dict[str, float] = {}
    for one in sorted(evidence, key=lambda item: -item.weight):
        before = totals.get(one.code)
        totals[one.code] = one.weight if before is None else before + (1 - before) * one.weight * _SUPPORT
    return totals


def _likely(context: Context, rules: Mapping[str, Any]) -> tuple[str, ...]:
    """What to think of when the words say nothing."""
    known = rules["neighbours"]
    places = (context.stage, context.protocol)
    return tuple(_join(*(known.get(f"{UNRECOGNISED}/{place}", ()) for place in places), known.get(UNRECOGNISED, ())))


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


def calibrate(kind: str, weight: float, rules: Mapping[str, Any]) -> float:
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
