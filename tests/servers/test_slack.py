"""The Slack of the tests is strict: what is wrong is refused as Slack refuses it."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.servers.slack import Answer, FakeSlack
from tests.servers.slack.kit import faults_of_blocks, faults_of_view

PLAIN = {"type": "plain_text", "text": "x"}
BUTTON = {"type": "button", "action_id": "a", "text": PLAIN}


def actions(*elements: dict) -> dict:
    return {"type": "actions", "elements": list(elements)}


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "section"}],
        [{"type": "section", "text": {"type": "plain_text", "text": ""}}],
        [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3001}}],
        [{"type": "section", "text": PLAIN, "colour": "red"}],
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        [{"type": "divider"}] * 51,
        [actions(*({**BUTTON, "action_id": str(i)} for i in range(26)))],
        [actions(BUTTON, BUTTON)],
        [actions({**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}})],
        [actions({**BUTTON, "style": "loud"})],
        [actions({"type": "link", "url": "https://x.test"})],
        [{"type": "rich_text", "elements": [{"type": "text", "text": "x"}]}],
        [
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}],
            }
        ],
        [{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}],
        [{"type": "novelty"}],
        [{"type": "section", "text": {"type": "plain_text", "text": "x" * 2900}}] * 6,
        "no list",
    ],
)
def test_blocks_that_slack_refuses(blocks: list) -> None:
    assert faults_of_blocks(blocks)


@pytest.mark.parametrize(
    "change",
    [
        {"title": {"type": "plain_text", "text": "x" * 25}},
        {"submit": None},
        {"private_metadata": "x" * 3001},
        {"extra": 1},
        {"type": "page"},
    ],
)
def test_views_that_slack_refuses(change: dict) -> None:
    field = {
        "type": "input",
        "block_id": "b",
        "label": PLAIN,
        "element": {"type": "plain_text_input", "action_id": "a"},
    }
    view = {"type": "modal", "title": PLAIN, "submit": PLAIN, "blocks": [field]}
    assert faults_of_view(view) == []
    wrong = {k: v for k, v in {**view, **change}.items() if v is not None}
    assert faults_of_view(wrong)


async def refused(call) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_tokens_scopes_arguments_and_channels_are_checked() -> None:
    async with FakeSlack(scopes=("chat:write",)) as slack, aiohttp.ClientSession() as session:
        slack.person("U0001")
        good = AsyncWebClient(slack.bot_token, base_url=slack.api_url, session=session)
        bad = AsyncWebClient("xoxb-no", base_url=slack.api_url, session=session)
        assert await refused(bad.auth_test()) == "invalid_auth"
        assert await refused(good.users_info(user="U0001")) == "missing_scope"
        assert await refused(good.chat_postMessage(channel="C404", text="x")) == "channel_not_found"
        slack.channel("C0001", "U0001")
        assert await refused(good.chat_postMessage(channel="C0001", text="x")) == "not_in_channel"
        assert await refused(good.chat_postMessage(channel="U0001", text="x", novelty=1)) == "invalid_arguments"
        assert await refused(good.chat_postMessage(channel="U0001", text="x", thread_ts="1.1")) == "thread_not_found"
        assert (
            await refused(good.views_open(trigger_id="1.1", view={"type": "modal", "title": PLAIN, "blocks": []}))
            == "invalid_trigger"
        )
        assert await refused(good.api_call("chat.novelty")) == "unknown_method"
        sent = await good.chat_postMessage(channel="U0001", text="x")
        assert sent["channel"] == "D0001"
        assert len(slack.faults) == 3


async def test_scripted_answers_come_first() -> None:
    async with FakeSlack() as slack, aiohttp.ClientSession() as session:
        slack.person("U0001")
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, session=session)
        slack.script["chat.postMessage"].extend([Answer(429, retry_after=7), Answer(502, after_effect=True)])
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel="U0001", text="x")
        assert caught.value.response.headers["Retry-After"] == "7"
        assert slack.team.messages == []
        with pytest.raises(SlackApiError):
            await client.chat_postMessage(channel="U0001", text="x")
        assert len(slack.team.messages) == 1


async def test_a_stream_is_open_until_it_is_stopped() -> None:
    async with FakeSlack() as slack, aiohttp.ClientSession() as session:
        slack.person("U0001")
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, session=session)
        root = await client.chat_postMessage(channel="U0001", text="x")
        at = {"channel": "D0001", "ts": (await client.chat_startStream(channel="D0001", thread_ts=root["ts"]))["ts"]}
        assert await refused(client.chat_update(**at, text="y")) == "streaming_state_conflict"
        await client.chat_stopStream(**at)
        assert await refused(client.chat_appendStream(**at, markdown_text="z")) == "message_not_in_streaming_state"
        await client.chat_update(**at, text="y")
