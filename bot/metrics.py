"""What is counted while the bot runs, for Prometheus. Defined once; the rest of the bot calls the functions below.

No label holds a domain, a host, an account or a person, and every label has few values: what is not known beforehand
is counted as "other". Imported by `run` alone, as it takes long to import.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, get_args, get_type_hints

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from bot.checks.steps import STEPS
from bot.core.events import Limited
from bot.core.model import SCENARIOS, Report, StepResult
from bot.faults import own_fault
from bot.knowledge import knowledge
from bot.queue import job
from bot.store.rows import StoreError

OTHER, NONE, OWN = "other", "none", "own"
_DOMAIN_STEPS = ("domain.input", "domain.exists", "domain.mail", "domain.servers")
_KNOWN_STEPS = frozenset(_DOMAIN_STEPS) | {f"{kind[0]}.{step.stage}" for kind, steps in STEPS.items() for step in steps}
_LOGIN_STAGES = ("login", "signin")
_OUTCOMES: Mapping[str, str] = {"pass": "accepted", "warn": "accepted", "fail": "refused"}
_PLATFORMS = frozenset({"slack", "lark", "web"})
_LIMITS = frozenset(get_args(get_type_hints(Limited)["kind"]))
_QUEUES = frozenset({job.CHAT, job.CHECKS, job.WATCHES})
_METHODS = frozenset({"GET", "HEAD", "POST"})
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60)
_ACKS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 10)
"""A platform gives up waiting after three seconds."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # as many series again, for nothing
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

CHECKS = Counter(
    "migcheck_checks", "Checks that ended, with their verdict.", ["verdict", "scenario"], registry=REGISTRY
)
CAUSES = Counter("migcheck_causes", "Failing step and cause of checks.", ["step", "cause"], registry=REGISTRY)
CHECK_SECONDS = Histogram("migcheck_check_seconds", "How long checks took.", registry=REGISTRY, buckets=_SECONDS)
STEP_SECONDS = Histogram("migcheck_step_seconds", "How long steps took.", ["step"], registry=REGISTRY, buckets=_SECONDS)
UNDER_WAY = Gauge("migcheck_checks_under_way", "Checks under way in this process.", registry=REGISTRY)
LOGINS = Counter("migcheck_logins", "Log-ins to mail services.", ["service", "outcome"], registry=REGISTRY)
LIMITED = Counter("migcheck_limits_refused", "Runs that a limit refused.", ["kind"], registry=REGISTRY)
DELIVERIES = Counter("migcheck_deliveries", "Messages shown.", ["platform", "kind", "outcome"], registry=REGISTRY)
PLATFORM_ERRORS = Counter("migcheck_platform_errors", "A platform's errors.", ["platform", "kind"], registry=REGISTRY)
FORGED = Counter("migcheck_requests_refused", "Requests unsigned, forged or stale.", ["platform"], registry=REGISTRY)
STORE_ERRORS = Counter("migcheck_store_errors", "Errors of the store.", registry=REGISTRY)
FAULTS = Counter("migcheck_faults", "The bot's own faults; each is in the log.", registry=REGISTRY)
ACKS = Histogram("migcheck_ack_seconds", "Until a request was answered.", ["route"], registry=REGISTRY, buckets=_ACKS)
REQUESTS = Counter("migcheck_requests", "Requests answered.", ["route", "method", "status"], registry=REGISTRY)
READY = Gauge("migcheck_ready", "Whether a part was ready when /readyz was last asked.", ["part"], registry=REGISTRY)
QUEUE_JOBS = Gauge("migcheck_queue_jobs", "Jobs that wait.", ["queue"], registry=REGISTRY)
QUEUE_OLDEST = Gauge("migcheck_queue_oldest_seconds", "Age of the oldest job that waits.", ["queue"], registry=REGISTRY)

DeliveryKind = Literal["post", "amend", "share", "offer"]
ErrorKind = Literal["rate_limited", "server", "lost", "refused"]
_KINDS = frozenset({"post", "amend", "share", "offer", "rate_limited", "server", "lost", "refused"})
_log = structlog.get_logger(__name__)


