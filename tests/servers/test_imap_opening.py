"""How the scripted IMAP server opens a conversation: greetings and STARTTLS, sound and faulty."""

import asyncio
from typing import Any

import pytest

from tests.servers.byhand import ByHand
from tests.servers.conftest import Trust
from tests.servers.imap import ImapScript, ImapServer
from tests.servers.script import CLOSE, Say


def script(trust: Trust, **words: Any) -> ImapScript:
    return ImapScript(**{"identity": trust.identity, **words})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"greeting": "* BYE too busy"}, b"* BYE too busy\r\n"),
        ({"preauth": True}, b"* PREAUTH"),
        ({"greeting_capabilities": False}, b"* OK practice"),
        ({"login_disabled": True, "mechanisms": ()}, b"* OK [CAPABILITY IMAP4rev1 ID LITERAL+ SASL-IR NAMESPACE"),
        ({"greeting": Say("* OK slowly", manner="bytewise", pace=0.001)}, b"* OK slowly\r\n"),
        ({"greeting": CLOSE}, b""),
    ],
)
async def test_greetings(trust: Trust, words: dict[str, Any], expected: bytes) -> None:
    async with ImapServer(script(trust, **words)) as server, ByHand(server, trust.client) as client:
        assert client.greeting.startswith(expected)
        assert bool(client.greeting) == bool(expected)


async def test_endless_greeting(trust: Trust) -> None:
    async with ImapServer(script(trust, greeting=Say("* OK A", manner="endless"))) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trust.client)
        data = await asyncio.wait_for(reader.readexactly(200_000), 5)
        writer.transport.abort()
    assert b"\n" not in data


async def test_reset_as_greeting(trust: Trust) -> None:
    async with ImapServer(script(trust, greeting=Say("", after="reset"))) as server:
        with pytest.raises(ConnectionResetError):
            async with ByHand(server, trust.client):
                pass


@pytest.mark.parametrize("fault", ["missing", "refused", "garbage", "injected", "close", "hang"])
async def test_starttls_faults(trust: Trust, fault: Any) -> None:
    async with ImapServer(script(trust, security="starttls", starttls=fault)) as server, ByHand(server, None) as client:
        assert (b"STARTTLS" in client.greeting) == (fault != "missing")
        reply = await client.say(b"a STARTTLS\r\n")
        assert reply.startswith(b"a BAD" if fault in ("missing", "refused") else b"a OK")
        if fault == "injected":
            assert b"CAPABILITY" in await client.line()


async def test_login_before_tls_is_refused(trust: Trust) -> None:
    async with (
        ImapServer(script(trust, security="starttls", tls_before_login=True)) as server,
        ByHand(server, None) as client,
    ):
        assert b"LOGINDISABLED" in client.greeting
        assert b"PRIVACYREQUIRED" in await client.say(b"a LOGIN u p\r\n")
