"""Listening sockets, and who serves their clients."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Self

Handle = Callable[[socket.socket, int], Awaitable[None]]


class Gone(Exception):  # noqa: N818 - an end, not an error
    """The client left, or the script says to end the connection."""


class Listener:
    """A listening TCP socket whose clients are each given to `handle`, with their number from 1.

    What a handler raises, other than a lost connection, is a fault of the script and is raised when the listener ends.
    """

    def __init__(self, handle: Handle, host: str = "127.0.0.1", port: int = 0) -> None:
        self.handle = handle
        self.host, self.port = host, port
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[Exception] = []

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._socket = socket.create_server((self.host, self.port), family=family, backlog=512)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._accepting.cancel()
        self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._accepting, *self._tasks, return_exceptions=True)
        if self._faults:
            raise ExceptionGroup("a scripted server failed", self._faults)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._socket)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            task = asyncio.create_task(self._serve(client, self.connections))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket, number: int) -> None:
        try:
            await self.handle(client, number)
        except (Gone, ConnectionError, TimeoutError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        except OSError as error:
            if client.fileno() != -1:
                self._faults.append(error)
        except Exception as error:  # noqa: BLE001 - kept and raised at the end
            self._faults.append(error)
        finally:
            client.close()


def reset(client: socket.socket) -> None:
    """Let the coming close send RST instead of FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
