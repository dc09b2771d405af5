"""Secrets on their way to one log-in: in the memory of this process alone, each for a short while and for one use."""

import secrets
from dataclasses import dataclass, field

from bot.core.secret import Secret

_HANDLE_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Kept:
    secret: Secret = field(repr=False)
    case: str
    until: float


class Vault:
    """Keeps secrets under random handles. `life` is how many seconds one lives; the clock comes in with every call.

    Whatever leaves the vault otherwise than by `take` is wiped, so that nothing can be read from it any more.
    """

    __slots__ = ("_kept", "_life")

    def __init__(self, life: float) -> None:
        self._life = life
        self._kept: dict[str, _Kept] = {}

    def put(self, secret: Secret, case: str, now: float) -> str:
        """Keep a secret for a case; the handle by which `take` gives it out."""
        self.expire(now)
        handle = secrets.token_urlsafe(_HANDLE_BYTES)
        self._kept[handle] = _Kept(secret, case, now + self._life)
        return handle

    def take(self, handle: str, now: float) -> Secret | None:
        """The secret, once; None where it was taken, forgotten or is too old. Whoever takes it wipes it after use."""
        self.expire(now)
        kept = self._kept.pop(handle, None)
        return kept.secret if kept else None

    def waiting(self, since: float) -> list[tuple[str, str]]:
        """Handle and case of what was put here at that time or before, and not taken yet."""
        return [(handle, kept.case) for handle, kept in self._kept.items() if kept.until - self._life <= since]

    def forget(self, case: str) -> None:
        """Wipe every secret of a case."""
        self._wipe([handle for handle, kept in self._kept.items() if kept.case == case])

    def forget_one(self, handle: str) -> None:
        """Wipe a secret that nobody will take."""
        if handle in self._kept:
            self._wipe([handle])

    def expire(self, now: float) -> None:
        """Wipe what has lived long enough."""
        self._wipe([handle for handle, kept in self._kept.items() if kept.until <= now])

    def close(self) -> None:
        """Wipe everything: the process ends."""
        self._wipe(list(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"Vault({len(self._kept)} kept)"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("the vault is not copied or pickled")

    def _wipe(self, handles: list[str]) -> None:
        for handle in handles:
            self._kept.pop(handle).secret.wipe()
