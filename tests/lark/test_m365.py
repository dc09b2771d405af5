"""Microsoft 365 in Lark: from a message to the administrator's address, and to what Microsoft says of both domains."""

from tests.checks.test_m365 import ADMIN, DOMAIN, FABRIKAM, HOST, OTHER, SOUND, serve
from tests.lark.conftest import Start
from tests.servers.identity import APP, USER_CODE, PersonScript, TenantScript
from tests.servers.lark import FakeLark
from tests.servers.world import World


async def test_the_administrator_is_asked_for_and_no_password(lark: FakeLark, start: Start, world: World) -> None:
    world.domain(DOMAIN)
    server = await serve(world, tenants={DOMAIN: TenantScript(), OTHER: TenantScript(id=FABRIKAM)})
    ann = lark.person("ou_admin")
    async with start(MIGCHECK_M365__AUTHORITY=f"https://{HOST}:{server.port}") as bot:
        await ann.says(f"Microsoft 365 {DOMAIN}")
        first = await ann.report()
        kept = await bot.store.report(first.case)
        assert kept is not None
        assert (kept.report.verdict, kept.report.scenario) == ("pass", "m365")
        asked = await ann.sees_with("submit")
        await ann.submits(asked, account=f"admin@{OTHER}")
        second = await ann.report(1)
        kept = await bot.store.report(second.case)
        assert kept is not None
        assert (kept.report.failing_step, kept.report.cause) == ("domain.input", "input.domain_mismatch")
        assert not any("password" in str(message.card) for message in ann.sees())


async def test_a_sign_in_by_a_code(lark: FakeLark, start: Start, world: World) -> None:
    world.domain(DOMAIN)
    server = await serve(world, tenants=SOUND, person=PersonScript(scope="openid profile"))
    ann = lark.person("ou_admin")
    authority = f"https://{HOST}:{server.port}"
    async with start(MIGCHECK_M365__AUTHORITY=authority, MIGCHECK_M365__CLIENT_ID=APP) as bot:
        await ann.says(f"Microsoft 365 {DOMAIN} {ADMIN}")
        first = await ann.report()
        await ann.presses(first, "signin")
        second = await ann.report(1)
        kept = await bot.store.report(second.case)
        assert kept is not None
        assert (kept.report.failing_step, kept.report.cause) == ("m365.consent", "m365.consent_required")
        assert any(USER_CODE in str(message.card) for message in ann.sees())
