"""Files at Slack: only a token of the same workspace with files:read opens them; anybody else is sent to a log-in page."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.servers.slack.state import Workspace

if TYPE_CHECKING:
    from tests.servers.slack.server import FakeSlack

_SORTS = {
    "txt": "text/plain",
    "log": "text/plain",
    "eml": "message/rfc822",
    "xml": "text/xml",
    "json": "application/json",
    "mobileconfig": "application/x-apple-aspen-config",
    "png": "image/png",
    "pdf": "application/pdf",
}


@dataclass(slots=True)
class Kept:
    """A file as Slack keeps it."""

    team: str
    name: str
    data: bytes
    answer: tuple[int, dict[str, str]] | None = None
    """A status and headers in place of the right ones."""
    delay: float = 0.0
    asked: list[str] = field(default_factory=list)
    """The Authorization of each request."""


class Drawer:
    """All files of a Slack."""

    def __init__(self, slack: "FakeSlack") -> None:
        self._slack, self.files = slack, dict[str, Kept]()

    def keep(self, team: Workspace, name: str, data: bytes, **more: Any) -> dict[str, Any]:
        """A file and its object, as messages carry it."""
        key = f"F{secrets.token_hex(5).upper()}"
        kept = self.files[key] = Kept(team.id, name, data)
        suffix = name.rpartition(".")[2].lower()
        url = f"http://127.0.0.1:{self._slack.port}/files-pri/{team.id}-{key}/{name}"
        return {
            "id": key, "name": kept.name, "title": name, "mimetype": _SORTS.get(suffix, "text/plain"), "filetype": suffix,
            "size": len(data), "mode": "hosted", "is_external": False, "url_private": url, "file_access": "visible",
            "url_private_download": url.replace(key, f"{key}/download"), "permalink": f"https://practice.slack.com/files/{key}",
        } | more  # fmt: skip

    async def give(self, request: web.Request) -> web.Response:
        kept = self.files.get(request.match_info["key"].partition("-")[2])
        if kept is None:
            raise web.HTTPNotFound
        kept.asked.append(request.headers.get("Authorization", ""))
        await asyncio.sleep(kept.delay)
        granted = self._slack.grants.get(kept.asked[-1].removeprefix("Bearer "))
        if granted is None or granted.team != kept.team:
            return web.Response(status=302, headers={"Location": "https://practice.slack.com/?redir=%2Ffiles-pri"})
        if "files:read" not in granted.scopes:
            return web.Response(text="<!DOCTYPE html><title>Slack</title>", content_type="text/html")
        status, headers = kept.answer or (200, {})
        return web.Response(status=status, body=kept.data, headers={"Content-Type": "text/plain", **headers})
