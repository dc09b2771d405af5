"""A world's names, addresses and certificates fit together."""

import asyncio
import socket
import ssl
import urllib.parse

import dns.asyncquery
import dns.message
import pytest
from cryptography import x509

from tests.servers.practice import CHAIN, SERVER_DOWN, furnish
from tests.servers.practice_clouds import CLOUD, EXCHANGE, SECRET, furnish_clouds
from tests.servers.world import World, may_bind


async def resolve(world: World, name: str, kind: str) -> list[str]:
    query = dns.message.make_query(name, kind)
    answer = await dns.asyncquery.udp(query, world.names.host, timeout=2, port=world.names.port)
    return [item.to_text() for rrset in answer.answer for item in rrset]


async def shake(world: World, host: str, port: int) -> None:
    """A verified handshake with a host as DNS gives it."""
    (address,) = await resolve(world, host, "A")
    context = ssl.create_default_context(cafile=str(world.ca_file))
    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    writer.transport.abort()


async def test_hosts_are_found_and_verified() -> None:
    async with World() as world:
        world.domain("example.test")
        imap = await world.imap("imap.example.test")
        assert await resolve(world, "example.test", "MX") == ["10 mx.example.test."]
        assert await resolve(world, "imap.example.test", "A") == [imap.host]
        await shake(world, "imap.example.test", imap.port)
        assert set(world.environment) >= {"MIGCHECK_NETWORK__NAMESERVERS", "MIGCHECK_STORE__URL"}
    assert imap.transcript.server_names == ["imap.example.test"]


async def test_srv_names_the_ports() -> None:
    async with World(srv=True) as world:
        imap = await world.imap("imap.example.test")
        smtp = await world.smtp("smtp.example.test", 587)
        assert await resolve(world, "_imaps._tcp.example.test", "SRV") == [f"0 1 {imap.port} imap.example.test."]
        assert await resolve(world, "_submission._tcp.example.test", "SRV") == [f"0 1 {smtp.port} smtp.example.test."]


async def test_worlds_do_not_share_addresses() -> None:
    async with World() as one, World() as other:
        assert one.address().rpartition(".")[0] != other.address().rpartition(".")[0]


def test_a_port_in_use_may_be_bound() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        assert may_bind(*other.getsockname())


async def test_practice_domains() -> None:
    async with World(srv=True) as world:
        practices = await furnish(world)
        for practice in practices:
            (named,) = await resolve(world, f"_imaps._tcp.{practice.domain}", "SRV")
            port = int(named.split()[2])
            if practice is SERVER_DOWN:
                with pytest.raises(ConnectionRefusedError):
                    await shake(world, f"imap.{practice.domain}", port)
            elif practice.code and practice.code.startswith("tls."):
                with pytest.raises(ssl.SSLCertVerificationError) as failed:
                    await shake(world, f"imap.{practice.domain}", port)
                assert failed.value.verify_code == (20 if practice is CHAIN else 10)
            else:
                await shake(world, f"imap.{practice.domain}", port)


async def test_practice_for_administrators() -> None:
    async with World() as world:
        exchange, cloud = await furnish_clouds(world)
        address, admin, mailbox = (part.partition(" / ")[0] for part in exchange.hint.split(", "))
        words = ("--ews", address, "--account", admin, "--mailbox", mailbox)
        done = await world.bot("check", EXCHANGE, "--json", *words, secret=SECRET)
        assert done.report["cause"] == exchange.code
        done = await world.bot("check", CLOUD, "--json", "--scenario", "m365", "--account", cloud.hint)
        assert done.report["cause"] == cloud.code
        done = await world.bot("check", CLOUD, "--json", "--scenario", "m365")
        assert done.report["verdict"] == "pass"


async def test_a_missing_intermediate_can_be_fetched() -> None:
    async with World() as world:
        made = await world.crafted("missing_intermediate", "imap.example.test", fetchable=True)
        assert made.issuer
        access = made.identity.leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        url = urllib.parse.urlsplit(next(iter(access)).access_location.value)
        (address,) = await resolve(world, url.hostname or "", "A")
        reader, writer = await asyncio.open_connection(address, url.port)
        writer.write(f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
        body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")[2]
        writer.close()
        await writer.wait_closed()
    assert body == made.issuer.der
