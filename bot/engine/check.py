"""One check as it is asked for, and what it is run with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bot.checks.link.line import Timeouts
from bot.core.cloud import AUTHORITY, Registration, SignIn
from bot.core.model import Request, StepResult
from bot.core.secret import Secret
from bot.core.wisdom import Wisdom


@dataclass(frozen=True, slots=True)
class Network:
    """How this machine reaches servers; one for a process. `resolver` and `trust` are shared by all checks."""

    resolver: Any
    trust: Any
    timeouts: Timeouts
    allow: tuple[str, ...] = ()
    public_address: str | None = None
    ispdb_url: str = ""
    authority: str = AUTHORITY
    """The Microsoft identity platform's address."""
    client_id: str | None = None
    """The app registration with which people sign in there, None where there is none."""
    registration: Registration | None = None
    """The same with what the bot's own pages need for it; None where people sign in by a code."""

    @property
    def signs_in(self) -> bool:
        """Whether people can sign in with Microsoft: codes and tokens go over https only."""
        return bool(self.client_id) and self.authority.startswith("https:")


class NotAdmitted(Exception):  # noqa: N818 - a decision, not a fault
    """The hosts of a check may not be probed now; whoever decided so has told why."""


@dataclass(frozen=True, slots=True)
class Check:
    """A request with everything that it takes. `secret` is None where there is none: then nothing is logged in to."""

    case: str
    request: Request
    wisdom: Wisdom
    network: Network
    secret: Secret | None = None
    any_port: bool = False
    on_started: Callable[[str], None] = field(default=lambda _: None)
    on_step: Callable[[StepResult], None] = field(default=lambda _: None)
    sign_in: SignIn | None = None
    """How the person can sign in with Microsoft, None where nobody will."""
    admit: Callable[[frozenset[str]], Awaitable[bool]] | None = None
    """Asked before hosts that were discovered are connected to; False ends the check with NotAdmitted."""
    transcript: bool = True
    """Whether what was said goes with the report: support asks for it, of a batch nobody does."""
