"""A fake Microsoft identity platform: OpenID configurations and realms over real TLS, as the real one words them."""

import json
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.certs import Identity
from tests.servers.exchange_words import Reply
from tests.servers.listener import Listener
from tests.servers.script import HANG, RESET, Transcript
from tests.servers.wire import Wire

CONTOSO = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
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


class IdentityServer:
    """Keeps the targets of all requests in `requests`."""

    def __init__(self, script: IdentityScript, host: str = "127.0.0.1", port: int = 0) -> None:
        self.script, self.host, self.port = script, host, port
        self.context = script.identity.server_context() if script.identity else None
        self.transcript = Transcript()
        self.requests: list[str] = []
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
        target = await _read(wire)
        self.requests.append(target)
        await _send(wire, self._reply(target))
        await wire.close()

    def _reply(self, target: str) -> Reply:
        parts = urlsplit(target)
        path = unquote(parts.path)
        if (page := self.script.pages.get(path)) is not None:
            return page
        if match := _CONFIGURATION.fullmatch(path):
            return self._configuration(match[1], v2=bool(match[2]))
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
        return as_json(told | ({"tenant_region_sub_scope": tenant.sub_region} if tenant.sub_region else {}))

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


async def _read(wire: Wire) -> str:
    _, target, _ = (await wire.read_line()).decode("latin-1").split(" ", 2)
    while await wire.read_line():
        pass
    return target


async def _send(wire: Wire, reply: Reply) -> None:
    if reply.hang:
        await wire.say(HANG)
    if reply.reset:
        await wire.say(RESET)
    head = (("Content-Type", reply.kind), ("Content-Length", str(len(reply.body))), ("Connection", "close"))
    lines = [f"HTTP/1.1 {reply.status} Practice", *(f"{k}: {v}" for k, v in (*head, *reply.headers))]
    await wire.write("\r\n".join([*lines, "", ""]).encode() + reply.body)
