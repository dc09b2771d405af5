"""A balancer in front of several nodes, in a process of its own: one connection after another to the next node in turn.

    python -m tests.servers.balancer PORT NODE_PORT...

It is not sticky, looks at every node's /readyz once a second, and drops one that has failed twice until it is ready
again; without any it answers 503. Prints "ready". Ends with standard input.
"""

import asyncio
import contextlib
import itertools
import sys

EVERY, PATIENCE, FAILURES = 1.0, 2.0, 2
_CHUNK = 1 << 16
_NOBODY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Balancer:
    def __init__(self, ports: list[int]) -> None:
        self._failures = dict.fromkeys(ports, 0)
        self._turn = itertools.cycle(ports)

    def next(self) -> int | None:
        """The next node that is not dropped; None where all are."""
        turns = (next(self._turn) for _ in self._failures)
        return next((port for port in turns if self._failures[port] < FAILURES), None)

    async def watch(self, port: int) -> None:
        while True:
            self._failures[port] = 0 if await is_ready(port) else self._failures[port] + 1
            await asyncio.sleep(EVERY)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection both ways; a node that cannot be connected to counts as failed, and the next has it."""
        try:
            while (port := self.next()) is not None:
                try:
                    there, back = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    self._failures[port] += 1
                    continue
                try:
                    await asyncio.gather(carry(reader, back), carry(there, writer))
                finally:
                    back.close()
                return
            await reader.read(_CHUNK)
            writer.write(_NOBODY)
            await writer.drain()
        finally:
            writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
            head = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return head.split()[1:2] == [b"200"]


async def main(port: int, nodes: list[int]) -> None:
    balancer = Balancer(nodes)
    watching = [asyncio.create_task(balancer.watch(node)) for node in nodes]
    async with await asyncio.start_server(balancer.serve, "127.0.0.1", port, backlog=1024):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    for task in watching:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), [int(word) for word in sys.argv[2:]]))
