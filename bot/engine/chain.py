"""One service's chain of steps over one connection: probe, scrub, judge, until something fails."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from bot.checks.judging import Setting
from bot.checks.link.faults import fault_of, observe
from bot.checks.link.judge import judge_connect
from bot.checks.link.line import Line
from bot.checks.steps import STEPS, StepDef
from bot.core.cloud import SignInFacts, TenantsFacts
from bot.core.cloud_mail import Token
from bot.core.model import (
    Capabilities,
    ConnectFacts,
    Fault,
    Finding,
    Greeting,
    LoginReply,
    MailboxFacts,
    Service,
    StepResult,
    SubmissionFacts,
)
from bot.core.providers import Match
from bot.core.report import status_of
from bot.core.web import FOLLOWED, HELD_BACK, EwsReply, HttpFacts
from bot.engine.check import Check
from bot.engine.notes import notes_of

_HARMLESS = frozenset({
    "login.protocol_disabled", "login.plan_without_protocol", "login.mechanism_unsupported", "login.tls_required",
    "login.too_many_connections", "login.server_unavailable", "login.basic_auth_disabled", "login.timeout",
})  # fmt: skip
"""Refusals that say nothing against the secret: it may be tried at the next service."""


_PATIENCE = 30.0
"""Seconds that the requests around a person's sign-in may take."""
_BELONGS = {"connect.reset": "connect", "tls.client_certificate_required": "tls"}
"""Findings that may show in a later step than the one whose they are."""


class Gate:
    """Log-ins go one after another, IMAP first: a secret that was refused once is not sent again in the same check."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._order = tuple(services)
        self._through = {service: asyncio.Event() for service in self._order}
        self._complete = asyncio.Event()
        self.refused_by: str | None = None

    def no_more(self, present: Iterable[Service]) -> None:
        """All chains are known now: nobody waits for a service that is not checked."""
        for service in set(self._order) - set(present):
            self._through[service].set()

    def passed(self, service: Service) -> None:
        """A service's log-in is through, or will not happen."""
        self._through[service].set()

    async def wait(self, service: Service) -> str | None:
        """Wait for the services before; the step that refused the secret, if one did."""
        for other in self._order[: self._order.index(service)]:
            await self._through[other].wait()
        return self.refused_by


