"""What a story has in Lark alone; the stories that every surface has are in tests/stories."""

import json

import pytest

from bot.app import Mind
from bot.core.language import language_of
from tests.lark.conftest import Start
from tests.servers.lark import FakeLark
from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE, CHAIN
from tests.servers.world import World
from tests.stories.pages import type_secret

MIND = Mind()


@pytest.mark.parametrize("encrypted", [True, False])
async def test_a_message_leads_to_a_report_in_its_thread(lark: FakeLark, start: Start, encrypted: bool) -> None:
    lark.delivery.encrypted = encrypted
    ann = lark.person("ou_admin")
    async with start() as bot:
        root = await ann.says(CHAIN.domain)
        report = await ann.report()
        kept = await bot.store.report(report.case)
        assert kept is not None
        assert (kept.report.verdict, kept.report.failing_step, kept.report.cause) == ("fail", "imap.tls", CHAIN.code)
        assert report.case in report.words
        assert CHAIN.domain in report.words
        assert {m.root for m in ann.sees()} == {root}
        assert {m.thread for m in ann.sees()} == {lark.messages[root].thread}
        assert report.card is not None
        assert report.card["header"]["template"] == "red"


async def test_account_and_secret_page_lead_to_a_log_in(lark: FakeLark, start: Start) -> None:
    taro = lark.person("ou_taro", email=APP_PASSWORD.account)
    async with start() as bot:
        root = await taro.says(f"{APP_PASSWORD.domain} を移行します")
        await taro.report()
        asked = await taro.sees_with("submit")
        assert asked.field("account")["default_value"] == APP_PASSWORD.account  # type: ignore[index]
        await taro.submits(asked, account=APP_PASSWORD.account)
        assert asked.buttons == [], "a form that was sent is closed"
        offer = await taro.offer()
        assert not any(part["tag"] == "input" for part in offer.elements)
        assert (await taro.presses(offer, "secret")).body == {}, "a link is Lark's business"
        assert await type_secret(offer.url("secret"), "hello") == 200
        second = await taro.report(1)
        kept = await bot.store.report(second.case)
        assert kept is not None
        assert kept.report.cause == APP_PASSWORD.code
        assert {m.root for m in taro.sees()} == {root}


@pytest.mark.parametrize("by_name", [True, False])
async def test_a_secret_in_the_cards_own_field(lark: FakeLark, start: Start, by_name: bool) -> None:
    taro = lark.person("ou_taro", email=APP_PASSWORD.account)
    async with start(MIGCHECK_SECRETS__ENTRY="modal") as bot:
        await taro.says(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}")
        offer = await taro.offer()
        field = offer.field("secret")
        assert field is not None
        assert (field["input_type"], field.get("default_value")) == ("password", None)
        assert offer.card["config"]["enable_forward"] is False  # type: ignore[index]
        ack = await taro.submits(offer, by_name=by_name, secret="hello")
        assert offer.buttons == [], "the field is gone at once"
        await taro.again(ack)
        second = await taro.report(1)
        kept = await bot.store.report(second.case)
        assert kept is not None
        assert kept.report.cause == APP_PASSWORD.code
        await bot.conversation.settle()
        assert len([m for m in taro.sees() if m.button("export")]) == 2
        assert "hello" not in str([m.card for m in lark.messages.values()])


async def test_cancel_kills_the_offer(lark: FakeLark, start: Start) -> None:
    taro = lark.person("ou_taro", email=ALL_GOOD.account)
    async with start():
        await taro.says(f"{ALL_GOOD.domain} {ALL_GOOD.account} please test the log-in")
        offer = await taro.offer()
        url = offer.url("secret")
        await taro.presses(offer, "cancel")
        assert offer.buttons == []
        await taro.sees_with(words="Cancelled", after=1)
        assert await type_secret(url, "practice") in (404, 410)


