"""A person signs in at Microsoft with a browser of his own, with msal: by a device code, or on the bot's own page.

msal speaks through the network guard, in a thread of its own since it waits by sleeping. Tokens are looked at once, for
who signed in and what he may do; one for the mail servers is handed on to the steps that log in there, for one use.
None is kept or logged.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, cast
from urllib.parse import urlsplit

from bot.checks.link.faults import Malformed
from bot.checks.link.line import Line
from bot.checks.link.stream import printable
from bot.checks.m365.answers import read_sign_in, refused
from bot.checks.m365.guarded import GuardedHttp, apart, forgetful_cache, load_msal, understood
from bot.core.cloud import DeviceCode, Registration, SignIn, SignInFacts
from bot.core.cloud_grant import BASIC, RESERVED, Returned, unpack
from bot.core.cloud_mail import ACCESS, SCOPES, MailAccess, Token, services_in
from bot.core.secret import Secret

_NOBODY = frozenset({"authorization_pending", "slow_down", "expired_token", "code_expired"})
_SIGNED_IN, _CLOUD = "m365 sign-in", "national cloud"
_ONCE = "of this attempt"
"""The state was held against the browser's cookie before; msal wants one all the same."""


async def sign_in(line: Line, _account: str, way: SignIn) -> SignInFacts:
    """Who signed in: now, with the code that is shown, or just before on the page. Raises network errors, Malformed."""
    facts, access = await (_by_code(line, way) if way.grant is None else _by_grant(line, way.grant, way.registration))
    line.memory |= {_SIGNED_IN: facts, ACCESS: access}
    return facts


async def recall(line: Line, _account: str, _way: SignIn) -> SignInFacts:
    """What the sign-in told of roles and permissions."""
    facts: SignInFacts = line.memory[_SIGNED_IN]
    return facts


async def _by_code(line: Line, way: SignIn) -> tuple[SignInFacts, MailAccess | None]:
    """A device code (RFC 8628) is shown, and it is waited until somebody has signed in with it."""
    flow = _DeviceFlow(line, way)
    try:
        code = await apart(lambda: understood(flow.begin))
        if not isinstance(code, DeviceCode):
            return replace(code, by_code=True), None
        way.show(code)
        facts, access = await apart(lambda: understood(flow.wait))
        return replace(facts, by_code=True), access
    finally:
        flow.stopped.set()


async def _by_grant(line: Line, grant: Secret, app: Registration | None) -> tuple[SignInFacts, MailAccess | None]:
    """The code that the browser brought back is redeemed (RFC 6749, 4.1.3), with its verifier (RFC 7636, 4.5)."""
    returned = understood(lambda: unpack(grant.unwrap()))
    if returned.error:
        return refused(asdict(returned)), None
    if app is None:
        raise Malformed("the sign-in page has no app registration")
    flow = _Redeeming(line, app, returned)
    try:
        facts, access = await apart(lambda: understood(flow.redeem))
    finally:
        flow.stopped.set()
    for secret in (Secret(returned.code), Secret(returned.verifier), app.client_secret):
        facts = secret.scrubber().facts(facts)
    return facts, access


class _Flow:
    """What both ways have in common. Methods block and belong in a thread; `stopped` ends them from outside."""

    def __init__(self, line: Line, client_id: str) -> None:
        self.stopped = threading.Event()
        self._http, self._authority, self._client_id = GuardedHttp(line.net, self.stopped), line.endpoint.url, client_id
        self._worldwide = not line.memory.get(_CLOUD)
        self._app: Any = None

    def _options(self, msal: Any) -> dict[str, Any]:
        return {
            "authority": self._authority,
            "http_client": self._http,
            "instance_discovery": False,
            "token_cache": forgetful_cache(msal),
        }

    def _read(self, told: Mapping[str, Any], *, mail: bool) -> tuple[SignInFacts, MailAccess | None]:
        if "error" in told:
            return SignInFacts(nobody=True) if str(told["error"]) in _NOBODY else refused(told), None
        facts = read_sign_in(told, self._client_id)
        refresh = told.get("refresh_token")
        if not mail or facts.error or not refresh or not self._worldwide:
            return facts, None
        return self._ask_for_mail(facts, str(refresh))

    def _ask_for_mail(self, facts: SignInFacts, refresh: str) -> tuple[SignInFacts, MailAccess | None]:
        """A token for the mail servers: it takes another consent, and a policy may refuse it alone."""
        told = self._app.acquire_token_by_refresh_token(refresh, list(SCOPES.values()))
        if "error" in told:
            return replace(facts, no_mail=refused(told)), None
        services = services_in(str(told.get("scope", "")))
        if not services:
            return facts, None
        return replace(facts, mail=services), MailAccess(Token(str(told["access_token"])), services)


class _DeviceFlow(_Flow):
    """One device flow."""

    def __init__(self, line: Line, way: SignIn) -> None:
        super().__init__(line, way.client_id)
        self._limit = way.limit

    def begin(self) -> DeviceCode | SignInFacts:
        """The code to be shown, or what the platform says instead of giving one."""
        msal = load_msal()
        self._app = msal.PublicClientApplication(self._client_id, **self._options(msal))
        self._flow = self._app.initiate_device_flow(list(BASIC))
        if "user_code" not in self._flow:
            return refused(self._flow)
        url = str(self._flow["verification_uri"])
        if urlsplit(url).scheme != "https":
            raise Malformed("the sign-in page has no https address")
        seconds = min(float(self._flow.get("expires_in", self._limit)), self._limit)
        self._until = time.monotonic() + seconds
        shown = printable(url.encode(), 300), printable(str(self._flow["user_code"]).encode(), 40)
        return DeviceCode(*shown, max(1, round(seconds / 60)))

    def wait(self) -> tuple[SignInFacts, MailAccess | None]:
        """Ask until somebody has signed in, was refused, or the time is over."""
        told = self._app.acquire_token_by_device_flow(self._flow, exit_condition=self._over)
        return self._read(told, mail=True)

    def _over(self, _flow: Mapping[str, Any]) -> bool:
        return self.stopped.is_set() or time.monotonic() > self._until


class _Redeeming(_Flow):
    """One code that a browser brought back."""

    def __init__(self, line: Line, app: Registration, returned: Returned) -> None:
        super().__init__(line, app.client_id)
        self._registered, self._returned = app, returned

    def redeem(self) -> tuple[SignInFacts, MailAccess | None]:
        msal, returned = load_msal(), self._returned
        secret = self._registered.client_secret.unwrap()
        self._app = msal.ConfidentialClientApplication(self._client_id, client_credential=secret, **self._options(msal))
        flow = {
            "state": _ONCE,
            "redirect_uri": self._registered.redirect,
            "scope": [*BASIC, *RESERVED],
            "code_verifier": returned.verifier,
            "nonce": returned.nonce,
        }
        try:
            told = self._app.acquire_token_by_auth_code_flow(flow, {"code": returned.code, "state": _ONCE})
        except RuntimeError:  # msal's word for another nonce than was sent
            return SignInFacts(error="invalid_id_token", text="the token belongs to another sign-in"), None
        return self._read(cast("Mapping[str, Any]", told), mail=returned.mail)
