"""Real Dovecot and Postfix: the good paths, and the faults that they make themselves."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.checks.link.line import Timeouts
from bot.core.model import Endpoint
from tests.checks.running import Seen, examine, make_world
from tests.servers.dovecot import Dovecot, find_dovecot
from tests.servers.postfix import Postfix
from tests.servers.real import RealServerMissing, find_program
from tests.servers.world import World

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]
HOST, USER, SECRET = "mail.practice.test", "taro@practice.test", 'pä:ss"\\ 1'


@pytest.fixture(autouse=True)
async def _installed() -> None:
    """Skip, with the reason, where the packages are missing; in CI that is a failure."""
    try:
        await find_dovecot()
        find_program("postconf", "postfix")
    except RealServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with make_world() as made:
        made.record(HOST, "A", "127.0.0.1")
        yield made


@pytest.fixture
def _root() -> None:
    if os.getuid() != 0:
        pytest.skip("Postfix starts as root only; run the tests as root to include it")


def at(port: int, security: str = "tls") -> Endpoint:
    return Endpoint(HOST, port, security)


async def check(world: World, secret: str = SECRET, user: str = USER, **servers: Endpoint) -> Seen:
    return await examine(world, servers=servers, account=user, secret=secret)


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"])
async def test_every_mechanism(world: World, mechanism: str) -> None:
    """IMAP and POP with TLS and STARTTLS, on one server."""
    identity = world.identity(HOST)
    async with Dovecot(
        identity, {USER: SECRET}, mechanisms=[mechanism], settings="mail_max_userip_connections=50"
    ) as dovecot:
        seen = await check(world, imap=at(dovecot.imaps), pop=at(dovecot.pop3s))
        again = await check(world, imap=at(dovecot.imap, "starttls"), pop=at(dovecot.pop3, "starttls"))
    for one in (seen, again):
        assert one.report.verdict == "pass", one.data["steps"]
        assert one.step("imap.login").notes["mechanism"].lower() == mechanism
        assert one.step("imap.mailbox").notes["inbox"] == 3
        assert one.report.attempts == {"imap": 1, "pop": 1}


@pytest.mark.usefixtures("_root")
async def test_mail_is_untouched_and_postfix_takes_mail(world: World) -> None:
    identity = world.identity(HOST)
    async with Dovecot(identity, {USER: SECRET}) as dovecot, Postfix(identity, dovecot) as postfix:
        before = sorted(path.name for path in dovecot.maildir(USER).rglob("*.practice*"))
        tls = await check(world, imap=at(dovecot.imaps), smtp=at(postfix.smtps))
        starttls = await check(world, imap=at(dovecot.imap, "starttls"), smtp=at(postfix.submission, "starttls"))
        after = sorted(path.name for path in dovecot.maildir(USER).rglob("*.practice*"))
        log = postfix.log()
    assert [seen.report.verdict for seen in (tls, starttls)] == ["pass", "pass"], log
    assert tls.step("smtp.submission").status == "pass"
    assert before == after
    assert "status=" not in log


@pytest.mark.usefixtures("_root")
async def test_wrong_password(world: World) -> None:
    identity = world.identity(HOST)
    async with Dovecot(identity, {USER: SECRET}) as dovecot, Postfix(identity, dovecot) as postfix:
        both = await check(world, "wrong", imap=at(dovecot.imaps), smtp=at(postfix.smtps))
        alone = await check(world, "wrong", smtp=at(postfix.smtps))
        pop = await check(world, "wrong", pop=at(dovecot.pop3s))
        tried = dovecot.log().count("auth failed")
    assert both.report.cause == alone.report.cause == pop.report.cause == "login.wrong_credentials"
    assert both.step("smtp.login").skipped_because == "imap.login"
    assert both.report.attempts == {"imap": 1}
    assert tried <= 2
    assert "Authentication failed" in both.finding("login.wrong_credentials").evidence["server"]


async def test_switched_off_for_the_user(world: World) -> None:
    fields = {USER: "nologin reason=IMAP_access_is_disabled_for_your_account"}
    async with Dovecot(world.identity(HOST), {USER: SECRET}, passdb_fields=fields) as dovecot:
        seen = await check(world, imap=at(dovecot.imaps))
    assert seen.report.failing_step == "imap.login"
    assert "disabled" in seen.step("imap.login").findings[0].evidence["server"]


async def test_five_thousand_folders(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory where there is such a place: the files, not the bot, take the time."""
    if Path("/dev/shm").is_dir():
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
    folders = [f"Archive.{number:04}" for number in range(5000)]
    async with Dovecot(world.identity(HOST), {USER: SECRET}, folders=folders) as dovecot:
        seen = await examine(
            world,
            servers={"imap": at(dovecot.imaps)},
            account=USER,
            secret=SECRET,
            timeouts=Timeouts(reply=50, total=90),
        )
    assert seen.report.verdict == "pass", seen.data["steps"]
    assert seen.step("imap.mailbox").notes["folders"] == 5002
    assert seen.step("imap.mailbox").notes["messages"] in (3, None)


@pytest.mark.usefixtures("_root")
async def test_submission_refused(world: World) -> None:
    identity = world.identity(HOST)
    settings = {"smtpd_sender_restrictions": "reject"}
    async with Dovecot(identity, {USER: SECRET}) as dovecot, Postfix(identity, dovecot, settings=settings) as postfix:
        seen = await check(world, smtp=at(postfix.submission, "starttls"))
    evidence = seen.finding("submission.refused", "smtp.submission").evidence
    assert evidence["server"].startswith("554 5.7.1")
    assert seen.report.verdict == "warn"


async def test_wrong_port(world: World) -> None:
    """POP3 asked on the IMAP port, and implicit TLS on a STARTTLS port."""
    async with Dovecot(world.identity(HOST), {USER: SECRET}) as dovecot:
        other = await check(world, pop=at(dovecot.imaps))
        plain = await check(world, imap=at(dovecot.imap))
    assert (other.report.cause, other.step("pop.greeting").findings[0].evidence["speaks"]) == (
        "greeting.wrong_service",
        "imap",
    )
    assert plain.report.cause == "tls.not_offered"
    assert "IMAP4rev1" in plain.step("imap.tls").findings[0].evidence["server"]
