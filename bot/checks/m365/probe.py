"""Microsoft 365 before a sign-in, one function a step: whose the domains are, and where their people sign in.

Everything that is asked is public and about domains: no account is named to Microsoft, and no secret exists here.
"""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

from bot.checks.link.faults import Malformed
from bot.checks.link.fetch import Page, ask
from bot.checks.link.line import Line
from bot.checks.m365 import wire
from bot.core.cloud import MailHints, RealmFacts, Tenant, TenantsFacts, domain_of_admin

_CONFIGURATIONS = ("/v2.0/.well-known/openid-configuration", "/.well-known/openid-configuration")
_REALMS = ("/GetUserRealm.srf?login={user}&json=1", "/common/userrealm/{user}?api-version=2.1")
_NOBODY = "nobody"
"""Realms are asked by an address; its domain decides."""
_NOT_FOUND = 404
_CLOUD = "national cloud"


async def find_tenants(line: Line, domain: str, account: str | None) -> TenantsFacts:
    """The tenants of the migrated domain and of the administrator's, from their OpenID configurations.

    Beside them, where DNS says that the domain's mail is.
    """
    hinting = asyncio.create_task(_hints(line, domain))
    other = domain_of_admin(account)
    try:
        if not other or other == domain:
            own, local = await _tenant(line, domain)
            found = TenantsFacts(own, local=local)
        else:
            (own, local), (admin, _) = await asyncio.gather(_tenant(line, domain), _tenant(line, other))
            found = TenantsFacts(own, admin, local)
        line.memory[_CLOUD] = own.cloud
        return replace(found, hints=await hinting)
    finally:
        hinting.cancel()


async def _hints(line: Line, domain: str) -> MailHints:
    """An answer that does not come is no hint."""
    asked = ((domain, "MX"), (f"autodiscover.{domain}", "CNAME"))
    mx, alias = await asyncio.gather(*(line.net.questions.ask(name, kind) for name, kind in asked))
    return wire.read_hints(mx.records, alias.records)


async def _tenant(line: Line, domain: str) -> tuple[Tenant, str]:
    for path in _CONFIGURATIONS:
        page = await _get(line, f"/{domain}{path}")
        tenant = wire.read_tenant(domain, page.status, page.body)
        if page.status != _NOT_FOUND or tenant.error:
            break
    return tenant, page.local


async def find_realm(line: Line, domain: str, _account: str | None) -> RealmFacts:
    """Where people of the migrated domain sign in; the second way to ask is for platforms that lack the first."""
    for path in _REALMS:
        page = await _get(line, path.format(user=f"{_NOBODY}@{domain}"))
        realm = wire.read_realm(domain, page.status, page.body)
        if realm.namespace:
            break
    known = line.memory.get(_CLOUD)
    return replace(realm, cloud="") if known else realm


async def _get(line: Line, path: str) -> Page:
    """The page below the platform's address. Raises network errors and Malformed."""
    parts = urlsplit(line.endpoint.url)
    async with asyncio.timeout(line.net.timeouts.reply + line.net.timeouts.connect):
        page = await ask(line.net, f"{parts.scheme}://{parts.netloc}{path}")
    if not page.status:
        raise Malformed("no HTTP answer")
    return page
