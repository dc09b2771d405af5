"""Socket Mode where Slack is away: one line for each try, no stack, "not ready", and a connection as soon as it is back."""

import itertools
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from bot.app import open_bot
from tests.servers.practice import CERTIFICATE
from tests.servers.slack import Answer, FakeSlack
from tests.servers.world import World
from tests.slack.conftest import data_of, settings_for
from tests.stories.slack import settings_of

REFUSED = "Socket Mode cannot connect"


class TicketSlack(FakeSlack):
    """An address is good for one try. The first `refuse` tries fail."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse = 0
        self._numbers = itertools.count()
        self._ticket = ""

    def socket_url(self) -> str:
        self._ticket = str(next(self._numbers))
        return f"{super().socket_url()}?ticket={self._ticket}"

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        known, self._ticket = self._ticket == request.query["ticket"], ""
        if self.refuse or not known:
            self.refuse -= known
            raise web.HTTPServiceUnavailable
        return await super()._socket(request)


@pytest.fixture
async def tickets(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TicketSlack]:
    monkeypatch.setattr("handlers.slack.connection._FIRST_PAUSE", 0.1)
    async with TicketSlack() as slack:
        yield slack
        assert slack.faults == []


async def _ready(origin: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{origin}/readyz") as answer:
        return answer.status, (await answer.json())["slack"]


async def test_slack_is_away_at_the_start(
    tickets: TicketSlack,
    practice: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    away = [Answer(status=503, delay=0.2), Answer(status=0), Answer(error="internal_error")]
    tickets.script["apps.connections.open"].extend(away)
    tickets.refuse = 1
    ann = tickets.person("UADMIN")
    async with open_bot(settings_for(practice, tickets, monkeypatch, **settings_of(tickets, "socket"))) as bot:
        assert await _ready(bot.origin) == (503, "failed")
        await tickets.until(lambda: tickets.sockets)
        tickets.delivery.url = None
        await ann.command(CERTIFICATE.domain)
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code
        assert await _ready(bot.origin) == (200, "ok")
        await bot.conversation.settle()
    said = capsys.readouterr().out
    assert said.count(REFUSED) == len(away) + 1
    assert "Traceback" not in said
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_slack_goes_away_later(tickets: TicketSlack, practice: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was asked for before is not good any more."""
    ann = tickets.person("UADMIN")
    async with open_bot(settings_for(practice, tickets, monkeypatch, **settings_of(tickets, "socket"))) as bot:
        (first,) = await tickets.until(lambda: list(tickets.sockets))
        tickets.delivery.url = None
        tickets.refuse = 2
        await first.close()
        await tickets.until(lambda: [one for one in tickets.sockets if one is not first])
        await ann.command(CERTIFICATE.domain)
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code
        assert await _ready(bot.origin) == (200, "ok")
        await bot.conversation.settle()
