"""Two web nodes and two workers share the work: one conversation, wherever each of its requests arrives."""

import asyncio

from tests.leaks import find_leaks
from tests.nodes.conftest import Launch
from tests.servers.postgres import Postgres
from tests.servers.practice import APP_PASSWORD, CHAIN
from tests.servers.slack import FakeSlack
from tests.slack.conftest import data_of
from tests.slack.test_secrets import type_secret



async def test_a_command_leads_to_one_report_wherever_it_arrives(
    postgres: Postgres, slack: FakeSlack, launch: Launch
) -> None:
    ann = slack.person("UADMIN", email="ann@example.test")
    with postgres.database() as url:
        async with launch(url):
            for _ in range(4):
                assert (await ann.command(CHAIN.domain)).status == 200
            for number in range(4):
                assert data_of(await ann.report(number))["cause"] == CHAIN.code
            await asyncio.sleep(1)
            reports = [m for m in ann.sees() if "verdict" in str(m.metadata)]
            assert len(reports) == len({data_of(m)["case"] for m in reports}) == 4
