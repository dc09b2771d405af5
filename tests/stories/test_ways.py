"""What a person can do in a case: say something, press something, fill something in. Told for every way of transport."""

import pytest

from tests.servers.practice import ALL_GOOD, CERTIFICATE, CHAIN
from tests.stories.house import house
from tests.stories.stage import ADMIN, Stage


async def test_a_domain_leads_to_a_report(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(CHAIN.domain)
        report = await ann.report()
        assert await stage.came_to(report) == ("fail", "imap.tls", CHAIN.code)
        assert report.case in report.text
        assert CHAIN.domain in report.text
        assert ann.words["stage.tls"] in report.text
        assert ann.words["what_to_do"] in report.text
        assert report.colour in ("", "red", "fail")
        assert {seen.thread for seen in ann.sees()} == {report.thread}, "all of a case stands together"
        assert not [seen for seen in ann.sees() if "cancel" in seen.actions], "what is over cannot be cancelled"
        assert await stage.case_count(ann) == 1


async def test_wrong_input_stands_at_its_field(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(ALL_GOOD.domain)
        sheet = await ann.sheet(await ann.sees_with("form.account"), "account")
        assert set(sheet.fields) == {"account"}
        errors = await sheet.send(account="no address at all")
        assert set(errors) == {"account"}
        assert "no address at all" in errors["account"]
        assert "@" in errors["account"], "an example shows how it should look"
        assert await sheet.send(account=ALL_GOOD.account) == {}
        assert ALL_GOOD.account in (await ann.offer()).text


async def test_the_first_form_says_what_is_wrong_where_it_is(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        sheet = await ann.sheet(None, "start")
        known = {"domain", "scenario", "account", "imap", "smtp", "pop", "ews", "mailbox"}
        assert {"domain", "scenario", "account", "imap", "smtp", "pop"} <= set(sheet.fields) <= known
        assert set(await sheet.send()) == {"domain"}, "nothing at all is no case"
        errors = await sheet.send(domain="not a domain", imap="imap.example.test:99999")
        assert set(errors) == {"domain", "imap"}
        assert "example" in errors["domain"]
        assert "imap.example.test:99999" in errors["imap"]
        assert await sheet.send(domain=ALL_GOOD.domain, imap="", scenario="manual") == {}
        assert (await stage.came_to(await ann.report()))[0] == "pass"
        assert await stage.case_count(ann) == 1


async def test_servers_are_typed_where_none_is_found(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    domain, elsewhere = stage.domain("moved"), stage.domain("house")
    imap, smtp = await stage.world.imap(f"imap.{elsewhere}"), await stage.world.smtp(f"smtp.{elsewhere}")
    async with stage.bot():
        await ann.begin(domain)
        sheet = await ann.sheet(await ann.sees_with("form.servers"), "servers")
        errors = await sheet.send(imap="-bad-", smtp="smtp.example.test:0")
        assert set(errors) == {"imap", "smtp"}
        typed = {"imap": f"imap.{elsewhere}:{imap.port}", "smtp": f"smtp.{elsewhere}:{smtp.port}"}
        assert await sheet.send(**typed) == {}
        assert (await stage.came_to(await ann.report(1)))[0] == "pass"


async def test_a_reports_button_leads_to_other_servers(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(CERTIFICATE.domain)
        report = await ann.report()
        sheet = await ann.sheet(report, "servers")
        assert set(await sheet.send(imap="-bad-")) == {"imap"}
        assert ann.reports()[1:] == []


async def test_checking_again_is_one_press(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(CERTIFICATE.domain)
        first = await ann.report()
        await ann.press(first, "recheck")
        second = await ann.report(1)
        assert (await stage.came_to(second))[2] == CERTIFICATE.code
        assert (second.case, second.thread) == (first.case, first.thread)
        await ann.say("recheck")
        assert (await ann.report(2)).case == first.case
        await stage.settled()
        assert not [seen for seen in ann.sees() if "cancel" in seen.actions]


@pytest.mark.parametrize("way", ["button", "button in a thread", "words"])
async def test_a_check_under_way_is_cancelled(stage: Stage, way: str) -> None:
    ann = stage.person(ADMIN)
    domain = stage.domain("hang")
    hole = await stage.world.black_hole(f"imap.{domain}", 993)
    async with stage.bot():
        await (ann.ask if way == "button" else ann.begin)(f"{domain} imap.{domain}:{hole.port}")
        await ann.until(lambda: [seen for seen in ann.sees() if ann.words["stage.exists"] in seen.text])
        await (ann.say("cancel") if way == "words" else ann.press(await ann.sees_with("cancel"), "cancel"))
        await ann.hears("talk.cancelled")
        await ann.until(lambda: not [seen for seen in ann.sees() if "cancel" in seen.actions])
        await stage.settled()
        assert ann.reports() == []


async def test_a_secret_is_taken_by_the_surfaces_own_form(stage: Stage) -> None:
    here = await house(stage)
    taro = stage.person("taro", here.account)
    async with stage.bot(MIGCHECK_SECRETS__ENTRY="modal"):
        await taro.begin(f"{here.domain} {here.account}")
        offer = await taro.offer()
        assert "secret" not in offer.links
        assert await taro.type("mistyped-mistyped")
        await taro.hands.repeat()
        assert (await stage.came_to(await taro.report(1)))[2] == "login.wrong_credentials"
        await stage.settled()
        assert here.attempts == [False], "one secret, one attempt"
        assert len(taro.reports()) == 2, "one secret, one report"
    stage.has_nowhere("mistyped-mistyped")
