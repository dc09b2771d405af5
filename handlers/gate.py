"""Before a run begins: is it too often by now, or does a server want to be left alone? And who checked what is kept."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from bot.core.case import Case
from bot.core.events import Limited, StartCheck
from bot.core.limits import Limit, names_of_account, read_limit
from bot.core.model import Report, Request
from bot.core.slowdown import asked_to_wait
from bot.settings import Settings
from bot.store.uses import HOST, Uses, line_of

Wanted = tuple[str, str, Sequence[Limit]]
_KINDS: Mapping[str, Literal["logins", "checks", "probes", "rest"]] = {
    "person": "checks",
    "account": "logins",
    "domain": "probes",
    HOST: "probes",
    "rest": "rest",
}


class Gate:
    """Counts runs by person, account, domain and host over all people and processes, and keeps the audit trail."""

    def __init__(self, uses: Uses, settings: Settings) -> None:
        limits = settings.limits
        self._uses = uses
        self._logins = _read(limits.logins_per_account)
        self._checks = _read(limits.checks_per_person)
        self._probes = _read(limits.probes_per_host)
        self._authority = urlsplit(settings.m365.authority).hostname or ""

    async def admit(self, case: Case, start: StartCheck, now: float, *, secret: bool) -> Limited | None:
        """Count a run, or say what is over and for how long. A run that is not admitted counts as nothing."""
        request = start.request
        typed = sorted({where.host for where in request.endpoints.values()})
        wanted: list[Wanted] = [("person", case.person, self._checks)]
        if secret and request.account:
            names = names_of_account(request.account, request.domain, typed)
            wanted += [("account", name, self._logins) for name in names]
        wanted += [*self._domain(request), *self._hosts(typed)]
        # With a secret the servers are those of the run before: a try that will not be made shall not be counted.
        known = {where.host for where in case.found.values()} if secret else set()
        known |= {self._authority} if request.scenario == "m365" else set()
        subject = {"domain": request.domain, "hosts": typed, "account": request.account if secret else None}
        until = await self._uses.at_rest(known, now) if known else None
        if until is not None:
            return await self._refused(case, start.run, ("rest", until), now, subject)
        return await self._take(case, start.run, wanted, now, "login" if secret else "check", subject)

    async def admit_hosts(self, case: Case, start: StartCheck, hosts: frozenset[str], now: float) -> Limited | None:
        """Count the hosts that a run has found, before it connects to them."""
        return await self._take(case, start.run, self._hosts(hosts), now, "hosts", {"hosts": sorted(hosts)})

    async def admit_look(self, case: Case, request: Request, found: Collection[str], now: float) -> bool:
        """Whether a watch may look again (nothing is `found` yet), and then whether at the servers that it has found.

        A look counts as a run does, but not for the person, who does nothing meanwhile.
        """
        typed = sorted({where.host for where in request.endpoints.values()})
        wanted = self._hosts(found) if found else [*self._domain(request), *self._hosts(typed)]
        subject = {"domain": request.domain, "hosts": sorted(found) or typed}
        return await self._take(case, case.run, wanted, now, "look", subject) is None

    async def cool(self, case: Case, report: Report, now: float) -> Mapping[str, float]:
        """Leave the servers alone that ask for it in a report, for everybody; until when, by host."""
        hosts = {host: now + wait for host, wait in asked_to_wait(report).items()}
        if hosts:
            await self._uses.rest(hosts)
            await self._uses.note(case.person, case.id, "rest", {"hosts": hosts}, now)
        return hosts

    def _domain(self, request: Request) -> list[Wanted]:
        """Discovery connects to what a domain names before it is known which of it are its servers."""
        return [("domain", request.domain, self._probes)] if request.domain else []

    def _hosts(self, hosts: Iterable[str]) -> list[Wanted]:
        return [(HOST, host, self._probes) for host in sorted(hosts)]

    async def _take(  # noqa: PLR0917 - one of each part
        self, case: Case, run: int, wanted: list[Wanted], now: float, what: str, subject: Mapping[str, Any]
    ) -> Limited | None:
        over = await self._uses.take(wanted, now, line_of(case.person, case.id, what, subject, now))
        return await self._refused(case, run, over, now, subject) if over is not None else None

    async def _refused(
        self, case: Case, run: int, over: tuple[str, float], now: float, subject: Mapping[str, Any]
    ) -> Limited:
        kind, free = over
        await self._uses.note(case.person, case.id, f"refused:{kind}", subject, now)
        return Limited(run, _KINDS[kind], max(1, math.ceil((free - now) / 60)))


def _read(texts: Sequence[str]) -> tuple[Limit, ...]:
    return tuple(read_limit(text) for text in texts)
