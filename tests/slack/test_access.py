"""Who may check what, how often, and who is answered at all."""

import pytest

from bot.store.uses import Uses
from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import Start, data_of
from tests.slack.test_stories import type_secret


async def test_a_member_may_check_the_domain_of_his_own_address_only(
    slack: FakeSlack, start: Start, practice: World
) -> None:
    bob = slack.person("U0002", email=f"bob@{ALL_GOOD.domain}")
    async with start():
        await bob.command(CERTIFICATE.domain)
        told = await bob.sees_with(words=CERTIFICATE.domain)
        assert ALL_GOOD.domain in told.text
        assert practice.names.questions == []
        await bob.command(f"{ALL_GOOD.domain} imap:imap.{CERTIFICATE.domain}")
        await bob.command(ALL_GOOD.domain)
        assert data_of(await bob.report())["verdict"] in ("pass", "fail")


async def test_a_member_without_an_address_is_told_so(slack: FakeSlack, start: Start, practice: World) -> None:
    bob = slack.person("U0002")
    async with start():
        await bob.command(ALL_GOOD.domain)
        await bob.sees_with(words="access.domains")
    assert practice.names.questions == []


async def test_domains_for_everyone(slack: FakeSlack, start: Start) -> None:
    bob = slack.person("U0002", email="bob@else.test")
    async with start(MIGCHECK_ACCESS__DOMAINS=f'["{ALL_GOOD.domain}"]'):
        await bob.command(ALL_GOOD.domain)
        assert data_of(await bob.report())["verdict"] == "pass"


async def test_a_member_logs_in_as_his_own_address_only_an_admin_as_any(slack: FakeSlack, start: Start) -> None:
    bob = slack.person("U0002", email=f"bob@{ALL_GOOD.domain}")
    ann = slack.person("UADMIN", email="ann@else.test")
    async with start():
        root = await bob.says(ALL_GOOD.domain)
        await bob.report()
        await bob.says(ALL_GOOD.account, thread=root)
        await bob.sees_with(words="not your own mail address")
        assert [m for m in bob.sees() if m.action("secret")] == []
        await bob.says(f"bob@{ALL_GOOD.domain}", thread=root)
        await bob.sees_with("secret")
        await ann.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await ann.offer()
        await type_secret(offer.action("secret")["url"], "practice")  # type: ignore[index]
        assert data_of(await ann.report(1))["verdict"] in ("pass", "warn")


async def test_everybody_is_an_admin_where_the_settings_say_so(slack: FakeSlack, start: Start) -> None:
    bob = slack.person("U0002")
    async with start(MIGCHECK_ACCESS__ADMINS='["*"]'):
        await bob.command(CERTIFICATE.domain)
        assert data_of(await bob.report())["cause"] == CERTIFICATE.code


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


async def test_a_person_checks_no_more_than_so_often(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start(MIGCHECK_LIMITS__CHECKS_PER_PERSON='["1/1h"]'):
        await ann.command(CERTIFICATE.domain)
        await ann.report()
        await ann.command(ALL_GOOD.domain)
        await ann.sees_with(words="many checks")


async def test_a_host_is_probed_no_more_than_so_often_by_all_together(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    bob = slack.person("U0002", email=f"bob@{CERTIFICATE.domain}")
    async with start(MIGCHECK_LIMITS__PROBES_PER_HOST='["1/1h"]'):
        await ann.command(CERTIFICATE.domain)
        await ann.report()
        await bob.command(CERTIFICATE.domain)
        await bob.sees_with(words="checked often enough")


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
