"""A secret over several nodes: kept by the one that took it, tried there once, and written nowhere."""

import asyncio
import time

import psycopg

from tests.leaks import find_leaks
from tests.nodes.conftest import Launch
from tests.nodes.people import doubles, ends
from tests.servers.imap import ImapScript, ImapServer
from tests.servers.postgres import Postgres
from tests.servers.practice import ALL_GOOD
from tests.servers.sasl import Claim
from tests.servers.script import Say
from tests.servers.slack import FakeSlack, Person
from tests.servers.wire import Wire
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.stories.pages import type_secret

SECRET = 'Zq9"\\ é秘密-tr0ub4dor'
_SLOW = 2.0


async def test_the_node_that_took_a_secret_tries_it_and_nobody_else_ever_has_it(
    postgres: Postgres, slack: FakeSlack, launch: Launch
) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    with postgres.database() as url:
        async with launch(url) as fleet:
            asked, other = fleet.those("web")
            fleet.lead(asked)
            await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
            await taro.report()
            assert await type_secret(fleet.link(await link_of(taro), other), SECRET) == 200
            assert data_of(await taro.report(1))["cause"] == "login.wrong_credentials"
            case = data_of(await taro.report(1))["case"]
            with_secret = [node for node in fleet.nodes if "cause=login" in told_of(node.log.read_text(), case)]
            assert with_secret == [other]
            assert find_leaks(dump(url), SECRET) == []
            assert find_leaks(fleet.log(), SECRET) == []
            assert find_leaks(str(slack.calls), SECRET) == []
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}


async def test_two_people_with_one_account_are_never_tried_at_once(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    domain, account = "slow-login.test", "shared@slow-login.test"
    world.domain(domain)
    refused = {"refuse_all": Say("{tag} NO [AUTHENTICATIONFAILED] no", delay=_SLOW), "accounts": {account: "x"}}
    door: Door = await world.serve(Door, ImapScript, f"imap.{domain}", 993, **refused)
    people = [slack.person(name, email=account) for name in ("UADMIN", "U0001")]
    with postgres.database() as url:
        async with launch(url, worker=1) as fleet:
            for person in people:
                await person.command(f"{domain} {account if person.id == 'U0001' else account.upper()}")
                await person.report()
            links = [await link_of(person) for person in people]
            taken = (
                type_secret(fleet.link(link, node), SECRET)
                for link, node in zip(links, fleet.those("web"), strict=True)
            )
            assert await asyncio.gather(*taken) == [200, 200]
            for person in people:
                assert data_of(await person.report(1))["cause"] == "login.wrong_credentials"
            assert len(door.tried) == 2
            assert door.tried[1] - door.tried[0] >= _SLOW, "the second one waits for the first one's answer"
            assert door.transcript.attempts[0].connection != door.transcript.attempts[1].connection


class Door(ImapServer):
    """Keeps when it was tried."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.tried: list[float] = []

    def judge(self, wire: Wire, mechanism: str, claim: Claim, default: str) -> Say | None:
        self.tried.append(time.monotonic())
        return super().judge(wire, mechanism, claim, default)


async def link_of(person: Person, number: int = 0) -> str:
    """The way to type a secret that the nth offer names."""

    def offered() -> list[str]:
        buttons = [m.action("secret") for m in person.sees() if m.action("cancel")]
        return [str(button["url"]) for button in buttons if button is not None]

    links: list[str] = await person.slack.until(lambda: offered() if len(offered()) > number else None)
    return links[number]


def told_of(log: str, case: str) -> str:
    """What a node's log says of the ends of a case's runs."""
    return "\n".join(line for line in log.splitlines() if "a check ended" in line and f"case={case}" in line)


def dump(url: str) -> str:
    """Every row of every table, the queue's as well."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        rows = [connection.execute(f"SELECT t::text FROM {name} t".encode()).fetchall() for (name,) in tables]
    assert {"procrastinate_jobs", "procrastinate_events", "outbox", "cases"} <= {name for (name,) in tables}
    return "\n".join(str(row) for table in rows for row in table)
