"""A fake Microsoft identity platform over real TLS: OpenID configurations, realms, and sign-ins by device code.

Its tokens are real ones, signed with a key of its own (RS256).
"""

import base64
import functools
import json
import re
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.servers.certs import Identity
from tests.servers.exchange_words import Reply
from tests.servers.listener import Listener
from tests.servers.script import HANG, RESET, Transcript
from tests.servers.wire import Wire

CONTOSO = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
APP = "2f5b3b43-5a35-4a5f-9d2b-0c1f6e7d8a90"
GLOBAL_ADMIN = "62e90394-69f5-4237-9190-012177145e10"
DEVICE_CODE, USER_CODE = "device-code-that-nobody-may-see", "B3KQ7WXYZ"
_DEVICE = re.compile(r"/([^/]+)/oauth2/v2\.0/(devicecode|token)")
_CONFIGURATION = re.compile(r"/([^/]+)(/v2\.0)?/\.well-known/openid-configuration")
_LEGACY_REALM, _REALM = "/getuserrealm.srf", re.compile(r"/common/userrealm/([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantScript:
    """An organisation; a sound one of the worldwide cloud unless told."""

    id: str = CONTOSO
    cloud: str = "microsoftonline.com"
    region: str = "AS"
    sub_region: str = ""
    realm: str = "Managed"
    """Managed, Federated or Unknown."""
    auth_url: str = ""
    """Where a federated organisation signs in."""
    brand: str = "Contoso"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityScript:
    """How the platform behaves. `pages` are answers by path, the query left out, instead of what would be answered."""

    identity: Identity | None = field(default=None, repr=False)
    """None: without TLS."""
    tenants: Mapping[str, TenantScript] = field(default_factory=dict)
    """By domain."""
    pages: Mapping[str, Reply] = field(default_factory=dict)
    legacy: bool = True
    """Whether GetUserRealm.srf is there, or only /common/userrealm."""
    v2: bool = True
    """Whether the configuration of version 2.0 is there."""
    person: "PersonScript | None" = None
    """Who signs in; None: nobody comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonScript:
    """What becomes of a sign-in. `refusal` is the token endpoint's answer instead of tokens."""

    name: str = "admin@practice.test"
    roles: tuple[str, ...] | None = (GLOBAL_ADMIN,)
    roles_in: str = "id_token"
    """id_token or access_token."""
    scope: str = "openid profile https://graph.microsoft.com/User.Read"
    waits: int = 0
    """How often the bot asks before the person is through."""
    refusal: Reply | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Instead of what the ID token says otherwise."""


class IdentityServer:
    """Keeps the targets of all requests in `requests`."""

    def __init__(self, script: IdentityScript, host: str = "127.0.0.1", port: int = 0, name: str = "") -> None:
        self.script, self.host, self.port, self.name = script, host, port, name or host
        self.context = script.identity.server_context() if script.identity else None
        self.transcript = Transcript()
        self.requests: list[str] = []
        self.forms: list[Mapping[str, str]] = []
        self.tokens: list[str] = []
        """All that were issued."""
        self._asked = 0
        self._listener = Listener(self._serve, host, port)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self.port = self._listener.port
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._listener.__aexit__(*exc)

    async def _serve(self, client: socket.socket, number: int) -> None:
        self.transcript.connections = number
        wire = Wire(client, number, self.transcript)
        if self.context is not None:
            await wire.start_tls(self.context)
        target, form = await _read(wire)
        self.requests.append(target)
        if form:
            self.forms.append(form)
        await _send(wire, self._reply(target, form))
        await wire.close()

    def _reply(self, target: str, form: Mapping[str, str]) -> Reply:
        parts = urlsplit(target)
        path = unquote(parts.path)
        if (page := self.script.pages.get(path)) is not None:
            return page
        if match := _CONFIGURATION.fullmatch(path):
            return self._configuration(match[1], v2=bool(match[2]))
        if (match := _DEVICE.fullmatch(path)) and form:
            return self._device_code(form) if match[2] == "devicecode" else self._token(form)
        if path.lower() == _LEGACY_REALM and self.script.legacy:
            return self._legacy_realm(parse_qs(parts.query).get("login", [""])[0])
        if match := _REALM.fullmatch(path):
            return self._realm(match[1])
        return Reply(404)

    def _configuration(self, name: str, *, v2: bool) -> Reply:
        if v2 and not self.script.v2:
            return Reply(404)
        tenant = self.script.tenants.get(name)
        if tenant is None:
            return refusal(90002, f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID.")
        login = f"https://login.{tenant.cloud}"
        issuer = f"{login}/{tenant.id}/v2.0" if v2 else f"https://sts.windows.net/{tenant.id}/"
        told = {
            "token_endpoint": f"{login}/{tenant.id}/oauth2{'/v2.0' if v2 else ''}/token",
            "issuer": issuer,
            "tenant_region_scope": tenant.region,
            "cloud_instance_name": tenant.cloud,
        }
        if self.context is not None:  # people sign in over TLS only
            base = f"https://{self.name}:{self.port}/{tenant.id}/oauth2/v2.0"
            told |= {f"{kind}_endpoint": f"{base}/{kind}" for kind in ("authorization", "token")}
            told["device_authorization_endpoint"] = f"{base}/devicecode"
        return as_json(told | ({"tenant_region_sub_scope": tenant.sub_region} if tenant.sub_region else {}))

    def _device_code(self, form: Mapping[str, str]) -> Reply:
        if form.get("client_id") != APP:
            return refusal(
                700016, "Application with identifier 'x' was not found in the directory.", "unauthorized_client"
            )
        told = {
            "user_code": USER_CODE,
            "device_code": DEVICE_CODE,
            "verification_uri": "https://microsoft.test/devicelogin",
        }
        return as_json(told | {"expires_in": 900, "interval": 1, "message": "To sign in, use a web browser."})

    def _token(self, form: Mapping[str, str]) -> Reply:
        person = self.script.person
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
        assert form["device_code"] == DEVICE_CODE
        self._asked += 1
        if person is None or self._asked <= person.waits:
            return refusal(70016, "OAuth 2.0 device flow error. Authorization is pending.", "authorization_pending")
        if person.refusal is not None:
            return person.refusal
        tenant = next(iter(self.script.tenants.values())).id
        roles = {} if person.roles is None else {"wids": list(person.roles)}
        common = {
            "iss": f"https://login.microsoftonline.com/{tenant}/v2.0",
            "tid": tenant,
            "exp": int(time.time()) + 3600,
        }
        own = {
            "aud": APP,
            "sub": "practice",
            "preferred_username": person.name,
            **(roles if person.roles_in == "id_token" else {}),
        }
        access = {"aud": "https://graph.microsoft.com", **(roles if person.roles_in == "access_token" else {})}
        self.tokens = [
            signed({**common, **own, **person.claims}),
            signed({**common, **access}),
            "refresh-" + uuid.uuid4().hex,
        ]
        names = dict(zip(("id_token", "access_token", "refresh_token"), self.tokens, strict=True))
        return as_json({"token_type": "Bearer", "scope": person.scope, "expires_in": 3600, **names})

    def _legacy_realm(self, login: str) -> Reply:
        domain = login.rpartition("@")[2]
        tenant = self.script.tenants.get(domain)
        if tenant is None or tenant.realm == "Unknown":
            return as_json({"State": 4, "UserState": 1, "Login": login, "NameSpaceType": "Unknown"})
        told = {
            "State": 4,
            "UserState": 1,
            "Login": login,
            "NameSpaceType": tenant.realm,
            "DomainName": domain,
            "FederationBrandName": tenant.brand,
            "CloudInstanceName": tenant.cloud,
        }
        return as_json(told | ({"AuthURL": tenant.auth_url} if tenant.auth_url else {}))

    def _realm(self, login: str) -> Reply:
        domain = login.rpartition("@")[2]
        tenant = self.script.tenants.get(domain, TenantScript(realm="Unknown"))
        if tenant.realm == "Unknown":
            return as_json({"ver": "1.0", "account_type": "Unknown"})
        told = {"account_type": tenant.realm, "domain_name": domain, "cloud_instance_name": tenant.cloud}
        federated = {"federation_protocol": "WSTrust", "federation_active_auth_url": tenant.auth_url}
        return as_json(told | (federated if tenant.auth_url else {}))


def as_json(told: Mapping[str, Any], status: int = 200) -> Reply:
    return Reply(status, json.dumps(told).encode(), kind="application/json; charset=utf-8")


def refusal(number: int, words: str, error: str = "invalid_tenant", status: int = 400) -> Reply:
    """A refusal in the platform's form: the number in words and in a list, ids to trace it by."""
    text = f"AADSTS{number}: {words} Trace ID: {uuid.UUID(int=1)} Correlation ID: {uuid.UUID(int=2)}"
    return as_json({"error": error, "error_description": text, "error_codes": [number]}, status)


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def signed(claims: Mapping[str, Any]) -> str:
    """A JSON Web Token, signed (RFC 7519, RFC 7515)."""
    parts = [_coded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "RS256", "kid": "practice"}, claims)]
    signature = _key().sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
    return ".".join([*parts, _coded(signature)])


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def _read(wire: Wire) -> tuple[str, Mapping[str, str]]:
    _, target, _ = (await wire.read_line()).decode("latin-1").split(" ", 2)
    size = 0
    while line := await wire.read_line():
        name, _, value = line.decode("latin-1").partition(":")
        size = int(value) if name.lower() == "content-length" else size
    body = await wire.read_exactly(size) if size else b""
    return target, {key: values[0] for key, values in parse_qs(body.decode()).items()}


async def _send(wire: Wire, reply: Reply) -> None:
    if reply.hang:
        await wire.say(HANG)
    if reply.reset:
        await wire.say(RESET)
    head = (("Content-Type", reply.kind), ("Content-Length", str(len(reply.body))), ("Connection", "close"))
    lines = [f"HTTP/1.1 {reply.status} Practice", *(f"{k}: {v}" for k, v in (*head, *reply.headers))]
    await wire.write("\r\n".join([*lines, "", ""]).encode() + reply.body)
