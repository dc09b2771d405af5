"""A person signs in at Microsoft with a browser of his own, by a device code (RFC 8628), with msal.

msal speaks through the network guard, in a thread of its own since it waits by sleeping. Tokens are looked at once, for
who signed in and what he may do, and are gone when this is over: none is kept, logged or used for anything.
"""

import asyncio
import base64
import binascii
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from bot.checks.link.faults import Malformed
from bot.checks.link.fetch import ask
from bot.checks.link.line import Line, Net
from bot.checks.link.stream import printable
from bot.checks.m365 import wire
from bot.core.cloud import DeviceCode, SignIn, SignInFacts

T = TypeVar("T")

SCOPES = ("User.Read",)
"""The least that can be asked for: the sign-in itself is what is to be seen."""
_SKEW = 300
_NOBODY = frozenset({"authorization_pending", "slow_down", "expired_token", "code_expired"})
_SIGNED_IN, _NAMES = "m365 sign-in", ("preferred_username", "upn", "email", "unique_name")
_ANSWERS = (200, 500)


async def sign_in(line: Line, _account: str, way: SignIn) -> SignInFacts:
    """Show a code, wait until somebody has signed in with it, and say who. Raises network errors and Malformed."""
    flow = _Flow(line, way)
    try:
        code = await asyncio.to_thread(_understood, flow.begin)
        if isinstance(code, DeviceCode):
            way.show(code)
            facts = await asyncio.to_thread(_understood, flow.wait)
        else:
            facts = code
    finally:
        flow.stopped.set()
    line.memory[_SIGNED_IN] = facts
    return facts


async def recall(line: Line, _account: str, _way: SignIn) -> SignInFacts:
    """What the sign-in told of roles and permissions."""
    facts: SignInFacts = line.memory[_SIGNED_IN]
    return facts


def _understood(call: Callable[[], T]) -> T:
    """What a part of the flow comes to. msal stumbles over answers of another shape, and its words would quote them."""
    try:
        return call()
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Malformed("the platform's answer is not understood") from None


class _Flow:
    """One device flow. Its methods block and belong in a thread; `stopped` ends them from outside."""

    def __init__(self, line: Line, way: SignIn) -> None:
        self.stopped = threading.Event()
        self._http = _GuardedHttp(line.net, self.stopped)
        self._authority, self._way = line.endpoint.url, way

    def begin(self) -> DeviceCode | SignInFacts:
        """The code to be shown, or what the platform says instead of giving one."""
        import msal  # noqa: PLC0415 - large, and few checks come this far

        _silence("msal")
        forgetful = msal.TokenCache()
        forgetful.add = lambda *_, **__: None
        self._app = msal.PublicClientApplication(
            self._way.client_id,
            authority=self._authority,
            http_client=self._http,
            instance_discovery=False,
            token_cache=forgetful,
        )
        self._flow = self._app.initiate_device_flow(list(SCOPES))
        if "user_code" not in self._flow:
            return _refused(self._flow)
        url = str(self._flow["verification_uri"])
        if urlsplit(url).scheme != "https":
            raise Malformed("the sign-in page has no https address")
        seconds = min(float(self._flow.get("expires_in", self._way.limit)), self._way.limit)
        self._until = time.monotonic() + seconds
        shown = printable(url.encode(), 300), printable(str(self._flow["user_code"]).encode(), 40)
        return DeviceCode(*shown, max(1, round(seconds / 60)))

    def wait(self) -> SignInFacts:
        """Ask until somebody has signed in, was refused, or the time is over."""
        told = self._app.acquire_token_by_device_flow(self._flow, exit_condition=self._over)
        if "error" in told:
            return SignInFacts(nobody=True) if str(told["error"]) in _NOBODY else _refused(told)
        return read_sign_in(told, self._way.client_id)

    def _over(self, _flow: Mapping[str, Any]) -> bool:
        return self.stopped.is_set() or time.monotonic() > self._until


def read_sign_in(told: Mapping[str, Any], client_id: str) -> SignInFacts:
    """Who signed in, from the answer of the token endpoint; none of its tokens is in what is returned.

    The ID token came straight from the endpoint over verified TLS, which may stand for its signature (OpenID Connect
    Core 1.0, 3.1.3.7, 6); audience and time are checked here.
    """
    claims = _claims(str(told.get("id_token", "")))
    if claims.get("aud") != client_id:
        return SignInFacts(error="invalid_id_token", text="the token is for another app")
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] + _SKEW < time.time():
        return SignInFacts(error="invalid_id_token", text="the token is out of date, or this machine's clock is wrong")
    names = tuple(dict.fromkeys(n.lower() for key in _NAMES if isinstance(n := claims.get(key), str) and n))
    roles = claims.get("wids", _claims(str(told.get("access_token", ""))).get("wids"))
    granted = {scope.rpartition("/")[2].lower() for scope in str(told.get("scope", "")).split()}
    return SignInFacts(
        names=tuple(printable(name.encode(), 300) for name in names),
        tenant=str(claims.get("tid", "")).lower()[:60],
        roles=tuple(str(role)[:60] for role in roles[:50]) if isinstance(roles, list) else None,
        missing=tuple(scope for scope in SCOPES if scope.lower() not in granted),
    )


def _claims(token: str) -> Mapping[str, Any]:
    """The claims of a JWT, unverified; an empty mapping where it is none (an encrypted or opaque one, say)."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7519, 3
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refused(told: Mapping[str, Any]) -> SignInFacts:
    text = str(told.get("error_description", ""))
    return SignInFacts(
        error=printable(str(told.get("error", "")).encode(), 80),
        suberror=printable(str(told.get("suberror", "")).encode(), 80),
        aadsts=wire.number_in(told, text),
        text=wire.first_line(printable(text.encode("utf-8", "replace"), 1000)),
        correlation=printable(str(told.get("correlation_id", "")).encode(), 60),
    )


class _Response:
    """An answer as msal wants it."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status_code, self.text = status, body.decode("utf-8", "replace")
        self.headers: dict[str, str] = {}

    def raise_for_status(self) -> None:
        if not _ANSWERS[0] <= self.status_code < _ANSWERS[1]:
            raise Malformed(f"HTTP status {self.status_code}")


class _GuardedHttp:
    """msal's way to the network: this check's, with its guard, its trust and its time limits; https only."""

    def __init__(self, net: Net, stopped: threading.Event) -> None:
        self._net, self._stopped = net, stopped
        self._loop = asyncio.get_running_loop()

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _Response:
        return self._ask(url, params, None, headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _Response:
        return self._ask(url, params, urlencode({k: v for k, v in (data or {}).items() if v is not None}), headers)

    def close(self) -> None:
        """Every request has a connection of its own."""

    def _ask(self, url: str, params: Any, form: str | None, headers: Any) -> _Response:
        if self._stopped.is_set():
            raise Malformed("the check is over")
        if urlsplit(url).scheme != "https":
            raise Malformed("the platform names an address without https")
        url += f"?{urlencode(params)}" if params else ""
        named = [(str(name), str(value)) for name, value in (headers or {}).items() if value is not None]
        asking = ask(self._net, url, None if form is None else form.encode(), named)
        page = asyncio.run_coroutine_threadsafe(asking, self._loop).result()
        return _Response(page.status, page.body)


def _silence(name: str) -> None:
    """Keep a library's log to itself: msal logs answers that it cannot read in full, tokens included."""
    logger = logging.getLogger(name)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
