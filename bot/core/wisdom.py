"""The knowledge of one language that judging, advising and talking work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.advice import Catalogue
from bot.core.model import Severity


@dataclass(frozen=True, slots=True)
class Wisdom:
    severities: Mapping[str, Severity]
    providers: Mapping[str, Mapping[str, Any]]
    rules: Mapping[str, Any]
    catalogue: Catalogue
