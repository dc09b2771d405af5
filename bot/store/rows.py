"""What the store takes and gives. Times are POSIX seconds and are passed in; nothing here holds a secret."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.model import Lang, Report


class StoreError(Exception):
    """The store cannot be used now. The message is a sentence for a person and shows no address with a password."""


class StaleCase(Exception):  # noqa: N818 - no fault: somebody was faster
    """The case was changed since it was loaded (or its new id is taken): load it and decide again."""


class OfferClosed(Exception):  # noqa: N818 - no fault: the link was used, or is too old
    """The offer cannot be spent: it was spent, killed or has expired, or there never was one."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case. `state` is the dialogue's own and is not looked into.

    `version` is what the store gave; 0 is a case that is not stored yet. By it only one of two changes at once wins.
    """

    id: str
    person: str
    surface: str
    place: str
    state: Mapping[str, Any]
    created: float
    updated: float
    version: int = 0


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect that is to be carried out, or was left behind by a crash."""

    id: int
    case_id: str
    effect: Mapping[str, Any]
    created: float


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message. `key` names it within its case where it may be amended; `ref` is the platform's id of it."""

    id: int
    case_id: str
    person: str
    key: str | None
    ref: str | None
    body: Mapping[str, Any]
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer to type a secret on the page /s/TOKEN, of which only the hash is kept. `code` is shown on both sides."""

    case_id: str
    person: str
    code: str
    expires: float
    spent: float | None = None

    def open_at(self, now: float) -> bool:
        return self.spent is None and now < self.expires


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report as it was, the notes of its steps included, and the language of its advice."""

    report: Report
    lang: Lang
    created: float

    @property
    def notes(self) -> dict[str, Mapping[str, Any]]:
        return {step.id: step.notes for step in self.report.steps if step.notes}


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What is kept of a person besides the cases: the language that was chosen, and small choices in `state`."""

    id: str
    lang: Lang | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    updated: float = 0.0


def dump(value: Any) -> str:
    """JSON as it is stored: readable, but escaped where a half of a surrogate pair could not be written."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text if "\x00" not in text else json.dumps(value, separators=(",", ":"))
