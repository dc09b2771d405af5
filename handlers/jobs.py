"""Which jobs the effects of an event make, and in which order and on which node they are done. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.core.codec import from_json
from bot.core.events import Amend, Effect, OfferSecret, StartCheck, Watch
from bot.core.limits import one_name_of_account
from bot.queue.job import CHAT, CHECKS, WATCHES, Job, own_queue
from bot.store.rows import EffectRow

ELSEWHERE = (StartCheck, Watch)
"""Effects that are not shown: they have jobs of their own."""


@dataclass(frozen=True, slots=True)
class Due:
    """An effect of the outbox that is to be carried out."""

    id: int
    case: str
    effect: Effect
    created: float


@dataclass(frozen=True, slots=True)
class Rules:
    """How long an offer to type a secret lives, and how often a watch looks; seconds. `node` is this one's name."""

    node: str
    offer_life: float
    watch_every: float
    watch_whole: float


def due(row: EffectRow) -> Due:
    return Due(row.id, row.case_id, from_json(row.effect), row.created)


def jobs_of(dues: Iterable[Due], rules: Rules, now: float) -> list[Job]:
    """The jobs that carry effects out: one that shows whatever a case has to show, and one for each of the others."""
    shown: dict[str, Job] = {}
    others: list[Job] = []
    for one in dues:
        match one.effect:
            case StartCheck():
                others.append(check_job(one, one.effect, rules.node))
            case Watch():
                others.append(look_job(one, rules, now))
            case _:
                shown[one.case] = deliver_job(one.case)
        if isinstance(one.effect, OfferSecret):
            others.append(expire_job(one, one.created + rules.offer_life))
    return [*shown.values(), *others]


def lost_jobs(dues: Sequence[Due], rules: Rules, now: float) -> list[Job]:
    """Jobs for effects that should be done by now, for the case that they have none; an offer was shown long ago."""
    jobs = jobs_of((one for one in dues if not isinstance(one.effect, OfferSecret)), rules, now)
    offers = [expire_job(one, one.created + rules.offer_life) for one in dues if isinstance(one.effect, OfferSecret)]
    return [*jobs, *offers]


def deliver_job(case: str) -> Job:
    return Job("deliver", case, queue=CHAT, lock=f"case:{case}")


def check_job(due: Due, start: StartCheck, node: str) -> Job:
    """A run with a secret is for the node that took it, and one with a sign-in for the node that began it.

    An account is tried by one run at a time, whoever asks.
    """
    keeper = node_of(start.handle) if start.handle is not None else node if start.sign_in else None
    queue = own_queue(keeper) if keeper is not None else CHECKS
    lock = f"effect:{due.id}"
    if keeper is not None and start.request.account:
        hosts = sorted(where.host for where in start.request.endpoints.values())
        account = one_name_of_account(start.request.account, start.request.domain, hosts)
        lock = f"account:{hashlib.sha256(account.encode()).hexdigest()}"
    return Job("check", due.case, due.id, queue, lock, run_name(due.case, start.run))


def look_job(due: Due, rules: Rules, now: float) -> Job:
    """The next look of a watch, counted from when it was asked for; the last one is its end."""
    gone = max(0.0, now - due.created)
    at = due.created + (gone // rules.watch_every + 1) * rules.watch_every
    end = due.created + rules.watch_whole
    return Job("watch", due.case, due.id, WATCHES, f"effect:{due.id}", f"watch:{due.id}", min(at, end))


def expire_job(due: Due, at: float) -> Job:
    return Job("expire", due.case, due.id, CHAT, None, f"expire:{due.id}", at)


def run_name(case: str, run: int) -> str:
    return f"run:{case}:{run}"


def handle_on(node: str, handle: str) -> str:
    """The name of a secret in a node's vault, for all nodes."""
    return f"{node}.{handle}"


def node_of(handle: str) -> str:
    return handle.partition(".")[0]


def handle_in_vault(handle: str) -> str:
    """What the vault of its node knows it by; no other vault knows it."""
    return handle.partition(".")[2]


def overtaken(dues: Iterable[Due]) -> Iterator[Due]:
    """Of several states of one message all but the newest."""
    newest: dict[str, Due] = {}
    for one in dues:
        if isinstance(one.effect, Amend):
            if (earlier := newest.get(one.effect.key)) is not None:
                yield earlier
            newest[one.effect.key] = one
