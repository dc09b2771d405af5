"""A report and what comes of it: its pages, foreign words in it, and being told when it works again."""

import json

from tests.leaks import find_leaks
from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE
from tests.stories.stage import ADMIN, Stage
from tests.stories.surface import Seen

MARKUP = "<!channel> <@U0001> <at id=all></at> <https://evil.test|log in here> [x](https://evil.test) **now** @here"
HOSTILE = f"{MARKUP} \u202egnp.exe \u2066<font color='red'> <img src=//evil.test>\x1b[31m"


async def test_the_full_report_opens(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(CERTIFICATE.domain)
        report = await ann.report()
        page = await ann.open(report.links["page"])
        assert (page.status, page.kind) == (200, "text/html")
        assert report.case in page.text
        assert CERTIFICATE.domain in page.text
        address, _, key = report.links["page"].partition("?k=")
        wrong = f"{address}?k={key[:-4]}zzzz"
        assert (await ann.open(wrong)).status == 404


async def test_another_person_without_the_key_sees_no_report(stage: Stage) -> None:
    ann, bob = stage.person(ADMIN), stage.person("bob", "bob@else.test")
    async with stage.bot():
        await ann.begin(CERTIFICATE.domain)
        report = await ann.report()
        assert (await bob.open(report.links["page"].partition("?")[0])).status == 404


async def test_the_file_for_support_has_neither_account_nor_secret(stage: Stage) -> None:
    taro = stage.person("taro", APP_PASSWORD.account)
    async with stage.bot():
        await taro.begin(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}")
        assert await taro.type("hello-hello-hello")
        report = await taro.report(1)
        given = await taro.open(report.links["export"])
        assert given.status == 200
        assert "attachment" in given.disposition
        assert (await taro.open(report.links["export"][:-4] + "zzzz")).status == 404
        bundle = json.loads(given.text)
        assert bundle["report"]["case"] == report.case
        assert bundle["versions"]["openssl"]
        assert any(said["step"] == "imap.login" and said["evidence"] for said in bundle["transcript"])
        assert APP_PASSWORD.account not in given.text
        assert find_leaks(given.text, "hello-hello-hello") == []


async def test_a_hostile_banner_stays_words(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    domain = stage.domain("evil")
    await stage.world.imap(f"imap.{domain}", greeting=f"* BYE {HOSTILE}{'A' * 3000}")
    await stage.world.smtp(f"smtp.{domain}")
    async with stage.bot():
        await ann.begin(domain)
        report = await ann.report()
        assert (await stage.came_to(report))[2] == "greeting.refused"
        assert "<!channel>" in report.text, "they are shown as they are"
        harmless(report)
        assert "\u202e" not in stage.surface.written()
        assert "A" * 1001 not in stage.surface.written()


async def test_a_hostile_refusal_stays_words(stage: Stage) -> None:
    domain = stage.domain("evil")
    taro = stage.person("taro", f"taro@{domain}")
    await stage.world.imap(f"imap.{domain}", refuse_all=f"{{tag}} NO [AUTHENTICATIONFAILED] {HOSTILE}")
    await stage.world.smtp(f"smtp.{domain}")
    async with stage.bot():
        await taro.begin(f"{domain} taro@{domain}")
        assert await taro.type("hello")
        report = await taro.report(1)
        assert "<!channel>" in report.text
        harmless(report)


async def test_what_a_person_pastes_stays_words(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(f"NO [AUTHENTICATIONFAILED] Authentication failed {HOSTILE}")
        told = await ann.hears("explain.cause")
        harmless(told)


def harmless(seen: Seen) -> None:
    """No mention, no link and no formatting of a server's own."""
    for bad in ("evil.test", "<!channel>", "<@", "<at", "**now**", "<font"):
        assert bad not in seen.marked
    assert [address for address in seen.addresses if "evil" in address] == []
    for bad in ("\u202e", "\u2066", "\x1b"):
        assert bad not in seen.text


async def test_a_watch_tells_when_it_works_again(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    domain = stage.domain("mended")
    closed = await stage.world.closed(f"imap.{domain}", 10993)
    stage.world.record(f"_imaps._tcp.{domain}", "SRV", f"0 1 {closed.port} imap.{domain}.")
    async with stage.bot(MIGCHECK_WATCH__EVERY="1s", MIGCHECK_WATCH__FOR="1m"):
        await ann.begin(domain)
        report = await ann.report()
        assert (await stage.came_to(report))[1] == "imap.connect"
        await ann.press(report, "watch")
        await ann.hears("talk.watching", subject=domain)
        await closed.__aexit__(None, None, None)
        await stage.world.imap(f"imap.{domain}", closed.port)
        told = await ann.hears("talk.watch_recovered", subject=domain)
        assert told.thread == report.thread
        await ann.press(told, "recheck")
        assert (await stage.came_to(await ann.report(1)))[1] != "imap.connect"


async def test_a_watch_ends_by_itself_and_can_be_stopped(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot(MIGCHECK_WATCH__EVERY="1s", MIGCHECK_WATCH__FOR="2s"):
        await ann.begin(CERTIFICATE.domain)
        report = await ann.report()
        await ann.press(report, "watch")
        await ann.hears("talk.watch_over", subject=CERTIFICATE.domain)
    async with stage.bot():
        await ann.press(report, "watch")
        await ann.press(await ann.hears("talk.watching", after=1), "unwatch")
        await ann.hears("talk.watch_stopped", subject=CERTIFICATE.domain)


async def test_what_works_is_not_watched(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(ALL_GOOD.domain)
        report = await ann.report()
        assert "watch" not in report.actions
        assert "recheck" in report.actions
