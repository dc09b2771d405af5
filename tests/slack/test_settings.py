"""The manifest, doctor, and what is refused at the start."""

import json
from dataclasses import replace

import jsonschema
import pytest

from bot.app import StartError, open_bot
from bot.manifest import BOT_SCOPES, manifest_command, slack_manifest
from bot.settings import Settings
from handlers.slack.doctor import check_slack
from tests.servers.slack import FakeSlack
from tests.servers.slack.methods import METHODS
from tests.servers.world import World
from tests.slack.conftest import Start, settings_for
from tests.slack.test_install import install, several

FORBIDDEN = {"channels:history", "groups:history", "mpim:history", "chat:write.public", "chat:write.customize", "admin"}
SHAPE = {
    "type": "object",
    "required": ["display_information", "features", "oauth_config", "settings"],
    "properties": {
        "display_information": {"properties": {"name": {"maxLength": 35}, "description": {"maxLength": 140}}},
        "features": {
            "properties": {
                "slash_commands": {
                    "items": {"properties": {"command": {"pattern": "^/.{1,31}$"}, "usage_hint": {"maxLength": 1000}}}
                },
                "agent_view": {
                    "properties": {"agent_description": {"maxLength": 300}, "suggested_prompts": {"maxItems": 4}}
                },
                "shortcuts": {"items": {"properties": {"name": {"maxLength": 24}, "description": {"maxLength": 150}}}},
            }
        },
    },
}


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def test_the_manifest_matches_the_settings(clean: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clean.setenv("MIGCHECK_WEB__PUBLIC_URL", "https://bot.example.test")
    clean.setenv("MIGCHECK_SLACK__COMMAND", "/mailcheck")
    http = slack_manifest(Settings())
    jsonschema.validate(http, SHAPE)
    assert http["features"]["slash_commands"][0]["command"] == "/mailcheck"
    assert http["features"]["slash_commands"][0]["url"] == "https://bot.example.test/slack/events"
    assert not http["settings"]["socket_mode_enabled"]
    clean.setenv("MIGCHECK_SLACK__MODE", "socket")
    socket = slack_manifest(Settings())
    assert socket["settings"]["socket_mode_enabled"]
    assert "https://" not in json.dumps(socket)
    clean.setenv("MIGCHECK_SLACK__CLIENT_ID", "1.2")
    assert slack_manifest(Settings())["oauth_config"]["redirect_urls"] == [
        "https://bot.example.test/slack/oauth_redirect"
    ]
    assert manifest_command("slack") == 0
    assert json.loads(capsys.readouterr().out)["features"]["agent_view"]


def test_scopes_are_as_few_as_do() -> None:
    assert FORBIDDEN.isdisjoint(BOT_SCOPES)
    used = {method.scope for method in METHODS.values() if method.scope} - {"connections:write"}
    others = {"app_mentions:read", "commands", "users:read.email", "groups:read", "files:read"}
    assert set(BOT_SCOPES) == used | others
    scopes = slack_manifest(Settings())["oauth_config"]["scopes"]
    assert scopes == {"bot": list(BOT_SCOPES), "bot_optional": ["files:read"]}


async def test_doctor_says_what_is_missing(world: World, slack: FakeSlack, clean: pytest.MonkeyPatch) -> None:
    settings = settings_for(world, slack, clean)
    assert {outcome.mark for outcome in await check_slack(settings)} == {"pass"}
    whole = slack.grants[slack.bot_token]
    slack.grants[slack.bot_token] = replace(whole, scopes=slack.scopes - {"im:history"})
    found = [outcome for outcome in await check_slack(settings) if outcome.mark == "fail"]
    assert "im:history" in found[0].found
    slack.grants[slack.bot_token] = replace(whole, scopes=slack.scopes - {"files:read"})
    (warned,) = [outcome for outcome in await check_slack(settings) if outcome.mark != "pass"]
    assert warned.mark == "warn", "the bot does without it"
    assert "files:read" in warned.found
    slack.grants[slack.bot_token] = whole
    bad = settings_for(world, slack, clean, MIGCHECK_SLACK__BOT_TOKEN="xoxb-wrong")
    told = [outcome for outcome in await check_slack(bad) if outcome.mark == "fail"]
    assert "invalid_auth" in told[0].found
    assert "xoxb-wrong" not in str(told)
    slack.faults.clear()
    away = settings_for(world, slack, clean, MIGCHECK_SLACK__API_URL="http://127.0.0.1:1/api/")
    assert "unknown" in {outcome.mark for outcome in await check_slack(away)}
    socket = settings_for(world, slack, clean, MIGCHECK_SLACK__MODE="socket", MIGCHECK_SLACK__APP_TOKEN=slack.app_token)
    assert {outcome.mark for outcome in await check_slack(socket)} == {"pass"}
    assert not slack.sockets, "a test of the token leaves no connection open"


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ({"MIGCHECK_SLACK__BOT_TOKEN": ""}, "slack.bot_token"),
        ({"MIGCHECK_SLACK__SIGNING_SECRET": ""}, "slack.signing_secret"),
        ({"MIGCHECK_SLACK__MODE": "socket"}, "slack.app_token"),
    ],
)
async def test_what_is_missing_is_named_at_the_start(
    world: World, slack: FakeSlack, clean: pytest.MonkeyPatch, missing: dict[str, str], named: str
) -> None:
    with pytest.raises(StartError, match=named):
        async with open_bot(settings_for(world, slack, clean, **missing)):
            pass
    assert "fail" in {outcome.mark for outcome in await check_slack(settings_for(world, slack, clean, **missing))}