class Chain:
    """The walk through one service's steps."""

    def __init__(self, check: Check, service: Service, line: Line, gate: Gate) -> None:
        self.check, self.service, self.line, self.gate = check, service, line, gate
        self.results: list[StepResult] = []
        self.attempts = 0
        self.local: str | None = None
        self.unfit: str | None = None
        """The step that found that no log-in can help, if one did."""
        line.memory[FOLLOWED] = check.secret is not None and check.request.account is not None
        self._mechanisms: tuple[str, ...] = ()
        self.scrubber = check.secret.scrubber(check.request.account) if check.secret else None

    async def walk(self, deadline: float, provider: Callable[[], Awaitable[Match | None]]) -> None:
        blocked: str | None = None
        for step in STEPS[self.service, self.line.endpoint.security]:
            reason = blocked or await self._reason_to_skip(step, deadline)
            if reason is not None:
                self._add(StepResult(self._id(step), "skipped", target=self._target(step), skipped_because=reason))
                blocked = blocked or (reason if step.asks == "login" else None)
                continue
            result = await self._take(step, deadline, provider)
            if step.asks == "login":
                self._login_done(result)
            if result.status in ("fail", "unknown", "skipped"):
                blocked = result.skipped_because or result.id
        self.gate.passed(self.service)
        await self._complete_connect()

    def _id(self, step: StepDef) -> str:
        return f"{self.service}.{step.stage}"

    async def _reason_to_skip(self, step: StepDef, deadline: float) -> str | None:
        if step.asks == "address" and self._address() is None:
            return "no_address"
        if step.asks == "mailbox" and not self.check.request.mailbox:
            return "no_mailbox"
        if step.asks == "sign_in":
            return self.unfit or self._nobody_signs_in()
        if step.asks != "login":
            return None
        if (held_back := self.unfit or self.line.memory.get(HELD_BACK)) is not None:
            return str(held_back)
        if self.check.secret is None:
            return "no_secret"
        return "no_account" if not self.check.request.account else await self._wait_for_turn(deadline)

    async def _wait_for_turn(self, deadline: float) -> str | None:
        """Until the log-ins before are through; why this one is not tried then, if it is not."""
        refused = await self.gate.wait(self.service)
        return refused or ("time_limit" if asyncio.get_running_loop().time() >= deadline else None)

    def _nobody_signs_in(self) -> str | None:
        """Whose sign-in it is to be must be known, and tokens and codes go over https only."""
        possible = self.check.sign_in and self.check.request.account and self.check.network.signs_in
        return None if possible else "no_sign_in"

    def _address(self) -> str | None:
        """The account's mail address, for the submission step."""
        account, domain = self.check.request.account or "", self.check.request.domain
        account = account.rpartition("\\")[2]
        return account if "@" in account else f"{account}@{domain}" if account and domain else None

    async def _take(
        self, step: StepDef, deadline: float, provider: Callable[[], Awaitable[Match | None]]
    ) -> StepResult:
        self.check.on_started(self._id(step))
        begun = time.monotonic()
        facts = await self._probe(step, deadline)
        self.line.net.transcript(self.service).reveal()
        begun, ended = self._span(step.stage, begun, time.monotonic())
        if self.scrubber is not None:
            facts = self.scrubber.facts(facts)
        self._learn(facts)
        if isinstance(facts, SignInFacts) and facts.nobody:
            self._add(StepResult(self._id(step), "skipped", target=self._target(step), skipped_because="no_sign_in"))
            return self.results[-1]
        # Words mean what they mean at this provider; whose it is may be known later than the first steps are through.
        findings = self._judge(step, facts, await provider() if _is_refusal(facts) else None)
        culprit = _BELONGS.get(findings[0].code) if findings and not _is_elsewhere(facts) else None
        if culprit is not None and culprit != step.stage:
            return self._blame(culprit, step, findings)
        result = StepResult(
            self._id(step),
            status_of(findings),
            tuple(findings),
            self._target(step),
            duration_ms=round((ended - begun) * 1000, 1),
            notes=notes_of(facts),
            started=round(begun - self.line.net.begun, 4),
        )
        self._add(result)
        return result

    def _span(self, stage: str, begun: float, ended: float) -> tuple[float, float]:
        """When a step began and ended: discovery may have taken it, or have begun to, before its turn came."""
        first, last = self.line.spans.get(stage, (begun, ended))
        return min(first, begun), last if last < begun else ended

    def _judge(self, step: StepDef, facts: Any, match: Match | None) -> list[Finding]:
        setting = self._setting(match)
        if isinstance(facts, Fault) and facts.kind == "tls_alert" and "CERTIFICATE_REQUIRED" in facts.detail:
            # In TLS 1.3 a server says so after the handshake only (RFC 8446, 4.4.2.4).
            return [setting.finding("tls.client_certificate_required", detail=facts.detail)]
        return step.judge(facts, setting)

    async def _probe(self, step: StepDef, deadline: float) -> Any:
        if step.asks == "sign_in" and self.check.sign_in:  # a person takes longer than a machine
            deadline = asyncio.get_running_loop().time() + self.check.sign_in.limit + _PATIENCE
        try:
            async with asyncio.timeout_at(deadline):
                return await observe(self._probing(step), step.stage)
        except TimeoutError as error:
            return fault_of(error, step.stage)

    def _probing(self, step: StepDef) -> Awaitable[Any]:
        request, secret = self.check.request, self.check.secret
        if step.asks == "login":
            return step.probe(self.line, request.account, secret)
        if step.asks == "mailbox":
            return step.probe(self.line, request.account, secret, request.mailbox)
        if step.asks == "address":
            return step.probe(self.line, self._address())
        if step.asks == "sign_in":
            return step.probe(self.line, request.account, self.check.sign_in)
        if step.asks == "names":
            return step.probe(self.line, request.domain, request.account)
        return step.probe(self.line)

    def _learn(self, facts: Any) -> None:
        match facts:
            case ConnectFacts(local=local) | TenantsFacts(local=local):
                self.local = local or None
            case Capabilities(words=words):
                self._mechanisms = words
            case LoginReply(attempts=attempts) | EwsReply(attempts=attempts, mailbox=""):
                self.attempts = attempts
            case Fault(after="login") | SignInFacts(nobody=False):
                self.attempts = 1

    def _setting(self, match: Match | None) -> Setting:
        return Setting(
            self.check.wisdom.severities,
            time.time(),
            self.service,
            self.line.endpoint,
            match.provider if match else None,
            self.check.request.account,
            self.check.wisdom.rules,
            self._mechanisms,
            isinstance(self.check.secret, Token),
        )

    def _target(self, step: StepDef) -> str:
        where = self.line.endpoint
        if step.stage == "dns":
            return where.host
        return str(where) if step.stage in ("connect", "tls") else where.url or str(where)

    def _login_done(self, result: StepResult) -> None:
        codes = {finding.code for finding in result.findings}
        if codes - _HARMLESS:
            self.gate.refused_by = self.gate.refused_by or result.id
        self.gate.passed(self.service)

    def _add(self, result: StepResult) -> None:
        self.results.append(result)
        self.check.on_step(result)

    async def _complete_connect(self) -> None:
        """Some addresses may be silent while another one serves: then the connect step is told again, complete."""
        facts = await self.line.complete()
        connect = next((result for result in self.results if result.id.endswith(".connect")), None)
        if facts is None or connect is None or connect.status not in ("pass", "warn"):
            return
        findings = judge_connect(facts, self._setting(None))
        if tuple(findings) != connect.findings:
            self._retell(connect, findings)

    def _blame(self, culprit: str, step: StepDef, findings: list[Finding]) -> StepResult:
        """An earlier step's fault that showed only now: that step is told again, this one was not reached."""
        earlier = next(result for result in self.results if result.id.endswith(f".{culprit}"))
        self._retell(earlier, findings)
        self._add(StepResult(self._id(step), "skipped", target=self._target(step), skipped_because=earlier.id))
        return self.results[-1]

    def _retell(self, old: StepResult, findings: list[Finding]) -> None:
        new = replace(old, status=status_of(findings), findings=tuple(findings))
        self.results[self.results.index(old)] = new
        self.check.on_step(new)


def _is_elsewhere(facts: Any) -> bool:
    """Whether the fault is another server's, to which a redirect led: the steps to this one were good."""
    return isinstance(facts, HttpFacts) and facts.broken is not None


def _is_refusal(facts: Any) -> bool:
    """Whether a server's words are to be understood."""
    match facts:
        case Greeting(welcome=welcome):
            return not welcome
        case LoginReply(accepted=accepted) | SubmissionFacts(accepted=accepted):
            return not accepted
        case MailboxFacts(refusal=refusal):
            return refusal is not None
        case EwsReply(opened=opened):
            return not opened
        case TenantsFacts(own=own):
            return not own.id  # what the MX says of the domain helps then
        case _:
            return False
