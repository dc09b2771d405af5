"""Practice domains, one a kind of answer: what `make demo` shows and the documentation's pictures are made from."""

from dataclasses import dataclass, replace
from typing import Any

from tests.servers.certs import EXPIRED
from tests.servers.refusals import IMAP, SMTP
from tests.servers.world import World

GATEWAY_MX = "eu-smtp-inbound-1.mimecast.com"


@dataclass(frozen=True, slots=True)
class Practice:
    """A domain, who may log in there with what, and the finding that a check with this secret ends in."""

    domain: str
    code: str | None
    secret: str = "practice"

    @property
    def account(self) -> str:
        return f"taro@{self.domain}"


ALL_GOOD = Practice("all-good.test", None)
CHAIN = Practice("chain-incomplete.test", "tls.chain_incomplete")
CERTIFICATE = Practice("certificate-expired.test", "tls.expired")
IMAP_OFF = Practice("imap-off.test", "login.protocol_disabled")
APP_PASSWORD = Practice("app-password.test", "login.app_password_required")
WRONG_PASSWORD = Practice("wrong-password.test", "login.wrong_credentials", "mistyped")
SERVER_DOWN = Practice("server-down.test", "connect.refused")
GATEWAY = Practice("gateway.test", "dns.mx_is_gateway")

ALL = (ALL_GOOD, CHAIN, CERTIFICATE, IMAP_OFF, APP_PASSWORD, WRONG_PASSWORD, SERVER_DOWN, GATEWAY)


async def furnish(world: World) -> tuple[Practice, ...]:
    """Start all practice domains in a world."""
    await _sound(world, ALL_GOOD)
    chain = await world.crafted("missing_intermediate", f"imap.{CHAIN.domain}", fetchable=True)
    await _pair(world, CHAIN, imap={"identity": chain.identity})
    expired = world.issuing.issue(f"imap.{CERTIFICATE.domain}", validity=EXPIRED)
    await _pair(world, CERTIFICATE, imap={"identity": expired})
    await _pair(world, IMAP_OFF, imap={"refuse_all": IMAP["protocol_disabled"]})
    app = {"accounts": {APP_PASSWORD.account: "abcd efgh ijkl mnop"}}
    await _pair(
        world,
        APP_PASSWORD,
        imap={**app, "refuse": IMAP["app_password_required"]},
        smtp={**app, "refuse": SMTP["app_password_required"]},
    )
    await _sound(world, WRONG_PASSWORD)
    world.domain(SERVER_DOWN.domain)
    await world.closed(f"imap.{SERVER_DOWN.domain}", 993)
    await world.closed(f"smtp.{SERVER_DOWN.domain}", 465)
    world.domain(GATEWAY.domain, mx=GATEWAY_MX)
    await _pair(world, GATEWAY)
    return ALL


async def _sound(world: World, practice: Practice) -> None:
    await _pair(world, replace(practice, secret="practice"))


async def _pair(world: World, practice: Practice, imap: Any = None, smtp: Any = None) -> None:
    """IMAP and SMTP of a domain, sound but for what is given."""
    if practice.domain not in world.records:
        world.domain(practice.domain)
    accounts = {practice.account: practice.secret}
    await world.imap(f"imap.{practice.domain}", **{"accounts": accounts, **(imap or {})})
    await world.smtp(f"smtp.{practice.domain}", **{"accounts": accounts, **(smtp or {})})
