"""Microsoft 365 in Slack: from a message to the administrator's address, and to what Microsoft says of both domains."""

from tests.checks.test_m365 import DOMAIN, FABRIKAM, HOST, OTHER, serve
from tests.servers.identity import TenantScript
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