@pytest.mark.parametrize(
    ("typed", "meant"), [("*", ("*",)), ("U1", ("U1",)), ('["U1", "U2"]', ("U1", "U2")), ("[]", ())]
)
def test_one_name_alone_is_a_list_of_one(clean: pytest.MonkeyPatch, typed: str, meant: tuple[str, ...]) -> None:
    clean.setenv("MIGCHECK_ACCESS__ADMINS", typed)
    clean.setenv("MIGCHECK_WATCH__FOR", "2d")
    assert Settings().access.admins == meant
    assert Settings().watch.for_ == "2d"


@pytest.mark.parametrize(
    "wrong",
    [
        {"MIGCHECK_SLACK__COMMAND": "migcheck"},
        {"MIGCHECK_LIMITS__CHECKS_PER_PERSON": '["often"]'},
        {"MIGCHECK_WATCH__EVERY": "soon"},
    ],
)
def test_a_wrong_setting_is_refused(clean: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    for name, value in wrong.items():
        clean.setenv(name, value)
    with pytest.raises(ValueError, match="validation error"):
        Settings()


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
async def test_doctor_looks_at_the_token_of_each_workspace(
    world: World, slack: FakeSlack, start: Start, clean: pytest.MonkeyPatch
) -> None:
    settings = settings_for(world, slack, clean, **several(slack))
    (none,) = [outcome for outcome in await check_slack(settings) if "installations" in outcome.what]
    assert "none yet" in none.found
    async with start(**several(slack)) as bot:
        for team in ("T0001", "T0002"):
            assert await install(slack, bot.origin, team) == 200
    found = [outcome for outcome in await check_slack(settings) if "installations" in outcome.what]
    assert [outcome.mark for outcome in found] == ["pass", "pass"]
    (token,) = [name for name, grant in slack.grants.items() if grant.team == "T0002" and grant.kind == "bot"]
    slack.grants[token] = replace(slack.grants[token], scopes=slack.scopes - {"im:history"})
    marks = {outcome.what: outcome for outcome in await check_slack(settings)}
    assert "im:history" in marks["slack.installations T0002"].found
    assert marks["slack.installations T0001"].mark == "pass"
    other = settings_for(
        world, slack, clean, **several(slack), MIGCHECK_SLACK__ENCRYPTION_KEY="another key, long enough"
    )
    (lost,) = [outcome for outcome in await check_slack(other) if outcome.mark == "fail"]
    assert "another key" in lost.found
    assert token not in str(marks) + str(lost)
