"""Autoconfig files to servers: the client configuration format 1.1 that Thunderbird and others read."""

import re
from collections.abc import Mapping

from bot.core.model import Endpoint, Security, Service

_TYPES: Mapping[str, Service] = {"imap": "imap", "pop3": "pop", "smtp": "smtp"}
_SECURITY: Mapping[str, Security] = {"SSL": "tls", "STARTTLS": "starttls"}
_HOST = re.compile(r"(?=.{1,253}\Z)(?!.*\.\d+\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+\Z")
_MAX_PORT = 65535


def read_autoconfig(body: bytes, domain: str) -> dict[Service, Endpoint]:
    """The first protected server of each service, {} for what is no such file. Entities and DTDs are refused."""
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415 - only where a file was found

    from defusedxml import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import fromstring  # noqa: PLC0415

    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return {}
    found: dict[Service, Endpoint] = {}
    for server in (*root.iter("incomingServer"), *root.iter("outgoingServer")):
        service = _TYPES.get(server.get("type", ""))
        texts = {name: (server.findtext(name) or "").strip() for name in ("hostname", "port", "socketType")}
        host = texts["hostname"].replace("%EMAILDOMAIN%", domain).lower()
        security = _SECURITY.get(texts["socketType"].upper())
        if service is None or security is None or not is_host(host) or not texts["port"].isdecimal():
            continue
        if 0 < int(texts["port"][:6]) <= _MAX_PORT:
            found.setdefault(service, Endpoint(host, int(texts["port"]), security))
    return found


def is_host(name: str) -> bool:
    """Whether a name that a stranger's DNS or file gives can be a server's: DNS itself allows any bytes in it."""
    return _HOST.match(name) is not None


def autoconfig_urls(domain: str) -> tuple[str, ...]:
    """Where a domain publishes its file, best first; plain http last: many hosts have no certificate for it."""
    query = f"?emailaddress=postmaster%40{domain}"
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml{query}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
        f"http://autoconfig.{domain}/mail/config-v1.1.xml{query}",
    )
