"""/r/CASE/export?k=KEY: the bundle for support, to whoever may see the report."""

import base64
import json
import platform
import ssl
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from bot.core.bundle import bundle
from bot.core.dialogue import Mind
from bot.store.store import Store
from handlers.picture import picture_of
from handlers.web.opening import Opening
from handlers.web.session import Sessions

_PACKAGES = ("aiohttp", "cryptography", "dnspython", "aioimaplib", "slack-bolt", "slack-sdk", "lark-oapi")


class Export:
    """Gives a report's bundle out as a file, with the picture in it."""

    def __init__(self, store: Store, mind: Mind, sessions: Sessions) -> None:
        self._opening, self._mind = Opening(store, sessions), mind

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/r/{case}/export", self.give)]

    async def give(self, request: web.Request) -> web.Response:
        kept = await self._opening.kept(request)
        made = bundle(kept.report, await self._opening.account(kept.report.case), versions())
        drawn = await picture_of(kept.report, kept.lang, self._mind)
        if drawn is not None and drawn.png is not None:
            made["picture"] = f"data:image/png;base64,{base64.b64encode(drawn.png).decode()}"
        headers = {"Content-Disposition": f'attachment; filename="migcheck-{kept.report.case}.json"'}
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
