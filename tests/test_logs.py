"""What reaches the log: our own events and others' warnings, and never what opens a page or a mailbox."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.logs import mask, set_up_logging
from bot.settings import LogSettings

TOKEN = "q3mX_9-aBcDeFgHiJkLmNo"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        f"GET /s/{TOKEN} 200",
        f"http://127.0.0.1:8080/s/{TOKEN}",
        f"/r/K7QF-2M?k={TOKEN}&lang=ja",
        f"password: {TOKEN}",
        f"パスワード：{TOKEN}",
        f"密码：{TOKEN}",
        f"password={TOKEN}",
        f'{{"user": "a", "password": "{TOKEN} and more"}}',
        f'body: "{{\\"imap_password\\": \\"{TOKEN}\\"}}"',
    ],
)
def test_what_opens_something_is_masked(text: str) -> None:
    assert TOKEN not in mask(text)
    assert "***" in mask(text)


def test_plain_words_stay() -> None:
    assert mask("GET /static/chat.js 200, wrong password") == "GET /static/chat.js 200, wrong password"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "name", ["slack_sdk.web", "aiohttp.access", "Lark", "sqlalchemy.engine", "asyncio", "some.library"]
)
def test_others_are_heard_from_warnings_up(capsys: pytest.CaptureFixture[str], form: str, name: str) -> None:
    set_up_logging(LogSettings(level="DEBUG", format=form))
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.DEBUG)  # as some libraries do by themselves
    try:
        logger.debug("payload %s", "chatter")
        logger.info("payload chatter")
        logger.warning("something is wrong at /s/%s", TOKEN)
    finally:
        logger.setLevel(before)
    written = capsys.readouterr().err
    assert "chatter" not in written
    assert "something is wrong" in written
    assert TOKEN not in written


def test_our_own_level_is_the_configured_one(capsys: pytest.CaptureFixture[str]) -> None:
    for level, heard in (("DEBUG", True), ("WARNING", False)):
        set_up_logging(LogSettings(level=level))
        structlog.get_logger("handlers.test").info("a small matter")
        assert ("a small matter" in capsys.readouterr().err) is heard


def test_values_are_masked_at_any_depth(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(format="json"))
    deep = {"a": [f"/s/{TOKEN}", {"b": (f"password: {TOKEN}",)}], "n": 7, "none": None}
    structlog.get_logger("bot.test").info("event", deep=deep, thing=ValueError(f"/s/{TOKEN}"))
    line = capsys.readouterr().err
    assert TOKEN not in line
    assert json.loads(line)["deep"]["n"] == 7


@pytest.mark.parametrize("form", ["json", "console"])
def test_tracebacks_show_no_variables(capsys: pytest.CaptureFixture[str], form: str) -> None:
    set_up_logging(LogSettings(format=form))
    local = "a-local-value-" + TOKEN[:4]
    try:
        int("no number") if local else None
    except ValueError:
        structlog.get_logger("bot.test").exception("failed")
        logging.getLogger("some.library").exception("failed as well")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert local not in written
