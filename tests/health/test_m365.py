"""`doctor` and Microsoft's identity platform: real TLS, the bot's own way to the network, a strict registration."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from bot.health.m365 import check_m365
from bot.health.outcome import Outcome
from bot.settings import M365Settings, NetworkSettings, Settings, WebSettings
from tests.checks.test_m365 import HOST, serve
from tests.servers.exchange_words import Reply
from tests.servers.identity import APP, APP_SECRET, AppScript, IdentityServer, TenantScript, refusal
from tests.servers.world import World

PUBLIC = "https://migcheck.practice.test"
REDIRECT = f"{PUBLIC}/m365/redirect"
ANYBODY = {"organizations": TenantScript()}
DEVICE_CODES, CONFIGURATION = (
    "/organizations/oauth2/v2.0/devicecode",
    "/organizations/v2.0/.well-known/openid-configuration",
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


async def examine(
    world: World, server: IdentityServer, *, secret: bool = False, url: str | None = PUBLIC, client_id: str = APP
) -> Sequence[Outcome]:
    network = NetworkSettings(nameservers=(world.names.address,), ca_file=world.ca_file, allow=("127.0.0.0/8",))
    app = {"authority": f"https://{HOST}:{server.port}", "client_id": client_id}
    app |= {"client_secret": APP_SECRET} if secret else {}
    return await check_m365(Settings(network=network, web=WebSettings(public_url=url), m365=M365Settings(**app)))


def marks(found: Sequence[Outcome]) -> list[str]:
    return [outcome.mark for outcome in found]


async def test_without_a_registration_nobody_is_asked() -> None:
    (found,) = await check_m365(Settings())
    assert (found.mark, found.what) == ("pass", "m365.client_id")


async def test_nobody_signs_in_without_https() -> None:
    (found,) = await check_m365(Settings(m365=M365Settings(client_id=APP, authority="http://127.0.0.1:1")))
    assert found.mark == "fail"


async def test_sign_ins_by_a_code(world: World) -> None:
    server = await serve(world, tenants=ANYBODY)
    found = await examine(world, server)
    assert marks(found) == ["pass", "pass", "pass"]
    assert "by a code" in found[2].found
    assert server.forms == [{"client_id": APP, "scope": "openid User.Read"}]


@pytest.mark.parametrize(
    ("redirects", "mark", "said"), [((REDIRECT,), "pass", "is registered"), ((), "fail", "not registered")]
)
async def test_the_way_back_to_the_pages(world: World, redirects: tuple[str, ...], mark: str, said: str) -> None:
    server = await serve(world, tenants=ANYBODY, app=AppScript(redirects=redirects))
    found = await examine(world, server, secret=True)
    assert marks(found) == ["pass", "pass", mark]
    assert said in found[2].found
    assert REDIRECT in found[2].found
    assert (REDIRECT in found[2].todo) is (mark == "fail")
    assert APP_SECRET not in "".join(map(str, found)) + "".join(server.requests)


async def test_whether_it_is_registered_may_not_be_told(world: World) -> None:
    pages = {"/organizations/oauth2/v2.0/authorize": Reply(200, b"<html><script>reload()</script></html>")}
    found = await examine(world, await serve(world, tenants=ANYBODY, pages=pages), secret=True)
    assert marks(found) == ["pass", "pass", "warn"]
    assert REDIRECT in found[2].todo


async def test_a_secret_without_safe_pages_is_of_no_use(world: World) -> None:
    found = await examine(world, await serve(world, tenants=ANYBODY), secret=True, url="http://migcheck.practice.test")
    assert marks(found) == ["pass", "pass", "warn"]
    assert "not https" in found[2].found


@pytest.mark.parametrize(
    ("pages", "secret", "mark", "said"),
    [
        (
            {DEVICE_CODES: refusal(7000218, "must contain client_secret", "invalid_client", 401)},
            False,
            "fail",
            "nobody",
        ),
        (
            {DEVICE_CODES: refusal(7000218, "must contain client_secret", "invalid_client", 401)},
            True,
            "warn",
            "7000218",
        ),
        ({DEVICE_CODES: Reply(503, b"busy")}, False, "unknown", "503"),
        ({DEVICE_CODES: Reply(reset=True)}, False, "unknown", "did not say"),
    ],
)
async def test_an_app_that_gets_no_code(world: World, pages: Any, secret: bool, mark: str, said: str) -> None:
    server = await serve(world, tenants=ANYBODY, pages=pages, app=AppScript(redirects=(REDIRECT,)))
    found = await examine(world, server, secret=secret)
    assert found[1].mark == mark
    assert said in found[1].found


async def test_an_app_that_is_not_known(world: World) -> None:
    found = await examine(world, await serve(world, tenants=ANYBODY), client_id="no-such-app")
    assert found[1].mark == "fail"
    assert "AADSTS700016" in found[1].found
    assert "Trace ID" not in found[1].found


@pytest.mark.parametrize(
    "reply", [Reply(reset=True), Reply(200, b"<html>log in</html>"), refusal(90002, "Tenant not found.")]
)
async def test_what_is_no_identity_platform(world: World, reply: Reply) -> None:
    (found,) = await examine(world, await serve(world, pages={CONFIGURATION: reply}))
    assert (found.mark, found.what.startswith("m365.authority https://")) == ("fail", True)
