"""What the dialogue is given besides a case and an event: its knowledge, and what this installation can do."""

from dataclasses import dataclass
from typing import Protocol

from bot.core.access import Access
from bot.core.case import Case
from bot.core.events import Effect
from bot.core.model import Lang
from bot.core.wisdom import Wisdom

Outcome = tuple[Case, tuple[Effect, ...]]


class Mind(Protocol):
    """Where the dialogue has its knowledge from, by language."""

    def wisdom(self, lang: Lang) -> Wisdom: ...


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this installation can do for a case: whether secrets can be taken at all, who may check what, and so on."""

    secrets: bool = True
    access: Access | None = None
    """None: whoever is here may check everything (the local chat page)."""
    watch: bool = False
    sign_in: bool = False
    """Whether people can sign in with Microsoft on the way of a check."""
    sign_in_page: bool = False
    """Whether they do so from a page of the bot's own; otherwise by a code, while the check waits."""
    share: bool = False
    """Whether the platform has channels to show a report in."""
