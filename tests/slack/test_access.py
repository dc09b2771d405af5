"""Who may check what, how often, and who is answered at all."""

import pytest

from bot.store.uses import Uses
from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import Start
from tests.stories.pages import type_secret


async def test_an_account_is_not_tried_too_often_by_whoever(slack: FakeSlack, start: Start, practice: World) -> None:
    taro = slack.person("U0001", email=APP_PASSWORD.account)
    ann = slack.person("UADMIN")
    async with start(MIGCHECK_LIMITS__LOGINS_PER_ACCOUNT='["1/15m"]') as bot:
        await taro.command(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}")
        offer = await taro.offer()
        await type_secret(offer.action("secret")["url"], "hello")  # type: ignore[index]
        await taro.report(1)
        await ann.command(f"{APP_PASSWORD.domain} {APP_PASSWORD.account.upper()}")
        offer = await ann.offer()
        await type_secret(offer.action("secret")["url"], "hello")  # type: ignore[index]
        told = await ann.sees_with(words="tried often enough")
        assert "minutes" in told.text
        trail = await Uses.beside(bot.store).trail()
        assert [row["what"] for row in trail] == [
            "check",
            "hosts",
            "login",
            "hosts",
            "check",
            "hosts",
            "refused:account",
        ]
        assert "hello" not in str(trail)


async def test_people_of_other_organisations_are_not_answered(slack: FakeSlack, start: Start, practice: World) -> None:
    eve = slack.person("U0666", email="eve@evil.test", is_stranger=True, team_id="T0666")
    channel = slack.channel("C0001", "U0666", "UBOT", shared=True)
    async with start(MIGCHECK_ACCESS__DOMAINS=f'["{ALL_GOOD.domain}"]'):
        await eve.command(ALL_GOOD.domain, channel)
        await eve.sees_with(words="its own workspace", channel=channel)
        await eve.mentions(ALL_GOOD.domain, channel)
        assert [m for m in slack.team.messages if m.channel == channel and m.author == "UBOT" and not m.whom] == []
    assert practice.names.questions == []


async def test_in_a_shared_channel_nothing_is_said_not_even_to_our_own(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    channel = slack.channel("C0001", "UADMIN", "UBOT", shared=True)
    async with start() as bot:
        await ann.mentions(CERTIFICATE.domain, channel)
        await ann.report()
        await bot.conversation.settle()
        assert [m for m in slack.team.messages if m.channel == channel and m.author == "UBOT"] == []


@pytest.mark.parametrize(
    ("locale", "words"), [("ja-JP", "確認"), ("en-GB", "Checking"), ("zh-CN", "检查"), ("fr-FR", "確認")]
)
async def test_the_language_is_the_profiles(slack: FakeSlack, start: Start, locale: str, words: str) -> None:
    ann = slack.person("UADMIN", locale=locale)
    async with start():
        await ann.command(ALL_GOOD.domain)
        root = await ann.sees_with()
        assert words in (root.states[0][1] if root.states else root.text)
