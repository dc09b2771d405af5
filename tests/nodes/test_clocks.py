"""Machines whose clocks disagree: a little does not matter, and a node that is far off takes no requests."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.nodes.conftest import Launch
from tests.nodes.people import insistent
from tests.nodes.test_secrets import link_of
from tests.servers.postgres import Postgres
from tests.servers.practice import ALL_GOOD
from tests.servers.slack import FakeSlack
from tests.slack.conftest import data_of
from tests.stories.pages import type_secret

_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_OFFER_LIFE = 45


def clock(ahead: int) -> dict[str, str]:
    return {"LD_PRELOAD": str(_FAKETIME), "FAKETIME": f"{ahead:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.mark.skipif(not _FAKETIME.exists() and not os.environ.get("CI"), reason="faketime is not installed")
async def test_nodes_agree_on_what_time_it_is(postgres: Postgres, slack: FakeSlack, launch: Launch) -> None:
    """Offers live for less than the clocks differ."""
    taro = insistent(slack, "U0001", ALL_GOOD.account)
    limits = {"MIGCHECK_SECRETS__TTL": str(_OFFER_LIFE), "MIGCHECK_LIMITS__CHECKS_PER_PERSON": '["3/1h"]'}
    with postgres.database() as url:
        async with launch(url, web=0, worker=1, **limits) as fleet:
            late, early = await fleet.start("web", **clock(-60)), await fleet.start("web", **clock(60))
            wrong = await fleet.start("web", **clock(600))
            await asyncio.gather(late.ready(), early.ready())
            assert (await wrong.status(503)) | {"clock": "failed"} == await wrong.status(503)
            assert (await wrong.status(503))["store"] == "ok"
            fleet.lead(late)
            await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
            await taro.report()
            assert await type_secret(fleet.link(await link_of(taro), early), "mistyped-mistyped") == 200
            assert data_of(await taro.report(1))["cause"] == "login.wrong_credentials"
            fleet.lead(early)
            await taro.presses(await taro.report(1), "recheck")
            report = await taro.report(2)
            assert await type_secret(fleet.link(await link_of(taro, 1), late), "mistyped-mistyped") == 200
            await taro.sees_with(words="60 minutes")
            assert report.thread
