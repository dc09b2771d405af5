"""Fetching attached files from Slack. The bot's token goes to Slack's own hosts and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
import structlog
from yarl import URL

from handlers.slack.attached import MOST_BYTES, MOST_FILES, File, kind_of, read_file
from handlers.slack.inbound import Where
from handlers.slack.tokens import Tokens

Problem = Literal["image", "large", "other", "denied", "unread"]
_HOST = "files.slack.com"
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_OK, _SERVER_FAULT, _TOO_MANY = 200, 500, 429
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Read:
    """What files said, and what was wrong with those that could not be read, each thing once."""

    text: str = field(default="", repr=False)
    problems: tuple[Problem, ...] = ()


class Files:
    """`api_url` is the Web API's: files are fetched from the same server, or from Slack's host for them."""

    def __init__(self, tokens: Tokens, api_url: str) -> None:
        self._tokens, self._api = tokens, URL(api_url)

    async def read(self, where: Where, files: Sequence[File]) -> Read:
        """Read the files that are small texts. Raises nothing that has to do with the files."""
        said: list[str] = []
        problems: dict[Problem, None] = {}
        for file in files:
            kind = kind_of(file)
            if kind == "text" and len(said) == MOST_FILES:
                kind = "large"
            got = await self._one(where, file) if kind == "text" else _Problem(kind)
            if isinstance(got, _Problem):
                problems[got.word] = None
            else:
                said.append(got)
        return Read("\n".join(said), tuple(problems))

    async def _one(self, where: Where, file: File) -> "str | _Problem":
        token = await self._tokens.token(where)
        try:
            url = URL(file.url)
        except ValueError:
            url = URL()
        if token is None or not self._is_slacks(url):
            return _Problem("other")
        try:
            data = await _fetch(url, token)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            _log.info("an attached file could not be fetched", error=type(error).__name__)
            return _Problem("unread")
        if isinstance(data, _Problem):
            return data
        return read_file(file.name, data) or _Problem("other")

    def _is_slacks(self, url: URL) -> bool:
        """Whether the token may be shown there: to the server of the Web API, and to Slack's host for files."""
        if url.user is not None or url.password is not None:
            return False
        if (url.scheme, url.host, url.port) == (self._api.scheme, self._api.host, self._api.port):
            return True
        return url.scheme == "https" and url.port == 443 and url.host in (_HOST, f"files.{self._api.host}")  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class _Problem:
    word: Problem


async def _fetch(url: URL, token: str) -> "bytes | _Problem":
    """The file as it is. A redirect is not followed: it leads to a page for people who are not signed in.

    Slack shows that page in place of a file to a token without files:read as well, with a status of 200.
    """
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    async with (
        aiohttp.ClientSession(auto_decompress=False, timeout=_TIMEOUT) as session,
        session.get(url, headers=headers, allow_redirects=False) as answer,
    ):
        if answer.status == _TOO_MANY or answer.status >= _SERVER_FAULT:
            return _Problem("unread")
        if answer.status != _OK or answer.content_type == "text/html":
            return _Problem("denied")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            return _Problem("unread")
        data = bytearray()
        async for chunk in answer.content.iter_chunked(MOST_BYTES):
            data += chunk
            if len(data) > MOST_BYTES:
                return _Problem("large")
        return bytes(data)