def checked(report: Report) -> None:
    """A check has ended with this report; counted, and one line in the log. Call it once a run."""
    CHECKS.labels(report.verdict, _among(report.scenario, SCENARIOS)).inc()
    if report.cause is not None:
        cause = _among(report.cause, knowledge().severities)
        CAUSES.labels(_among(report.failing_step or NONE, _KNOWN_STEPS), cause).inc()
    CHECK_SECONDS.observe(report.duration_ms / 1000)
    for step in report.steps:
        _stepped(step)
    _log.info(
        "a check ended",
        case=report.case,
        verdict=report.verdict,
        step=report.failing_step,
        cause=report.cause,
        seconds=round(report.duration_ms / 1000, 3),
    )


def _stepped(step: StepResult) -> None:
    if step.status == "skipped":
        return
    if step.duration_ms is not None:
        STEP_SECONDS.labels(_among(step.id, _KNOWN_STEPS)).observe(step.duration_ms / 1000)
    service, _, stage = step.id.partition(".")
    if stage in _LOGIN_STAGES and step.id in _KNOWN_STEPS:
        LOGINS.labels(service, _OUTCOMES.get(step.status, "undecided")).inc()


@contextmanager
def under_way() -> Iterator[None]:
    """A check is under way."""
    UNDER_WAY.inc()
    try:
        yield
    finally:
        UNDER_WAY.dec()


def delivered(platform: str, kind: DeliveryKind, *, ok: bool = True) -> None:
    """A message was shown on a platform, or given up after the last try."""
    outcome = "shown" if ok else "given_up"
    DELIVERIES.labels(_among(platform, _PLATFORMS), _among(kind, _KINDS), outcome).inc()


def platform_failed(platform: str, kind: ErrorKind) -> None:
    """A platform asked to wait, failed, did not answer, or refused."""
    PLATFORM_ERRORS.labels(_among(platform, _PLATFORMS), _among(kind, _KINDS)).inc()


def forged(platform: str) -> None:
    """A request whose signature is missing, wrong or too old. Many at once: look at the clock and the secrets."""
    FORGED.labels(_among(platform, _PLATFORMS)).inc()


def limited(kind: str) -> None:
    """A limit refused a run; `kind` is that of the event Limited."""
    LIMITED.labels(_among(kind, _LIMITS)).inc()


def failed(error: BaseException) -> None:
    """An error that goes to the log: the store's, or a fault of the bot's own."""
    (STORE_ERRORS if isinstance(error, StoreError) else FAULTS).inc()


def fault(error: BaseException) -> str:
    """What has failed, for the log; counted. Of a fault of the bot's own also where, of the store what it says."""
    failed(error)
    return str(error) if isinstance(error, StoreError) else own_fault(error)


def answered(route: str, method: str, status: int, begun: float) -> None:
    """A request was answered. `route` is the pattern, never the path; `begun` is `time.perf_counter()` of before."""
    REQUESTS.labels(route, _among(method, _METHODS), f"{status // 100}xx").inc()
    ACKS.labels(route).observe(time.perf_counter() - begun)


def found_ready(parts: Mapping[str, bool]) -> None:
    """What /readyz has found."""
    for part, ready in parts.items():
        READY.labels(part).set(ready)


def exposition(queues: Mapping[str, tuple[int, float]] | None) -> bytes:
    """Everything in Prometheus' text format. `queues`: jobs that wait and the age of the oldest, in seconds.

    Without them (the queue could not be asked) both series are left out.
    """
    QUEUE_JOBS.clear()
    QUEUE_OLDEST.clear()
    for queue, (jobs, oldest) in _together(queues or {}).items():
        QUEUE_JOBS.labels(queue).set(jobs)
        QUEUE_OLDEST.labels(queue).set(oldest)
    return generate_latest(REGISTRY)


def _together(queues: Mapping[str, tuple[int, float]]) -> Mapping[str, tuple[int, float]]:
    """The queues that belong to one node each, under names of their own, are told as one."""
    found: dict[str, tuple[int, float]] = {}
    for name, (jobs, oldest) in queues.items():
        queue = name if name in _QUEUES else OWN
        before = found.get(queue, (0, 0.0))
        found[queue] = (before[0] + jobs, max(before[1], oldest))
    return found


def _among(value: str, known: Collection[str]) -> str:
    return value if value in known else OTHER
