"""From first words to a report: what is asked, what is checked, and what is told of it."""

import pytest

from bot.core.model import Lang
from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE
from tests.stories.stage import ADMIN, Stage

ERROR = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."


async def test_whole_sentences_are_read(stage: Stage) -> None:
    taro = stage.person("taro", APP_PASSWORD.account)
    async with stage.bot():
        await taro.begin(f"{APP_PASSWORD.domain} の {APP_PASSWORD.account} を来週 Lark に移行します")
        report = await taro.report()
        assert APP_PASSWORD.domain in report.text
        offer = await taro.offer()
        assert APP_PASSWORD.account in offer.text, "the account was said already"


async def test_typed_servers_are_checked(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    domain, elsewhere = stage.domain("typed"), stage.domain("elsewhere")
    server = await stage.world.imap(f"imap.{elsewhere}")
    async with stage.bot():
        await ann.begin(f"{domain} imap.{elsewhere}:{server.port}")
        report = await ann.report()
        assert f"imap.{elsewhere}:{server.port}" in str(await stage.kept(report.case))
        assert server.transcript.connections == 1
        assert server.transcript.attempts == []


async def test_a_pasted_error_is_explained_and_nothing_is_probed(stage: Stage) -> None:
    ann = stage.person("ann", "ann@example.test")
    before = len(stage.world.names.questions)
    async with stage.bot():
        await ann.begin(ERROR)
        told = await ann.hears("explain.cause")
        assert ERROR in told.text, "the words are shown that are explained"
        assert ann.hearing("talk.ask_domain_after_error")
        assert not {"share", "watch"} & set(told.actions)
        assert ann.reports() == []
        assert stage.world.names.questions[before:] == []


async def test_after_an_explanation_the_domain_is_checked(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(ERROR)
        told = await ann.hears("explain.cause")
        await ann.say(CERTIFICATE.domain)
        report = await ann.report()
        assert report.thread == told.thread
        assert (await stage.came_to(report))[2] == CERTIFICATE.code


@pytest.mark.parametrize("text", ["blorb", "???!"])
async def test_what_says_nothing_is_answered_with_an_example(stage: Stage, text: str) -> None:
    ann = stage.person(ADMIN)
    before = len(stage.world.names.questions)
    async with stage.bot():
        await ann.begin(text)
        await ann.hears("talk.ask_domain", example="example.co.jp")
        await ann.say(text)
        await ann.hears("talk.unclear", example="example.co.jp")
        assert stage.world.names.questions[before:] == []


async def test_where_no_server_is_found_buttons_name_the_situations(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    domain = stage.domain("nowhere")
    async with stage.bot():
        await ann.begin(domain)
        asked = await ann.sees_with("choose:scenario:exchange")
        assert "choose:scenario:m365" in asked.actions
        assert "form.servers" in asked.actions
        await ann.press(asked, "choose:scenario:exchange")
        second = await ann.report(1)
        assert (await stage.kept(second.case)).scenario == "exchange"
        sheet = await ann.sheet(await ann.sees_with("form.exchange"), "exchange")
        assert set(await sheet.send(ews="two words", account=f"admin@{domain}")) == {"ews"}
        closed = await stage.world.closed(f"mail.{domain}", 443)
        assert await sheet.send(ews=f"https://mail.{domain}:{closed.port}/EWS/Exchange.asmx") == {}, (
            "no mailbox is needed"
        )
        assert (await stage.came_to(await ann.report(2)))[1] == "ews.connect"


async def test_help_says_what_can_be_done(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin("help")
        told = await ann.hears("talk.help")
        assert "example.co.jp" in told.text
        assert await stage.case_count(ann) == 1


async def test_ones_own_cases_are_listed(stage: Stage) -> None:
    ann, bob = stage.person(ADMIN), stage.person("bob", "bob@else.test")
    async with stage.bot():
        assert ALL_GOOD.domain not in await ann.hands.cases()
        await ann.begin(ALL_GOOD.domain)
        report = await ann.report()
        await ann.sees_with("form.account")  # which follows the report, and is no list
        listed = await ann.hands.cases()
        assert report.case in listed
        assert ALL_GOOD.domain in listed
        assert report.case not in await bob.hands.cases()


@pytest.mark.parametrize("lang", ["ja", "en", "zh"])
async def test_the_talk_is_in_the_persons_language(stage: Stage, lang: Lang) -> None:
    ann = stage.person(ADMIN, lang=lang)
    async with stage.bot():
        await ann.begin(CERTIFICATE.domain)
        report = await ann.report()
        assert ann.hearing("talk.checked", subject=CERTIFICATE.domain)
        assert ann.words["button.recheck"] in report.text
        assert ann.words["what_to_do"] in report.text
        assert ann.words["stage.tls"] in report.text
