"""`doctor` against real name servers, certificates, stores and ports on loopback."""

import asyncio
import datetime as dt
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.commands import doctor
from bot.commands.doctor import doctor_command
from bot.health.house import check_knowledge
from bot.health.outcome import Outcome
from bot.health.pages import check_listen, check_public_url, check_secret_entry
from bot.health.surroundings import check_nameservers, check_surroundings, check_trust
from bot.settings import DiscoverySettings, NetworkSettings, SecretSettings, Settings, WebSettings
from bot.store.place import ROOT
from tests.servers.certs import Authority, Validity, now
from tests.servers.dns import DnsFault, DnsServer
from tests.servers.web import Page, WebServer


def _settings(**parts: object) -> Settings:
    return Settings(**parts)  # type: ignore[arg-type]


def _marks(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.mark for outcome in outcomes]


@pytest.fixture
async def nameserver() -> AsyncIterator[DnsServer]:
    async with DnsServer({"example.com": {"MX": ["0 ."]}}) as server:
        yield server


def _asking(*servers: str) -> Settings:
    return _settings(network=NetworkSettings(nameservers=servers))


async def test_name_servers_are_asked_one_by_one(nameserver: DnsServer) -> None:
    async with DnsServer({}, fallback=DnsFault("refused")) as refusing, DnsServer({}) as ignorant:
        found = await check_nameservers(_asking(nameserver.address, refusing.address, ignorant.address))
    assert _marks(found) == ["pass", "warn", "warn"]
    assert "answers within" in found[0].found
    assert "REFUSED" in found[1].found
    assert "take it out" in found[1].todo
    assert "does not exist" in found[2].found
    assert nameserver.asked("example.com", "MX") == 1


async def test_it_is_wrong_when_no_name_server_answers() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    found = await check_nameservers(_asking(f"127.0.0.1:{port}"))
    assert _marks(found) == ["fail"]
    assert "ECONNREFUSED" in found[0].found


async def test_the_trust_anchors_are_counted() -> None:
    (found,) = await check_trust(_settings())
    assert found.mark == "pass"
    assert int(found.found.split()[0]) > 50


