"""Servers that are out to hang, drown or mislead end in time, with the finding that says so."""

import time

import pytest

from bot.checks.link.line import Timeouts
from bot.core.model import SERVICES, Service
from tests.checks.cases.table import Ground
from tests.checks.running import ACCOUNT, HASTY, SECRET, Seen, make_world
from tests.servers.hostile import BANNERS, at_once, blurt, drip, flood
from tests.servers.imap import Folder
from tests.servers.script import HANG, Say

LIMIT = 6.0
"""Seconds that a check may take whose time limits are half a second each."""
SHORT = Timeouts(connect=5, tls=5, reply=5, total=0.6)
_FIRST = {"imap": "* OK ready", "smtp": "220 ready", "pop": "+OK ready"}
_ASKED = {"imap": "CAPABILITY", "smtp": "EHLO", "pop": "CAPA"}
_STARTTLS = {"imap": "STARTTLS", "smtp": "STARTTLS", "pop": "STLS"}


async def play(service: Service, act: object, security: str = "starttls") -> Seen:
    begun = time.monotonic()
    async with make_world() as world:
        ground = Ground(world, service, security)
        await ground.hostile(act)
        seen = await ground.examine(timeouts=HASTY)
    assert time.monotonic() - begun < LIMIT
    return seen


async def script(service: Service, security: str = "tls", *, timeouts: Timeouts = HASTY, **words: object) -> Seen:
    begun = time.monotonic()
    async with make_world() as world:
        ground = Ground(world, service, security)
        await ground.serve(**words)
        seen = await ground.examine(timeouts=timeouts)
    assert time.monotonic() - begun < LIMIT
    return seen


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("name", "act", "codes"),
    [
        ("hang", at_once("hang"), {"greeting.timeout"}),
        ("drip", drip(b"* OK A", 0.1), {"greeting.timeout"}),
        ("line without end", flood(b"220 "), {"greeting.malformed"}),
        ("lines without end", flood(b"220-x\r\n"), {"greeting.malformed", "greeting.wrong_service"}),
        ("zeros", flood(b"\0"), {"greeting.malformed"}),
        ("garbage", blurt(BANNERS["garbage"] + b"\n"), {"greeting.malformed"}),
    ],
)
async def test_greetings(service: Service, name: str, act: object, codes: set[str]) -> None:
    seen = await play(service, act)
    assert seen.report.failing_step == f"{service}.greeting", name
    assert seen.report.cause in codes


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["hang", "drip", "endless line", "endless lines"])
async def test_hang_before_starttls(service: Service, kind: str) -> None:
    replies = {_ASKED[service]: _endings(service)[kind], _STARTTLS[service]: HANG}
    more = {"greeting": _FIRST[service]} if service == "imap" else {}
    seen = await script(service, "starttls", replies=replies, **more)
    assert seen.report.failing_step == f"{service}.tls"
    assert seen.report.cause == "tls.starttls_failed"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["hang", "drip", "endless line", "endless lines", "garbage"])
async def test_capabilities(service: Service, kind: str) -> None:
    replies = {_ASKED[service]: _endings(service)[kind]}
    more = {"greeting": _FIRST[service]} if service == "imap" else {}
    seen = await script(service, replies=replies, **more)
    assert (seen.report.failing_step, seen.report.cause) == (f"{service}.capability", "capability.no_answer")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["drip", "endless line", "endless lines", "garbage"])
async def test_log_ins(service: Service, kind: str) -> None:
    seen = await script(service, refuse_all=_endings(service)[kind])
    assert seen.report.failing_step == f"{service}.login"
    assert seen.report.cause in ("login.timeout", "login.connection_closed")


def _endings(service: Service) -> dict[str, Say]:
    line = {"imap": b"* OK x\r\n", "smtp": b"250-x\r\n", "pop": b"+ x\r\n"}[service]
    return {
        "hang": HANG,
        "drip": Say("* OK x", "bytewise", pace=0.1),
        "endless line": Say("x", "endless"),
        "endless lines": Say(line * 3 + line[:-2].ljust(9) + b"\r\n.", "endless"),
        "garbage": Say(BANNERS["garbage"]),
    }


async def test_huge_literals_are_not_read() -> None:
    seen = await script("imap", greeting="* OK ready", replies={"CAPABILITY": "* X {99999999}"})
    assert seen.report.cause == "capability.no_answer"


@pytest.mark.parametrize("stage", ["ID", "EXAMINE", "LIST"])
@pytest.mark.parametrize(
    "words", [HANG, Say("x", "endless"), Say("* X {4000000000}\r\n"), Say(b"* LIST (((((\r\n* LIST )\r\n{")]
)
async def test_mailboxes(stage: str, words: Say) -> None:
    seen = await script("imap", replies={stage: words})
    assert seen.report.failing_step == "imap.mailbox"
    assert seen.codes("imap.mailbox")[0].startswith("mailbox.")
    assert seen.step("imap.login").status == "pass"


async def test_five_thousand_odd_folders() -> None:
    """Names with quotes, literals, brackets and 8-bit letters are read, or done without."""
    odd = ['a "quoted" \\ name', "{5}", "(x) [y]", "&ZeVnLIqe-", "&broken", "日本語", "trailing ", "*%"]
    folders = tuple(Folder(f"{odd[n % len(odd)]}{n}", n, n, literal=n % 3 == 0) for n in range(5000))
    seen = await script("imap", folders=(Folder("INBOX", 5, 5), *folders), timeouts=Timeouts(reply=20))
    assert seen.report.verdict == "pass"
    notes = seen.step("imap.mailbox").notes
    assert notes["folders"] == 5001
    assert notes["messages"] == 5 + sum(range(5000))


@pytest.mark.parametrize("service", SERVICES)
async def test_the_whole_check_has_a_limit(service: Service) -> None:
    begun = time.monotonic()
    seen = await script(service, greeting=HANG, timeouts=SHORT)
    assert seen.report.failing_step in (f"{service}.greeting", f"{service}.tls")
    assert time.monotonic() - begun < 3


async def test_endless_folders() -> None:
    line = b'* LIST () "/" "INBOX"\r\n'
    begun = time.monotonic()
    async with make_world() as world:
        ground = Ground(world, "imap", account=ACCOUNT, secret=SECRET)
        await ground.serve(replies={"LIST": Say(line[:-2] + line * 500, "endless")})
        seen = await ground.examine(timeouts=Timeouts(reply=3, total=20))
    assert seen.codes("imap.mailbox") == ["mailbox.unavailable"]
    assert time.monotonic() - begun < 15
