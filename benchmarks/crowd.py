"""Mail servers for thousands of domains on loopback, quick enough not to be what is measured.

    python -m benchmarks.crowd COUNT DEAD FOLDER

Domain number n is named by SRV records and served by one of a few dozen hosts under one certificate, as customers of a
hosting company are. The first DEAD of every hundred lead to an address that swallows SYNs. Ends with standard input.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers.certs import Authority
from tests.servers.hostile import BlackHole

ADDRESS, NAMES, DEAD = "127.66.0.10", "127.66.0.1", "127.66.0.66"
HOSTS = 48
_TYPES = {"A": 1, "MX": 15, "SRV": 33}


def domains(count: int) -> list[str]:
    return [f"d{number:05}.test" for number in range(count)]


def is_dead(number: int, dead: int) -> bool:
    return number * 37 % 100 < dead


def _name(text: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in text.split(".")) + b"\0"


def _record(kind: str, data: bytes) -> bytes:
    return struct.pack("!HHHIH", 0xC00C, _TYPES[kind], 1, 60, len(data)) + data


def zone(count: int, dead: int, hosts: int = HOSTS) -> Mapping[bytes, bytes]:
    """Question in bytes -> answer section of one record."""
    answers: dict[bytes, bytes] = {}

    def put(name: str, kind: str, data: bytes) -> None:
        answers[_name(name) + struct.pack("!HH", _TYPES[kind], 1)] = _record(kind, data)

    for host, address in [(f"m{n}.crowd.test", ADDRESS) for n in range(hosts)] + [("dead.test", DEAD)]:
        put(host, "A", socket.inet_aton(address))
    for number, domain in enumerate(domains(count)):
        host = "dead.test" if is_dead(number, dead) else f"m{number % hosts}.crowd.test"
        put(domain, "MX", struct.pack("!H", 10) + _name(f"mx.{domain}"))
        put(f"_imaps._tcp.{domain}", "SRV", struct.pack("!3H", 0, 1, 993) + _name(host))
        put(f"_submissions._tcp.{domain}", "SRV", struct.pack("!3H", 0, 1, 465) + _name(host))
    return answers


class NameServer(asyncio.DatagramProtocol):
    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = data[12 : data.index(b"\0", 12) + 5]
        answer = self._answers.get(question, b"")
        header = data[:2] + struct.pack("!5H", 0x8180 if answer else 0x8183, 1, bool(answer), 0, 0)
        self._transport.sendto(header + question + answer, addr)


class _Greeter(asyncio.Protocol):
    """A greeting, and one answer to every line."""

    def __init__(self, greeting: bytes, answer: bytes) -> None:
        self._greeting, self._answer = greeting, answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer * data.count(b"\n"))


IMAP = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n", b"* BAD no\r\n"
SMTP = b"220 crowd.test ESMTP\r\n", b"250-crowd.test\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"


async def main(count: int, dead: int, folder: Path) -> None:
    root = Authority.root()
    (folder / "root.pem").write_bytes(root.pem)
    context = root.intermediate().issue("*.crowd.test").server_context()
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: NameServer(zone(count, dead)), local_addr=(NAMES, 53535))
    async with contextlib.AsyncExitStack() as stack:
        for port, words in ((993, IMAP), (465, SMTP)):
            await loop.create_server(lambda words=words: _Greeter(*words), ADDRESS, port, ssl=context, backlog=1024)
            await stack.enter_async_context(BlackHole(DEAD, port))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
