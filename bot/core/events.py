"""What can happen to a case, and what is to be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.core.message import Message
from bot.core.model import Lang, Report, Request, StepResult


@dataclass(frozen=True, slots=True)
class Typed:
    """Free text of the person, as it came."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button: `action` is run, secret, signin, recheck, watch, cancel, share, support, or choose:FIELD:VALUE."""

    action: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """A form's fields as they were typed. Never the secret: that comes as SecretTaken."""

    form: str
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecretTaken:
    """The person typed the secret where it is safe; the vault of this process holds it under `handle`."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step of a run finished."""

    run: int
    step: StepResult


@dataclass(frozen=True, slots=True)
class CodeGiven:
    """A run waits for the person to sign in with a browser: at `url`, with this code, within so many minutes."""

    run: int
    url: str
    code: str = field(repr=False)
    minutes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A run is over; its report is stored."""

    run: int
    report: Report


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A run ended without a report: the process died, or failed by a fault of its own."""

    run: int
    own_fault: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """The offer to type the secret ran out."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A text that the person wants explained, whatever it looks like."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Met:
    """The platform has told who the person is; `first` is what they said before. None stays as it was."""

    first: "Typed | Pasted | Submitted"
    lang: Lang | None = None
    address: str | None = None
    admin: bool = False
    secret_seen: bool = False


@dataclass(frozen=True, slots=True)
class Limited:
    """A run was not begun, since something was done too often, or (`rest`) since a server asked to be left alone.

    `minutes` until it is free again.
    """

    run: int
    kind: Literal["logins", "checks", "probes", "rest"]
    minutes: int


@dataclass(frozen=True, slots=True)
class WatchEnded:
    """A watch is over: it works again (`recovered`), or its time has run out."""

    recovered: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """A report was shown to others, or why it could not be: not_a_member, shared_outside, gone, failed, unsure."""

    problem: str = ""


Event = (
    Typed | Pressed | Submitted | SecretTaken | StepDone | CodeGiven | Finished | Interrupted | Expired
    | Pasted | Met | Limited | WatchEnded | Shared
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Post:
    """Show a message in the case's place. `key` names it for Amend, within the case; the same key is posted once."""

    key: str
    message: Message


@dataclass(frozen=True, slots=True)
class Amend:
    """Replace a message that was posted. Of several waiting ones only the last counts."""

    key: str
    message: Message


@dataclass(frozen=True, slots=True)
class OfferSecret:
    """Post the offer to type the secret, with a way to do it that is safe here (page, form), and a fresh code."""

    key: str


@dataclass(frozen=True, slots=True)
class StartCheck:
    """Run a check. `handle` names the secret in the vault; it is used up by this run."""

    run: int
    request: Request
    handle: str | None = None
    sign_in: bool = False
    """Whether the person signs in with the service itself on the way (Microsoft 365)."""


@dataclass(frozen=True, slots=True)
class StopCheck:
    """Cancel a run that is under way; nothing of it is told any more."""

    run: int


@dataclass(frozen=True, slots=True)
class ForgetSecret:
    """Kill every offer and wipe every secret of the case."""


@dataclass(frozen=True, slots=True)
class Meet:
    """Ask the platform who the person is, then go on with what they said; nothing in it looks like a secret."""

    first: Typed | Pasted | Submitted
    secret_seen: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """Check again and again what needs no secret, until it works or the time for it is over."""

    request: Request
    failing_step: str


@dataclass(frozen=True, slots=True)
class StopWatch:
    """End the case's watch."""


@dataclass(frozen=True, slots=True)
class Share:
    """Show the case's report to others, in a channel; the account's name only where the person asked for it."""

    channel: str
    account: bool = False


@dataclass(frozen=True, slots=True)
class Support:
    """Post what the person can hand over to support: a text to paste, a picture, and the way to the bundle."""

    key: str


Effect = Post | Amend | OfferSecret | StartCheck | StopCheck | ForgetSecret | Meet | Watch | StopWatch | Share | Support
