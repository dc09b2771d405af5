"""Microsoft 365 as facts, and what can be said of an administrator's address before anybody signs in.

A tenant is an organisation at the Microsoft identity platform; its realm says where its people sign in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.core.secret import Secret

AUTHORITY = "https://login.microsoftonline.com"
"""The identity platform of the worldwide cloud."""
_PERSONAL = frozenset({"9188040d-6c67-4c5b-b112-36a304b66dad", "84df9e7f-e9f6-40af-b435-aaaaaaaaaaaa"})
"""The tenants of personal accounts (outlook.com, hotmail.com)."""
_NATIONAL: Mapping[str, str] = {
    "partner.microsoftonline.cn": "21Vianet",
    "chinacloudapi.cn": "21Vianet",
    "microsoftonline.us": "US government",
    "microsoftonline.de": "Germany",
}
_US_GOVERNMENT = frozenset({"DOD", "DODCON", "USGOV"})
"""Microsoft: `tenant_region_scope` and `tenant_region_sub_scope`. GCC is none of them: it is in the worldwide cloud."""
Namespace = Literal["managed", "federated", "personal", "unknown", ""]


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose a domain is, as its OpenID configuration says. `id` is "" where there is none, or it could not be read."""

    domain: str
    status: int
    id: str = ""
    cloud: str = ""
    """The national cloud it lives in, "" for the worldwide one."""
    region: str = ""
    error: str = ""
    """The platform's word for what is wrong, such as invalid_tenant."""
    aadsts: str = ""
    """The platform's number for it."""
    text: str = ""

    @property
    def personal(self) -> bool:
        return self.id in _PERSONAL


@dataclass(frozen=True, slots=True)
class MailHints:
    """What DNS says of where a domain's mail is: names of MX and the target of autodiscover. Hints, no proof.

    `cloud` is the one that they point to: worldwide, 21Vianet, US government; "" where they point elsewhere.
    """

    mx: tuple[str, ...] = ()
    autodiscover: str = ""
    cloud: str = ""


@dataclass(frozen=True, slots=True)
class TenantsFacts:
    """The tenant of the migrated domain, and that of the administrator's domain where it is another domain."""

    own: Tenant
    admin: Tenant | None = None
    local: str = ""
    """This side's address."""
    hints: MailHints = MailHints()


@dataclass(frozen=True, slots=True)
class RealmFacts:
    """Where people of a domain sign in; `namespace` is "" where the answer could not be read."""

    domain: str
    status: int
    namespace: Namespace
    cloud: str = ""
    """The national cloud, where the tenant had not told of it before."""
    brand: str = ""
    sign_in_at: str = ""
    protocol: str = ""
    text: str = ""


MAY_CONSENT: Mapping[str, str] = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
}
"""Roles that may consent for an organisation to what a migration needs, by template id (Entra built-in roles).

Application administrators may not: they cannot consent to permissions of Microsoft Graph for the app itself.
"""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """Where a person signs in with a browser, and the code that says for which check (RFC 8628, 3.2)."""

    url: str
    code: str = field(repr=False)
    minutes: int


@dataclass(frozen=True, slots=True)
class Registration:
    """The app registration with which people sign in on the bot's own pages (a confidential client)."""

    authority: str
    client_id: str
    redirect: str
    """The one address to which Microsoft sends people back; it must be registered exactly so."""
    client_secret: Secret


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person can sign in: with a code that `show` shows, or as they just did on the bot's own page.

    `limit` is how many seconds are waited for somebody with a code.
    """

    client_id: str
    show: Callable[[DeviceCode], None]
    limit: float = 600.0
    grant: Secret | None = None
    """What Microsoft sent back to the page (see `bot.core.cloud_grant`); then nobody is waited for."""
    registration: Registration | None = None
    """With `grant`."""


@dataclass(frozen=True, slots=True)
class SignInFacts:
    """What came of a sign-in, without any token. `nobody`: the time passed and nobody came.

    `names` are the ways in which the platform calls whoever signed in; `roles` are template ids, None where not told.
    """

    nobody: bool = False
    names: tuple[str, ...] = ()
    tenant: str = ""
    roles: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    """Permissions that were asked for and not granted."""
    error: str = ""
    suberror: str = ""
    aadsts: str = ""
    text: str = ""
    correlation: str = ""
    """The platform's id, by which the organisation finds the sign-in in its log."""
    by_code: bool = False
    """Whether it was by a device code, which some organisations forbid."""
    mail: tuple[str, ...] = ()
    """The mail services that a token was given for."""
    no_mail: "SignInFacts | None" = None
    """Why none was given, where that was asked for."""


def national_cloud(*told: str) -> str:
    """The national cloud that names of hosts or regions speak of, "" for the worldwide one."""
    for word in told:
        name = word.lower()
        for suffix, cloud in _NATIONAL.items():
            if name == suffix or name.endswith("." + suffix):
                return cloud
        if word.upper() in _US_GOVERNMENT:
            return "US government"
    return ""


def fault_in_admin(account: str | None, domain: str | None) -> tuple[str, Mapping[str, str]] | None:
    """Why the migration cannot take this administrator, whatever Microsoft says: a code and its evidence, else None.

    Lark: the domain of the administrator's address must be the one that is migrated.
    """
    if not account or domain is None:
        return None
    local, at, own = account.rpartition("@")
    if not at or not local or "\\" in account:
        return "input.address_invalid", {"field": "account", "typed": account, "example": f"admin@{domain}"}
    if own.lower() != domain:
        return "input.domain_mismatch", {"field": "account", "typed": account, "account_domain": own.lower()}
    return None


def domain_of_admin(account: str | None) -> str:
    """The domain of an administrator's address, "" where there is none."""
    known = (account or "").rpartition("@")
    return known[2].lower() if known[0] and "\\" not in known[0] else ""
