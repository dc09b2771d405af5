"""The settings of a mail program that works, from what people paste: lines off the screen, autoconfig, mobileconfig.

Pure. Outlook, Foxmail, Thunderbird and Apple Mail, in Japanese, English and Chinese.
"""

import plistlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.core.intake import InputError, read_endpoint
from bot.core.model import DEFAULT_PORTS, SERVICES, Endpoint, Service

Protection = Literal["tls", "starttls", "none"]
_MAX_TEXT = 200_000
_KINDS: Mapping[str, Service] = {"imap": "imap", "pop3": "pop", "smtp": "smtp"}
_PROTECTIONS: Mapping[str, Protection] = {
    "SSL": "tls",
    "STARTTLS": "starttls",
    "TLS": "starttls",
    "PLAIN": "none",
    "NONE": "none",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One server as the program has it; `protection` None where it was not told."""

    host: str
    port: int | None = None
    protection: Protection | None = None

    def endpoint(self, service: Service) -> Endpoint:
        """The same server for a check. A program may go without protection; the check goes by the port."""
        port = self.port or DEFAULT_PORTS[service]
        return read_endpoint(f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}", service)


@dataclass(frozen=True, slots=True)
class ProgramSettings:
    servers: Mapping[Service, Setting] = field(default_factory=dict)
    user: str | None = None


def read_program(text: str) -> ProgramSettings | None:
    """The settings in a text, None where there are none. Never raises."""
    text = text[:_MAX_TEXT]
    found = _autoconfig(text) or _mobileconfig(text) or _lines(text)
    return found if found and found.servers else None


def _autoconfig(text: str) -> ProgramSettings | None:
    """Thunderbird's format (clientConfig) and Outlook's Autodiscover answer."""
    start = text.find("<")
    if start < 0 or not re.search(r"<clientConfig|<Autodiscover", text):
        return None
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415 - only for such files

    from defusedxml import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import fromstring  # noqa: PLC0415

    try:
        root = fromstring(text[start:].encode(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    servers: dict[Service, Setting] = {}
    user = None
    for server in (*root.iter("incomingServer"), *root.iter("outgoingServer")):
        kind = _KINDS.get(server.get("type", "").lower())
        setting = _setting(server.findtext("hostname"), server.findtext("port"), server.findtext("socketType"))
        if kind and setting:
            servers.setdefault(kind, setting)
            user = user or server.findtext("username")
    for protocol in root.iter():
        name = protocol.tag.rpartition("}")[2]
        if name == "Protocol":
            texts = {child.tag.rpartition("}")[2]: child.text for child in protocol}
            kind = _KINDS.get((texts.get("Type") or "").lower())
            protection = "SSL" if texts.get("SSL") == "on" else texts.get("Encryption")
            setting = _setting(texts.get("Server"), texts.get("Port"), protection)
            if kind and setting:
                servers.setdefault(kind, setting)
                user = user or texts.get("LoginName")
    return ProgramSettings(servers, user)


def _mobileconfig(text: str) -> ProgramSettings | None:
    """Apple's configuration profile; of a signed one the readable part."""
    start, end = text.find("<plist"), text.find("</plist>")
    if start < 0 or end < 0 or "<!ENTITY" in text:
        return None
    try:
        profile = plistlib.loads(b'<?xml version="1.0"?>' + text[start : end + 8].encode(), fmt=plistlib.FMT_XML)
        payloads = [p for p in profile.get("PayloadContent", ()) if isinstance(p, dict)]
    except Exception:  # noqa: BLE001 - plistlib raises whatever its parsers do
        return None
    for payload in payloads:
        if (found := _mail_payload(payload)) is not None:
            return found
    return None


def _mail_payload(payload: Mapping[str, Any]) -> ProgramSettings | None:
    if payload.get("PayloadType") != "com.apple.mail.managed":
        return None
    incoming: Service = "pop" if "POP" in str(payload.get("EmailAccountType", "")).upper() else "imap"
    servers: dict[Service, Setting] = {}
    for service, prefix in ((incoming, "IncomingMailServer"), ("smtp", "OutgoingMailServer")):
        protection = "SSL" if payload.get(f"{prefix}UseSSL") else "none"
        setting = _setting(payload.get(f"{prefix}HostName"), payload.get(f"{prefix}PortNumber"), protection)
        if setting:
            servers[service] = setting
    return ProgramSettings(servers, payload.get("IncomingMailServerUsername"))


_HOST = re.compile(
    r"(?<![\w@.-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]|\d{1,3}(?:\.\d{1,3}){3})"
    r"(?::(\d{2,5}))?(?![\w@.-]|\.\w)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
"""It begins only where a word does: begun at every letter it would take the square of a text's length."""
_SECTION: tuple[tuple[Service | Literal["incoming"], re.Pattern[str]], ...] = (
    ("smtp", re.compile(r"(?i)smtp|送信|outgoing|发件|發件|发送|寄件|外发")),
    ("imap", re.compile(r"(?i)imap")),
    ("pop", re.compile(r"(?i)pop3?\b")),
    ("incoming", re.compile(r"(?i)受信|incoming|收件|接收|收信")),
)
_PORT = re.compile(
    r"(?i)(?:ポート(?:番号)?|\bport(?: number)?|端口(?:号)?|連接埠|埠)\s{0,9}(?:[(（].{0,40}?[)）])?"
    r"\s{0,9}[:：=は为]?\s{0,9}(\d{2,5})"
)
_BARE_PORT = re.compile(r"(?<![\d.])(993|143|465|587|995|110|25|2525)(?![\d.])")
_USER = re.compile(
    r"(?i)(?:ユーザー?\s*名|アカウント名|ログイン\s*(?:名|ID)|user\s*name|login(?: name)?|account(?: name)?"
    r"|用户名|帐号|账号|使用者名稱)\s{0,9}[:：=]?\s{0,9}([^\s,、;；]+)"
)
_UNPROTECTED = re.compile(
    r"(?i)(?:ssl|tls|暗号化|encryption|security|セキュリティ|加密)[^\n]{0,24}"
    r"(?:なし|無効|使用しない|none|off\b|disabled|\bno\b|无|不使用|未启用|关闭)|暗号化なし|平文|unencrypted|不加密"
)
_PROTECTION: tuple[tuple[Protection, re.Pattern[str]], ...] = (
    ("starttls", re.compile(r"(?i)start\s*tls")),
    ("none", _UNPROTECTED),
    ("tls", re.compile(r"(?i)ssl|tls|暗号化|加密")),
)


def _lines(text: str) -> ProgramSettings | None:
    """Lines as they stand on the screen. A line that names a service begins its part; what follows belongs to it."""
    servers: dict[Service, Setting] = {}
    user = None
    current: Service | None = None
    incoming: Service = "pop" if re.search(r"(?i)\bpop3?\b", text) and not re.search(r"(?i)imap", text) else "imap"
    parts = [part for line in text.splitlines() for part in re.split(r"[;；、，]|,\s", line)]
    for part in parts:
        named = next((service for service, pattern in _SECTION if pattern.search(_ADDRESS.sub("", part))), None)
        if named is not None:
            current = incoming if named == "incoming" else named
        match = _USER.search(part)
        user = user or (match[1] if match else None)
        host = _HOST.search(_ADDRESS.sub(" ", part))
        if host and current and (named or current not in servers):
            servers.setdefault(current, Setting(host[1].lower(), int(host[2]) if host[2] else None))
        if current in servers:
            servers[current] = _completed(servers[current], part, after=host)
    told = sum(setting.port is not None or setting.protection is not None for setting in servers.values())
    return ProgramSettings(servers, user) if told and len(parts) > 1 else None


def _completed(setting: Setting, part: str, after: re.Match[str] | None) -> Setting:
    rest = part[after.end() :] if after else part
    port = _PORT.search(part) or _BARE_PORT.search(rest)
    protection = next((kind for kind, pattern in _PROTECTION if pattern.search(part)), None)
    return Setting(setting.host, setting.port or (int(port[1]) if port else None), setting.protection or protection)


def _setting(host: object, port: object, protection: object) -> Setting | None:
    if not isinstance(host, str) or not host.strip():
        return None
    number = int(str(port)) if port is not None and str(port).strip().isdecimal() else None
    try:
        read_endpoint(f"{host.strip()}:{number or 993}", "imap")
    except InputError:
        return None
    return Setting(host.strip().lower(), number, _PROTECTIONS.get(str(protection or "").upper()))


@dataclass(frozen=True, slots=True)
class Difference:
    """One compared value: `field` is host, port, protection or user, of a service; `same` says whether they agree."""

    service: Service | None
    field: str
    migration: str
    program: str
    same: bool


def compare(
    settings: ProgramSettings, endpoints: Mapping[Service, Endpoint], account: str | None
) -> tuple[Difference, ...]:
    """What the migration was told beside what the mail program has. A missing value differs."""
    rows: list[Difference] = []
    for service in SERVICES:
        theirs, ours = settings.servers.get(service), endpoints.get(service)
        if theirs is None:
            continue
        rows.append(_row(service, "host", ours.host if ours else "", theirs.host))
        if theirs.port is not None:
            rows.append(_row(service, "port", str(ours.port) if ours else "", str(theirs.port)))
        if theirs.protection is not None:
            rows.append(_row(service, "protection", ours.security if ours else "", theirs.protection))
    if settings.user is not None:
        rows.append(_row(None, "user", account or "", settings.user))
    return tuple(rows)


def _row(service: Service | None, name: str, ours: str, theirs: str) -> Difference:
    return Difference(service, name, ours, theirs, ours.casefold() == theirs.casefold())