async def test_a_file_of_further_anchors(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    living, dead = Authority.root("Living"), Authority.root("Dead", validity=Validity(-400, -2))
    for content, mark, said in (
        (living.pem, "pass", "1 further"),
        (living.pem + dead.pem, "warn", "Dead"),
        (dead.pem, "fail", "Dead"),
        (b"not a certificate", "fail", "holds no certificate"),
        (b"", "fail", "holds no certificate"),
    ):
        path.write_bytes(content)
        _, found = await check_trust(_settings(network=NetworkSettings(ca_file=path)))
        assert (found.mark, said in found.found) == (mark, True), found
    _, missing = await check_trust(_settings(network=NetworkSettings(ca_file=tmp_path / "no.pem")))
    assert (missing.mark, missing.found) == ("fail", "No such file or directory")


@pytest.mark.parametrize(("off", "mark"), [(0, "pass"), (-100, "warn"), (100, "warn"), (3600, "fail"), (-3600, "fail")])
async def test_the_clock_is_compared_to_what_the_database_says(off: int, mark: str) -> None:
    date = format_datetime(now() + dt.timedelta(seconds=off), usegmt=True)
    async with WebServer({"/v1.1/": Page(b"", headers={"Date": date})}) as server:
        settings = _settings(discovery=DiscoverySettings(ispdb_url=f"http://127.0.0.1:{server.port}/v1.1/"))
        database, clock = await check_surroundings(settings)
    assert (database.mark, clock.mark) == ("pass", mark)
    assert ("set it" in clock.todo) == (mark != "pass")


async def test_a_database_that_cannot_be_reached_is_a_warning_and_its_certificate_is_checked() -> None:
    stranger = Authority.root("Stranger").issue("localhost")
    async with WebServer({}, identity=stranger) as server:
        settings = _settings(discovery=DiscoverySettings(ispdb_url=f"https://localhost:{server.port}/v1.1"))
        database, clock = await check_surroundings(settings)
    assert (database.mark, clock.mark) == ("warn", "pass")
    assert "certificate" in database.found
    assert "nothing to compare" in clock.found


async def test_a_database_that_is_not_to_be_asked_is_not_asked() -> None:
    assert _marks(await check_surroundings(_settings(discovery=DiscoverySettings(ispdb_url="")))) == ["pass", "pass"]


async def test_the_knowledge_compiles() -> None:
    (found,) = await check_knowledge(_settings())
    assert found.mark == "pass"
    assert "languages en, ja, zh" in found.found


def _listening(listen: str) -> Settings:
    return _settings(web=WebSettings(listen=listen))


async def test_the_address_to_listen_on() -> None:
    assert _marks(await check_listen(_listening("127.0.0.1:0"))) == ["pass"]
    for listen, todo in (("8080", "choose"), ("127.0.0.1:http", "an example"), ("192.0.2.1:8080", "choose")):
        (found,) = await check_listen(_listening(listen))
        assert found.mark == ("pass" if listen == "8080" else "fail"), listen
        assert found.mark == "pass" or todo in found.todo


async def test_the_address_in_use_by_the_bot_is_well_and_by_another_is_not() -> None:
    async with WebServer({"/healthz": Page(b"ok")}) as bot, WebServer({}) as other:
        assert _marks(await check_listen(_listening(f"127.0.0.1:{bot.port}"))) == ["pass"]
        (found,) = await check_listen(_listening(f"127.0.0.1:{other.port}"))
    assert (found.mark, "another program" in found.found) == ("fail", True)


@pytest.mark.parametrize(
    ("url", "mark"),
    [
        (None, "pass"),
        ("https://migcheck.example.jp", "pass"),
        ("https://migcheck.example.jp:8443/", "pass"),
        ("http://127.0.0.1:8080", "pass"),
        ("http://migcheck.example.jp", "warn"),
        ("migcheck.example.jp", "fail"),
        ("ftp://migcheck.example.jp", "fail"),
        ("https://ann:word@migcheck.example.jp", "fail"),
        ("https://migcheck.example.jp/bot", "fail"),
    ],
)
async def test_the_address_of_the_pages(url: str | None, mark: str) -> None:
    (found,) = await check_public_url(_settings(web=WebSettings(public_url=url)))
    assert found.mark == mark
    assert "word" not in found.found


@pytest.mark.parametrize(
    ("platforms", "mark", "said"),
    [
        ({"slack": {"enabled": True, "mode": "socket"}}, "warn", "in Slack the links"),
        ({"lark": {"enabled": True, "mode": "websocket"}}, "warn", "in Lark the links"),
        ({"slack": {"enabled": True}, "lark": {"enabled": True}}, "warn", "in Slack and Lark the links"),
        ({"queue": {"url": "postgresql://db/migcheck"}}, None, ""),
    ],
)
async def test_links_on_a_platform_need_an_address(
    platforms: Mapping[str, object], mark: str | None, said: str
) -> None:
    found = await check_public_url(_settings(**platforms))
    assert [one.mark for one in found] == ([mark] if mark else [])
    assert all(said in one.found and "http://127.0.0.1:8080" in one.found and one.todo for one in found)


@pytest.mark.parametrize(
    ("entry", "url", "mark", "said"),
    [
        (None, None, "pass", "page (by default, since the pages are reached on this machine only)"),
        (None, "https://m.example.jp", "pass", "page (by default, since the pages are reached over https)"),
        (None, "http://m.example.jp", "warn", "off (by default, since the pages are reached without https)"),
        ("page", "http://m.example.jp", "fail", "in the clear"),
        ("modal", None, "warn", "visible"),
        ("off", None, "warn", "off (as configured)"),
    ],
)
async def test_how_a_secret_is_taken_and_why(entry: str | None, url: str | None, mark: str, said: str) -> None:
    settings = _settings(secrets=SecretSettings(entry=entry), web=WebSettings(public_url=url))
    (found,) = await check_secret_entry(settings)
    assert (found.mark, said in found.found) == (mark, True), found


async def _doctor(environment: Mapping[str, str], folder: Path) -> "tuple[int, str, str]":
    unset = {name: value for name, value in os.environ.items() if not name.startswith("MIGCHECK_")}
    own = {"MIGCHECK_STORE__URL": f"sqlite:///{folder}/bot.db", "MIGCHECK_DISCOVERY__ISPDB_URL": "", **environment}
    command = [sys.executable, "-W", "error", "-m", "bot", "doctor"]
    run = subprocess.run
    done = await asyncio.to_thread(
        run, command, cwd=ROOT, env=unset | own, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


async def test_the_command_when_all_is_well(nameserver: DnsServer, tmp_path: Path) -> None:
    listen = {"MIGCHECK_WEB__LISTEN": "127.0.0.1:0"}
    status, told, errors = await _doctor(
        {"MIGCHECK_NETWORK__NAMESERVERS": f'["{nameserver.address}"]', **listen}, tmp_path
    )
    assert (status, errors) == (0, "")
    lines = [line for line in told.splitlines() if not line.startswith(("! user", "! core dumps", "! open files", " "))]
    assert {line[0] for line in lines} == {"✓"}, "what this machine allows a process is its own matter"


async def test_the_command_when_something_is_wrong(nameserver: DnsServer, tmp_path: Path) -> None:
    wrong = {
        "MIGCHECK_NETWORK__NAMESERVERS": f'["{nameserver.address}"]',
        "MIGCHECK_STORE__URL": "mysql://ann:hunter2@db/x",
    }
    status, told, errors = await _doctor(wrong, tmp_path)
    assert (status, errors) == (1, "")
    assert "✗ store: store.url is neither" in told
    assert "hunter2" not in told
    assert "✓ knowledge" in told, "the other checks go on"


async def test_the_command_with_settings_that_cannot_be_read(tmp_path: Path) -> None:
    status, told, errors = await _doctor({"MIGCHECK_SECRETS__TTL": "hunter2"}, tmp_path)
    assert (status, errors) == (1, "")
    assert told.startswith("✗ settings: secrets.ttl")
    assert "hunter2" not in told


def test_a_check_that_fails_by_itself_leaves_it_undecided(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def check_moon(_: Settings) -> list[Outcome]:
        raise RuntimeError("a secret of somebody")

    async def check_sun(_: Settings) -> list[Outcome]:
        return [Outcome("pass", "sun", "shines")]

    monkeypatch.setattr(doctor, "CHECKS", (check_moon, check_sun))
    assert doctor_command() == 3
    told = capsys.readouterr().out
    assert "? moon: " in told
    assert "RuntimeError" in told
    assert "a secret of somebody" not in told
    assert told.endswith("✓ sun: shines\n")
