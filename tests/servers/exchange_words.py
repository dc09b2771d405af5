"""What a fake Exchange answers: pages, folders, SOAP faults and Autodiscover, as the real one words them."""

from dataclasses import dataclass, field

OWA_FORM = (
    b'<!DOCTYPE html><html><head><title>Outlook</title></head><body><form action="/owa/auth.owa" method="POST">'
    b'<input name="username"><input type="password" name="password"></form></body></html>'
)
IIS_401_1 = (
    b"<html><head><title>401 - Unauthorized: Access is denied due to invalid credentials.</title></head>"
    b"<body><h2>401 - Unauthorized: Access is denied due to invalid credentials.</h2></body></html>"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. `hang` never answers, `reset` hangs up instead."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/html; charset=utf-8"
    hang: bool = False
    reset: bool = False


_XML = "text/xml; charset=utf-8"
_VERSION = (
    '<h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" Version="V2017_07_11"'
    ' xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/>'
)


def folder_reply(code: str, messages: int = 12) -> Reply:
    """The answer to GetFolder, as Exchange 2019 words it."""
    folder = (
        f"<m:Folders><t:Folder><t:DisplayName>Inbox</t:DisplayName><t:TotalCount>{messages}</t:TotalCount></t:Folder></m:Folders>"
        if code == "NoError"
        else ""
    )
    kind = "Success" if code == "NoError" else "Error"
    text = "" if code == "NoError" else f"<m:MessageText>{code} in words.</m:MessageText>"
    body = (
        '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<s:Header>{_VERSION}</s:Header><s:Body>"
        '<m:GetFolderResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
        ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>'
        f'<m:GetFolderResponseMessage ResponseClass="{kind}">{text}<m:ResponseCode>{code}</m:ResponseCode>{folder}'
        "</m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse></s:Body></s:Envelope>"
    )
    return Reply(200, body.encode(), kind=_XML)


def soap_fault(code: str, text: str, values: str = "") -> Reply:
    """A SOAP fault of EWS, which comes with status 500."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        f'<faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:{code}</faultcode>'
        f'<faultstring xml:lang="en-US">{text}</faultstring><detail>'
        f'<e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">{code}</e:ResponseCode>'
        f'<e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">{text}</e:Message>{values}'
        "</detail></s:Fault></s:Body></s:Envelope>"
    )
    return Reply(500, body.encode(), kind=_XML)


def busy() -> Reply:
    """Throttling, with how long to stay away in milliseconds."""
    values = (
        '<t:MessageXml xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
        '<t:Value Name="BackOffMilliseconds">297749</t:Value></t:MessageXml>'
    )
    return soap_fault("ErrorServerBusy", "The server cannot service this request right now. Try again later.", values)


def autodiscovered(url: str) -> Reply:
    """An Autodiscover answer in POX that names an EWS address (MS-OXDSCLI, 2.2.4.1)."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">'
        '<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account>'
        "<AccountType>email</AccountType><Action>settings</Action>"
        f"<Protocol><Type>EXCH</Type><EwsUrl>{url}</EwsUrl></Protocol></Account></Response></Autodiscover>"
    )
    return Reply(200, body.encode(), kind=_XML)
