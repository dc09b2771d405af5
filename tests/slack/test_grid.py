"""Enterprise Grid: one installation for a whole organisation. And Slack Connect: people of other organisations."""

import pytest

from bot.store.installations import Installations
from tests.servers.practice import ALL_GOOD, CERTIFICATE
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.conftest import Start, data_of
from tests.slack.test_install import install, several

pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
"""slack_sdk's business."""
GRID = "E0001"


@pytest.fixture
def grid(slack: FakeSlack) -> FakeSlack:
    """An organisation with two workspaces, which have people and conversations in common."""
    slack.team.organisation = GRID
    slack.teams["T0002"] = slack.team
    return slack


async def test_an_organisation_installs_once_for_all_its_workspaces(grid: FakeSlack, start: Start) -> None:
    async with start(**several(grid)) as bot:
        assert await install(grid, bot.origin, "T0001") == 200
        table = Installations.beside(bot.store)
        assert await table.get(f"slack:{GRID}:") is not None
        ann = grid.person("UADMIN")
        await ann.command(CERTIFICATE.domain)
        report = await ann.report()
        assert data_of(report)["cause"] == CERTIFICATE.code
        ann.at = "T0002"  # the same person and the same conversation, seen from the other workspace
        await ann.presses(report, "recheck")
        assert data_of(await ann.report(1))["case"] == data_of(report)["case"]
        await ann.presses(report, "servers")
        ack = await ann.submits(await ann.view("form.servers"), imap=f"imap.{CERTIFICATE.domain}")
        assert ack.body == ""
        await ann.report(2)
        await ann.says("history")
        await ann.sees_with(words=data_of(report)["case"], after=3)
        await ann.opens()
        await grid.until(lambda: grid.team.homes)
        assert {row.person for row in await bot.store.cases_of(f"slack:{GRID}:UADMIN")} == {f"slack:{GRID}:UADMIN"}


@pytest.mark.parametrize("told", [{"team_id": GRID}, {"team_id": "T0001", "is_enterprise_install": True}])
async def test_an_organisation_that_removes_the_bot_leaves_no_token(
    grid: FakeSlack, start: Start, told: dict[str, object]
) -> None:
    async with start(**several(grid)) as bot:
        assert await install(grid, bot.origin, "T0001") == 200
        ann = grid.person("UADMIN")
        await ann.event({"type": "app_uninstalled"}, enterprise_id=GRID, authorizations=[], **told)
        assert await Installations.beside(bot.store).all() == []


@pytest.mark.parametrize("more", [{}, {"enterprise_user": {"enterprise_id": "E0666"}}])
async def test_on_a_grid_people_of_another_organisation_are_not_answered(
    grid: FakeSlack, start: Start, practice: World, more: dict[str, object]
) -> None:
    """Slack calls nobody a stranger with whom a channel is shared; where they are at home tells."""
    async with start(**several(grid), MIGCHECK_ACCESS__DOMAINS=f'["{ALL_GOOD.domain}"]') as bot:
        assert await install(grid, bot.origin, "T0001") == 200
        eve = grid.person("U0666", email="eve@evil.test", is_stranger=False, team_id="T0666", **more)
        channel = grid.channel("C0001", "U0666", "UBOT", shared=True)
        await eve.command(ALL_GOOD.domain, channel)
        await eve.sees_with(words="its own workspace", channel=channel)
        await eve.mentions(ALL_GOOD.domain, channel)
        await eve.says(ALL_GOOD.domain, user_team="T0666")
        await bot.conversation.settle()
        assert [m for m in grid.team.messages if m.channel == channel and m.author == "UBOT" and not m.whom] == []
    assert practice.names.questions == []


async def test_people_of_another_workspace_of_the_organisation_are_our_own(grid: FakeSlack, start: Start) -> None:
    async with start(**several(grid)) as bot:
        assert await install(grid, bot.origin, "T0001") == 200
        bob = grid.person(
            "U0002", email=f"bob@{CERTIFICATE.domain}", team_id="T0003", enterprise_user={"enterprise_id": GRID}
        )
        await bob.command(CERTIFICATE.domain)
        assert data_of(await bob.report())["cause"] == CERTIFICATE.code


async def test_without_a_grid_a_guest_from_elsewhere_is_told_so(
    slack: FakeSlack, start: Start, practice: World
) -> None:
    eve = slack.person("U0666", email="eve@evil.test", is_stranger=False, team_id="T0666")
    async with start(MIGCHECK_ACCESS__DOMAINS=f'["{ALL_GOOD.domain}"]'):
        await eve.command(ALL_GOOD.domain, slack.channel("C0001", "U0666", "UBOT", shared=True))
        await eve.sees_with(words="its own workspace", channel="C0001")
    assert practice.names.questions == []