async def test_a_forms_errors_stand_beside_their_fields(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        await ann.says("what can you do for me please")
        await ann.menu("new")
        form = await ann.sees_with("submit")
        names = [part["name"] for part in form.elements if part["tag"] in ("input", "select_static")]
        assert names == ["domain", "scenario", "account", "imap", "smtp", "pop", "ews", "mailbox"]
        await ann.submits(form)
        assert "name a domain or a server" in form.said("en_us")
        await ann.submits(form, domain="not a domain", imap="imap.example.test:99999")
        parts = next(p for p in form.elements if p["tag"] == "form")["elements"]
        at = next(i for i, part in enumerate(parts) if part.get("name") == "imap")
        assert parts[at]["default_value"] == "imap.example.test:99999"
        assert "example" in parts[at + 1]["text"]["content"]
        await ann.submits(form, domain=ALL_GOOD.domain, imap="", scenario="manual")
        report = await ann.report()
        assert report.root == form.id
        kept = await bot.store.report(report.case)
        assert kept is not None
        assert kept.report.verdict == "pass"
        await ann.presses(report, "servers")
        servers = await ann.sees_with("submit", words="IMAP")
        await ann.submits(servers, imap="-bad-")
        assert "✗" in servers.words
        assert servers.field("imap")["default_value"] == "-bad-"  # type: ignore[index]


async def test_a_form_that_was_asked_for_in_words_begins_a_case_in_that_thread(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        root = await ann.says("/migcheck")
        form = await ann.sees_with("submit")
        assert form.root == root
        ben = lark.person("ou_ben", email=ALL_GOOD.account)
        await ben.submits(form, domain=ALL_GOOD.domain)
        assert lark.toasts, "somebody else's form begins nothing"
        assert await bot.store.cases_of(f"lark:{lark.tenant}:ou_ben") == []
        await ann.submits(form, domain="not a domain")
        await ann.submits(form, domain=ALL_GOOD.domain)
        report = await ann.report()
        assert report.root == root
        await ann.says("/migcheck recheck", thread=root)
        assert (await ann.report(1)).case == report.case
        await ann.says("/migcheck history", thread=root)
        await ann.sees_with(words=f"{report.case}  20")
        assert len(await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin")) == 1


async def test_a_group_message_that_speaks_to_others_is_none(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    group = lark.group("oc_group", "ou_admin", lark.bot)
    async with start() as bot:
        await ann.says(CERTIFICATE.domain, chat=group)
        assert await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin") == []


async def test_command_help_history_menu_and_greeting(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    group = lark.group("oc_group", "ou_admin", lark.bot)
    async with start():
        await ann.enters()
        greeting = await ann.sees_with("start")
        assert "こんにちは" in greeting.said("ja_jp")
        assert "Hello" in greeting.said("en_us")
        assert "您好" in greeting.said("zh_cn")
        await ann.enters()
        await ann.presses(greeting, "start")
        await ann.sees_with("submit")
        await ann.menu("help")
        await ann.sees_with(words="/migcheck example.co.jp")
        await ann.menu("cases")
        await ann.sees_with(words="ケース")
        await ann.says("/migcheck")
        await ann.sees_with("submit", after=1)
        await ann.mentions("blorb", group)
        assert (await ann.sees_with(words="/migcheck example.co.jp", chat=group)).whom == "ou_admin"
        await ann.says(f"/migcheck {ALL_GOOD.domain}")
        report = await ann.report()
        await ann.says("history")
        listed = await ann.sees_with(words=f"{report.case}  20")
        assert ALL_GOOD.domain in listed.words
        assert "applink.larksuite.com" in str(listed.card)
        assert len([m for m in ann.sees() if m.button("start")]) == 1, "greeted once"


async def test_a_shared_report_speaks_to_each_in_their_language(lark: FakeLark, start: Start) -> None:
    taro = lark.person("ou_taro", email=APP_PASSWORD.account)
    group = lark.group("oc_group", "ou_taro", "ou_a", "ou_b", "ou_z", lark.bot)
    lark.group("oc_others", "ou_a", lark.bot)
    lark.group("oc_outside", "ou_taro", lark.bot, external=True)
    async with start():
        await taro.mentions(f"/migcheck {APP_PASSWORD.domain} {APP_PASSWORD.account}", group)
        offer = await taro.offer()
        await type_secret(offer.url("secret"), "hello")
        await taro.presses(await taro.report(1), "share")
        asked = await taro.sees_with("submit")
        options = [option["value"] for option in asked.field("channel")["options"]]  # type: ignore[index]
        assert options == [group], "the groups of person and bot, none of elsewhere"
        await taro.submits(asked)
        await taro.sees_with(words="共有しました")
        shown = next(m for m in lark.messages.values() if m.chat == group and m.author == lark.bot and not m.whom)
        for locale in ("ja_jp", "en_us", "zh_cn"):
            assert APP_PASSWORD.account not in shown.said(locale)
        assert "App password" in shown.said("en_us") or "app password" in shown.said("en_us")
        assert shown.said("zh_cn") != shown.said("ja_jp")


async def test_share_without_a_group_says_so(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start():
        await ann.says(CERTIFICATE.domain)
        await ann.presses(await ann.report(), "share")
        await ann.sees_with(words="グループがありません")


@pytest.mark.parametrize(
    ("text", "words"),
    [("この{0}を移行します", "確認"), ("please check {0} for me", "Checking"), ("请检查{0}的迁移", "检查")],
)
async def test_the_language_is_that_of_what_was_written(lark: FakeLark, start: Start, text: str, words: str) -> None:
    ann = lark.person("ou_admin")
    async with start():
        await ann.says(text.format(f" {ALL_GOOD.domain} "))
        first = await ann.sees_with()
        assert words in (first.states[0][1] if first.states else first.words)
        await ann.report()
        await ann.says(CERTIFICATE.domain)
        second = await ann.report(1)
        assert (words in second.words) or (words == "Checking" and "Check again" in second.words)


@pytest.mark.parametrize(
    "text", ["/migcheck explain frobnicator", "/migcheck blorb blorb", "{0}", "AADSTS9 INVALID_GRANT BAD_TOKEN EXPIRED"]
)
async def test_commands_domains_and_codes_tell_no_language(lark: FakeLark, start: Start, text: str) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        await ann.says(f"この {ALL_GOOD.domain} を移行します")
        await ann.report()
        await bot.conversation.settle()
        before = len(ann.sees())
        await ann.says(text.format(CERTIFICATE.domain))
        await lark.until(lambda: len(ann.sees()) > before)
        assert language_of(ann.sees()[before].words) == "ja"


async def test_people_of_other_organisations_are_not_answered(lark: FakeLark, start: Start, practice: World) -> None:
    eve = lark.person("ou_eve", tenant="tenant9")
    group = lark.group("oc_group", "ou_eve", lark.bot, external=True)
    async with start(MIGCHECK_ACCESS__DOMAINS=f'["{ALL_GOOD.domain}"]'):
        await eve.says(ALL_GOOD.domain)
        await eve.sees_with(words=MIND.wisdom("ja").catalogue.texts["lark"]["command.stranger"])
        await eve.mentions(ALL_GOOD.domain, group)
        assert eve.sees(group) == []
    assert practice.names.questions == []


async def test_an_answer_to_a_greeting_is_one_conversation(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        await ann.enters()
        greeting = await ann.sees_with("start")
        await ann.says(f"please check {CERTIFICATE.domain}", thread=greeting.id)
        report = await ann.report()
        assert report.root == greeting.id
        await ann.says("/migcheck recheck", thread=greeting.id)
        assert (await ann.report(1)).case == report.case
        assert len(await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin")) == 1


async def test_rich_text_is_read_and_pictures_are_answered(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    line = [
        {"tag": "text", "text": "the domain is "},
        {"tag": "a", "text": CERTIFICATE.domain, "href": "http://x"},
        {"tag": "at", "user_id": ""},
    ]
    post = {"title": "please look", "content": [line, [], "x"]}
    async with start():
        await ann.says("", message_type="image", content='{"image_key": "img_1"}')
        await ann.sees_with(words="ドメイン")
        await ann.says("", message_type="post", content=json.dumps(post))
        report = await ann.report()
        assert CERTIFICATE.domain in report.words
        assert "Check again" in report.words


async def test_a_recalled_root_does_not_end_the_talk(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start():
        root = await ann.says(CERTIFICATE.domain)
        first = await ann.report()
        lark.messages[root].recalled = True
        await ann.presses(first, "recheck")
        again = await ann.report(1)
        assert again.root == root, "in the same thread, as long as something is left of it"
        for message in ann.sees():
            message.recalled = True
        await ann.says("/migcheck recheck", thread=root)
        anew = await ann.sees_with()
        assert anew.root is None
        assert anew.chat == ann.chat
        assert (await ann.report()).root == anew.id
        await ann.says("/migcheck recheck", thread=anew.id)
        assert (await ann.report(1)).case == first.case, "its new thread is the case's as well"


@pytest.mark.parametrize("managed", [True, False])
async def test_a_secret_before_others_is_recalled_where_the_bot_may(
    lark: FakeLark, start: Start, managed: bool
) -> None:
    taro = lark.person("ou_taro", email=ALL_GOOD.account)
    group = lark.group("oc_group", "ou_taro", "ou_bob", lark.bot)
    lark.chats[group].managed = managed
    async with start():
        typed = await taro.mentions(f"{ALL_GOOD.domain} password: hunter2-hunter2", group)
        await taro.sees_with(words="パスワードらしき")
        await lark.until(lambda: [call for call in lark.calls if call.method == "message.delete"])
        assert lark.messages[typed].recalled is managed
        direct = await taro.says(f"{ALL_GOOD.domain} password: hunter2-hunter2")
        await taro.sees_with(words="パスワードらしき", after=1)
        assert not lark.messages[direct].recalled
        assert len([call for call in lark.calls if call.method == "message.delete"]) == 1


async def test_the_card_of_an_offer_that_is_over_loses_its_field_and_buttons(lark: FakeLark, start: Start) -> None:
    taro = lark.person("ou_taro", email=ALL_GOOD.account)
    async with start(MIGCHECK_SECRETS__ENTRY="modal", MIGCHECK_SECRETS__TTL="1") as bot:
        await taro.says(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        over = await taro.sees_with("secret", after=0, words=MIND.wisdom("ja").catalogue.texts["words"]["talk.expired"])
        assert offer.field("secret") is not None
        ack = await taro.submits(offer, secret="late-late-late")
        assert ack.status == 200
        assert (offer.buttons, offer.field("secret")) == ([], None)
        assert MIND.wisdom("en").catalogue.texts["words"]["talk.expired"] in offer.said("en_us")
        await bot.conversation.settle()
        kept = await bot.store.report(over.case)
        assert kept is not None
        assert kept.report.attempts == {}, "it was not used"


async def test_the_card_of_an_offer_that_is_cancelled_loses_its_buttons(lark: FakeLark, start: Start) -> None:
    taro = lark.person("ou_taro", email=ALL_GOOD.account)
    async with start():
        await taro.says(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        await taro.presses(offer, "cancel")
        assert offer.buttons == []
        assert MIND.wisdom("en").catalogue.texts["words"]["talk.cancelled"] in offer.said("en_us")
