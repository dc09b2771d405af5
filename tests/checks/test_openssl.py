"""The verdict is OpenSSL's: the same code as `openssl s_client -verify_return_error -verify_hostname NAME`."""

import asyncio
import re

import pytest

from bot.core.model import Security, TlsFacts
from bot.engine import chain
from tests.checks.cases.table import PORTS, Ground
from tests.checks.running import make_world, shared_root
from tests.servers.chains import RECIPES

_STARTTLS = {"imap": "imap", "smtp": "smtp", "pop": "pop3"}


async def ask_openssl(host: str, address: str, port: int, *options: str) -> int | None:
    """The verify code that the command ends with."""
    command = ["openssl", "s_client", "-connect", f"{address}:{port}", "-servername", host, "-verify_hostname", host]
    command += ["-verify_return_error", "-CAfile", str(shared_root()[1]), *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    codes = re.findall(rb"Verify return code: (\d+)|verify error:num=(\d+)", out)
    return int(max(codes[-1])) if codes else None


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> list[TlsFacts]:
    """The facts of every TLS step that is taken, as the judge gets them."""
    seen: list[TlsFacts] = []
    notes = chain.notes_of
    monkeypatch.setattr(chain, "notes_of", lambda found: seen.append(found) or notes(found))
    return seen


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("recipe", RECIPES)
async def test_same_code_as_openssl(recipe: str, security: Security, facts: list[TlsFacts]) -> None:
    service = ("imap", "smtp", "pop")[len(recipe) % 3]
    async with make_world() as world:
        ground = Ground(world, service, security)
        made = await world.crafted(recipe, ground.host)
        server = await ground.serve(identity=made.identity)
        starttls = ["-starttls", _STARTTLS[service]] if security == "starttls" else []
        theirs = await ask_openssl(ground.host, server.host, server.port, *starttls)
        seen = await ground.examine(secret=None)
    ours = [found.verify_code for found in facts if isinstance(found, TlsFacts)]
    assert ours == [theirs] == [made.code]
    assert (seen.step(f"{service}.tls").status == "fail") == (theirs != 0)
    assert PORTS[service, security]


async def test_a_name_is_checked_where_the_bare_command_says_ok() -> None:
    """Without -verify_hostname the command takes a certificate for another host; the bot does not."""
    async with make_world() as world:
        ground = Ground(world, "imap")
        made = await world.crafted("name_mismatch", ground.host)
        server = await ground.serve(identity=made.identity)
        bare = await ask_openssl("www.other.test", server.host, server.port)
        seen = await ground.examine(secret=None)
    assert bare == 0
    assert seen.report.cause == "tls.name_mismatch"


async def test_evidence_shows_the_chain_as_sent() -> None:
    async with make_world() as world:
        ground = Ground(world, "imap")
        made = await world.crafted("missing_intermediate", ground.host, fetchable=True)
        await ground.serve(identity=made.identity)
        seen = await ground.examine()
    evidence = seen.finding("tls.chain_incomplete").evidence
    (leaf,) = evidence["chain"]
    assert (leaf["subject"], leaf["issuer"]) == ("CN=imap.practice.test", "CN=Test Issuing CA")
    assert leaf["key"] == "EC secp256r1"
    assert leaf["signature"] == "ecdsa-with-SHA256"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", leaf["not_after"])
    assert [missing["subject"] for missing in evidence["missing"]] == ["CN=Test Issuing CA"]
    assert evidence["issuer_url"].startswith("http://aia")


async def test_no_secret_leaves_before_the_channel_is_verified() -> None:
    for security in ("tls", "starttls"):
        for recipe in ("name_mismatch", "self_signed_leaf", "expired", "missing_intermediate"):
            async with make_world() as world:
                ground = Ground(world, "smtp", security)
                made = await world.crafted(recipe, ground.host)
                server = await ground.serve(identity=made.identity)
                await ground.examine()
                transcript = server.transcript
            assert not transcript.attempts
            assert not transcript.saw(ground.secret or "")
            assert "AUTH" not in transcript.commands
            assert transcript.connections == 2


async def test_plain_text_behind_the_go_ahead_is_not_believed() -> None:
    """CVE-2011-0411 the other way round: what was injected before TLS must not count within it."""
    for service in ("imap", "smtp", "pop"):
        async with make_world() as world:
            ground = Ground(world, service, "starttls")
            server = await ground.serve(starttls="injected")
            seen = await ground.examine()
        assert seen.report.failing_step == f"{service}.tls"
        assert not server.transcript.attempts
