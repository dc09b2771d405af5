"""Finding phrases of several languages in a folded text, in about the time of one pass over it.

A lexicon knows every term by its first letters. One pass notes where concepts stand; a phrase is then a
matter of comparing positions.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Span = tuple[int, int]
Places = dict[int, list[Span]]  # concept number -> where it stands, in order

KEY = 3  # letters by which the lexicon files a term
NEAR = 4  # letters that may stand between neighbours
FAR = 60  # letters that "..." may stand for
WINDOW = 80  # letters within which the parts of an "&" stand


def is_joined(letter: str) -> bool:
    """Whether words of this script run together (Chinese, Japanese) or take endings (Korean)."""
    return letter >= "\u1100"


def find_places(plain: str, lexicon: Mapping[str, Sequence[tuple[str, bool, Sequence[int]]]]) -> Places:
    """Where every concept of the lexicon stands in the text."""
    places: Places = {}
    for start in _word_starts(plain):
        for size in range(1, KEY + 1):
            for term, whole, concepts in lexicon.get(plain[start : start + size], ()):
                if not plain.startswith(term, start):
                    continue
                end = start + len(term)
                if whole and end < len(plain) and plain[end].isalnum() and not is_joined(plain[end]):
                    continue
                for concept in concepts:
                    places.setdefault(concept, []).append((start, end))
    return places


def _word_starts(plain: str) -> Iterator[int]:
    inside = False
    for position, letter in enumerate(plain):
        if not letter.isalnum():
            inside = False
            if letter in "[<@#":
                yield position
        elif is_joined(letter):
            inside = False
            yield position
        elif not inside:
            inside = True
            yield position


def matches(parts: Sequence[Sequence[tuple[int, int]]], places: Places) -> bool:
    """Whether a phrase stands in the text.

    A phrase is parts in any order, near one another; a part is concepts in order, each with the greatest
    number of letters that may stand before it.
    """
    first, *others = [_find_part(part, places) for part in parts]
    if not others:
        return bool(first)
    return any(all(any(_is_near(span, other) for other in spans) for spans in others) for span in first)


def _is_near(one: Span, other: Span) -> bool:
    """Two spans that do not overlap and are close."""
    return 0 <= other[0] - one[1] <= WINDOW or 0 <= one[0] - other[1] <= WINDOW


def _find_part(part: Sequence[tuple[int, int]], places: Places) -> list[Span]:
    found = list(places.get(part[0][0], ()))
    for concept, gap in part[1:]:
        if not found:
            return found
        nexts = places.get(concept, ())
        found = [
            (begin, after_end)
            for begin, end in found
            for after_begin, after_end in nexts
            if 0 <= after_begin - end <= gap
        ]
    return found


def find_matches(compiled: Mapping[str, Any], places: Places) -> list[int]:
    """Numbers of the rules of which a phrase stands in the text and no exception does."""
    found: list[int] = []
    by_concept = compiled["by_concept"]
    for concept in places:
        for rule, needed, parts in by_concept.get(concept, ()):
            if rule in found or not all(other in places for other in needed):
                continue
            if matches(parts, places) and not any(matches(one, places) for one in compiled["without"].get(rule, ())):
                found.append(rule)
    return found
