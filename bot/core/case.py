"""A case: one person's conversation about one migration, as data. Nothing secret is in it, ever."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from bot.core.model import Endpoint, Lang, Scenario, Service

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 6

Phase = Literal["new", "asking", "checking", "reported", "closed"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a case. `place` is the platform's thread; `run` counts the checks that were started."""

    id: str
    person: str
    surface: str
    place: str
    lang: Lang
    admin: bool = False
    """Whether the person may check any account and port, and is told the finer causes."""
    address: str | None = None
    """The person's own mail address, where the platform tells it."""
    domain: str | None = None
    scenario: Scenario | None = None
    account: str | None = None
    endpoints: Mapping[Service, Endpoint] = field(default_factory=dict)
    found: Mapping[Service, Endpoint] = field(default_factory=dict)
    """The servers of the last run, typed or discovered."""
    program: Mapping[Service, Endpoint] = field(default_factory=dict)
    """The servers of a mail program that works, as the person pasted them."""
    mailbox: str | None = None
    """Exchange: the mailbox to open as the account."""
    login_domain: str = ""
    """Exchange: the Windows domain at which the server logs people in, as it told without any log-in."""
    login_asked: bool = False
    """Whether the person was asked for the account with that domain."""
    phase: Phase = "new"
    run: int = 0
    offered: bool = False
    """Whether the person was offered to type the secret: then a single word may be one."""
    with_secret: bool = False
    """Whether the run under way, or the last one, has a log-in."""
    met: bool = True
    """Whether the platform has told who the person is; until then nothing is done but to ask it."""
    watching: bool = False
    """Whether the case is checked again and again until it works."""
    blocked: str = ""
    """The step that the last report fails at, where it takes no secret to see it: such a step can be watched."""
    said: int = 0
    """How many messages without a name of their own were shown: it numbers the next one."""
    marks: tuple[tuple[str, str, str], ...] = ()
    """Steps of the run under way: (id, status, code of the finding)."""


def case_to_json(case: Case) -> dict[str, Any]:
    return asdict(case)


def case_from_json(data: Mapping[str, Any]) -> Case:
    servers = {
        name: {service: Endpoint(**where) for service, where in data.get(name, {}).items()}
        for name in ("endpoints", "found", "program")
    }
    marks = tuple((str(a), str(b), str(c)) for a, b, c in data["marks"])
    return Case(**{**data, **servers, "marks": marks})


def case_id(random_bits: int) -> str:
    """An id that a person can read out, without look-alikes, such as K7QF-2M. Takes at least 30 random bits."""
    letters = "".join(ALPHABET[(random_bits >> 5 * i) & 31] for i in range(LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def read_case_id(typed: str) -> str | None:
    """A case id as somebody types it, None where it is none."""
    letters = "".join(c for c in typed.upper().strip() if c not in "- ")
    if len(letters) != LENGTH or any(c not in ALPHABET for c in letters):
        return None
    return f"{letters[:4]}-{letters[4:]}"
