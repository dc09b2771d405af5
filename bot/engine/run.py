"""Walks the plan of one check: the domain's steps, then one chain a service, side by side, within one time limit."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bot.checks.domain import judge as domain_judge
from bot.checks.domain import probe as domain
from bot.checks.judging import Setting
from bot.checks.link.dns import questions
from bot.checks.link.line import Net
from bot.checks.link.policy import policy
from bot.core.advice import Circumstances, advise
from bot.core.cloud import fault_in_admin
from bot.core.exchange import fault_in_names, is_exchange_online
from bot.core.model import (
    EVERY_SERVICE,
    Answer,
    DomainFacts,
    Endpoint,
    Finding,
    Report,
    ServersFacts,
    Service,
    StepResult,
)
from bot.core.providers import Match, find_by_host
from bot.core.report import failure_of, status_of, verdict_of
from bot.engine.after_sign_in import mail_chains, walk_mail
from bot.engine.chain import Chain, Gate
from bot.engine.check import Check, NotAdmitted
from bot.engine.scenario import is_exchange, is_m365, scenario_of


async def run(check: Check) -> Report:
    """Run one check to its report. Cancelling it closes every connection that it opened."""
    network = check.network
    rules = policy(network.allow, any_port=check.any_port)
    net = Net(questions(network.resolver, rules), rules, network.trust, network.timeouts)
    started = datetime.now(UTC)
    try:
        walk = _Walk(check, net, asyncio.get_running_loop().time() + network.timeouts.total)
        await walk.through()
    finally:
        net.close()
    took = (time.monotonic() - net.begun) * 1000
    report = _report(check, walk, started, took)
    return replace(report, transcript=walk.transcript()) if check.transcript else report


class _Walk:
    """The state of one check under way."""

    def __init__(self, check: Check, net: Net, deadline: float) -> None:
        self.check, self.net, self.deadline = check, net, deadline
        self.domain_steps: list[StepResult] = []
        self.chains: dict[Service, Chain] = {}
        self.match: Match | None = None
        self.match_known = asyncio.Event()
        self.gate = Gate(EVERY_SERVICE)
        self.unfit: str | None = None

    async def through(self) -> None:
        """Chains of typed servers start at once; the others as soon as discovery has found them."""
        running: list[asyncio.Task[None]] = []
        self._judge_names()
        wanted = self._wanted()
        if wanted is not None:
            domain.ask_ahead(self.net, wanted)
        try:
            running += self._start(self._known_places())
            if wanted is not None:
                found = await self._domain(wanted)
                await self._admit(found)
                running += self._start(found)
            else:
                self._recognise(None)
            self.gate.no_more(self.chains)
            await asyncio.gather(*running)
            running += self._start_mail()
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()

    def _known_places(self) -> Mapping[Service, Endpoint]:
        """The servers that were typed, and for Microsoft 365 where all its customers sign in."""
        request, authority = self.check.request, self.check.network.authority.rstrip("/")
        if not is_m365(request) or request.domain is None:
            return request.endpoints
        parts = urlsplit(authority)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return {
            **request.endpoints,
            "m365": Endpoint(parts.hostname or "", port, "tls", f"{authority}/{request.domain}"),
        }

    async def _admit(self, found: Mapping[Service, Endpoint]) -> None:
        """Raises NotAdmitted where these servers may not be probed now. Waiting for that is no time of theirs."""
        hosts = frozenset(where.host for where in found.values())
        if self.check.admit is None or not hosts:
            return
        asked = asyncio.get_running_loop().time()
        if not await self.check.admit(hosts):
            raise NotAdmitted
        self.deadline += asyncio.get_running_loop().time() - asked

    def _judge_names(self) -> None:
        """The step domain.input, where the names cannot be typed into the migration page whatever the servers say."""
        request = self.check.request
        if is_m365(request):
            fault = fault_in_admin(request.account, request.domain)
        else:
            fault = fault_in_names(request.account, request.mailbox, request.domain) if is_exchange(request) else None
        if fault is None:
            return
        code, evidence = fault
        finding = self._setting().finding(code, **evidence)
        self.unfit = self._domain_step("domain.input", [finding], None, time.monotonic()).id

    def _wanted(self) -> domain.Wanted | None:
        request = self.check.request
        if request.domain is None:
            return None
        whole = is_exchange(request) or is_m365(request)
        missing = () if whole else tuple(s for s in ("imap", "smtp") if s not in request.endpoints)
        if "pop" in request.endpoints:
            missing = tuple(s for s in missing if s != "imap")
        return domain.Wanted(request.domain, missing, self.check.wisdom.providers, self.check.network.ispdb_url)  # type: ignore[arg-type]

    def _start(self, endpoints: Mapping[Service, Endpoint]) -> list[asyncio.Task[None]]:
        """A chain for each server, on its way. The gate must know of all of them before it lets anybody pass."""
        fresh = [service for service in EVERY_SERVICE if service in endpoints]
        for service in fresh:
            line = self.net.line(service, endpoints[service])
            self.chains[service] = Chain(self.check, service, line, self.gate)
            self.chains[service].unfit = self.unfit
        return [asyncio.create_task(self._walk(service)) for service in fresh]

    def _start_mail(self) -> list[asyncio.Task[None]]:
        """IMAP and SMTP of whoever signed in with Microsoft; a time of their own, since people take theirs."""
        if "m365" not in self.chains or {"imap", "smtp"} & self.chains.keys():
            return []
        made = mail_chains(self.chains["m365"], self.net)
        self.chains |= made
        deadline = asyncio.get_running_loop().time() + self.check.network.timeouts.total
        return [asyncio.create_task(walk_mail(made, deadline, self._provider))] if made else []

    async def _domain(self, wanted: domain.Wanted) -> Mapping[Service, Endpoint]:
        """The steps domain.exists, domain.mail and domain.servers; the servers that were found."""
        begun = time.monotonic()
        self._step_started("domain.exists")
        facts = await self._look_up(wanted.domain)
        self._recognise(domain.recognise(facts, wanted.directory))
        setting = self._setting()
        known = bool(self.check.request.endpoints)
        exists = self._domain_step("domain.exists", domain_judge.judge_exists(facts, setting), wanted.domain, begun)
        if exists.status == "fail" or (exists.status == "unknown" and known):
            self._skip("domain.mail", exists.id)
            if wanted.services or self._ews_unknown():
                self._skip("domain.servers", exists.id)
            return {}
        mail = [] if exists.status == "unknown" else domain_judge.judge_mail(facts, setting)
        self._domain_step("domain.mail", mail, wanted.domain, begun)
        if not wanted.services and not self._ews_unknown():
            return {}
        return await self._servers(wanted, facts)

    def _ews_unknown(self) -> bool:
        return is_exchange(self.check.request) and "ews" not in self.check.request.endpoints

    async def _look_up(self, name: str) -> DomainFacts:
        try:
            async with asyncio.timeout_at(self.deadline):
                return await domain.look_up(self.net, name)
        except TimeoutError:
            late = Answer("failed", detail="time limit")
            return DomainFacts(name, late, late)

    async def _servers(self, wanted: domain.Wanted, facts: DomainFacts) -> Mapping[Service, Endpoint]:
        begun = time.monotonic()
        self._step_started("domain.servers")
        try:
            async with asyncio.timeout_at(self.deadline):
                found = await self._find(wanted, facts)
        except TimeoutError:
            found = ServersFacts({}, {}, ("time limit",))
        findings = [] if self.check.request.endpoints else domain_judge.judge_servers(found, self._setting())
        notes = {"servers": {s: f"{where.url or where} ({found.sources[s]})" for s, where in found.endpoints.items()}}
        self._domain_step("domain.servers", findings, wanted.domain, begun, notes)
        return found.endpoints

    async def _find(self, wanted: domain.Wanted, facts: DomainFacts) -> ServersFacts:
        """EWS, or IMAP and SMTP; POP as well where no IMAP is to be found."""
        if self._ews_unknown():
            from bot.checks.ews import autodiscover  # noqa: PLC0415 - few checks are of an Exchange

            ews, source, tried = await autodiscover.find_ews(self.net, wanted.domain)
            return ServersFacts({"ews": ews} if ews else {}, {"ews": source} if ews else {}, tried)
        found = await domain.find_servers(self.net, wanted, facts, self.match)
        if "imap" not in wanted.services or "imap" in found.endpoints:
            return found
        pop = domain.Wanted(wanted.domain, ("pop",), wanted.directory, wanted.ispdb_url)
        domain.ask_ahead(self.net, pop)
        other = await domain.find_servers(self.net, pop, facts, self.match)
        endpoints, sources = {**found.endpoints, **other.endpoints}, {**found.sources, **other.sources}
        return ServersFacts(endpoints, sources, found.tried, found.customer_hosts)

    def _recognise(self, match: Match | None) -> None:
        """Whose servers these are: by domain or MX, otherwise by the name of a server that was typed."""
        hosts = [where.host for where in self.check.request.endpoints.values()]
        directory = self.check.wisdom.providers
        by_host = next((m for host in hosts if (m := find_by_host(directory, host))), None)
        self.match = by_host or match
        self.match_known.set()

    def _setting(self) -> Setting:
        provider = self.match.provider if self.match else None
        return Setting(self.check.wisdom.severities, time.time(), provider=provider, rules=self.check.wisdom.rules)

    def _step_started(self, step: str) -> None:
        self.check.on_started(step)

    def _domain_step(
        self,
        step: str,
        findings: Sequence[Finding],
        target: str | None,
        begun: float,
        notes: Mapping[str, Any] | None = None,
    ) -> StepResult:
        took, started = round((time.monotonic() - begun) * 1000, 1), round(begun - self.net.begun, 4)
        result = StepResult(
            step, status_of(findings), tuple(findings), target, duration_ms=took, notes=notes or {}, started=started
        )
        self.domain_steps.append(result)
        self.check.on_step(result)
        return result

    def _skip(self, step: str, because: str) -> None:
        self.domain_steps.append(StepResult(step, "skipped", skipped_because=because))
        self.check.on_step(self.domain_steps[-1])

    async def _walk(self, service: Service) -> None:
        try:
            await self.chains[service].walk(self.deadline, self._provider)
        finally:
            self.gate.passed(service)

    async def _provider(self) -> Match | None:
        await self.match_known.wait()
        return self.served_by()

    def transcript(self) -> Mapping[str, tuple[str, ...]]:
        """Who said what, by service, without any secret of this check, whoever repeats it."""
        own = {id(chain.check.secret): chain.scrubber.text for chain in self.chains.values() if chain.scrubber}
        return {service: lines for service, said in self.net.transcripts.items() if (lines := said.lines(own.values()))}

    def served_by(self) -> Match | None:
        """Whose servers are checked: where nothing better is known of an Exchange, an Exchange Server of one's own."""
        known, own = self.match, self.check.wisdom.providers.get("exchange")
        if "m365" in self.chains:
            return self._at_microsoft(self.chains["m365"])
        if (
            own is None
            or not is_exchange(self.check.request)
            or (known is not None and known.kind not in ("gateway", "destination"))
        ):
            return known
        where = self.chains["ews"].line.endpoint if "ews" in self.chains else None
        return known if where is None or is_exchange_online(where.host) else Match(own, "host", where.host)

    def _at_microsoft(self, chain: Chain) -> Match | None:
        """Microsoft 365 where a tenant was found, whatever the MX says: mail may come in by way of a filter."""
        own = self.check.wisdom.providers.get("m365")
        found = any(step.id == "m365.tenant" and step.status in ("pass", "warn") for step in chain.results)
        if not found or own is None or (self.match is not None and str(self.match.provider["id"]).startswith("m365")):
            return self.match
        return Match(own, "host", chain.line.endpoint.host)


def _report(check: Check, walk: _Walk, started: datetime, took: float) -> Report:
    request = check.request
    chains = [walk.chains[service] for service in EVERY_SERVICE if service in walk.chains]
    steps = (*walk.domain_steps, *(step for chain in chains for step in chain.results))
    failing, cause = failure_of(steps)
    match = walk.served_by()
    provider = match.provider if match else None
    endpoints: dict[Service, Endpoint] = {chain.service: chain.line.endpoint for chain in chains}
    scenario = request.scenario or scenario_of(request.endpoints, walk.match)
    lang = request.lang
    circumstances = Circumstances(scenario, lang, provider, request.domain, request.account, endpoints)
    local = next((chain.local for chain in chains if chain.local), None)
    return Report(
        case=check.case,
        domain=request.domain,
        provider=str(provider["id"]) if provider else None,
        scenario=scenario,
        verdict=verdict_of(steps),
        failing_step=failing,
        cause=cause,
        steps=steps,
        advice=advise(steps, circumstances, check.wisdom.catalogue),
        attempts={chain.service: chain.attempts for chain in chains if chain.attempts},
        vantage=check.network.public_address or local,
        started_at=started.isoformat(timespec="milliseconds"),
        duration_ms=round(took, 1),
    )
