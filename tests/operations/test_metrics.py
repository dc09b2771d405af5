"""/metrics: what is counted, that it can be read by Prometheus, and that nothing of anybody is in it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from bot import metrics
from bot.core.events import Limited
from bot.core.model import Finding, Report, StepResult
from bot.settings import Settings, WebSettings
from bot.store.rows import StoreError
from handlers.web.metrics import Depth, Metrics, measured

ROOT = Path(__file__).resolve().parent.parent.parent
PRIVATE = ("example.test", "192.0.2.7", "taro", "U0PERSON", "K7QF-2M", "q3mX_9-token")


def report(
    verdict: str = "fail", step: str | None = "imap.login", cause: str | None = "login.wrong_credentials"
) -> Report:
    steps = (
        StepResult("imap.tls", "pass", target="imap.example.test:993", duration_ms=30.0),
        StepResult("imap.login", "fail", (Finding("login.wrong_credentials", "fail"),), "192.0.2.7", duration_ms=120.0),
        StepResult("imap.mailbox", "skipped", skipped_because="imap.login"),
        StepResult("smtp.login", "pass", duration_ms=80.0),
        StepResult("m365.signin", "unknown", duration_ms=4000.0),
    )
    return Report(
        "K7QF-2M",
        "example.test",
        None,
        "manual",
        verdict,
        step,
        cause,
        steps,
        (),
        {"imap": 1},
        "192.0.2.7",
        "",
        450.0,  # type: ignore[arg-type]
    )


def values() -> dict[str, float]:
    """Every sample by its name and its labels' values in the order of the labels' names, as Prometheus' own parser reads them."""
    shown = metrics.exposition(None).decode()
    return {
        sample.name + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(shown)
        for sample in family.samples
    }


def grown(before: Mapping[str, float]) -> dict[str, float]:
    """What was counted since."""
    return {
        name: value - before.get(name, 0)
        for name, value in values().items()
        if value != before.get(name, 0) and name.startswith("migcheck_") and "_bucket" not in name
    }


def test_a_check_is_counted_with_its_cause_steps_and_log_ins() -> None:
    before = values()
    metrics.checked(report())
    found = grown(before)
    assert found.pop("migcheck_check_seconds_sum") == pytest.approx(0.45)
    assert found.pop("migcheck_step_seconds_sum|imap.login") == pytest.approx(0.12)
    assert {name: n for name, n in found.items() if "_sum" not in name} == {
        "migcheck_checks_total|manual|fail": 1,
        "migcheck_causes_total|login.wrong_credentials|imap.login": 1,
        "migcheck_check_seconds_count": 1,
        "migcheck_step_seconds_count|imap.tls": 1,
        "migcheck_step_seconds_count|imap.login": 1,
        "migcheck_step_seconds_count|smtp.login": 1,
        "migcheck_step_seconds_count|m365.signin": 1,
        "migcheck_logins_total|refused|imap": 1,
        "migcheck_logins_total|accepted|smtp": 1,
        "migcheck_logins_total|undecided|m365": 1,
    }


def test_labels_have_few_values_whatever_comes() -> None:
    before = values()
    for number in range(50):
        metrics.checked(report("fail", f"imap.{number}.example.test", f"taro.{number}"))
        metrics.delivered(f"U0PERSON{number}", "post")
        metrics.limited(f"taro{number}")
        metrics.answered("/s/{token}", f"M{number}", 200, 0.0)
    found = grown(before)
    assert found["migcheck_causes_total|other|other"] == 50
    assert found["migcheck_deliveries_total|post|shown|other"] == 50
    assert found["migcheck_limits_refused_total|other"] == 50
    assert found["migcheck_requests_total|other|/s/{token}|2xx"] == 50


def test_what_is_counted_beside_checks() -> None:
    before = values()
    with metrics.under_way():
        assert grown(before) == {"migcheck_checks_under_way": 1}
    metrics.delivered("slack", "amend")
    metrics.delivered("lark", "post", ok=False)
    metrics.platform_failed("slack", "rate_limited")
    metrics.forged("lark")
    metrics.limited(Limited(1, "logins", 3).kind)
    metrics.failed(StoreError("the disk is full"))
    metrics.failed(RuntimeError())
    assert grown(before) == {
        "migcheck_deliveries_total|amend|shown|slack": 1,
        "migcheck_deliveries_total|post|given_up|lark": 1,
        "migcheck_platform_errors_total|rate_limited|slack": 1,
        "migcheck_requests_refused_total|lark": 1,
        "migcheck_limits_refused_total|logins": 1,
        "migcheck_store_errors_total": 1,
        "migcheck_faults_total": 1,
    }


@asynccontextmanager
async def serving(depth: Depth | None = None) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    async def open_page(request: web.Request) -> web.Response:
        if request.match_info["token"] == "spent":
            raise web.HTTPGone
        return web.Response(text="a form")

    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application(middlewares=[measured])
    app.add_routes([*Metrics(depth).routes(), web.get("/s/{token}", open_page), web.get("/slow", never)])
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield session, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_queues_are_told_by_their_names_and_those_of_single_nodes_together() -> None:
    async def depth() -> Mapping[str, tuple[int, float]]:
        return {"checks": (3, 12.5), "node:a1": (1, 2.0), "node:b2": (4, 7.0)}

    async with serving(depth) as (session, origin), session.get(f"{origin}/metrics") as answer:
        told = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert 'migcheck_queue_jobs{queue="checks"} 3.0' in told
    assert 'migcheck_queue_oldest_seconds{queue="checks"} 12.5' in told
    assert 'migcheck_queue_jobs{queue="own"} 5.0' in told
    assert 'migcheck_queue_oldest_seconds{queue="own"} 7.0' in told
    assert "a1" not in told


async def test_a_queue_that_cannot_be_asked_leaves_the_rest() -> None:
    async def depth() -> Mapping[str, tuple[int, float]]:
        raise StoreError("gone")

    before = values()
    async with serving(depth) as (session, origin), session.get(f"{origin}/metrics") as answer:
        told = await answer.text()
        assert answer.status == 200
    assert "migcheck_queue_jobs{" not in told
    assert "migcheck_checks_total" in told
    assert grown(before)["migcheck_store_errors_total"] == 1


async def test_requests_are_counted_by_route_and_what_opens_a_page_stands_nowhere() -> None:
    before = values()
    async with serving() as (session, origin):
        for path in ("/s/q3mX_9-token", "/s/spent", "/none/q3mX_9-token"):
            await session.get(f"{origin}{path}")
        with pytest.raises(TimeoutError):
            await session.get(f"{origin}/slow", timeout=aiohttp.ClientTimeout(0.2))
        async with asyncio.timeout(5):
            while "migcheck_requests_total|GET|/slow|4xx" not in grown(before):
                await asyncio.sleep(0.01)
        told = await (await session.get(f"{origin}/metrics")).text()
    found = grown(before)
    assert found["migcheck_requests_total|GET|/s/{token}|2xx"] == 1
    assert found["migcheck_requests_total|GET|/s/{token}|4xx"] == 1
    assert found["migcheck_requests_total|GET|none|4xx"] == 1
    assert not [word for word in PRIVATE if word in told]


def test_it_is_off_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGCHECK_WEB__METRICS", raising=False)
    assert Settings().web.metrics is False
    assert WebSettings(metrics=True).metrics


def test_a_check_in_the_terminal_does_not_load_it() -> None:
    code = "import sys, bot.commands.check, bot.store.keeping; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
