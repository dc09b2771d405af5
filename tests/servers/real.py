"""What running a real server takes: its program, a free port, a process that surely ends."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Self

_ELSEWHERE = ["/usr/sbin", "/usr/local/sbin", "/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/dovecot"]


class RealServerMissing(RuntimeError):  # noqa: N818 - it says what is missing
    """A real server cannot run here; the message says what would change that."""


def find_program(name: str, package: str) -> Path:
    """A program by name, on the path or where Debian keeps daemons."""
    folders = [*os.environ.get("PATH", "").split(":"), *_ELSEWHERE]
    found = shutil.which(name, path=":".join(folders))
    if not found:
        raise RealServerMissing(f"{name} is missing; run: sudo apt-get install --no-install-recommends {package}")
    return Path(found)


def free_port(host: str) -> int:
    """A port that was free a moment ago, for servers that cannot say which one they took."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class Daemon:
    """A server's process in the foreground of a session of its own, so that its children end with it."""

    def __init__(self, command: list[str], host: str, ports: list[int], log: Path) -> None:
        self.command, self.host, self.ports, self.log = command, host, ports, log

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            for port in self.ports:
                await self._wait_for(port)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all of its session at once: there is nothing in it to save, and an orderly end takes a second."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.communicate()

    async def _wait_for(self, port: int, limit: float = 10) -> None:
        deadline = time.monotonic() + limit
        while True:
            try:
                _, writer = await asyncio.open_connection(self.host, port)
            except OSError as error:
                if self._process.returncode is not None or time.monotonic() > deadline:
                    raise RuntimeError(await self._last_words()) from error
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    async def _last_words(self) -> str:
        if self._process.returncode is None:
            self._process.kill()
        _, errors = await self._process.communicate()
        logged = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
        return f"{self.command[0]} did not start: {errors.decode(errors='replace')[-3000:]}\n{logged}"
