"""What a line of the table is, and the ground that it is played on."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.core.model import SERVICES, Endpoint, Security, Service
from tests.checks.running import ACCOUNT, HASTY, PATIENT, SECRET, Seen, examine
from tests.servers.hostile import Act, Hostile
from tests.servers.world import World

PORTS: Mapping[tuple[Service, Security], int] = {
    ("imap", "tls"): 993,
    ("imap", "starttls"): 143,
    ("smtp", "tls"): 465,
    ("smtp", "starttls"): 587,
    ("pop", "tls"): 995,
    ("pop", "starttls"): 110,
}
BOTH: tuple[Security, ...] = ("tls", "starttls")


@dataclass(slots=True)
class Ground:
    """One service of one world, to be scripted by a case; `examine` then checks it."""

    world: World
    service: Service
    security: Security = "tls"
    account: str | None = ACCOUNT
    secret: str | None = SECRET
    endpoint: Endpoint | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"{self.service}.practice.test"

    @property
    def port(self) -> int:
        return PORTS[self.service, self.security]

    async def serve(self, **script: Any) -> Any:
        """A scripted server with the account in it, sound but for what is given."""
        script.setdefault("accounts", {ACCOUNT: SECRET})
        server = await getattr(self.world, self.service)(self.host, self.port, **script)
        self.name(server.port)
        return server

    async def hostile(self, act: Act) -> Hostile:
        server = await self.world.hostile(self.host, self.port, act)
        self.name(server.port)
        return server

    def name(self, port: int, host: str | None = None) -> None:
        """What is to be checked, where no server of this service was started."""
        self.endpoint = Endpoint(host or self.host, port, self.security)

    async def examine(self, **more: Any) -> Seen:
        assert self.endpoint is not None
        options = {"account": self.account, "secret": self.secret, **self.options, **more}
        return await examine(self.world, servers={self.service: self.endpoint}, **options)


Make = Callable[[Ground], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A finding and how it comes about. `evidence` are values, tests of values, or ... for whatever is there."""

    code: str
    stage: str
    service: Service
    security: Security
    make: Make
    name: str
    evidence: Mapping[str, Any]
    hasty: bool = False
    failing: bool | None = None
    """Whether this step must be the failing one; by default as the severity says."""

    @property
    def id(self) -> str:
        return f"{self.code}-{self.service}-{self.security}-{self.name}"

    @property
    def step(self) -> str:
        return f"{self.service}.{self.stage}"

    async def play(self, world: World) -> Seen:
        ground = Ground(world, self.service, self.security)
        await self.make(ground)
        ground.options.setdefault("timeouts", HASTY if self.hasty else PATIENT)
        return await ground.examine()


@dataclass(slots=True)
class Table:
    """Collects cases; a decorated function is played once a service and kind of TLS."""

    cases: list[Case] = field(default_factory=list)

    def add(
        self,
        code: str,
        stage: str,
        *,
        services: Iterable[Service] = SERVICES,
        securities: Iterable[Security] = BOTH,
        hasty: bool = False,
        **evidence: Any,
    ) -> Callable[[Make], Make]:
        def keep(make: Make) -> Make:
            base = Case(code, stage, "imap", "tls", make, getattr(make, "__name__", ""), evidence, hasty)
            pairs = [(service, security) for service in services for security in securities]
            self.cases += [replace(base, service=service, security=security) for service, security in pairs]
            return make

        return keep


def holds(wanted: Any, found: Any) -> bool:
    """Whether a piece of evidence is as a case says."""
    if wanted is ...:
        return found not in (None, "", [], {})
    return bool(wanted(found)) if callable(wanted) else bool(wanted == found)
