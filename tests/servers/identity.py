"""A fake Microsoft identity platform over real TLS: OpenID configurations, realms, and sign-ins.

People sign in by device code, or with a browser at /authorize, which is strict about what the app is registered with.
Tokens are real ones, signed with a key of its own (RS256).
"""

import base64
import functools
import hashlib
import json
import re
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.servers.certs import Identity
from tests.servers.exchange_words import Reply
from tests.servers.listener import Listener
from tests.servers.script import HANG, RESET, Transcript
from tests.servers.wire import Wire

CONTOSO = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
FABRIKAM = "0aa5a4d8-5c1b-4f0a-9a34-6c1f7c7d3e55"
APP = "2f5b3b43-5a35-4a5f-9d2b-0c1f6e7d8a90"
GLOBAL_ADMIN = "62e90394-69f5-4237-9190-012177145e10"
DEVICE_CODE, USER_CODE = "device-code-that-nobody-may-see", "B3KQ7WXYZ"
APP_SECRET = "secret-of-the-app-8Q~x"
MAIL_TOKEN = "mail-token." + "kX3v" * 400
"""An access token for the mail servers, as long as real ones are."""
_OUTLOOK = "https://outlook.office.com/"
_DEVICE = re.compile(r"/([^/]+)/oauth2/v2\.0/(devicecode|token|authorize)")
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
    app: "AppScript | None" = None
    """The app as it is registered for sign-ins with a browser; None: it is for device codes only."""


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
    declines: tuple[str, int, str] | None = None
    """What the browser is sent back with instead of a code: error, number, words."""
    mail: str | Reply = ""
    """The scopes of the token for the mail servers, or why there is none; empty: nobody has consented to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppScript:
    """An app registration of the kind Web."""

    redirects: tuple[str, ...]
    secret: str = APP_SECRET


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
        self.codes: list[str] = []
        self._codes: dict[str, Mapping[str, str]] = {}
        """What each open code was asked for with."""
        self._asked, self._nonce = 0, ""
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
        if (match := _DEVICE.fullmatch(path)) and match[2] == "authorize":
            return self._authorize({key: values[0] for key, values in parse_qs(parts.query).items()})
        if match and form:
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

    def _authorize(self, query: Mapping[str, str]) -> Reply:
        """What a browser is told: a page, or the way back with a code or an error (RFC 6749, 4.1.2)."""
        app, person = self.script.app, self.script.person
        if app is None or query.get("client_id") != APP:
            return Reply(200, b"<html>AADSTS700016: Application not found in the directory</html>")
        if query.get("redirect_uri") not in app.redirects:
            return Reply(200, b"<html>AADSTS50011: The redirect URI does not match those configured</html>")
        back = {"state": query["state"]}
        if query.get("prompt") == "none":
            back |= _error("login_required", 50058, "Session information is not sufficient for single-sign-on.")
        elif query.get("code_challenge_method") != "S256" or query.get("response_mode") != "query":
            back |= _error("invalid_request", 9002325, "Proof Key for Code Exchange is required.")
        elif person is None:
            return Reply(200, b"<html>Sign in</html>")
        elif person.declines is not None:
            back |= _error(*person.declines)
        else:
            self.codes.append("1.code-" + uuid.uuid4().hex)
            self._codes[self.codes[-1]] = query
            back |= {"code": self.codes[-1], "session_state": str(uuid.uuid4())}
        return Reply(302, headers=(("Location", f"{query['redirect_uri']}?{urlencode(back)}"),))

    def _token(self, form: Mapping[str, str]) -> Reply:
        person, kind = self.script.person, form["grant_type"].rpartition(":")[2]
        if kind == "device_code":
            assert form["device_code"] == DEVICE_CODE
            self._asked += 1
            if person is None or self._asked <= person.waits:
                return refusal(70016, "OAuth 2.0 device flow error. Authorization is pending.", "authorization_pending")
        assert person is not None
        if kind == "refresh_token":
            return self._more(form, person)
        if kind == "authorization_code" and (wrong := self._wrong(form)) is not None:
            return wrong
        return person.refusal if person.refusal is not None else self._issue(form, person)

    def _wrong(self, form: Mapping[str, str]) -> Reply | None:
        """Why a code is not redeemed (RFC 6749, 4.1.3 and 5.2; RFC 7636, 4.6)."""
        app, asked = self.script.app, self._codes.pop(form["code"], None)
        assert app is not None
        if form.get("client_secret") != app.secret:
            return refusal(7000215, "Invalid client secret provided.", "invalid_client", 401)
        if asked is None:
            return refusal(54005, "OAuth2 Authorization code was already redeemed.", "invalid_grant")
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return refusal(50011, "The redirect URI does not match.", "invalid_grant")
        if _coded(hashlib.sha256(form.get("code_verifier", "").encode()).digest()) != asked["code_challenge"]:
            return refusal(501481, "The Code_Verifier does not match the code_challenge.", "invalid_grant")
        if _OUTLOOK in form["scope"]:
            return refusal(28000, "scope contains more than one resource.", "invalid_request")
        self._nonce = asked.get("nonce", "")
        return None

    def _more(self, form: Mapping[str, str], person: "PersonScript") -> Reply:
        """A token for another resource, by the refresh token of the first."""
        assert form["refresh_token"] in self.tokens
        assert _OUTLOOK in form["scope"]
        if isinstance(person.mail, Reply):
            return person.mail
        if not person.mail:
            return refusal(
                65001, "The user or administrator has not consented to use the application.", "invalid_grant"
            )
        self.tokens.append(MAIL_TOKEN)
        return as_json({"token_type": "Bearer", "scope": person.mail, "expires_in": 3600, "access_token": MAIL_TOKEN})

    def _issue(self, form: Mapping[str, str], person: "PersonScript") -> Reply:
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
            **({"nonce": self._nonce} if "code" in form else {}),
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


def _error(error: str, number: int, words: str) -> dict[str, str]:
    text = f"AADSTS{number}: {words}\r\nTrace ID: {uuid.UUID(int=1)}\r\nCorrelation ID: {uuid.UUID(int=2)}"
    return {"error": error, "error_description": text}


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
