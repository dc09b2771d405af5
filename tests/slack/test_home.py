"""App Home and the Messages tab."""

import json

from tests.servers.practice import CERTIFICATE
from tests.servers.slack import FakeSlack
from tests.servers.slack.kit import actions_of, words_of
from tests.slack.conftest import Start, data_of


async def home(slack: FakeSlack, user: str) -> dict:
    view = await slack.until(lambda: slack.team.homes.get(user))
    return dict(view)


async def test_home_lists_the_persons_own_cases(slack: FakeSlack, start: Start) -> None:
    ann, bob = slack.person("UADMIN", locale="en-US"), slack.person("U0002", email="bob@else.test", locale="en-US")
    async with start():
        await ann.command(CERTIFICATE.domain)
        report = await ann.report()
        await ann.opens()
        text = words_of((await home(slack, "UADMIN"))["blocks"])
        assert data_of(report)["case"] in text
        assert CERTIFICATE.domain in text
        assert "TLS certificate" in text
        assert " UTC" not in text, "times are those of the person's own clock"
        await bob.opens()
        other = words_of((await home(slack, "U0002"))["blocks"])
        assert CERTIFICATE.domain not in other
        assert "None yet" in other


async def test_the_language_is_chosen_there_and_holds(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", locale="en-US")
    async with start():
        await ann.opens()
        await home(slack, "UADMIN")
        await ann.presses_home("home.language", option="zh")
        await slack.until(lambda: "清除我的数据" in words_of(slack.team.homes["UADMIN"]["blocks"]))
        await ann.command(CERTIFICATE.domain)
        report = await ann.report()
        assert "证书" in report.text
        await ann.presses_home("home.language", option="auto")
        await slack.until(lambda: "Erase my data" in words_of(slack.team.homes["UADMIN"]["blocks"]))


async def test_a_check_is_started_there(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", email="ann@else.test")
    async with start():
        await ann.opens()
        await home(slack, "UADMIN")
        await ann.presses_home("home.start")
        view = await ann.view("form.start")
        domain = next(b for b in view["blocks"] if b.get("block_id") == "domain")
        assert domain["element"]["initial_value"] == "else.test"
        await ann.submits(view, domain=CERTIFICATE.domain)
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code


async def test_erasing_asks_first_and_leaves_nothing(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", locale="en-US")
    async with start() as bot:
        await ann.command(CERTIFICATE.domain)
        await ann.report()
        await bot.conversation.settle()
        await ann.opens()
        view = await home(slack, "UADMIN")
        erase = next(a for a in actions_of(view["blocks"]) if a["action_id"] == "migcheck.home.erase")
        assert erase["confirm"]["style"] == "danger"
        slack.team.homes.clear()
        await ann.presses_home_of(view, "home.erase")
        after = await home(slack, "UADMIN")
        assert "was erased" in json.dumps(after)
        assert await bot.store.cases_of("slack:T0001:UADMIN") == []


async def test_the_messages_tab_greets_once_and_suggests(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", email="ann@else.test", locale="en-US")
    async with start():
        await ann.opens("messages")
        await ann.sees_with(words="Never type a password here")
        prompts = await slack.until(lambda: slack.team.prompts.get(ann.im))
        assert len(prompts) <= 4
        assert any("else.test" in prompt["message"] for prompt in prompts)
        await ann.opens("messages")
        await slack.until(lambda: len(slack.made("assistant.threads.setSuggestedPrompts")) == 2)
        assert len([m for m in ann.sees() if "Never type" in m.text]) == 1
        error = next(p["message"] for p in prompts if "535" in p["message"])
        await ann.says(error)
        await ann.sees_with(words="confidence")


async def test_without_the_scope_there_are_no_prompts_but_a_greeting(start: Start, slack: FakeSlack) -> None:
    slack.grants[slack.bot_token] = type(slack.grants[slack.bot_token])("T0001", slack.scopes - {"assistant:write"})
    ann = slack.person("UADMIN", locale="en-US")
    async with start():
        await ann.opens("messages")
        await ann.sees_with(words="Never type a password here")
