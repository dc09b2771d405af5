"""The transcript is bounded in every way, and every character of it can be seen."""

import re
import time

import pytest

from bot.checks.link.transcript import MAX_BYTES, MAX_LINE, MAX_LINES, MORE, TURN_BYTES, TURN_LINES, Transcript
from tests.checks.cases.table import Ground
from tests.checks.exchanging import TARO, Play
from tests.checks.running import HASTY, make_world
from tests.checks.talking import said
from tests.servers.exchange import EWS
from tests.servers.exchange_words import Reply
from tests.servers.hostile import blurt, flood


async def test_an_endless_page_shuts_nothing_out_that_comes_later() -> None:
    page = b"<p>" + b"no use\n" * 9000
    reply = Reply(401, page, (("WWW-Authenticate", 'Basic realm="x"'),))
    seen = (await Play(script={"schemes": ("Basic",), "pages": {EWS: reply}}, mailbox=TARO).run()).seen
    lines = said(seen, "ews")
    first, second = (n for n, line in enumerate(lines) if line == "S: HTTP/1.1 401 Practice")
    asked = next(n for n, line in enumerate(lines) if "<hidden" in line)
    assert first < asked < second
    for turn in (lines[first:asked], lines[second:]):
        assert TURN_LINES < len(turn) <= TURN_LINES + 2
        assert re.fullmatch(r"S: … \d+ lines more", turn[-2])
        assert re.fullmatch(r"S: … [\d,]+ bytes more", turn[-1])


@pytest.mark.parametrize("data", [b"220-x\r\n", b"A", b"\0", b"\xff\xfe\r\n"])
async def test_a_flood_is_bounded(data: bytes) -> None:
    async with make_world() as world:
        ground = Ground(world, "smtp", "starttls")
        await ground.hostile(flood(data))
        seen = await ground.examine(timeouts=HASTY)
    lines = seen.report.transcript["smtp"]
    assert len(lines) <= TURN_LINES + 3
    assert sum(len(line.encode()) for line in lines) <= TURN_BYTES * 2


def test_everything_is_bounded() -> None:
    """Lines, characters and bytes, however much is said in however many turns; the last line says that there was more."""
    transcript = Transcript(time.monotonic())
    tape = transcript.tape()
    tape.heard(b"z" * 5000 + b"\r\n")
    for n in range(20_000):
        tape.sent(b"a%d NOOP\r\n" % n)
        tape.heard(b"\x1b" * 300 + b"\n" * 5)
    lines = transcript.lines()
    assert len(lines) <= MAX_LINES
    assert sum(len(line.encode()) for line in lines) <= MAX_BYTES + len(MORE.encode())
    assert max(len(line) for line in lines) <= MAX_LINE + len("0.000 S: ")
    assert lines[-1] == MORE
    assert transcript.lines() == lines


def test_a_drip_costs_nothing_once_a_turn_is_full() -> None:
    transcript = Transcript(time.monotonic())
    tape = transcript.tape()
    for _ in range(TURN_BYTES * 3):
        tape.heard(b"\n")
    assert len(transcript._turns[0].starts) <= TURN_BYTES
    assert transcript.lines()[-1].endswith(f"S: … {TURN_BYTES * 2:,} bytes more")


async def test_every_character_is_visible() -> None:
    """Nothing that moves a cursor, colours a terminal, turns the direction or hides itself."""
    banner = "* OK \x1b[2J\x1b]0;owned\x07 \u202egnp.exe\u2066 \u200bzero\xa0\x9b1m\ttab\rback ごきげん".encode()
    async with make_world() as world:
        ground = Ground(world, "imap", "starttls", secret=None)
        await ground.hostile(blurt(banner + b"\r\n"))
        seen = await ground.examine(timeouts=HASTY)
    lines = said(seen, "imap")
    assert all(line.isprintable() for line in lines)
    assert r"S: * OK \x1b[2J\x1b]0;owned\x07 \u202egnp.exe\u2066 \u200bzero\xa0\x9b1m\ttab\rback ごきげん" in lines


async def test_what_is_no_text_is_told_in_short() -> None:
    async with make_world() as world:
        ground = Ground(world, "imap", "starttls", secret=None)
        await ground.hostile(blurt(bytes(range(1, 10)) * 100 + b"\n"))
        seen = await ground.examine(timeouts=HASTY)
    assert re.fullmatch(r"S: (\\x0.|\\t){60,70}… <900 characters that are no text>", said(seen, "imap")[1])
