"""Delivers requests and measures how long each answer takes, in a process that does nothing else.

    python -m benchmarks.postman

A line of JSON on standard input is a request: {"id", "host", "port", "raw" (base64)}. For each a line comes back:
{"id", "status", "seconds", "body" (base64)}; status 0 is an answer that did not come. Ends with standard input.
"""

import asyncio
import base64
import json
import sys
import time
from typing import Any

_LONGEST = 30.0


async def post(host: str, port: int, raw: bytes) -> tuple[int, bytes, float]:
    """Status, body and seconds of one request on a connection of its own."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_LONGEST):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(raw)
            answer = await reader.read()
    except (OSError, TimeoutError):
        return 0, b"", time.perf_counter() - began
    took = time.perf_counter() - began
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head.count(b" ") else 0), body, took


async def main() -> None:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=1 << 22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    under_way: set[asyncio.Task[None]] = set()

    async def deliver(asked: dict[str, Any]) -> None:
        status, body, took = await post(asked["host"], asked["port"], base64.b64decode(asked["raw"]))
        told = {"id": asked["id"], "status": status, "seconds": took, "body": base64.b64encode(body).decode()}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    while line := await reader.readline():
        task = asyncio.create_task(deliver(json.loads(line)))
        under_way.add(task)
        task.add_done_callback(under_way.discard)


if __name__ == "__main__":
    asyncio.run(main())
