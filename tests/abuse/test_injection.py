"""Foreign words stay words: in the store, in the terminal, in the log."""

import json
import logging
import sqlite3
import unicodedata

import pytest

from bot.core.case import Case, case_to_json
from bot.logs import set_up_logging
from bot.settings import LogSettings
from bot.store.rows import CaseRow, Offer
from bot.store.store import Store
from bot.store.uses import Uses
from tests.servers.world import World
from tests.store.conftest import a_report

NOW = 1_000_000.0
SQL = [
    "'; DROP TABLE cases; --",
    '"; DELETE FROM reports; --',
    "x' OR '1'='1",
    "%' OR 1=1 --",
    "%",
    "_",
    "\\",
    ":id",
    "%(id)s",
    "{0}",
    "\x00",
    "é\u0301",
]
EVIL = "\x1b[2J\x1b]0;pwned\x07\x1b]8;;http://evil.test\x1b\\ok\x1b[0m\x9b31m\r\n2026-01-01 [error] forged\u202egpj.exe\u2066\u200b\x08\x7f"


def unsafe(text: str) -> set[str]:
    """Characters that move a cursor, colour, hide, or turn the direction of a text."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"}


@pytest.mark.parametrize("word", SQL)
async def test_no_word_is_a_statement(store: Store, word: str) -> None:
    """A name that means something to a database is a name: it finds itself and nothing else."""
    mine = Case("AAAA-22", f"web:{word}", "web", word, "en", domain=word, account=word)
    for case in (Case("BBBB-22", "web:other", "web", "p", "en"), mine):
        row = CaseRow(case.id, case.person, case.surface, case.place, case_to_json(case), NOW, NOW)
        await store.take(f"event:{case.id}:{word}", row, [])
    assert [row.id for row in await store.cases_of(f"web:{word}")] == ["AAAA-22"]
    await store.put_message("AAAA-22", mine.person, word, {"text": word}, NOW, ref=word)
    assert [row.body for row in await store.messages_of(mine.person)] == [{"text": word}]
    assert await store.people_called(word) == [f"web:{word}"]
    await store.add_offer(word, Offer("AAAA-22", mine.person, word, NOW + 60))
    found = await store.offer(word)
    assert found is not None
    assert found.code == word
    assert await store.offer(word + "x") is None
    await Uses.beside(store).note(mine.person, "AAAA-22", word, {word: word}, NOW)
    assert [row["what"] for row in await Uses.beside(store).trail()] == [word]
    await store.put_report(a_report("AAAA-22", word), "en", NOW)
    assert await store.report("AAAA-22") is not None
    assert (await store.erase(mine.person))["cases"] == 1
    assert [row.id for row in await store.cases_of("web:other")] == ["BBBB-22"]
    assert store.place.path is not None
    with sqlite3.connect(store.place.path) as database:
        assert database.execute("SELECT count(*) FROM cases").fetchone() == (1,)


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_servers_words_do_not_drive_the_terminal(options: tuple[str, ...]) -> None:
    async with World() as world:
        world.domain("evil.test")
        await world.imap("imap.evil.test", greeting=f"* BYE {EVIL}".replace("\r\n", " "))
        await world.smtp("smtp.evil.test", refuse_all=f"535 {EVIL}".replace("\r\n", " "), accounts={"a@evil.test": "x"})
        done = await world.bot("check", "evil.test", "--account", "a@evil.test", *options, secret="a secret of ours")
    text = json.dumps(json.loads(done.out), ensure_ascii=False) if options else done.out
    assert "forged" in text
    assert unsafe(text) == set()
    assert unsafe(done.err) == set()


@pytest.mark.parametrize(
    "arguments", [("check", EVIL.replace("\x00", "")), ("explain", f"535 {EVIL} authentication failed")]
)
async def test_typed_words_do_not_drive_the_terminal(arguments: tuple[str, ...]) -> None:
    """They may have been copied from anywhere."""
    async with World() as world:
        done = await world.bot(*arguments)
    assert unsafe(done.out) == set()
    assert unsafe(done.err) == set()


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_word_is_a_line_of_the_log(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    import structlog  # noqa: PLC0415 - set up here

    before = logging.getLogger().handlers[:]
    set_up_logging(LogSettings(format=form))  # type: ignore[arg-type]
    try:
        structlog.get_logger("bot.test").warning("said", server=EVIL, nested={"a": [EVIL]})
        structlog.get_logger("bot.test").warning(f"said {EVIL}")
        logging.getLogger("aiohttp.server").error("Error handling request: %s", EVIL)
    finally:
        logging.getLogger().handlers = before
        structlog.reset_defaults()
    written = capsys.readouterr().err
    assert len(written.strip().splitlines()) == 3
    assert {c for c in unsafe(written) if c != "\u200b"} == set()
    if form == "json":
        assert all(json.loads(line) for line in written.strip().splitlines())
