"""Answers of the token endpoint as facts. No token is in what is returned here, and no network is used."""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any

from bot.checks.link.stream import printable
from bot.checks.m365 import wire
from bot.core.cloud import SignInFacts
from bot.core.cloud_grant import BASIC

_SKEW = 300
_NAMES = ("preferred_username", "upn", "email", "unique_name")


def read_sign_in(told: Mapping[str, Any], client_id: str) -> SignInFacts:
    """Who signed in, from the answer of the token endpoint; none of its tokens is in what is returned.

    The ID token came straight from the endpoint over verified TLS, which may stand for its signature (OpenID Connect
    Core 1.0, 3.1.3.7, 6); audience and time are checked here. Roles are told by `wids`: always in access tokens of
    Microsoft Graph, in ID tokens where the registration asks for it (Microsoft: access token claims, optional claims).
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
        missing=tuple(scope for scope in BASIC if scope.lower() not in granted),
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


def refused(told: Mapping[str, Any]) -> SignInFacts:
    """A refusal of the platform's, from the token endpoint or brought back by the browser (RFC 6749, 4.1.2.1, 5.2)."""
    text = str(told.get("error_description", ""))
    return SignInFacts(
        error=printable(str(told.get("error", "")).encode(), 80),
        suberror=printable(str(told.get("suberror") or told.get("error_subcode") or "").encode(), 80),
        aadsts=wire.number_in(told, text),
        text=wire.first_line(printable(text.encode("utf-8", "replace"), 1000)),
        correlation=printable(str(told.get("correlation_id", "")).encode(), 60),
    )
