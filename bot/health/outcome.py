"""What one check of `doctor` finds, and what a check is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.settings import Settings
from bot.terminal import MARKS

Mark = Literal["pass", "warn", "unknown", "fail"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found. `todo` says what to do where something is to be done."""

    mark: Mark
    what: str
    found: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{MARKS[self.mark]} {self.what}: {self.found}" + (f"\n    → {self.todo}" if self.todo else "")


Check = Callable[[Settings], Awaitable[Sequence[Outcome]]]
"""A check raises nothing that it can tell in words; whatever it raises all the same decides nothing."""
