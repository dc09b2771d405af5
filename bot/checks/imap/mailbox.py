"""The mailbox after the log-in, through aioimaplib over the same connection. Nothing in the mailbox changes.

`ID` goes first, since NetEase opens no mailbox for a client that did not introduce itself. ID, EXAMINE and LIST go
together; replies are fed to aioimaplib one by one, since it fails on thousands of lines in one piece.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import aioimaplib

from bot.checks.imap import wire
from bot.checks.imap.probe import MAX_LITERAL
from bot.checks.link.faults import Malformed
from bot.checks.link.line import Line
from bot.checks.link.stream import Stream
from bot.core.model import Folder, MailboxFacts

_ID = '("name" "migcheck" "vendor" "migcheck" "support-url" "https://pypi.org/project/migcheck/")'
_MAX_LINES = 50_000
_MAX_STATUS = 10_000
_LARGEST = 10
_COUNT_TIME = 8.0
"""Seconds that counting may take."""


async def read_mailbox(line: Line) -> MailboxFacts:
    """INBOX read-only, and all folders with their counts and sizes as far as the server tells them in time."""
    reader = _Reader(line.opened, line.net.timeouts.reply)
    words: tuple[str, ...] = line.memory["capabilities"]
    opened, found = await reader.run({"ID": (_ID,), "EXAMINE": ("INBOX",), "LIST": ('""', '"*"')})
    folders = _folders(found.lines) if found.result == "OK" else []
    # Thousands of folders can take a server minutes to count; that they are there is known already.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_COUNT_TIME):
            await _count(reader, folders, words)
    return _facts(reader, folders, opened, found)


async def _count(reader: "_Reader", folders: list[wire.Listed], words: tuple[str, ...]) -> None:
    """All numbers with one question (RFC 5819), otherwise folder by folder, all questions at once."""
    items = b"(MESSAGES SIZE)" if "STATUS=SIZE" in words else b"(MESSAGES)"
    wanted = [folder for folder in folders if folder.selectable][:_MAX_STATUS]
    if wanted and "LIST-STATUS" in words:
        await reader.pipeline([b'LIST "" "*" RETURN (STATUS %s)' % items])
    if not reader.numbers:
        await reader.pipeline([b"STATUS " + folder.wire + b" " + items for folder in wanted])


def _facts(
    reader: "_Reader", folders: list[wire.Listed], opened: aioimaplib.Response, found: aioimaplib.Response
) -> MailboxFacts:
    """Totals only where every folder was counted."""
    named = [(folder, reader.numbers.get(folder.name, {})) for folder in folders if folder.selectable]
    counted = [Folder(folder.name, n.get("MESSAGES"), n.get("SIZE")) for folder, n in named if n]
    messages = [folder.messages for folder in counted if folder.messages is not None]
    sizes = [folder.bytes for folder in counted if folder.bytes is not None]
    return MailboxFacts(
        messages=reader.exists,
        folders=len(folders),
        total_messages=sum(messages) if messages and len(messages) == len(named) else None,
        total_bytes=sum(sizes) if sizes and len(sizes) == len(named) else None,
        largest=tuple(sorted(counted, key=lambda f: (f.bytes or 0, f.messages or 0), reverse=True)[:_LARGEST]),
        refusal=None if opened.result == "OK" else _refusal(opened),
        list_refusal=None if found.result == "OK" else _refusal(found),
    )


def _refusal(response: aioimaplib.Response) -> str:
    last = response.lines[-1] if response.lines else b""
    return f"{response.result} {bytes(last).decode('utf-8', 'replace')}".strip()


def _folders(lines: list[bytes]) -> list[wire.Listed]:
    """Aioimaplib gives a LIST reply's literal as an item of its own, after the line that announces it."""
    parts = [bytes(line) for line in lines[:-1]]
    found = []
    for i, part in enumerate(parts):
        if part.startswith(b"(") and (folder := wire.listed(parts[i : i + 2])) is not None:
            found.append(folder)
    return found


class _Reader:
    """aioimaplib's protocol over a stream that is logged in already."""

    def __init__(self, stream: Stream, timeout: float) -> None:
        self._stream, self._timeout = stream, timeout
        self._protocol = aioimaplib.IMAP4ClientProtocol(asyncio.get_running_loop())
        self._protocol.state = aioimaplib.AUTH
        self._lines = 0
        self.exists: int | None = None
        self.numbers: dict[str, Mapping[str, int]] = {}

    async def run(self, commands: Mapping[str, tuple[str, ...]]) -> tuple[aioimaplib.Response, ...]:
        """Send the commands together; their responses without that of ID. Raises network errors and Malformed."""
        made = [aioimaplib.Command(name, self._protocol.new_tag(), *args) for name, args in commands.items()]
        self._protocol.pending_async_commands.update({command.name: command for command in made})
        await self._stream.write(b"".join(f"{command}\r\n".encode() for command in made), self._timeout)
        await self._read_until(lambda: not self._protocol.pending_async_commands)
        return tuple(command.response for command in made if command.name != "ID")

    async def pipeline(self, commands: list[bytes]) -> None:
        """Send many commands whose untagged replies are all that matters, while their replies are being read."""
        waiting = {f"s{i}".encode() for i in range(len(commands))}
        data = b"".join(b"s%d %s\r\n" % (i, text) for i, text in enumerate(commands))
        writing = asyncio.create_task(self._stream.write(data, self._timeout * 2))
        try:
            while waiting:
                waiting.discard((await self._read()).partition(b" ")[0])
            await writing
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, TimeoutError):
                await writing

    async def _read_until(self, done: Callable[[], bool]) -> None:
        while not done():
            data = await self._read()
            try:
                self._protocol.data_received(data)
            except (aioimaplib.AioImapException, UnicodeDecodeError) as error:
                raise Malformed(type(error).__name__) from None

    async def _read(self) -> bytes:
        """One whole reply with its literals. STATUS and EXISTS are read here: aioimaplib keeps them for nobody."""
        data = await self._stream.read_line(self._timeout)
        while (size := wire.literal_size(data)) is not None:
            if len(data) + size > MAX_LITERAL:
                raise Malformed("a literal of more than a megabyte")
            data += await self._stream.read_exactly(size, self._timeout)
            data += await self._stream.read_line(self._timeout)
        self._lines += 1
        if self._lines > _MAX_LINES:
            raise Malformed("too many replies")
        self._note(data)
        return data if data.endswith(b"\r\n") else data.rstrip(b"\n") + b"\r\n"

    def _note(self, data: bytes) -> None:
        words: Any = data.split(None, 3)
        if data.startswith(b"* ") and len(words) == 3 and words[2].upper() == b"EXISTS" and words[1].isdigit():  # noqa: PLR2004
            self.exists = int(words[1])
        elif data[:9].upper() == b"* STATUS ":
            found = wire.status_data(data[2:].strip())
            if found is not None:
                self.numbers[found[0]] = found[1]
