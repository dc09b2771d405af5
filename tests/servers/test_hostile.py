"""Hostile servers do to a plain client what they promise."""

import asyncio
import gzip
import ssl
import time

import pytest

from tests.servers.conftest import Trust
from tests.servers.hostile import (
    ALERTS,
    BANNERS,
    UNREACHABLE,
    Act,
    BlackHole,
    Closed,
    Hostile,
    after_hello,
    alert,
    answer,
    at_once,
    blurt,
    client_certificate_context,
    drip,
    flood,
    mid_handshake,
    no_shared_cipher_context,
    old_server_hello,
    old_tls_context,
)
from tests.servers.imap import ImapScript, ImapServer
from tests.servers.web import WebServer, autoconfig, gzip_bomb, redirect, xml_bomb


async def shake(port: int, trust: Trust, limit: float = 0.4) -> str:
    """How a TLS client ends: the reason of the error, or what it read."""
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", port, ssl=trust.client, server_hostname="localhost"), limit
        )
    except ssl.SSLError as error:
        return error.reason or str(error)
    except OSError as error:
        return type(error).__name__
    try:
        return (await asyncio.wait_for(reader.read(100), limit)).decode()
    except ssl.SSLError as error:
        return error.reason or str(error)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (at_once("reset"), "ConnectionResetError"),
        (at_once("close"), "ConnectionResetError"),
        (at_once("hang"), "TimeoutError"),
        (after_hello(end="reset"), "ConnectionResetError"),
        (after_hello(end="hang"), "TimeoutError"),
        (after_hello(old_server_hello()), "UNSUPPORTED_PROTOCOL"),
        (after_hello(alert("unrecognized_name")), "TLSV1_UNRECOGNIZED_NAME"),
        (after_hello(alert("internal_error")), "TLSV1_ALERT_INTERNAL_ERROR"),
        (blurt(BANNERS["smtp"]), "WRONG_VERSION_NUMBER"),
        (blurt(BANNERS["garbage"]), "WRONG_VERSION_NUMBER"),
        (answer(BANNERS["http"]), "WRONG_VERSION_NUMBER"),
        (drip(b"\x16\x03\x03\x20\x00", 0.05), "TimeoutError"),
    ],
)
async def test_tls_client(trust: Trust, act: Act, expected: str) -> None:
    async with Hostile(act) as server:
        assert await shake(server.port, trust) == expected
    assert server.connections == 1


@pytest.mark.parametrize("end", ["reset", "close"])
async def test_cut_in_mid_handshake(trust: Trust, end: str) -> None:
    async with Hostile(mid_handshake(trust.identity, end)) as server:
        assert await shake(server.port, trust) == "ConnectionResetError"
    assert server.received[0] == 22


@pytest.mark.parametrize("kind", ALERTS)
def test_alert_records(kind: str) -> None:
    assert len(alert(kind)) == 7
    assert alert(kind)[5:] == bytes([2, ALERTS[kind]])


async def test_servers_that_send_their_alert(trust: Trust) -> None:
    expected = {
        old_tls_context(trust.identity): "TLSV1_ALERT_PROTOCOL_VERSION",
        no_shared_cipher_context(trust.identity): "SSLV3_ALERT_HANDSHAKE_FAILURE",
        client_certificate_context(trust.identity, trust.root, ssl.TLSVersion.TLSv1_2): "SSLV3_ALERT_HANDSHAKE_FAILURE",
        client_certificate_context(trust.identity, trust.root, ssl.TLSVersion.TLSv1_3): (
            "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        ),
    }
    for context, reason in expected.items():
        async with ImapServer(ImapScript(context=context)) as server:
            assert await shake(server.port, trust) == reason
        assert len(server.transcript.handshake_errors) == 1


async def test_old_tls_is_served_to_those_who_take_it(trust: Trust) -> None:
    async with ImapServer(ImapScript(context=old_tls_context(trust.identity))) as server:
        client = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1", "-cipher", "ALL:@SECLEVEL=0"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await client.communicate()
    assert b"Protocol  : TLSv1\n" in out


async def test_flood() -> None:
    async with Hostile(flood(b"* OK ")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        data = await asyncio.wait_for(reader.readexactly(1_000_000), 5)
        writer.transport.abort()
    assert data.startswith(b"* OK * OK ")


async def test_ports_that_nobody_answers() -> None:
    async with Closed() as closed:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", closed.port)
    async with BlackHole() as hole:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.open_connection("127.0.0.1", hole.port), 0.3)
    with pytest.raises(OSError, match="unreachable"):
        await asyncio.open_connection(UNREACHABLE, 993)


async def fetch(server: WebServer, path: str, host: str = "h.test") -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{server.port}\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head, body


async def test_web_pages() -> None:
    pages = {
        "h.test/mail/config-v1.1.xml": autoconfig("h.test"),
        "/away": redirect("http://127.0.0.1/"),
        "/bomb": gzip_bomb(8 << 20),
        "/xml": xml_bomb(),
    }
    async with WebServer(pages) as server:
        head, body = await fetch(server, "/mail/config-v1.1.xml?emailaddress=a@h.test")
        assert head.startswith(b"HTTP/1.1 200")
        assert b'<emailProvider id="h.test">' in body
        assert (await fetch(server, "/mail/config-v1.1.xml", "other.test"))[0].startswith(b"HTTP/1.1 404")
        assert b"Location: http://127.0.0.1/" in (await fetch(server, "/away"))[0]
        bomb = (await fetch(server, "/bomb"))[1]
        assert len((await fetch(server, "/xml"))[1]) < 2000
    assert len(bomb) < 20_000
    assert len(gzip.decompress(bomb)) == 8 << 20
    assert server.requests[0].host == "h.test"


async def test_listener_ends_with_clients_connected(trust: Trust) -> None:
    begun = time.monotonic()
    async with ImapServer(ImapScript(identity=trust.identity)) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.transport.abort()
    assert time.monotonic() - begun < 1
