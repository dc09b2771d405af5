"""Slack and Lark away for a while: everything arrives afterwards, once and in order; others are served meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.oauth.installation_store import Bot as Installed
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import Bot, open_bot
from handlers.slack.inbound import Where
from handlers.slack.tokens import InstalledTokens
from tests.nodes.people import doubles, ends, names
from tests.servers.lark import FakeLark
from tests.servers.practice import CERTIFICATE
from tests.servers.slack import Answer, FakeSlack, Person
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.slack.test_install import install, several
from tests.stories import lark as lark_stories
from tests.stories import slack as slack_stories
from tests.stories.process import free_port
from tests.stories.stage import settings_in

pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
"""slack_sdk's business."""
_AWAY = 20.0
_BACK = 40.0
"""Seconds after which the last try to reach a platform that is back has been made."""


class MoodySlack(FakeSlack):
    """For the workspaces in `down` every other call is answered with 503, the rest not at all."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.down: set[str] = set()
        self.turned_away = 0

    async def _api(self, request: web.Request) -> web.Response:
        grant = self.grants.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if grant is None or grant.team not in self.down:
            return await super()._api(request)
        self.turned_away += 1
        if self.turned_away % 2 and request.transport is not None:
            request.transport.abort()
        return web.json_response({"ok": False, "error": "internal_error"}, status=503)


class MoodyLark(FakeLark):
    """Tokens end within seconds, so that they must be renewed while it is down."""

    def __init__(self) -> None:
        super().__init__(token_life=10)
        self.down, self.turned_away = False, 0

    def _serve(self, name: str, method: Any) -> Any:
        return self._moody(super()._serve(name, method))

    async def _issue(self, request: web.Request) -> web.Response:
        return await self._moody(super()._issue)(request)

    def _moody(self, serve: Any) -> Any:
        async def served(request: web.Request) -> web.Response:
            if not self.down:
                return await serve(request)
            self.turned_away += 1
            return web.json_response({}, status=503)

        return served


@asynccontextmanager
async def running(world: World, monkeypatch: pytest.MonkeyPatch, **settings: str) -> AsyncIterator[Bot]:
    common = {"MIGCHECK_WEB__LISTEN": f"127.0.0.1:{free_port()}", "MIGCHECK_ACCESS__ADMINS": '["UADMIN", "ou_admin"]'}
    async with open_bot(settings_in({**world.environment, **common, **settings}, monkeypatch)) as bot:
        yield bot
        with contextlib.suppress(TimeoutError):
            await bot.conversation.settle()


async def test_slack_is_away_for_one_workspace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with MoodySlack() as slack:
        settings = slack_stories.settings_of(slack) | several(slack)
        async with running(world, monkeypatch, **settings) as bot:
            slack.delivery.url = f"{bot.origin}/slack/events"
            for team in ("T0001", "T0002"):
                assert await install(slack, bot.origin, team) == 200
            ann, eve = slack.person("UADMIN"), slack.person("UADMIN", team="T0002")
            slack.down = {"T0001"}
            for person in (ann, eve):
                root = await person.says(CERTIFICATE.domain)
                await person.says("help", thread=root)
            assert data_of(await eve.report())["cause"] == CERTIFICATE.code
            await eve.sees_with(words="explain")
            await asyncio.sleep(_AWAY)  # as long as it shall be away
            assert ann.sees() == []
            assert slack.turned_away > 3
            slack.down = set()
            assert data_of(await ann.report(limit=_BACK))["cause"] == CERTIFICATE.code
            await ann.sees_with(words="explain", limit=_BACK)
            await bot.conversation.settle()
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}
            assert sorted(_keys(slack, ann)) == sorted(_keys(slack, eve)), "nothing is missing"
            assert _keys(slack, ann)[0] == "progress:1", "what was decided first is shown first"
    assert slack.faults == []


def _keys(slack: FakeSlack, person: Person) -> list[str]:
    """What somebody sees, in its order, without the case."""
    assert names(slack)
    return [str(m.blocks[0]["block_id"]).partition("/")[2] for m in person.sees() if m.blocks]


async def test_lark_is_away_and_slack_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with MoodyLark() as lark, MoodySlack() as slack:
        settings = slack_stories.settings_of(slack) | lark_stories.settings_of(lark)
        async with running(world, monkeypatch, **settings) as bot:
            slack.delivery.url, lark.delivery.url = f"{bot.origin}/slack/events", f"{bot.origin}/lark/events"
            await lark.until(lambda: lark.made("bot.info"))
            ann, eve = lark.person("ou_admin"), slack.person("UADMIN")
            lark.down = True
            root = await ann.says(CERTIFICATE.domain)
            await ann.says("help", thread=root)
            await eve.command(CERTIFICATE.domain)
            assert data_of(await eve.report())["cause"] == CERTIFICATE.code
            await asyncio.sleep(_AWAY)  # as long as it shall be away
            assert ann.sees() == []
            assert lark.turned_away > 3
            lark.down = False
            await ann.report(limit=_BACK)
            await bot.conversation.settle()
            texts = [message.words for message in ann.sees()]
            assert len(texts) == len(set(texts)), "nothing is there twice"
            assert len([m for m in ann.sees() if m.button("export")]) == 1
            assert CERTIFICATE.domain in texts[0], "what was decided first is shown first"
    assert lark.faults == []
    assert slack.faults == []


async def test_slack_is_away_while_a_token_is_to_be_renewed() -> None:
    """The old one is good for two hours yet."""
    old = Installed(
        bot_token="xoxe.xoxb-old",
        bot_id="B1",
        bot_user_id="U1",
        bot_refresh_token="xoxe-1",
        bot_token_expires_at=1,
        installed_at=1.0,
    )

    class Bots:
        async def async_find_bot(self, **_: Any) -> Installed:
            return old

        async def async_save_bot(self, bot: Installed) -> None:
            raise AssertionError

    nobody = AsyncWebClient(base_url=f"http://127.0.0.1:{free_port()}/api/")
    tokens = InstalledTokens(Bots(), AsyncTokenRotator(client_id="1.2", client_secret="x", client=nobody))
    assert await tokens.token(Where("T0001", "U0001", "", None, None, False, None)) == "xoxe.xoxb-old"


@pytest.mark.parametrize("status", [0, 503])
async def test_a_plan_whose_beginning_was_not_heard_of_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Slack begins it and the answer is lost; a plan carries no name."""
    async with MoodySlack() as slack, running(world, monkeypatch, **slack_stories.settings_of(slack)) as bot:
        slack.delivery.url = f"{bot.origin}/slack/events"
        ann = slack.person("UADMIN")
        slack.script["chat.startStream"].append(Answer(after_effect=True, status=status))
        root = await ann.says(CERTIFICATE.domain)
        await ann.report()
        await bot.conversation.settle()
        (plan,) = [m for m in ann.sees() if m.tasks]
        assert (plan.stream, plan.thread) == ("done", root)
        assert doubles(slack) == []
        await ann.says(CERTIFICATE.domain)
        await ann.report(1)
        assert len([m for m in ann.sees() if m.tasks]) == 2, "plans are not given up for one lost answer"
    assert slack.faults == []
