"""Answers of the Microsoft identity platform in words. No network here.

OpenID Connect Discovery 1.0, section 4; Microsoft: "OpenID Connect on the Microsoft identity platform", and
GetUserRealm, with which Microsoft's own libraries ask where a user signs in.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from bot.checks.link.stream import printable
from bot.core.cloud import MailHints, Namespace, RealmFacts, Tenant, national_cloud

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"AADSTS(\d{4,9})")
_OK = 200
_PRINTED = 300
_PAGE = 100_000
_TAG = re.compile(rb"<[^<>]{0,2000}>")
_MOST_HINTS = 5


def read_json(body: bytes) -> Mapping[str, Any]:
    """A JSON object; an empty one for everything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_tenant(domain: str, status: int, body: bytes) -> Tenant:
    """What an OpenID configuration, or the refusal of one, says of a domain."""
    told = read_json(body)
    if status == _OK and (issuer := _text(told, "issuer")):
        found = _ID.search(issuer)
        hosts = (_host(_text(told, key)) for key in ("token_endpoint", "issuer"))
        scopes = [_text(told, key) for key in ("tenant_region_scope", "tenant_region_sub_scope")]
        cloud = national_cloud(_text(told, "cloud_instance_name"), *scopes, *hosts)
        return Tenant(domain, status, found[0].lower() if found else issuer, cloud, " ".join(filter(None, scopes)))
    text = _text(told, "error_description") or ("" if told else words_of_page(body))
    return Tenant(domain, status, error=_text(told, "error"), aadsts=number_in(told, text), text=first_line(text))


def words_of_page(body: bytes) -> str:
    """The beginning of a page for people; from the platform's number on, and without tags, where it names one."""
    if b"AADSTS" not in body:
        return printable(body[:2000], _PRINTED)
    text = printable(_TAG.sub(b" ", body[:_PAGE]), _PAGE)
    return text[max(text.find("AADSTS"), 0) :][:_PRINTED]


def error_in(body: bytes) -> bytes:
    """An answer of the token endpoint; a page for people that tells of an error becomes that error (RFC 6749, 5.2)."""
    if b"AADSTS" not in body or read_json(body):
        return body
    return json.dumps({"error": "server_error", "error_description": words_of_page(body)}).encode()


_MAIL_CLOUDS: Mapping[str, str] = {
    "outlook.com": "worldwide",
    "office.com": "worldwide",
    "mx.microsoft": "worldwide",
    "partner.outlook.cn": "21Vianet",
    "office365.us": "US government",
}
"""By suffix, in which cloud the names are that MX and autodiscover lead to (Microsoft: external DNS records)."""


def read_hints(mx: Sequence[str], autodiscover: Sequence[str]) -> MailHints:
    """Where a domain's mail seems to be, by its MX records and by the alias of its autodiscover name."""
    alias = autodiscover[0] if autodiscover else ""
    clouds = (cloud for name in (*mx, alias) for suffix, cloud in _MAIL_CLOUDS.items() if name.endswith("." + suffix))
    return MailHints(tuple(mx[:_MOST_HINTS]), alias, next(clouds, ""))


def number_in(told: Mapping[str, Any], text: str) -> str:
    """The AADSTS number, from the words or from the list beside them."""
    match = _NUMBER.search(text)
    codes = told.get("error_codes")
    return match[1] if match else str(codes[0])[:9] if isinstance(codes, list) and codes else ""


def read_realm(domain: str, status: int, body: bytes) -> RealmFacts:
    """What GetUserRealm.srf or /common/userrealm says; their keys differ by spelling only."""
    told = {key.replace("_", "").lower(): value for key, value in read_json(body).items()}
    kind = _text(told, "namespacetype") or _text(told, "accounttype")
    namespace: Namespace = _namespace(kind) if status == _OK else ""
    address = _text(told, "authurl") or _text(told, "federationactiveauthurl") or _text(told, "federationmetadataurl")
    name = _text(told, "domainname").lower()
    if namespace == "federated" and (name == "live.com" or _host(address) == "login.live.com"):
        namespace = "personal"
    return RealmFacts(
        domain,
        status,
        namespace,
        national_cloud(_text(told, "cloudinstancename")),
        _text(told, "federationbrandname"),
        _host(address),
        _text(told, "federationprotocol"),
        "" if namespace else printable(body[:2000], _PRINTED),
    )


def _namespace(kind: str) -> Namespace:
    match kind.lower():
        case "managed":
            return "managed"
        case "federated":
            return "federated"
        case "unknown":
            return "unknown"
        case _:
            return ""


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    return printable(value.encode("utf-8", "replace"), 1000) if isinstance(value, str) else ""


def first_line(text: str) -> str:
    """The words without the trace and correlation ids that follow them."""
    return re.split(r"\r?\n| Trace ID:", text, maxsplit=1)[0][:_PRINTED]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
