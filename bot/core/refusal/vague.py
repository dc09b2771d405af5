"""Sentences that say only that something cannot be done. Whatever they are taken for is a guess, and is told as one."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from bot.core.refusal.matching import is_joined
from bot.core.refusal.reading import fold

VAGUE = 0.49  # confidence in what such a sentence is taken for
_LONGEST = 90  # letters; longer texts say more


def compile_vague(vague: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    """The groups of advice/refusals.yaml, each with the fillers: whole words, and pieces of scripts without spaces."""
    return [_parted([*vague["fillers"], *group]) for group in vague["groups"]]


def _parted(terms: Iterable[str]) -> dict[str, list[str]]:
    folded = {fold(str(term)) for term in terms}
    pieces = {term for term in folded if is_joined(term[0])}
    return {"words": sorted(folded - pieces), "pieces": sorted(pieces, key=lambda term: (-len(term), term))}


def names_no_cause(plain: str, groups: Iterable[Mapping[str, list[str]]]) -> bool:
    """Whether a folded text has no words but those of one group; the names of hosts do not count."""
    if len(plain) > _LONGEST:
        return False
    bare = _pattern(r"(?a)[\w-]+(?:\.[\w-]+)+").sub(" ", plain)  # Japanese goes on without a space
    return any(_pattern(r"[^\W\d_]").search(bare) and not _left(bare, group) for group in groups)


def _left(words: str, group: Mapping[str, list[str]]) -> bool:
    """Whether some word is none of the group's."""
    for piece in group["pieces"]:
        words = words.replace(piece, " ")
    return any(word not in group["words"] for word in _pattern(r"[^\W\d_]+(?:['-][^\W\d_]+)*").findall(words))


@lru_cache(maxsize=4)
def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source)
