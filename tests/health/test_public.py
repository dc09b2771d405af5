"""`doctor` and the address under which people reach the pages."""

import os
import resource
import socket
from pathlib import Path

import pytest

from bot.health.house import check_process
from bot.health.public import check_public_answer
from bot.settings import NetworkSettings, Settings, WebSettings
from tests.servers.certs import Authority, Validity
from tests.servers.web import Page, WebServer


def at(url: str | None, ca_file: Path | None = None) -> Settings:
    return Settings(web=WebSettings(public_url=url), network=NetworkSettings(ca_file=ca_file))


@pytest.mark.parametrize(
    ("status", "days", "mark", "said"),
    [
        (200, 60, "pass", "good for"),
        (200, 5, "warn", "ends in"),
        (404, 60, "fail", "with 404"),
        (502, 60, "fail", "502"),
    ],
)
async def test_what_answers_there(tmp_path: Path, status: int, days: int, mark: str, said: str) -> None:
    authority = Authority.root("Office")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    identity = authority.issue("localhost", validity=Validity(-1, days))
    async with WebServer({"/healthz": Page(b"{}", status)}, identity=identity) as server:
        (found,) = await check_public_answer(at(f"https://localhost:{server.port}", tmp_path / "ca.pem"))
    assert (found.mark, said in found.found) == (mark, True), found
    assert bool(found.todo) == (mark != "pass")


async def test_a_certificate_that_browsers_refuse() -> None:
    async with WebServer({"/healthz": Page(b"{}")}, identity=Authority.root("Stranger").issue("localhost")) as server:
        (found,) = await check_public_answer(at(f"https://localhost:{server.port}/"))
    assert (found.mark, "certificate is refused" in found.found) == ("fail", True)


async def test_nobody_answers_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        (found,) = await check_public_answer(at(f"http://127.0.0.1:{closed.getsockname()[1]}"))
    assert (found.mark, "Connection refused" in found.found) == ("warn", True)
    assert "start the bot" in found.todo


@pytest.mark.parametrize("url", [None, "migcheck.example.jp", "ftp://migcheck.example.jp"])
async def test_what_is_no_address_is_not_asked(url: str | None) -> None:
    assert await check_public_answer(at(url)) == []


async def test_what_the_machine_allows_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    files, cores = resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, files[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (cores[1], cores[1]))
        found = {one.what: one.mark for one in await check_process(Settings())}
        assert found["open files"] == "warn"
        assert found.get("core dumps") == ("warn" if cores[1] else None)
        assert found.get("user") == ("warn" if os.geteuid() == 0 else None)
        assert all(one.todo for one in await check_process(Settings()))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, files[1]) if files[1] > 0 else 8192, files[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, cores[1]))
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert [one.mark for one in await check_process(Settings())] == ["pass"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
        resource.setrlimit(resource.RLIMIT_CORE, cores)
