"""From the knowledge as people write it to tables that are quick to search. Done once, then cached."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.core.refusal.matching import FAR, KEY, NEAR, is_joined
from bot.core.refusal.reading import fold
from bot.core.refusal.similarity import compile_examples
from bot.core.refusal.vague import compile_vague

_ITEM = re.compile(
    r"\{(?P<concept>[a-z0-9_]+)\}|\((?P<optional>[^()]*)\)\?|\((?P<choice>[^()]*)\)|(?P<gap>\.\.\.)"
    r"|(?P<literal>[^{}(]+?)(?=\.\.\.|[{(]|$)",
)
Parts = list[list[tuple[int, int]]]


class _Lexicon:
    """Gives terms and concepts their numbers."""

    def __init__(self, concepts: Mapping[str, Iterable[str]]) -> None:
        self._numbers: dict[str, int] = {}
        self._terms: defaultdict[str, list[int]] = defaultdict(list)
        for name, terms in concepts.items():
            self._numbers[f"{{{name}}}"] = self._add(terms)

    def _add(self, terms: Iterable[str]) -> int:
        number = len(self._numbers)
        for term in terms:
            folded = _fold_term(str(term))
            if number not in self._terms[folded]:
                self._terms[folded].append(number)
        return number

    def number(self, name: str, terms: Iterable[str] | None = None) -> int:
        """The number of a concept, or of a choice of terms that stands in a phrase."""
        if name not in self._numbers:
            if terms is None:
                raise ValueError(f"no such concept: {name}")
            self._numbers[name] = self._add(terms)
        return self._numbers[name]

    def table(self) -> dict[str, list[tuple[str, bool, tuple[int, ...]]]]:
        """First letters -> terms that begin with them."""
        table: dict[str, list[tuple[str, bool, tuple[int, ...]]]] = {}
        for term, numbers in self._terms.items():
            stem = term.rstrip("*")
            whole = stem == term and term[-1].isalnum() and not is_joined(term[-1])
            table.setdefault(stem[:KEY], []).append((stem, whole, tuple(numbers)))
        return table


def _fold_term(term: str) -> str:
    folded = fold(term)
    if not folded.strip("*"):
        raise ValueError("an empty term")
    if "*" in folded[:-1]:
        raise ValueError(f"a term may go on at its end only: {term!r}")
    return folded


def compile_tables(
    refusals: Mapping[str, Any],
    providers: Mapping[str, Mapping[str, Any]],
    aadsts: Mapping[Any, str] | None,
) -> dict[str, Any]:
    """See `bot.core.refusal.compile_rules`."""
    lexicon = _Lexicon(refusals["concepts"])
    rules: list[dict[str, Any]] = []
    phrases: list[tuple[int, Parts]] = []
    without: dict[int, list[Parts]] = {}
    for rule in _all_rules(refusals, providers):
        number = len(rules)
        rules.append(_plain_rule(rule))
        phrases += [(number, _parse(str(phrase), lexicon)) for phrase in rule.get("phrases", ())]
        if rule.get("without"):
            without[number] = [_parse(str(phrase), lexicon) for phrase in rule["without"]]
    marks = refusals["marks"]
    return {
        "lexicon": lexicon.table(),
        "rules": rules,
        "by_concept": _index(phrases),
        "without": without,
        "responses": {key.lower(): _mark(value) for key, value in marks["responses"].items()},
        "enhanced": {str(key): _mark(value) for key, value in marks["enhanced"].items()},
        "replies": {str(key): _mark(value) for key, value in marks["replies"].items()},
        "aadsts": {str(number): code for number, code in (aadsts or {}).items()},
        "wrappers": [fold(str(words)) for words in refusals["wrappers"]],
        "banners": _banners(providers, refusals.get("banners", {})),
        "tilts": [dict(tilt) for tilt in refusals["tilts"]],
        "neighbours": {code: list(others) for code, others in refusals["neighbours"].items()},
        "tells": {code: list(keys) for code, keys in refusals["tells"].items()},
        "calibration": {
            kind: [list(map(float, point)) for point in curve] for kind, curve in refusals["calibration"].items()
        },
        "vague": compile_vague(refusals["vague"]),
        "kin": {member: list(family) for family in refusals.get("kin", ()) for member in family},
        "examples": compile_examples(_examples(refusals, rules)),
    }


def _all_rules(refusals: Mapping[str, Any], providers: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for rule in refusals["families"]:
        yield {"kind": "phrase", **rule}
    for provider, facts in providers.items():
        for rule in facts.get("refusals") or ():
            yield {"kind": "provider", "provider": provider, **rule}


def _plain_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": rule["code"],
        "sure": float(rule.get("sure", 85)) / 100,
        "kind": rule["kind"],
        "provider": rule.get("provider"),
        "anywhere": bool(rule.get("anywhere")),
        "also": list(rule.get("also", ())),
        "apart": list(rule.get("apart", ())),
        "example": rule.get("example"),
        **{key: list(rule[key]) for key in ("protocols", "stages", "mechanisms", "providers") if rule.get(key)},
    }


def _mark(value: Any) -> list[Any]:
    """A mark's value is a code, or a mapping with `code`, `sure` (per cent) and `also`."""
    facts = {"code": value} if isinstance(value, str) else value
    return [facts["code"], float(facts.get("sure", 85)) / 100, list(facts.get("also", ()))]


def _parse(phrase: str, lexicon: _Lexicon) -> Parts:
    """`a {concept} (b|c) ... d & e`: neighbours, a gap after `...`, parts in any order around `&`."""
    return [_parse_part(part.strip(), lexicon) for part in phrase.split(" & ")]


def _parse_part(part: str, lexicon: _Lexicon) -> list[tuple[int, int]]:
    items: list[tuple[int, int]] = []
    gap = NEAR
    for found in _ITEM.finditer(part):
        if found["gap"]:
            gap = FAR
            continue
        if found["optional"] is not None:
            gap += max(len(term) for term in found["optional"].split("|")) + 1
            continue
        if found["concept"]:
            number = lexicon.number(f"{{{found['concept']}}}")
        elif found["choice"]:
            number = lexicon.number(found["choice"], found["choice"].split("|"))
        elif found["literal"].strip():
            number = lexicon.number(found["literal"].strip(), [found["literal"].strip()])
        else:
            continue
        items.append((number, gap))
        gap = NEAR
    if not items:
        raise ValueError(f"an empty phrase: {part!r}")
    return items


def _index(phrases: list[tuple[int, Parts]]) -> dict[int, list[tuple[int, list[int], Parts]]]:
    """Each phrase under its rarest concept, so that few are looked at for a text."""
    uses = Counter(number for _, parts in phrases for part in parts for number, _ in part)
    index: dict[int, list[tuple[int, list[int], Parts]]] = {}
    for rule, parts in phrases:
        needed = sorted({number for part in parts for number, _ in part}, key=lambda number: (uses[number], number))
        index.setdefault(needed[0], []).append((rule, needed[1:], parts))
    return index


def _banners(providers: Mapping[str, Mapping[str, Any]], extra: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
    """Words that betray a provider, the longest first, as the most telling."""
    words = {fold(str(word)): provider for provider, facts in providers.items() for word in facts.get("banners") or ()}
    words |= {fold(str(word)): provider for provider, group in extra.items() for word in group}
    return sorted(words.items(), key=lambda item: -len(item[0]))


def _examples(refusals: Mapping[str, Any], rules: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    own = [(str(one["text"]), str(one["code"])) for one in refusals.get("examples", ())]
    return own + [(str(rule["example"]), str(rule["code"])) for rule in rules if rule["example"]]
