"""Several workspaces: installation, sealed tokens, rotation, uninstall."""

import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from slack_sdk.oauth.installation_store import Bot as Installed

from bot.store.installations import Installations
from bot.store.store import open_store
from handlers.slack.inbound import Where
from handlers.slack.install import SealedInstallations, SignedStates
from handlers.slack.seal import Seal, SealError, key_beside
from tests.servers.practice import CERTIFICATE
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import Start, data_of

pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
"""slack_sdk's business."""

SEVERAL = {"MIGCHECK_SLACK__BOT_TOKEN": ""}


def several(slack: FakeSlack) -> dict[str, str]:
    return SEVERAL | {
        "MIGCHECK_SLACK__CLIENT_ID": slack.client_id,
        "MIGCHECK_SLACK__CLIENT_SECRET": slack.client_secret,
    }


async def install(slack: FakeSlack, origin: str, team: str, *, state: str | None = None, cookies: bool = True) -> int:
    """What a browser does; the status at the end."""
    slack.codes["code-" + team] = team
    jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(f"{origin}/slack/install") as page:
            text = await page.text()
            assert page.status == 200
            cookie = page.headers["Set-Cookie"].split(";")[0]
        address = re.findall(r'href="([^"]*/oauth/v2/authorize[^"]*)"', text)[0].replace("&amp;", "&")
        query = parse_qs(urlsplit(address).query)
        assert "chat:write" in query["scope"][0]
        headers = {"Cookie": cookie} if cookies else {}
        back = f"{origin}/slack/oauth_redirect?code=code-{team}&state={state or query['state'][0]}"
        async with browser.get(back, headers=headers) as done:
            assert "code-" not in await done.text()
            first = done.status
        if first == 200:
            async with browser.get(back, headers=headers) as again:
                assert again.status >= 400, "a state is good once"
        return first


async def test_two_workspaces_install_and_one_leaves(slack: FakeSlack, start: Start, practice: World) -> None:
    async with start(**several(slack)) as bot:
        ann = slack.person("UADMIN")
        refused = await ann.command(CERTIFICATE.domain)
        assert refused.status == 200
        assert slack.made("chat.postMessage") == []
        assert await install(slack, bot.origin, "T0001") == 200
        assert await install(slack, bot.origin, "T0002") == 200
        eve = slack.person("UADMIN", team="T0002")
        await ann.command(CERTIFICATE.domain)
        await eve.command(CERTIFICATE.domain)
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code
        assert data_of(await eve.report())["cause"] == CERTIFICATE.code
        tokens = [token for token, grant in slack.grants.items() if grant.kind == "bot"]
        for file in practice.folder.iterdir():
            assert not any(token.encode() in file.read_bytes() for token in tokens), file
        await ann.event({"type": "app_uninstalled"}, team_id="T0002", authorizations=[])
        table = Installations.beside(bot.store)
        assert await table.get("slack::T0002") is None
        assert await table.get("slack::T0001") is not None
        await ann.event({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}}, authorizations=[])
        assert await table.get("slack::T0001") is not None
        await ann.event({"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}}, authorizations=[])
        assert await table.get("slack::T0001") is None


@pytest.mark.parametrize("fault", ["forged", "no cookie"])
async def test_an_installation_that_did_not_begin_here_is_refused(slack: FakeSlack, start: Start, fault: str) -> None:
    async with start(**several(slack)) as bot:
        status = await install(
            slack, bot.origin, "T0001", state="1.x.y" if fault == "forged" else None, cookies=fault != "no cookie"
        )
        assert status >= 400
        assert await Installations.beside(bot.store).all() == []


async def test_a_token_that_ends_soon_is_renewed_once(slack: FakeSlack, start: Start) -> None:
    slack.rotation = True
    async with start(**several(slack)) as bot:
        assert await install(slack, bot.origin, "T0001") == 200
        table = Installations.beside(bot.store)
        ann, bob = slack.person("UADMIN"), slack.person("U0002", email=f"bob@{CERTIFICATE.domain}")
        await ann.command(CERTIFICATE.domain)
        await ann.report()
        asked = len(slack.made("oauth.v2.access"))
        # eleven hours later
        opened = SealedInstallations(table, Seal(key_beside(bot.store.place.path.with_suffix(".key"))))  # type: ignore[union-attr]
        found = await opened.async_find_bot(enterprise_id=None, team_id="T0001")
        assert found is not None
        found.bot_token_expires_at = int(time.time()) + 600
        old = found.bot_token
        await opened.async_save_bot(found)
        await ann.command(CERTIFICATE.domain)
        await bob.command(CERTIFICATE.domain)
        await ann.report(1)
        await bob.report()
        assert len(slack.made("oauth.v2.access")) == asked + 1
        fresh = await opened.async_find_bot(enterprise_id=None, team_id="T0001")
        assert fresh is not None
        assert fresh.bot_token != old


async def test_what_is_sealed_opens_with_its_own_key_only(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        table = Installations.beside(store)
        bots = SealedInstallations(table, Seal("k" * 32))
        made = Installed(app_id="A", team_id="T1", bot_token="xoxb-1", bot_id="B", bot_user_id="U", installed_at=1.0)
        await bots.async_save_bot(made)
        again = await bots.async_find_bot(enterprise_id=None, team_id="T1")
        assert again is not None
        assert again.bot_token == "xoxb-1"
        assert await SealedInstallations(table, Seal("j" * 32)).async_find_bot(enterprise_id=None, team_id="T1") is None
        assert await bots.async_find_bot(enterprise_id="E1", team_id="T1") is None
        with pytest.raises(SealError):
            Seal("short")


async def test_a_state_is_good_once_and_for_ten_minutes(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        now = [1000.0]
        states = SignedStates(Installations.beside(store), "key", lambda: now[0])
        state = await states.async_issue()
        assert not await SignedStates(Installations.beside(store), "other").async_consume(state)
        assert await states.async_consume(state)
        assert not await states.async_consume(state)
        late = await states.async_issue()
        now[0] += 601
        assert not await states.async_consume(late)
        assert not await states.async_consume("")


async def test_the_key_file_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.key"
    key = key_beside(path)
    assert key_beside(path) == key
    assert path.stat().st_mode & 0o077 == 0
    assert Where("T", "U").person == "slack:T:U"
