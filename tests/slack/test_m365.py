"""Microsoft 365 in Slack: from a message to the administrator's address, and to what Microsoft says of both domains."""

from tests.checks.test_m365 import ADMIN, DOMAIN, FABRIKAM, HOST, OTHER, SOUND, serve
from tests.servers.identity import APP, USER_CODE, PersonScript, TenantScript
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import Start, data_of


async def test_the_administrator_is_asked_for_and_no_password(slack: FakeSlack, start: Start, world: World) -> None:
    world.domain(DOMAIN)
    server = await serve(world, tenants={DOMAIN: TenantScript(), OTHER: TenantScript(id=FABRIKAM)})
    ann = slack.person("UADMIN", email="ann@example.test")
    async with start(MIGCHECK_M365__AUTHORITY=f"https://{HOST}:{server.port}"):
        root = await ann.says(f"Microsoft 365 {DOMAIN}")
        assert data_of(await ann.report())["verdict"] == "pass"
        asked = await ann.sees_with("form.admin")
        assert "password" in asked.text.lower() or "パスワード" in asked.text
        await ann.says(f"admin@{OTHER}", thread=root)
        second = data_of(await ann.report(1))
        assert (second["failing_step"], second["cause"]) == ("domain.input", "input.domain_mismatch")
        assert not any(message.action("secret") for message in ann.sees())


async def test_a_sign_in_by_a_code(slack: FakeSlack, start: Start, world: World) -> None:
    world.domain(DOMAIN)
    server = await serve(world, tenants=SOUND, person=PersonScript(roles=()))
    ann = slack.person("UADMIN", email="ann@example.test")
    authority = f"https://{HOST}:{server.port}"
    async with start(MIGCHECK_M365__AUTHORITY=authority, MIGCHECK_M365__CLIENT_ID=APP):
        await ann.says(f"Microsoft 365 {DOMAIN} {ADMIN}")
        first = await ann.report()
        await ann.presses(first, "signin")
        second = await ann.report(1)
        assert (data_of(second)["failing_step"], data_of(second)["cause"]) == ("m365.consent", "m365.admin_required")
        assert any(USER_CODE in str(message.blocks) for message in ann.sees())
