"""A server that asks to be left alone is left alone, for everybody, and nobody can have a stranger's left alone."""

import functools
from collections.abc import Mapping
from typing import Any

import pytest

from bot.core.case import Case
from bot.core.dialogue import advance
from bot.core.events import Amend, Limited, Post, StartCheck
from bot.core.model import LANGS, Endpoint, Finding, Lang, Report, Request, StepResult
from bot.core.slowdown import LONGEST, UNNAMED, asked_to_wait, named_wait
from bot.network import wisdom_in
from bot.store.store import Store
from bot.store.uses import Uses
from tests.abuse.test_accounts import NOW, gate
from tests.checks.cases.table import Ground
from tests.checks.exchanging import Play
from tests.checks.running import ACCOUNT, SECRET, make_world
from tests.servers.exchange import EWS
from tests.servers.exchange_words import Reply

HOST = "imap.practice.test"
EVE = Case("BBBB-22", "slack:T2:UEVE", "slack", "place", "en")
ANN = Case("AAAA-22", "slack:T1:UANN", "slack", "place", "en")
WORDS = "NO [LIMIT] Too many login attempts, try again in 40 minutes."


class Mind:
    wisdom = staticmethod(functools.cache(wisdom_in))


async def refused_report(words: str = WORDS, *, greeting: bool = False) -> Report:
    """What a check comes to whose server asks to be left alone."""
    async with make_world() as world:
        ground = Ground(world, "imap", account=ACCOUNT, secret=SECRET)
        await ground.serve(**({"greeting": f"* BYE {words[3:]}"} if greeting else {"refuse_all": f"{{tag}} {words}"}))
        return (await ground.examine()).report


def typed(host: str, domain: str | None = None, *, secret: bool = False) -> StartCheck:
    where = Endpoint(host, 993, "tls")
    return StartCheck(
        1, Request(domain, account=ACCOUNT, endpoints={"imap": where}, lang="en"), "x" if secret else None
    )


def a_report(*steps: StepResult) -> Report:
    return Report(
        "AAAA-22", None, None, "manual", "fail", None, None, steps, (), {}, None, "2026-11-24T00:00:00Z", 1.0
    )  # fmt: skip


def a_step(target: str, code: str = "login.rate_limited", **evidence: Any) -> StepResult:
    return StepResult("imap.login", "fail", (Finding(code, "fail", evidence),), target)


@pytest.mark.parametrize("secret", [False, True])
async def test_it_is_left_alone_for_everybody_as_long_as_it_says(store: Store, secret: bool) -> None:
    door = gate(store)
    assert await door.cool(ANN, await refused_report(), NOW) == {HOST: NOW + 2400}
    for case in (ANN, EVE):
        over = await door.admit(case, typed(HOST, secret=secret), NOW + 60, secret=secret)
        assert over == Limited(1, "rest", 39)
    assert await door.admit(EVE, typed("imap.other.test", secret=secret), NOW + 60, secret=secret) is None
    assert await door.admit(EVE, typed(HOST, secret=secret), NOW + 2400, secret=secret) is None


async def test_a_server_that_discovery_finds_is_left_alone_too(store: Store) -> None:
    door = gate(store)
    await door.cool(ANN, await refused_report(), NOW)
    start = StartCheck(3, Request("practice.test", lang="en"))
    assert await door.admit(EVE, start, NOW + 1, secret=False) is None
    over = await door.admit_hosts(EVE, start, frozenset({HOST, "smtp.practice.test"}), NOW + 1)
    assert over == Limited(3, "rest", 40)


async def test_a_log_in_that_is_not_tried_is_not_counted(store: Store) -> None:
    """The servers of the run before are known: the person keeps all tries for afterwards."""
    door, found = gate(store), {"imap": Endpoint(HOST, 993, "tls")}
    await door.cool(ANN, await refused_report(), NOW)
    known = Case("AAAA-22", ANN.person, "slack", "place", "en", domain="practice.test", found=found)
    start = StartCheck(2, Request("practice.test", account=ACCOUNT, lang="en"), "handle")
    for _ in range(5):
        over = await door.admit(known, start, NOW + 1, secret=True)
        assert over is not None
        assert over.kind == "rest"
    assert [await door.admit(known, start, NOW + 2401, secret=True) for _ in range(4)].count(None) == 3


async def test_a_watch_does_not_look_meanwhile(store: Store) -> None:
    door = gate(store)
    await door.cool(ANN, await refused_report(), NOW)
    request = Request("practice.test", lang="en")
    assert not await door.admit_look(ANN, request, [HOST], NOW + 1)
    assert await door.admit_look(ANN, request, [HOST], NOW + 2400)


async def test_words_of_a_greeting_count(store: Store) -> None:
    report = await refused_report(greeting=True)
    assert report.cause == "greeting.refused"
    assert await gate(store).cool(ANN, report, NOW) == {HOST: NOW + 2400}


@pytest.mark.parametrize(("after", "wait"), [("120", 120.0), ("Wed, 21 Oct 2099 07:28:00 GMT", UNNAMED), ("", UNNAMED)])
async def test_exchange_says_so_by_status_and_header(store: Store, after: str, wait: float) -> None:
    headers = (("Retry-After", after),) if after else ()
    played = await Play({"pages": {EWS: Reply(429, headers=headers)}}).run()
    assert played.seen.report.cause == "login.rate_limited"
    assert await gate(store).cool(ANN, played.seen.report, NOW) == {"mail.practice.test": NOW + wait}


