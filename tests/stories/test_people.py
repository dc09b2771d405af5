"""Several people: apart from one another, within what each may, and not too often."""

import asyncio

import pytest

from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE, CHAIN
from tests.stories.stage import ADMIN, Stage


async def test_two_peoples_cases_never_mix(stage: Stage) -> None:
    ann = stage.person("ann", f"ann@{CERTIFICATE.domain}")
    bob = stage.person("bob", f"bob@{CHAIN.domain}", lang="zh")
    async with stage.bot():
        await asyncio.gather(ann.begin(CERTIFICATE.domain), bob.begin(CHAIN.domain))
        hers, his = await asyncio.gather(ann.report(), bob.report())
        assert hers.case != his.case
        assert (await stage.came_to(hers))[2] == CERTIFICATE.code
        assert (await stage.came_to(his))[2] == CHAIN.code
        assert CHAIN.domain not in "\n".join(seen.text for seen in ann.sees())
        assert CERTIFICATE.domain not in "\n".join(seen.text for seen in bob.sees())
        assert ann.words["button.recheck"] in hers.text
        assert bob.words["button.recheck"] in his.text


async def test_another_persons_buttons_do_nothing(stage: Stage) -> None:
    ann = stage.person("ann", f"ann@{CERTIFICATE.domain}")
    bob = stage.person("bob", f"bob@{CHAIN.domain}")
    async with stage.bot():
        await asyncio.gather(ann.begin(CERTIFICATE.domain), bob.begin(CHAIN.domain))
        hers, _ = await asyncio.gather(ann.report(), bob.report())
        await stage.settled()
        before = [seen.text for seen in ann.sees()]
        for action in ("recheck", "servers", "watch"):
            await bob.press(hers, action)
        await stage.settled()
        assert [seen.text for seen in ann.sees()] == before
        assert (len(ann.reports()), len(bob.reports())) == (1, 1)
        assert CERTIFICATE.domain not in "\n".join(seen.text for seen in bob.sees())


async def test_a_member_checks_his_own_domain_only(stage: Stage) -> None:
    bob = stage.person("bob", f"bob@{ALL_GOOD.domain}")
    before = len(stage.world.names.questions)
    async with stage.bot():
        await bob.begin(CERTIFICATE.domain)
        await bob.hears("talk.refused.domain", domain=CERTIFICATE.domain, theirs=ALL_GOOD.domain)
        await bob.begin(f"imap.{CERTIFICATE.domain}:993")
        await bob.hears("talk.refused.servers")
        assert stage.world.names.questions[before:] == []
        await bob.begin(ALL_GOOD.domain)
        assert (await stage.came_to(await bob.report()))[0] == "pass"


async def test_who_is_not_known_is_told_so(stage: Stage) -> None:
    nobody = stage.person("nobody")
    before = len(stage.world.names.questions)
    async with stage.bot():
        await nobody.begin(ALL_GOOD.domain)
        await nobody.hears("talk.refused.unknown_person")
        assert stage.world.names.questions[before:] == []


@pytest.mark.parametrize(
    "setting", [{"MIGCHECK_ACCESS__DOMAINS": f'["{ALL_GOOD.domain}"]'}, {"MIGCHECK_ACCESS__ADMINS": '["*"]'}]
)
async def test_settings_let_everybody_check(stage: Stage, setting: dict[str, str]) -> None:
    bob = stage.person("bob", "bob@else.test")
    async with stage.bot(**setting):
        await bob.begin(ALL_GOOD.domain)
        assert (await stage.came_to(await bob.report()))[0] == "pass"


async def test_a_member_logs_in_as_himself_an_admin_as_anybody(stage: Stage) -> None:
    bob, ann = stage.person("bob", f"bob@{ALL_GOOD.domain}"), stage.person(ADMIN, "ann@else.test")
    async with stage.bot():
        await bob.begin(ALL_GOOD.domain)
        await bob.hears("talk.ask_account")
        await bob.say(ALL_GOOD.account)
        await bob.hears("talk.refused.account", account=ALL_GOOD.account, own=f"bob@{ALL_GOOD.domain}")
        assert not bob.hearing("talk.secret_offer")
        await bob.say(f"bob@{ALL_GOOD.domain}")
        await bob.hears("talk.secret_offer", account=f"bob@{ALL_GOOD.domain}")
        await ann.begin(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        assert await ann.type("practice")
        assert (await stage.came_to(await ann.report(1)))[0] == "pass"


async def test_strangers_are_not_answered(stage: Stage) -> None:
    eve = stage.stranger("eve")
    before = len(stage.world.names.questions)
    async with stage.bot(MIGCHECK_ACCESS__DOMAINS=f'["{ALL_GOOD.domain}"]'):
        place = stage.surface.place("open", eve.hands, shared=True)
        await eve.command(ALL_GOOD.domain)
        await eve.hears("command.stranger")
        await eve.hands.mention(ALL_GOOD.domain, place)
        await stage.settled()
        assert eve.sees(place) == []
        assert stage.surface.public(place) == []
        assert stage.world.names.questions[before:] == []


async def test_who_checks_too_often_is_told_until_when(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot(MIGCHECK_LIMITS__CHECKS_PER_PERSON='["1/1h"]'):
        await ann.begin(CERTIFICATE.domain)
        await ann.report()
        before = len(stage.world.names.questions)
        await ann.begin(ALL_GOOD.domain)
        told = await ann.hears("talk.limited.checks", minutes=60)
        assert "recheck" in told.actions
        assert stage.world.names.questions[before:] == []


async def test_an_account_is_not_tried_too_often_by_whoever(stage: Stage) -> None:
    taro, ann = stage.person("taro", APP_PASSWORD.account), stage.person(ADMIN)
    async with stage.bot(MIGCHECK_LIMITS__LOGINS_PER_ACCOUNT='["1/15m"]'):
        await taro.begin(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}")
        assert await taro.type("hello")
        await taro.report(1)
        await ann.begin(f"{APP_PASSWORD.domain} {APP_PASSWORD.account.upper()}")
        await ann.report()
        assert await ann.type("hello")
        await ann.hears("talk.limited.logins", minutes=15)
        assert len(ann.reports()) == 1


async def test_servers_are_not_probed_too_often_by_all_together(stage: Stage) -> None:
    ann, bob = stage.person(ADMIN), stage.person("bob", f"bob@{CERTIFICATE.domain}")
    async with stage.bot(MIGCHECK_LIMITS__PROBES_PER_HOST='["1/1h"]'):
        await ann.begin(CERTIFICATE.domain)
        await ann.report()
        await bob.begin(CERTIFICATE.domain)
        await bob.hears("talk.limited.probes", subject=CERTIFICATE.domain, minutes=60)
        assert bob.reports() == []
