"""One conversation, wherever each of its requests arrives, and one run, wherever it is ordered from."""

import asyncio

from tests.nodes.conftest import Fleet, Launch
from tests.nodes.people import doubles, ends
from tests.servers.postgres import Postgres
from tests.servers.practice import ALL_GOOD, CERTIFICATE, CHAIN
from tests.servers.slack import FakeSlack, Person
from tests.slack.conftest import data_of


async def test_any_number_of_nodes_start_at_once_on_an_empty_database(
    postgres: Postgres, slack: FakeSlack, launch: Launch
) -> None:
    """And the workers, which have no token of any platform, check for people of the web nodes."""
    ann = slack.person("UADMIN", email="ann@example.test")
    with postgres.database() as url:
        async with launch(url, web=3, worker=3) as fleet:
            for _ in range(4):
                assert (await ann.command(CHAIN.domain)).status == 200
            cases = {data_of(await ann.report(number))["case"] for number in range(4)}
            assert len(cases) == 4
            assert {data_of(await ann.report(number))["cause"] for number in range(4)} == {CHAIN.code}
            assert doubles(slack) == []
            for worker in fleet.those("worker"):
                assert slack.bot_token not in str(worker.settings)


async def test_requests_that_arrive_at_several_nodes(postgres: Postgres, slack: FakeSlack, launch: Launch) -> None:
    """Several stories on one set of nodes, since nodes take a second to start."""
    ann, bob, taro = (
        slack.person("UADMIN", email="ann@example.test"),
        slack.person("U0002", email=f"bob@{CERTIFICATE.domain}"),
        slack.person("U0003", email=ALL_GOOD.account),
    )
    with postgres.database() as url:
        async with launch(url, worker=1, MIGCHECK_LIMITS__CHECKS_PER_PERSON='["4/1h"]') as fleet:
            await _a_redelivery_to_another_node_is_nothing(fleet, bob)
            await _two_presses_at_the_same_moment_are_one_run(fleet, bob)
            await _a_dialogue_goes_on_where_it_did_not_begin(fleet, taro)
            await _limits_are_counted_over_all_nodes(fleet, ann)
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}


async def _a_redelivery_to_another_node_is_nothing(fleet: Fleet, bob: Person) -> None:
    one, other = fleet.those("web")
    fleet.lead(one)
    ack = await bob.command(CERTIFICATE.domain)
    fleet.lead(other)
    assert (await bob.again(ack)).status == 200
    await bob.report()
    assert (await bob.again(ack)).status == 200
    await bob.sees_with("form.account")


async def _two_presses_at_the_same_moment_are_one_run(fleet: Fleet, bob: Person) -> None:
    one, other = fleet.those("web")
    report = await bob.report()
    pressed = []
    for node in (one, other):
        fleet.lead(node)
        pressed.append(asyncio.create_task(bob.presses(report, "recheck")))
        await asyncio.sleep(0)  # it has read where to go to
    assert {ack.status for ack in await asyncio.gather(*pressed)} == {200}
    await bob.report(1)
    await bob.says("help")
    await bob.sees_with(words="explain")
    assert len(_reports(bob)) == 2


async def _a_dialogue_goes_on_where_it_did_not_begin(fleet: Fleet, taro: Person) -> None:
    one, other = fleet.those("web")
    fleet.lead(one)
    root = await taro.says(ALL_GOOD.domain)
    fleet.lead(other)
    await taro.sees_with("form.account")
    await taro.says(ALL_GOOD.account, thread=root)
    offer = await taro.offer()
    fleet.lead(one)
    await taro.presses(offer, "cancel")
    await taro.sees_with(words="Cancelled")
    assert {m.thread for m in taro.sees()} == {root}


async def _limits_are_counted_over_all_nodes(fleet: Fleet, ann: Person) -> None:
    for number in range(4):
        fleet.lead(fleet.those("web")[number % 2])
        await ann.command(CERTIFICATE.domain)
    await ann.report(3)
    for node in fleet.those("web"):
        fleet.lead(node)
        await ann.command(CERTIFICATE.domain)
    await ann.sees_with(words="60 minutes", after=1)
    assert len(_reports(ann)) == 4


def _reports(person: Person) -> list:
    return [m for m in person.sees() if m.metadata and m.metadata["event_type"] == "migcheck_report"]
