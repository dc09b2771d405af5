"""Name servers that are dead or lie: the check ends in time, says what it is, and goes nowhere it should not."""

from typing import Any

import pytest

from tests.servers.dns import DnsFault
from tests.servers.practice import ALL_GOOD
from tests.servers.world import World

_TEN_SECONDS = {"MIGCHECK_NETWORK__TIMEOUTS__TOTAL": "10"}
_OK = "pass"


async def checked(world: World, *arguments: str) -> dict[str, Any]:
    world.settings |= _TEN_SECONDS
    return (await world.bot("check", ALL_GOOD.domain, "--json", *arguments, limit=30)).report


@pytest.mark.parametrize("kind", ["silent", "lame", "refused", "servfail"])
async def test_name_servers_that_do_not_answer_are_no_fault_of_the_mail_servers(world: World, kind: str) -> None:
    """Silent ones, ones that answer what nobody asked, and ones that will not."""
    world.names.fallback = DnsFault(kind)  # type: ignore[arg-type]
    world.faults |= dict.fromkeys(world.records, DnsFault(kind))  # type: ignore[arg-type]
    report = await checked(world)
    assert report["verdict"] != _OK
    codes = {finding["code"] for step in report["steps"] for finding in step["findings"]}
    assert codes
    assert all(code.startswith(("dns.", "domain.", "input.")) for code in codes), codes
    assert report["duration_ms"] < 15_000


@pytest.mark.parametrize("kind", ["wrong_id", "spoofed", "truncated"])
async def test_false_answers_are_not_believed_and_cut_ones_are_asked_for_again(world: World, kind: str) -> None:
    world.faults |= dict.fromkeys(world.records, DnsFault(kind))  # type: ignore[arg-type]
    report = await checked(world)
    assert report["verdict"] == _OK, report
    if kind == "truncated":
        assert "tcp" in {question.over for question in world.names.questions}


async def test_names_that_lead_into_private_networks_are_not_followed(world: World) -> None:
    for host in ("imap", "smtp"):
        world.records[f"{host}.{ALL_GOOD.domain}"]["A"] = ["10.0.0.7"]
    report = await checked(world)
    assert report["verdict"] != _OK
    codes = {finding["code"] for step in report["steps"] for finding in step["findings"]}
    assert codes & {"dns.host_private"}, codes