async def test_other_refusals_leave_nobody_alone(store: Store) -> None:
    report = await refused_report("NO [AUTHENTICATIONFAILED] Invalid credentials (10 minutes)")
    assert report.cause == "login.wrong_credentials"
    assert await gate(store).cool(ANN, report, NOW) == {}
    assert await Uses.beside(store).at_rest([HOST], NOW) is None


async def test_a_strangers_server_beside_it_is_not_left_alone(store: Store) -> None:
    """A server of Eve's own says "slow down"; the provider that she named beside it goes on for everybody."""
    async with make_world() as world:
        ground = Ground(world, "imap", account=ACCOUNT, secret=SECRET)
        await ground.serve()
        evil = await world.smtp("smtp.evil.test", 10465, refuse_all="454 4.7.0 Too many login attempts, wait 20 hours")
        assert ground.endpoint is not None
        both = {"imap": ground.endpoint, "smtp": Endpoint("smtp.evil.test", evil.port, "tls")}
        from tests.checks.running import examine  # noqa: PLC0415 - two servers at once

        seen = await examine(world, servers=both, account=ACCOUNT, secret=SECRET)
    assert await gate(store).cool(EVE, seen.report, NOW) == {"smtp.evil.test": NOW + 72000}
    assert await gate(store).admit(ANN, typed(HOST), NOW + 1, secret=False) is None


async def test_the_later_time_counts(store: Store) -> None:
    door = gate(store)
    await door.cool(ANN, a_report(a_step("a.test:993", server="wait 2 hours")), NOW)
    await door.cool(ANN, a_report(a_step("a.test:993", server="wait 5 minutes")), NOW + 60)
    assert await Uses.beside(store).at_rest(["A.TEST"], NOW + 600) == NOW + 7200


@pytest.mark.real
@pytest.mark.xdist_group("postgres")
async def test_what_one_node_hears_holds_on_the_other(nodes: tuple[Store, Store]) -> None:
    one, other = (gate(node) for node in nodes)
    await one.cool(ANN, a_report(a_step("a.test:993", server="wait 1 hour")), NOW)
    over = await other.admit(EVE, typed("a.test"), NOW + 1, secret=False)
    assert over == Limited(1, "rest", 60)
    assert await other.admit(EVE, typed("b.test"), NOW + 1, secret=False) is None


async def test_the_trail_says_who_and_until_when(store: Store) -> None:
    await gate(store).cool(ANN, a_report(a_step("a.test:993")), NOW)
    (row,) = await Uses.beside(store).trail()
    assert (row["person"], row["what"], row["subject"]) == (ANN.person, "rest", {"hosts": {"a.test": NOW + UNNAMED}})


@pytest.mark.parametrize(
    ("evidence", "seconds"),
    [
        ({}, UNNAMED),
        ({"server": "454 4.7.0 Too many login attempts"}, UNNAMED),
        ({"server": "try again in 15 minutes"}, 900),
        ({"server": "Please wait 300 seconds"}, 300),
        ({"server": "retry in 1 hour"}, 3600),
        ({"server": "wait 90s"}, 90),
        ({"server": "30分後に再度お試しください"}, 1800),
        ({"server": "1時間後"}, 3600),
        ({"server": "请15分钟后再试"}, 900),
        ({"server": "请 2 小时后再试"}, 7200),
        ({"server": "3 attempts in 60 seconds: wait 10 min"}, 600),
        ({"server": "wait 1 second"}, 60),
        ({"server": "try again in 3000 hours"}, LONGEST),
        ({"server": "999999999999999999 minutes"}, UNNAMED),
        ({"server": "wait ٣٠ minutes"}, 1800),
        ({"values": {"BackOffMilliseconds": "300000"}}, 300),
        ({"values": {"BackOffMilliseconds": "9" * 400}}, UNNAMED),
        ({"headers": {"retry-after": "-5"}}, UNNAMED),
        ({"headers": {"retry-after": "999999999"}}, LONGEST),
        ({"server": "5 m" * 100_000}, 300),
    ],
)
def test_times_as_servers_name_them(evidence: Mapping[str, Any], seconds: float) -> None:
    assert named_wait(evidence) == seconds


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("imap.a.test:993", "imap.a.test"),
        ("[2001:db8::1]:993", "2001:db8::1"),
        ("https://mail.a.test:8443/EWS/Exchange.asmx", "mail.a.test"),
        ("192.0.2.1:993", "192.0.2.1"),
    ],
)
def test_the_host_of_a_step(target: str, host: str) -> None:
    assert list(asked_to_wait(a_report(a_step(target)))) == [host]


@pytest.mark.parametrize("lang", LANGS)
def test_the_person_is_told_until_when(lang: Lang) -> None:
    case = Case("AAAA-22", ANN.person, "slack", "place", lang, domain="practice.test", phase="checking", run=1)
    after, effects = advance(case, Limited(1, "rest", 39), Mind())
    assert after.phase == "reported"
    assert [type(effect) for effect in effects] == [Amend, Post]
    told = effects[1]
    assert isinstance(told, Post)
    assert "39" in told.message.text
    assert "practice.test" in told.message.text
