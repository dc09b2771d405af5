"""Lines of the log: each one is a line, can be read by a program, and tells whose case it is."""

import asyncio
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from bot.logs import of_case, set_up_logging
from bot.settings import LogSettings

SECRET = "Practice-7-secret"
FORGED = "hello\n2026-11-24T00:00:00Z [error    ] all is lost\x1b[2J\x9b31m\u202etxt.exe\u2028next\r"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, shown = logging.getLogger(), warnings.showwarning
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    warnings.showwarning = shown
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was logged, each line on its own."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_lines_of_a_case_carry_its_id_and_others_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(format="json"))
    log = structlog.get_logger("bot.test")

    async def work(case: str) -> None:
        with of_case(case):
            await asyncio.sleep(0)
            await asyncio.gather(deeper(case), asyncio.to_thread(log.warning, "in a thread", expected=case))
            logging.getLogger("some.library").warning("by a library about %s", case)

    async def deeper(case: str) -> None:
        await asyncio.sleep(0)
        log.info("in a task", expected=case)

    await asyncio.gather(*(work(f"K7QF-{number}") for number in range(5)))
    log.info("of none")
    found = lines(capsys)
    assert len(found) == 16
    assert "case" not in found.pop()
    assert all(line["case"] == line.get("expected", str(line["event"]).rpartition(" ")[2]) for line in found)


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_value_looks_like_a_line_of_its_own_or_moves_the_cursor(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    set_up_logging(LogSettings(format=form))
    log = structlog.get_logger("bot.test")
    log.info("a greeting", heard=FORGED, deep={"list": [FORGED]}, raw=FORGED.encode(), thing=ValueError(FORGED))
    logging.getLogger("some.library").warning("heard %s", FORGED)
    try:
        raise ValueError(FORGED)  # noqa: TRY301
    except ValueError:
        log.exception("failed")
    written = capsys.readouterr().err
    assert not [sign for sign in "\x1b\x9b\u202e\u2028\r" if sign in written]
    assert not [line for line in written.split("\n") if line.startswith("2026-11-24T00:00:00Z")]
    if form == "json":
        assert len([json.loads(line) for line in written.splitlines()]) == 3


@pytest.mark.parametrize(
    "text",
    [
        f"connection to postgresql://bot:{SECRET}@db.example.net:5432/migcheck failed",
        f"postgresql://bot:p@{SECRET}@db/x",
        f"GET /m365/{SECRET}",
        f"/m365/redirect?code={SECRET}&state=1",
        f"/m365/redirect?state={SECRET}",
        f"wss://wss.example.com/?ticket={SECRET}&x=1",
    ],
)
def test_what_opens_a_database_or_a_sign_in_is_masked(capsys: pytest.CaptureFixture[str], text: str) -> None:
    set_up_logging(LogSettings(format="json"))
    structlog.get_logger("bot.test").error("failed", why=text)
    logging.getLogger("psycopg").error(text)
    assert SECRET not in capsys.readouterr().err


def test_warnings_of_python_are_lines_like_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(format="json"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("something old is used", stacklevel=1)
    (line,) = lines(capsys)
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")


def test_what_is_below_the_level_costs_no_masking(capsys: pytest.CaptureFixture[str]) -> None:
    class Dear:
        def __repr__(self) -> str:
            raise AssertionError("nobody reads this line")

    set_up_logging(LogSettings(level="INFO"))
    structlog.get_logger("bot.test").debug("request", thing=Dear())
    assert not capsys.readouterr().err
