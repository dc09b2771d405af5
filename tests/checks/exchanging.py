"""A fake Exchange in a world of its own, and the bot's check of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.checks.running import HASTY, PATIENT, Seen, examine, make_world
from tests.servers.exchange import ExchangeScript, ExchangeServer
from tests.servers.world import World

DOMAIN, HOST = "practice.test", "mail.practice.test"
ADMIN, PASSWORD = "admin@practice.test", 'Tr0ub4dor: "&3"'
TARO = "taro@practice.test"


@dataclass(slots=True)
class Played:
    """What came of one check: the report, and what the server saw."""

    seen: Seen
    server: ExchangeServer

    @property
    def schemes(self) -> list[str]:
        return [request.headers.get("authorization", "").partition(" ")[0] for request in self.server.requests]


@dataclass(slots=True)
class Play:
    """A check of one scripted Exchange. `others` are further servers by host name."""

    script: Mapping[str, Any] = field(default_factory=dict)
    account: str | None = ADMIN
    secret: str | None = PASSWORD
    mailbox: str | None = TARO
    path: str = "/EWS/Exchange.asmx"
    domain: str | None = None
    host: str = HOST
    hasty: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    async def run(self) -> Played:
        async with make_world() as world:
            server = await serve(world, self.host, **self.script)
            return Played(await self.examine(world, server), server)

    async def examine(self, world: World, server: ExchangeServer) -> Seen:
        if self.domain:
            world.domain(self.domain)
        return await examine(
            world,
            self.domain,
            ews=f"https://{self.host}:{server.port}{self.path}",
            account=self.account,
            secret=self.secret,
            mailbox=self.mailbox,
            timeouts=HASTY if self.hasty else PATIENT,
            **self.options,
        )


async def serve(world: World, host: str = HOST, **script: Any) -> ExchangeServer:
    """An Exchange with an administrator who may open taro's mailbox, sound but for what is given."""
    script.setdefault("accounts", {ADMIN: PASSWORD})
    script.setdefault("mailboxes", {TARO: "NoError"})
    script.setdefault("identity", world.identity(host))
    return await world.start(host, 443, lambda address, port: ExchangeServer(ExchangeScript(**script), address, port))


def told(seen: Seen) -> str:
    """Everything that a check says, in one text."""
    return json.dumps([seen.data, [repr(step) for step in seen.report.steps], [repr(step) for step in seen.progress]])
