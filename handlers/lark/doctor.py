"""`doctor` for Lark: the app's credentials, its bot, its permissions, and which events and callbacks it is sent.

Sources: open.larksuite.com, "Obtain app information" and "Obtain the version list of an app" (application/v6), in the
form that larksuite/cli reads (internal/appmeta).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from bot.health.outcome import Mark, Outcome
from bot.manifest import LARK_CALLBACKS, LARK_EVENTS, LARK_OPTIONAL, LARK_PERMISSIONS
from bot.settings import Settings
from handlers.lark.api import Api, Lost, Refused

_PATIENCE = 10.0
_MANIFEST = "python -m bot manifest lark shows what the app needs; change it in the developer console, then publish it"
_BOT_ON, _GRANTED, _PASSED = 2, 1, 1
_INDISPENSABLE = frozenset({"im.message.receive_v1", *LARK_CALLBACKS})
_WIDER = {"im:resource:upload": ("im:resource",)}
"""Permissions that a wider one includes; not every console has both."""


async def check_lark(settings: Settings) -> Sequence[Outcome]:
    """Settings, then the app as Lark sees it. Nothing where Lark is switched off."""
    from handlers.lark.platform import problem_of  # noqa: PLC0415 - as for Slack

    lark = settings.lark
    if not lark.enabled:
        return []
    if (problem := problem_of(lark)) is not None:
        return [Outcome("fail", "lark", problem, _MANIFEST)]
    async with aiohttp.ClientSession() as session:
        secret = lark.app_secret.get_secret_value() if lark.app_secret else ""
        api = Api(lark.base_url, lark.app_id or "", secret, session)
        try:
            subscribed = await _subscribed(api, lark.app_id or "", lark.mode)
            return [await _bot(api), await _permissions(api), subscribed, *_receiving(settings)]
        except Refused as refused:
            todo = "copy lark.app_id and lark.app_secret again; Lark and Feishu are apart (lark.base_url)"
            return [Outcome("fail", "lark.app", f"Lark refuses the app: {refused.code}", todo)]
        except Lost:
            return [Outcome("unknown", "lark.app", "Lark cannot be reached", "check lark.base_url and the network")]


async def _bot(api: Api) -> Outcome:
    answer = await api.call("GET", "/open-apis/bot/v3/info", patience=_PATIENCE)
    found = answer.get("bot") or {}
    if found.get("activate_status") != _BOT_ON:
        return Outcome("fail", "lark.bot", "the app's bot is not in use", "publish a version of the app with its bot")
    return Outcome("pass", "lark.bot", f"{found.get('app_name')} is in use")


async def _permissions(api: Api) -> Outcome:
    try:
        answer = await api.call("GET", "/open-apis/application/v6/scopes", patience=_PATIENCE)
    except (Refused, Lost):
        return Outcome("unknown", "lark.permissions", "Lark did not say which permissions the app has", _MANIFEST)
    granted = {s.get("scope_name") for s in answer.get("scopes") or () if s.get("grant_status") == _GRANTED}
    if missing := [name for name in LARK_PERMISSIONS if name not in granted]:
        return Outcome("fail", "lark.permissions", f"missing: {', '.join(missing)}", _MANIFEST)
    if less := [name for name in LARK_OPTIONAL if not granted & {name, *_WIDER.get(name, ())}]:
        return Outcome("warn", "lark.permissions", f"not granted: {', '.join(less)}", _MANIFEST)
    return Outcome("pass", "lark.permissions", "every permission that is needed")


async def _subscribed(api: Api, app_id: str, mode: str) -> Outcome:
    """Whether the published version of the app is sent what the bot answers."""
    what, path = "lark.subscriptions", f"/open-apis/application/v6/applications/{app_id}"
    try:
        app = (await api.call("GET", path, patience=_PATIENCE, lang="en_us")).get("app") or {}
        listed = await api.call("GET", f"{path}/app_versions", patience=_PATIENCE, lang="en_us", page_size="10")
    except (Refused, Lost):
        app, listed = {}, {}
    if not app or listed.get("items") is None:
        return Outcome("warn", what, "Lark did not say which events and callbacks the app is sent", _MANIFEST)
    callbacks = app.get("callback_info") or app.get("callback") or {}
    if (sent := callbacks.get("callback_type")) not in (None, "", mode):
        return Outcome("fail", what, f"callbacks are sent by {sent}, lark.mode is {mode}", _MANIFEST)
    versions = [one for one in listed["items"] if one.get("status") == _PASSED and one.get("publish_time")]
    if not versions:
        return Outcome("fail", what, "no version of the app is published", "publish a version of the app")
    missing = _missing(versions[0], callbacks)
    if not missing:
        return Outcome("pass", what, "every event and callback that is needed")
    mark: Mark = "fail" if _INDISPENSABLE.intersection(missing) else "warn"
    return Outcome(mark, what, f"not subscribed: {', '.join(missing)}", _MANIFEST)


def _missing(version: Mapping[str, Any], callbacks: Mapping[str, Any]) -> Sequence[str]:
    """Events of a version, and callbacks, that are not subscribed."""
    events = {one.get("event_type") for one in version.get("event_infos") or ()}
    pressed = callbacks.get("subscribed_callbacks") or ()
    return [*(one for one in LARK_EVENTS if one not in events), *(one for one in LARK_CALLBACKS if one not in pressed)]


def _receiving(settings: Settings) -> Sequence[Outcome]:
    """How events come; whether Lark can reach this address only Lark can tell, by its challenge."""
    if settings.lark.mode == "websocket":
        return [Outcome("pass", "lark.events", "by the long connection; no public address is needed")]
    address = f"{settings.web.origin}/lark/events"
    if not address.startswith("https://"):
        todo = "set web.public_url to an https address, or use lark.mode: websocket"
        return [Outcome("fail", "lark.events", f"Lark cannot send to {address}", todo)]
    found = [Outcome("pass", "lark.events", f"enter {address} for events and for callbacks; Lark tries it at once")]
    if settings.lark.verification_token is None:
        todo = "set lark.verification_token as well"
        found.append(Outcome("warn", "lark.verification_token", "is not compared", todo))
    return found
