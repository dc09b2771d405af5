"""EWS in words: SOAP requests and answers, kinds of pages, and what an NTLM challenge tells. No network here."""

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urljoin, urlsplit

from bot.checks.link.stream import printable
from bot.core.web import DomainNames, Page

SCHEMES = {"ntlm": "NTLM", "negotiate": "Negotiate", "basic": "Basic"}
"""The authentication schemes that take a password here, in the order in which they are chosen."""
_TELLING = (
    "server", "www-authenticate", "location", "retry-after", "request-id", "x-feserver", "x-beserver", "x-owa-version",
    "x-diaginfo", "x-powered-by", "via", "x-ms-diagnostics", "content-type",
)  # fmt: skip
_EXCHANGES_OWN = (
    "x-feserver",
    "x-beserver",
    "x-owa-version",
    "x-calculatedbetarget",
    "x-calculatedfetarget",
    "x-diaginfo",
)
_LOGIN_ADDRESS = re.compile(
    r"/owa/?\Z|/owa/auth|logon\.aspx|/auth/logon|cookieauth\.dll|/my\.policy|/vpn/|/adfs/ls|login\.microsoftonline\.|/saml"
    r"|/oauth2/|/sso(?:/|\Z)|/login(?:[/.?]|\Z)|/signin|/logon|getlogon",
    re.IGNORECASE,
)
"""Where OWA, ADFS, TMG, F5, NetScaler and the like keep the page on which people log in."""
_PASSWORD_FIELD = re.compile(rb"<input[^>]{0,400}type\s*=\s*[\"']?password", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,400}?)</title", re.IGNORECASE | re.DOTALL)
_CHALLENGE = re.compile(r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]+(?![ \t]*=)([A-Za-z0-9+/._~-]+=*(?![ \t]*=)))?")
_NTLM_MAGIC = b"NTLMSSP\0"
_NTLM_NEGOTIATE = 0xA2088207
"""128 and 56 bit keys, version, target wanted, extended session security, always sign, NTLM, Unicode and OEM."""
_PRINTED = 1000
_NAMES = {1: "computer", 2: "netbios", 4: "dns", 5: "forest"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response. Header names are in lower case, in the order in which they came."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known == name), "")


# Requests.

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"\
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"\
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<soap:Header><t:RequestServerVersion Version="Exchange2007_SP1"/>{header}</soap:Header>
<soap:Body><m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>\
<m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:GetFolder></soap:Body>
</soap:Envelope>"""
_IMPERSONATION = (
    "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{mailbox}</t:PrimarySmtpAddress>"
    "</t:ConnectingSID></t:ExchangeImpersonation>"
)


def get_folder(mailbox: str | None = None) -> bytes:
    """GetFolder for the inbox: the account's own, or that of a mailbox by impersonation. Any Exchange takes this form.

    Microsoft: "GetFolder operation", "Impersonation and EWS in Exchange".
    """
    header = _IMPERSONATION.format(mailbox=escape(mailbox)) if mailbox else ""
    return _ENVELOPE.format(header=header).encode()


def ntlm_negotiate() -> bytes:
    """The first NTLM message, of nobody (MS-NLMP, 2.2.1.1): no name and no secret. The answer names the domain."""
    nothing = struct.pack("<HHI", 0, 0, 40)
    return (
        _NTLM_MAGIC
        + struct.pack("<II", 1, _NTLM_NEGOTIATE)
        + nothing
        + nothing
        + bytes((10, 0, 0x61, 0x4A, 0, 0, 0, 15))
    )


# Answers.


def telling(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers that a support engineer asks for, repeated ones in one; tokens and queries in them are left out."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name in _TELLING:
            kept = _without_token(value) if name == "www-authenticate" else value
            found.setdefault(name, []).append(kept.partition("?")[0] if name == "location" else kept)
    return tuple(
        (name, printable(", ".join(values).encode("latin-1", "replace"), 300)) for name, values in found.items()
    )


def _without_token(value: str) -> str:
    return ", ".join(dict.fromkeys(scheme for scheme, _ in _challenges(value)))


def _challenges(value: str) -> list[tuple[str, str]]:
    """Schemes and tokens of a WWW-Authenticate value (RFC 9110, 11.6.1); quoted parameters hold commas of their own."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', "=", value)
    found = []
    for part in bare.split(","):
        match = _CHALLENGE.match(part)
        if match and "=" not in part[match.end(1) : match.end(1) + 1]:
            found.append((match[1], match[2] or ""))
    return found


def schemes_of(answer: Answer) -> tuple[str, ...]:
    """The authentication schemes that an answer offers, once each, in their usual spelling where it is known."""
    names = [scheme for name, value in answer.headers if name == "www-authenticate" for scheme, _ in _challenges(value)]
    return tuple(dict.fromkeys(SCHEMES.get(name.lower(), name) for name in names))


def token_in(answer: Answer, scheme: str) -> bytes | None:
    """The token that an answer gives for a scheme, None where there is none."""
    for name, value in answer.headers:
        if name != "www-authenticate":
            continue
        for known, token in _challenges(value):
            if known.lower() == scheme.lower() and token:
                try:
                    return base64.b64decode(token, validate=True)
                except (binascii.Error, ValueError):
                    return None
    return None


def read_names(token: bytes) -> DomainNames | None:
    """What an NTLM challenge, alone or inside SPNEGO, tells of the server (MS-NLMP, 2.2.1.2 and 2.2.2.1).

    None where the token holds no challenge.
    """
    start = token.find(_NTLM_MAGIC)
    message = token[start:] if start >= 0 else b""
    if len(message) < 48 or message[8:12] != b"\x02\0\0\0":  # noqa: PLR2004 - up to the target info's place
        return None
    length, _, at = struct.unpack_from("<HHI", message, 40)
    pairs, found = message[at : at + length], {}
    while len(pairs) >= 4:  # noqa: PLR2004 - the head of a pair
        kind, size = struct.unpack_from("<HH", pairs)
        if kind == 0:
            break
        if kind in _NAMES:
            found[_NAMES[kind]] = printable(pairs[4 : 4 + size].decode("utf-16-le", "replace").encode(), 255)
        pairs = pairs[4 + size :]
    return DomainNames(**found)


def of_exchange(answer: Answer) -> bool:
    """Whether an answer has marks that only Exchange leaves, alone or behind a proxy that lets them through."""
    names = {name for name, _ in answer.headers}
    return any(name in names for name in _EXCHANGES_OWN) or b"schemas.microsoft.com/exchange/services" in answer.body


def page_of(answer: Answer) -> Page:
    """What kind of answer came; a redirect to where people log in is a form, too."""
    if is_login_address(leads_to(answer)):
        return "form"
    body = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not body:
        return "empty"
    if b"schemas.xmlsoap.org/soap/envelope" in body[:2000]:
        return "soap"
    if _PASSWORD_FIELD.search(body):
        return "form"
    html = "html" in answer.header("content-type").lower() or re.match(rb"<!doctype html|<html", body, re.IGNORECASE)
    return "html" if html else "other"


def title_of(answer: Answer) -> str:
    """The title of a page, for people to recognise it by; the beginning of a body that has none."""
    match = _TITLE.search(answer.body)
    words = re.sub(rb"<[^>]{0,400}>|\s+", b" ", match[1] if match else answer.body[:2000])
    return printable(b" ".join(words.split()), 200)


def leads_to(answer: Answer) -> str:
    """Where a redirect leads (RFC 9110, 15.4), "" where the answer is none or names no usable address."""
    if answer.status not in (301, 302, 303, 307, 308):
        return ""
    try:
        target = urljoin(answer.url, answer.header("location")) if answer.header("location") else ""
        return target if urlsplit(target).hostname else ""
    except ValueError:
        return ""


def is_login_address(url: str) -> bool:
    """Whether people log in at this address, by its path."""
    return _LOGIN_ADDRESS.search(url) is not None


def windows_error(answer: Answer) -> str:
    """The Windows error that IIS gives in a detailed error page, such as 0x8007052e, "" where it gives none."""
    match = re.search(rb"\b0x8[0-9a-f]{7}\b", answer.body, re.IGNORECASE)
    return match[0].decode().lower() if match else ""


def without_query(url: str) -> str:
    """An address for evidence: without user, query and fragment."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return printable(f"{parts.scheme}://{host}{port}{parts.path}".encode(), 500)


@dataclass(frozen=True, slots=True)
class Soap:
    """What a SOAP answer of EWS says; every part is "" where it is not there."""

    code: str = ""
    fault: str = ""
    text: str = ""
    version: str = ""
    messages: int | None = None
    values: tuple[tuple[str, str], ...] = ()


def read_soap(body: bytes) -> Soap | None:
    """A GetFolder answer or a SOAP fault, None for what is neither. Entities and DTDs are refused."""
    root = parse_xml(body)
    if root is None or _local(root.tag) != "Envelope":
        return None
    found: dict[str, Any] = {}
    values: list[tuple[str, str]] = []
    for element in root.iter():
        name, text = _local(element.tag), printable((element.text or "").strip().encode(), _PRINTED)
        match name:
            case "ServerVersionInfo":
                found["version"] = _version(element.attrib)
            case "ResponseCode" | "faultcode" | "TotalCount":
                found.setdefault(name, text)
            case "MessageText" | "faultstring" | "Message" if text:
                found.setdefault("text", text)
            case "Value" if element.get("Name"):
                values.append((printable(str(element.get("Name")).encode(), 80), text[:200]))
    total = found.get("TotalCount", "")
    named = found.get("faultcode", "").rpartition(":")[2]
    return Soap(
        code=found.get("ResponseCode") or (named if named.startswith("Error") else ""),
        fault=found.get("faultcode", ""),
        text=found.get("text", ""),
        version=found.get("version", ""),
        messages=int(total) if total.isdecimal() and len(total) < 12 else None,  # noqa: PLR2004 - a count
        values=tuple(values[:10]),
    )


def parse_xml(body: bytes) -> Any:
    """The root of an XML document, None for what is none or holds what is dangerous."""
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415 - only where XML came

    from defusedxml import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import fromstring  # noqa: PLC0415

    try:
        return fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _version(attributes: Mapping[str, str]) -> str:
    """Exchange's version as Microsoft lists it, such as 15.2.1544.4."""
    numbers: Sequence[str] = [
        attributes.get(n, "") for n in ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
    ]
    return ".".join(number for number in numbers if number.isdecimal())[:40]
