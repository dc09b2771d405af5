"""Before a run begins: is it too often by now? And who checked what is written down."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot.core.case import Case
from bot.core.events import Limited, StartCheck
from bot.core.limits import Limit, read_limit
from bot.settings import Settings
from bot.store.uses import Uses

Wanted = tuple[str, str, Sequence[Limit]]
_KINDS: Mapping[str, Literal["logins", "checks", "probes"]] = {
    "person": "checks",
    "account": "logins",
    "host": "probes",
}


class Gate:
    """Counts runs by person, account and host over all people and processes, and keeps the audit trail."""

    def __init__(self, uses: Uses, settings: Settings) -> None:
        limits = settings.limits
        self._uses = uses
        self._logins = _read(limits.logins_per_account)
        self._checks = _read(limits.checks_per_person)
        self._probes = _read(limits.probes_per_host)

    async def admit(self, case: Case, start: StartCheck, now: float, *, secret: bool) -> Limited | None:
        """Count a run, or say what is over and for how long. A run that is not admitted counts as nothing."""
        request = start.request
        wanted: list[Wanted] = [("person", case.person, self._checks)]
        if secret and request.account:
            # The same account with a log-in domain before it is not another one.
            wanted.append(("account", request.account.rpartition("\\")[2], self._logins))
        typed = sorted({where.host for where in request.endpoints.values()})
        wanted += [("host", host, self._probes) for host in typed]
        subject = {"domain": request.domain, "hosts": typed, "account": request.account if secret else None}
        return await self._take(case, start, wanted, now, "login" if secret else "check", subject)

    async def admit_hosts(self, case: Case, start: StartCheck, hosts: frozenset[str], now: float) -> Limited | None:
        """Count the hosts that a run has found, before it connects to them."""
        wanted: list[Wanted] = [("host", host, self._probes) for host in sorted(hosts)]
        return await self._take(case, start, wanted, now, "hosts", {"hosts": sorted(hosts)})

    async def _take(  # noqa: PLR0917 - one of each part
        self, case: Case, start: StartCheck, wanted: list[Wanted], now: float, what: str, subject: Mapping[str, Any]
    ) -> Limited | None:
        over = await self._uses.take(wanted, now)
        if over is None:
            await self._uses.note(case.person, case.id, what, subject, now)
            return None
        kind, free = over
        await self._uses.note(case.person, case.id, f"refused:{kind}", subject, now)
        return Limited(start.run, _KINDS[kind], max(1, math.ceil((free - now) / 60)))


def _read(texts: Sequence[str]) -> tuple[Limit, ...]:
    return tuple(read_limit(text) for text in texts)
