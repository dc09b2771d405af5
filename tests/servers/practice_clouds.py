"""Practice for administrators, for `make demo`: an Exchange of one's own and a Microsoft 365, each with one fault."""

from dataclasses import dataclass

from tests.servers.exchange import EWS, ExchangeScript, ExchangeServer
from tests.servers.identity import FABRIKAM, IdentityScript, IdentityServer, TenantScript
from tests.servers.world import World

EXCHANGE, CLOUD, SISTER = "exchange.test", "cloud.test", "sister.test"
SECRET = "practice"


@dataclass(frozen=True, slots=True)
class Exercise:
    """What to say to the bot, what it then asks for, and the finding that it ends in."""

    said: str
    hint: str
    code: str


async def furnish_clouds(world: World) -> tuple[Exercise, ...]:
    """Start both in a world; its settings lead to them."""
    return await _exchange(world), await _microsoft(world)


async def _exchange(world: World) -> Exercise:
    """The administrator may log in, and may not open other people's mailboxes."""
    world.domain(EXCHANGE)
    host, admin, mailbox = f"mail.{EXCHANGE}", f"admin@{EXCHANGE}", f"taro@{EXCHANGE}"
    script = ExchangeScript(
        identity=world.identity(host),
        accounts={admin: SECRET},
        mailboxes={mailbox: "NoError"},
        may_impersonate=False,
        dns=EXCHANGE,
    )
    server = await world.start(host, 443, lambda address, port: ExchangeServer(script, address, port))
    port = "" if server.port == 443 else f":{server.port}"
    hint = f"https://{host}{port}{EWS}, {admin} / {SECRET}, {mailbox}"
    return Exercise(f"Exchange {EXCHANGE}", hint, "ews.impersonation_denied")


async def _microsoft(world: World) -> Exercise:
    """Two organisations: an administrator of the one cannot migrate the other."""
    world.domain(CLOUD)
    host = f"login.{CLOUD}"
    tenants = {CLOUD: TenantScript(), SISTER: TenantScript(id=FABRIKAM)}
    script = IdentityScript(identity=world.identity(host), tenants=tenants)
    server = await world.start(host, 443, lambda address, port: IdentityServer(script, address, port, host))
    world.settings["MIGCHECK_M365__AUTHORITY"] = f"https://{host}:{server.port}"
    return Exercise(f"Microsoft 365 {CLOUD}", f"admin@{SISTER}", "input.domain_mismatch")
