"""Nobody guesses a password or locks an account through the bot: not by spellings, not together, not over nodes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.case import Case
from bot.core.events import Limited, StartCheck
from bot.core.limits import names_of_account
from bot.core.model import Endpoint, Request, Service
from bot.settings import LimitSettings, Settings
from bot.store.store import Store
from bot.store.uses import Uses
from handlers.gate import Gate
from handlers.jobs import Due, check_job

NOW = 1_000_000.0
LIMITS = LimitSettings(logins_per_account=("3/15m", "6/24h"), checks_per_person=("30/1h",), probes_per_host=("60/1h",))
SPELLINGS = [
    ("taro@example.jp", "example.jp"),
    ("TARO@EXAMPLE.JP", "example.jp"),
    ("ＴＡＲＯ＠example.jp", "example.jp"),
    ("ｔａｒｏ@ｅｘａｍｐｌｅ.jp", "example.jp"),
    ("ta.ro@example.jp", "example.jp"),
    ("t.a.r.o@example.jp.", "example.jp"),
    ("taro+1@example.jp", "example.jp"),
    ("taro+list%x@example.jp", "example.jp"),
    ('"taro"@example.jp', "example.jp"),
    (r"EXAMPLE\taro", "example.jp"),
    (r"OTHER\Taro", "example.jp"),
    (r"corp.local\taro@example.jp", "example.jp"),
    ("CORP＼taro", "example.jp"),
    (r"corp\ taro", "example.jp"),
    ("taro", "example.jp"),
    ("Taro ", "example.jp"),
    ("taro%example.jp", "example.jp"),
    ("taro+example.jp", "example.jp"),
    ("taro@example.jp", None),
    ("taro@example.jp", "hosting.test"),
    ("taro@corp.local", "example.jp"),
]


def a_case(person: str = "slack:T1:U1", name: str = "K7QF-2M") -> Case:
    return Case(name, person, "slack", "place", "en")


def a_start(account: str, domain: str | None, hosts: Sequence[str] = ()) -> StartCheck:
    endpoints: dict[Service, Endpoint] = {
        service: Endpoint(host, 993, "tls")
        for service, host in zip(("imap", "smtp"), hosts, strict=False)  # type: ignore[misc]
    }
    return StartCheck(1, Request(domain, account=account, endpoints=endpoints, lang="en"), "handle")


def gate(store: Store, limits: LimitSettings = LIMITS) -> Gate:
    return Gate(Uses.beside(store), Settings(limits=limits))


@pytest.mark.parametrize(("account", "domain"), SPELLINGS)
async def test_no_spelling_of_an_account_has_tries_of_its_own(store: Store, account: str, domain: str | None) -> None:
    door = gate(store)
    for turn in range(3):
        plain = a_start("taro@example.jp", "example.jp")
        assert await door.admit(a_case(f"slack:T1:U{turn}"), plain, NOW, secret=True) is None
    over = await door.admit(a_case("slack:T1:UEVE"), a_start(account, domain), NOW + 1, secret=True)
    assert over == Limited(1, "logins", 15)


async def test_tries_under_many_spellings_are_one_accounts(store: Store) -> None:
    door = gate(store)
    outcomes = [
        await door.admit(a_case(f"slack:T1:U{turn}"), a_start(account, domain), NOW + turn, secret=True)
        for turn, (account, domain) in enumerate(SPELLINGS)
    ]
    assert [outcome is None for outcome in outcomes] == [True] * 3 + [False] * (len(SPELLINGS) - 3)


def test_an_account_has_one_log_in_at_a_time_whichever_domain_is_checked_with_it() -> None:
    spelled = [
        ("taro@example.jp", "example.jp", ()),
        ("Ta.ro+1@EXAMPLE.JP", "a.test", ()),
        ("taro＠example.jp", "z.test", ()),
        ("taro@example.jp", None, ["imap.else.test"]),
        ("taro", "example.jp", ["imap.else.test"]),
        (r"CORP\taro", "example.jp", ()),
        ("taro", None, ["imap.example.jp"]),
    ]
    locks = {_lock(a_start(*one)) for one in spelled}
    assert len(locks) == 1
    others = [("taro@a.test", "example.jp", ()), ("jiro@example.jp", "example.jp", ()), ("taro", "a.test", ())]
    assert locks.isdisjoint(_lock(a_start(*one)) for one in others)


def _lock(start: StartCheck) -> str | None:
    return check_job(Due(1, "K7QF-2M", start, NOW), replace(start, handle="node.handle"), "node").lock


async def test_a_day_has_six_tries_however_patient_they_are(store: Store) -> None:
    door = gate(store)
    admitted = 0
    for quarter in range(96):
        for turn in range(4):
            start = a_start("taro@example.jp", "example.jp")
            case = a_case(f"slack:T1:U{quarter}-{turn}")
            admitted += await door.admit(case, start, NOW + quarter * 900, secret=True) is None
    assert admitted == 6


async def test_without_a_domain_the_servers_stand_for_it(store: Store) -> None:
    door = gate(store)
    for turn, host in enumerate(("imap.example.jp", "smtp.example.jp", "mail.example.jp", "pop.example.jp")):
        over = await door.admit(a_case(), a_start("taro", None, [host]), NOW + turn, secret=True)
        assert (over is None) is (turn < 3)


async def test_other_accounts_are_not_held_up(store: Store) -> None:
    door = gate(store)
    for _ in range(4):
        await door.admit(a_case(), a_start("taro@example.jp", "example.jp"), NOW, secret=True)
    for account, domain in (("hanako@example.jp", "example.jp"), ("taro@example.com", "example.com")):
        assert await door.admit(a_case(), a_start(account, domain), NOW, secret=True) is None


async def test_a_log_in_that_is_refused_counts_as_no_check_and_no_probe(store: Store) -> None:
    door = gate(store, LIMITS.model_copy(update={"checks_per_person": ("4/1h",)}))
    for _ in range(8):
        await door.admit(a_case(), a_start("taro@example.jp", "example.jp"), NOW, secret=True)
    assert await door.admit(a_case(), a_start("taro@example.jp", "example.jp"), NOW, secret=False) is None
    over = await door.admit(a_case(), a_start("taro@example.jp", "example.jp"), NOW, secret=False)
    assert over == Limited(1, "checks", 60)


async def test_many_accounts_are_not_sprayed_by_one_person(store: Store) -> None:
    door = gate(store)
    outcomes = [
        await door.admit(a_case(), a_start(f"user{n}@example.jp", "example.jp"), NOW + n, secret=True)
        for n in range(40)
    ]
    assert sum(outcome is None for outcome in outcomes) == 30
    assert {outcome.kind for outcome in outcomes if outcome} == {"checks"}


async def test_many_accounts_are_not_sprayed_by_many_people(store: Store) -> None:
    door = gate(store)
    outcomes = [
        await door.admit(a_case(f"web:{n}"), a_start(f"user{n}@example.jp", "example.jp"), NOW + n, secret=True)
        for n in range(80)
    ]
    assert sum(outcome is None for outcome in outcomes) == 60
    assert {outcome.kind for outcome in outcomes if outcome} == {"probes"}


async def test_the_same_moment_gives_no_more_tries(store: Store) -> None:
    door = gate(store)
    tries = [
        door.admit(a_case(f"web:{n}"), a_start("taro@example.jp", "example.jp"), NOW, secret=True) for n in range(20)
    ]
    assert [await done for done in asyncio.as_completed(tries)].count(None) == 3


@pytest.mark.real
@pytest.mark.xdist_group("postgres")
async def test_the_same_moment_on_two_nodes_gives_no_more_tries(nodes: tuple[Store, Store]) -> None:
    doors = [gate(node) for node in nodes]
    for account in ("taro@example.jp", "hanako@example.jp", "jiro@example.jp"):
        tries = [
            doors[n % 2].admit(a_case(f"web:{account}{n}"), a_start(account, "example.jp"), NOW, secret=True)
            for n in range(16)
        ]
        assert (await asyncio.gather(*tries)).count(None) == 3


async def test_the_store_names_nobody(store: Store) -> None:
    """Limits are kept as hashes; what an account is called stands in the audit trail alone, as it was typed."""
    await gate(store).admit(a_case(), a_start("taro@example.jp", "example.jp"), NOW, secret=True)
    assert store.place.path is not None
    import sqlite3  # noqa: PLC0415 - the file as it is

    with sqlite3.connect(store.place.path) as database:
        kept = str(database.execute("SELECT * FROM uses").fetchall())
    assert "taro" not in kept
    assert "example" not in kept


@given(st.text(min_size=1, max_size=60), st.sampled_from(["example.jp", "日本.jp", None]))
def test_any_name_can_be_counted(account: str, domain: str | None) -> None:
    names = names_of_account(account, domain, ["imap.example.jp"])
    assert names
    assert all("@" in name for name in names)
    assert names == names_of_account(account.upper().lower(), domain, ["imap.example.jp"]) or not account.isascii()
