"""Whether people can sign in with Microsoft: the platform, the app registration, the way back to the bot's pages."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from bot.checks.link.dns import questions
from bot.checks.link.faults import NETWORK_ERRORS, Malformed
from bot.checks.link.fetch import ask
from bot.checks.link.line import Net
from bot.checks.link.policy import policy
from bot.checks.m365 import wire
from bot.core.cloud import Registration, Tenant
from bot.core.cloud_grant import Attempt, address_to_sign_in
from bot.health.outcome import Outcome
from bot.network import open_network, registration
from bot.settings import Settings

_ANYBODY = "organizations"
"""Stands for every organisation in the platform's addresses."""
_REACH = "look at m365.authority, at the firewall (HTTPS to it) and at the name servers"
_APP = "copy the application (client) id again; the app must be for accounts in any organizational directory"
_BY_CODE = "in the Entra admin center: Authentication > Advanced settings > allow public client flows"


async def check_m365(settings: Settings) -> Sequence[Outcome]:
    """The platform is asked as in a check, with nobody named; nothing is left behind but a code that nobody uses."""
    app = settings.m365
    if app.client_id is None:
        return [Outcome("pass", "m365.client_id", "not set: Microsoft 365 is checked without a sign-in")]
    if not app.authority.startswith("https:"):
        return [Outcome("fail", "m365.authority", "is not https: nobody can sign in there", "use an https address")]
    async with _reaching(settings) as net:
        platform = await _platform(net, app.authority.rstrip("/"))
        if platform.mark != "pass":
            return [platform]
        pages = registration(settings)
        known = await _known(net, app.authority.rstrip("/"), app.client_id, by_code=pages is None)
        return [platform, known, await _way_back(net, pages) if pages else _no_pages(settings)]


@asynccontextmanager
async def _reaching(settings: Settings) -> AsyncIterator[Net]:
    with open_network(settings) as network:
        rules = policy(network.allow, any_port=True)
        net = Net(questions(network.resolver, rules), rules, network.trust, network.timeouts)
        try:
            yield net
        finally:
            net.close()


async def _platform(net: Net, authority: str) -> Outcome:
    what = f"m365.authority {authority}"
    try:
        page = await ask(net, f"{authority}/{_ANYBODY}/v2.0/.well-known/openid-configuration")
    except (*NETWORK_ERRORS, Malformed) as error:
        return Outcome("fail", what, f"cannot be reached ({error})", _REACH)
    told = wire.read_tenant(_ANYBODY, page.status, page.body)
    if not told.id:
        return Outcome("fail", what, f"is no identity platform ({_said(told)})", _REACH)
    return Outcome("pass", what, f"answers{f' ({told.cloud})' if told.cloud else ''}")


def _said(told: Tenant) -> str:
    return told.text or told.error or f"HTTP status {told.status}"


async def _known(net: Net, authority: str, client_id: str, *, by_code: bool) -> Outcome:
    """Whether the platform gives the app a code for a sign-in."""
    what = f"m365.client_id {client_id}"
    form = urlencode({"client_id": client_id, "scope": "openid User.Read"}).encode()
    try:
        page = await ask(net, f"{authority}/{_ANYBODY}/oauth2/v2.0/devicecode", form)
    except (*NETWORK_ERRORS, Malformed) as error:
        return Outcome("unknown", what, f"the platform did not say ({error})", _REACH)
    told = wire.read_json(page.body)
    if "user_code" in told:
        return Outcome("pass", what, "is known, and people can sign in by a code")
    return _refused(what, told, page.status, by_code=by_code)


def _refused(what: str, told: Mapping[str, Any], status: int, *, by_code: bool) -> Outcome:
    words = str(told.get("error_description", ""))
    number, said = wire.number_in(told, words), wire.first_line(words) or f"HTTP status {status}"
    if number in ("70002", "7000218"):  # known, and confidential
        return Outcome(
            "fail" if by_code else "warn", what, f"is known, but nobody can sign in by a code: {said}", _BY_CODE
        )
    return Outcome("fail" if number else "unknown", what, f"is not known: {said}", _APP)


async def _way_back(net: Net, app: Registration) -> Outcome:
    """Whether the redirect address is registered: to such a one the platform sends back even where nobody signs in."""
    what = "m365.client_secret"
    todo = f"in the Entra admin center: Authentication > Add a platform > Web > {app.redirect}"
    attempt = Attempt(secrets.token_urlsafe(16), secrets.token_urlsafe(16))
    address = address_to_sign_in(attempt, app, "", _ANYBODY).replace("prompt=select_account", "prompt=none")
    try:
        page = await ask(net, address)
    except (*NETWORK_ERRORS, Malformed) as error:
        return Outcome("unknown", what, f"is set; whether {app.redirect} is registered was not told ({error})", todo)
    if page.location.startswith(app.redirect + "?"):
        return Outcome("pass", what, f"is set, and {app.redirect} is registered: people sign in on the bot's pages")
    if b"AADSTS50011" in page.body:
        return Outcome("fail", what, f"is set, but {app.redirect} is not registered for the app", todo)
    return Outcome("warn", what, f"is set; whether {app.redirect} is registered was not told", todo)


def _no_pages(settings: Settings) -> Outcome:
    what = "m365.client_secret"
    if settings.m365.client_secret is None:
        return Outcome("pass", what, "not set: people sign in by a code, not on the bot's pages")
    todo = "set web.public_url to an https address"
    return Outcome("warn", what, f"is set, but {settings.web.origin} is not https: people sign in by a code", todo)
