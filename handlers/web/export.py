"""/r/CASE/export?k=KEY: the bundle for support, to whoever holds the key of the report."""

import json
import platform
import re
import ssl
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from bot.core.bundle import bundle
from bot.core.case import case_from_json, read_case_id
from bot.store.store import Store

_PACKAGES = ("aiohttp", "cryptography", "dnspython", "aioimaplib", "slack-bolt", "slack-sdk", "lark-oapi")


class Export:
    """Gives a report's bundle out as a file."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/r/{case}/export", self.give)]

    async def give(self, request: web.Request) -> web.Response:
        case = read_case_id(request.match_info["case"])
        key = request.query.get("k")
        kept = await self._store.report_for(case, key) if case is not None and key else None
        if kept is None or case is None:
            raise web.HTTPNotFound
        row = await self._store.case(case)
        account = case_from_json(row.state).account if row is not None else None
        made = bundle(kept.report, account, versions())
        name = re.sub(r"[^A-Z0-9-]", "", case)
        headers = {"Content-Disposition": f'attachment; filename="migcheck-{name}.json"'}
        text = json.dumps(made, ensure_ascii=False, indent=1)
        return web.Response(text=text, content_type="application/json", headers=headers)


def versions() -> dict[str, str]:
    """What checked: Python, OpenSSL and the packages that speak to servers."""
    found = {"python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
