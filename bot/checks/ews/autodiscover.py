"""Where a domain's EWS is: Autodiscover without credentials (MS-OXDSCLI, MS-OXWSADISC), through the network guard.

A server that answers is believed; one that only asks for credentials is Exchange all the same, whose EWS stands beside
its Autodiscover. The secret is not used here: it would be a second log-in.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from bot.checks.ews import wire
from bot.checks.ews.http import Talk, line_to, open_line
from bot.checks.link.faults import NETWORK_ERRORS, Malformed
from bot.checks.link.line import Line, Net
from bot.core.exchange import EWS_PATH, read_ews
from bot.core.intake import InputError
from bot.core.model import Endpoint

POX = "/autodiscover/autodiscover.xml"
SOAP = "/autodiscover/autodiscover.svc"
_PATIENCE = 8.0
"""Seconds after which a place that has not answered is done without."""
_HOPS = 4
_UNAUTHORISED, _OK = 401, 200
_ASKS_POX = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
    "<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>"
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>"
    "</Request></Autodiscover>"
)
_ASKS_SOAP = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover"'
    ' xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soap:Header><a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion>"
    "<wsa:Action>http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings</wsa:Action>"
    "</soap:Header><soap:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User>"
    "<a:Mailbox>{address}</a:Mailbox></a:User></a:Users><a:RequestedSettings><a:Setting>ExternalEwsUrl</a:Setting>"
    "<a:Setting>InternalEwsUrl</a:Setting></a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage>"
    "</soap:Body></soap:Envelope>"
)


@dataclass(frozen=True, slots=True)
class Told:
    """What an Autodiscover answer says: EWS addresses, the one for use from outside first, and where else to ask."""

    ews: tuple[str, ...] = ()
    url: str = ""
    address: str = ""


def read_answer(body: bytes) -> Told:
    """An answer in POX or SOAP; nothing is told where it is neither."""
    root = wire.parse_xml(body)
    if root is None:
        return Told()
    outside: list[str] = []
    inside: list[str] = []
    url, address, kind, name = "", "", "", ""
    for element in root.iter():
        tag, text = str(element.tag).rpartition("}")[2], (element.text or "").strip()[:500]
        match tag:
            case "Type":
                kind = text.upper()
            case "Name":
                name = text
            case "EwsUrl" if text:
                (outside if kind in ("EXPR", "EXHTTP") else inside).append(text)
            case "Value" if name == "ExternalEwsUrl" and text:
                outside.append(text)
            case "Value" if name == "InternalEwsUrl" and text:
                inside.append(text)
            case "RedirectUrl" if text:
                url = text
            case "RedirectAddr" | "RedirectTarget" if text:
                url, address = (text, address) if "://" in text else (url, text)
    return Told(tuple(dict.fromkeys(outside + inside)), url, address)


async def find_ews(net: Net, domain: str) -> tuple[Endpoint | None, str, tuple[str, ...]]:
    """The EWS address, how it was found, and the places that were asked. The best place that tells wins."""
    places = [(f"https://autodiscover.{domain}{POX}", "autodiscover"), (f"https://{domain}{POX}", "autodiscover")]
    srv = await net.questions.ask(f"_autodiscover._tcp.{domain}", "SRV")
    places += [
        (f"https://{record}{POX}", "autodiscover srv") for record in srv.records[:2] if not record.startswith(".:")
    ]
    places.append((f"http://autodiscover.{domain}{POX}", "autodiscover redirect"))
    tasks = [asyncio.create_task(_ask(net, url, f"postmaster@{domain}")) for url, _ in places]
    try:
        for task, (_, source) in zip(tasks, places, strict=True):
            found = await task
            if found is not None:
                return found, source, tuple(url for url, _ in places)
    finally:
        for task in tasks:
            task.cancel()
    return None, "", tuple(url for url, _ in places)


async def _ask(net: Net, url: str, address: str) -> Endpoint | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            for _ in range(_HOPS):
                answer = await (_redirect(net, url) if url.startswith("http://") else _post(net, url, address))
                if (target := wire.leads_to(answer)) and not wire.is_login_address(target):
                    url = target
                    continue
                told = read_answer(answer.body) if answer.status == _OK else Told()
                if told.ews:
                    return _usable(told.ews)
                if not told.url and not told.address:
                    return _beside(answer)
                address = told.address or address
                url = told.url or f"https://autodiscover.{address.rpartition('@')[2]}{POX}"
    except (*NETWORK_ERRORS, Malformed):
        pass
    return None


def _usable(urls: Sequence[str]) -> Endpoint | None:
    """The first EWS address that is one; what a server names is not what somebody typed."""
    for url in urls:
        try:
            found = read_ews(url)
        except InputError:
            continue
        return Endpoint(found.host, found.port, "tls", found.url)
    return None


def _beside(answer: wire.Answer) -> Endpoint | None:
    """EWS at the server whose Autodiscover asks for credentials as Exchange does."""
    parts = urlsplit(answer.url)
    windows = {"NTLM", "Negotiate"} & set(wire.schemes_of(answer)) or wire.of_exchange(answer)
    if answer.status != _UNAUTHORISED or not windows or parts.hostname is None:
        return None
    return _usable([f"https://{parts.netloc}{EWS_PATH}"])


async def _post(net: Net, url: str, address: str) -> wire.Answer:
    """The answer in POX, or in SOAP where there is no POX."""
    line = line_to(net, url, any_port=net.policy.any_port)
    try:
        if await open_line(line) is not None:
            raise Malformed("no connection")
        talk = Talk(line)
        answer = await talk.ask(url, body=_ASKS_POX.format(address=escape(address)).encode())
        if answer.status in (404, 405) and url.lower().endswith(POX):
            other = url[: -len(POX)] + SOAP
            answer = await talk.ask(other, body=_ASKS_SOAP.format(address=escape(address)).encode())
        return answer
    finally:
        line.close()


async def _redirect(net: Net, url: str) -> wire.Answer:
    """The answer to GET without TLS: only its redirect is looked at, nothing is told there (MS-OXDISCO, 3.1.5)."""
    parts = urlsplit(url)
    line = Line(net, Endpoint(parts.hostname or "", parts.port or 80, "starttls"), "ews")
    line.any_port = (parts.port or 80) == 80 or net.policy.any_port  # noqa: PLR2004 - http
    try:
        if await open_line(line) is not None:
            raise Malformed("no connection")
        answer = await Talk(line).ask(url, method="GET")
        return wire.Answer(answer.url, answer.status, answer.headers, b"")
    finally:
        line.close()
