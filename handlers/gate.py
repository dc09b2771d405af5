"""Before a run begins: is it too often by now? And who checked what is written down."""

from collections.abc import Sequence

from bot.core.case import Case
from bot.core.events import Limited, StartCheck
from bot.core.limits import Limit, read_limit
from bot.settings import Settings
from bot.store.uses import Uses

_KINDS = {"person": "checks", "account": "logins", "host": "probes"}


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
        wanted: list[tuple[str, str, Sequence[Limit]]] = [("person", case.person, self._checks)]
        if secret and request.account:
            # The same account with a log-in domain before it is not another one.
            wanted.append(("account", request.account.rpartition("\\")[2], self._logins))
        hosts = {where.host for where in {**case.found, **request.endpoints}.values()} or {request.domain or ""}
        wanted += [("host", host, self._probes) for host in sorted(hosts)]
        over = await self._uses.take(wanted, now)
        if over is None:
            subject = {"domain": request.domain, "hosts": sorted(hosts), "account": request.account if secret else None}
            await self._uses.note(case.person, case.id, "login" if secret else "check", subject, now)
            return None
        kind, free = over
        await self._uses.note(case.person, case.id, f"refused:{kind}", {"domain": request.domain}, now)
        minutes = max(1, round((free - now) / 60 + 0.5))
        return Limited(start.run, _limited(kind), minutes)


def _limited(kind: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return _KINDS[kind]


def _read(texts: Sequence[str]) -> tuple[Limit, ...]:
    return tuple(read_limit(text) for text in texts)
