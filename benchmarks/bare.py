"""A client with nothing but the two handshakes: `python -m benchmarks.bare COUNT CA_FILE`.

asyncio's own streams, chain and host name verified, the greetings and EHLO read, as many at once as a batch has.
"""

import asyncio
import ssl
import sys

from benchmarks.crowd import ADDRESS, HOSTS

IN_FLIGHT = 48


async def imap(context: ssl.SSLContext, host: str) -> None:
    reader, writer = await asyncio.open_connection(ADDRESS, 993, ssl=context, server_hostname=host)
    assert (await reader.readline()).startswith(b"* OK")
    writer.transport.abort()


async def smtp(context: ssl.SSLContext, host: str) -> None:
    reader, writer = await asyncio.open_connection(ADDRESS, 465, ssl=context, server_hostname=host)
    assert (await reader.readline()).startswith(b"220")
    writer.write(b"EHLO [127.0.0.1]\r\n")
    while (await reader.readline())[3:4] == b"-":
        pass
    writer.transport.abort()


async def main(count: int, ca_file: str) -> None:
    context = ssl.create_default_context(cafile=ca_file)
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            host = f"m{number % HOSTS}.crowd.test"
            await asyncio.gather(imap(context, host), smtp(context, host))

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
