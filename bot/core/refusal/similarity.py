"""The last resort: which known refusals a text resembles, by the rarer words and letters that they share."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.core.refusal.matching import is_joined
from bot.core.refusal.reading import read

_MOST = 5  # neighbours that have a say


def features(plain: str) -> set[str]:
    """Words, and pairs of letters where words are not parted; numbers and marks say nothing."""
    found: set[str] = set()
    for word in "".join(letter if letter.isalnum() else " " for letter in plain).split():
        if word.isdigit() or word == "err":  # what every refusal of a POP server begins with
            continue
        if is_joined(word[0]):
            found.update(_pairs(word))
        else:
            found.add(word[:8])
    return found


def _pairs(word: str) -> Iterator[str]:
    yield from (word[at : at + 2] for at in range(max(1, len(word) - 1)))


def compile_examples(examples: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """An inverted index over (text, code): feature -> examples, with the weight of rarity."""
    texts = [(features(read(text).plain), code) for text, code in examples]
    counts = Counter(feature for found, _ in texts for feature in found)
    weight = {feature: math.log(1 + len(texts) / count) for feature, count in counts.items()}
    index: dict[str, list[int]] = {}
    for number, (found, _) in enumerate(texts):
        for feature in sorted(found):
            index.setdefault(feature, []).append(number)
    return {
        "codes": [code for _, code in texts],
        "weight": weight,
        "index": index,
        "norms": [math.sqrt(sum(weight[feature] ** 2 for feature in found)) or 1.0 for found, _ in texts],
        "unknown": math.log(1 + len(texts)),
    }


def rank_similar(plain: str, compiled: Mapping[str, Any]) -> dict[str, float]:
    """Codes of the nearest examples with their likeness from 0 to 1."""
    weight, unknown = compiled["weight"], compiled["unknown"]
    found = features(plain)
    scores: dict[int, float] = {}
    for feature in found:
        for number in compiled["index"].get(feature, ()):
            scores[number] = scores.get(number, 0.0) + weight[feature] ** 2
    if not scores:
        return {}
    norm = math.sqrt(sum(weight.get(feature, unknown) ** 2 for feature in found)) or 1.0
    likeness = sorted(
        ((score / norm / compiled["norms"][number], number) for number, score in scores.items()), reverse=True
    )
    ranked: dict[str, float] = {}
    for score, number in likeness[:_MOST]:
        code = compiled["codes"][number]
        ranked[code] = max(ranked.get(code, 0.0), score) + (0.05 * score if code in ranked else 0.0)
    return ranked
