"""What answers at an EWS address, and what EWS says to a log-in and an impersonation, to findings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bot.checks.judging import Setting
from bot.checks.link import judge as link_judge
from bot.checks.words import understand
from bot.core.exchange import Account, form_to_type, is_exchange_online, read_logon, same_domain
from bot.core.model import ConnectFacts, DnsFacts, Endpoint, Fault, Finding
from bot.core.web import DomainNames, EwsReply, HttpFacts

_TAKING_PASSWORDS = frozenset({"NTLM", "Negotiate", "Basic"})
_SERVER_ERROR = 500
_STATUS = {
    403: "ews.forbidden",
    404: "ews.not_found",
    408: "ews.timeout",
    410: "ews.not_found",
    429: "login.rate_limited",
    440: "ews.form_login",  # IIS: the log-in of a form has timed out
    456: "login.web_login_required",  # Exchange Online and Outlook.com: blocked until a log-in on the web
    457: "login.password_expired",
}
_OWN = {
    "ErrorMissingEmailAddress": "ews.account_without_mailbox",
    "ErrorNonExistentMailbox": "ews.account_without_mailbox",
    "ErrorAccessDenied": "ews.forbidden",
}
_IMPERSONATED = {
    "ErrorImpersonateUserDenied": "ews.impersonation_denied",
    "ErrorImpersonationDenied": "ews.impersonation_denied",
    "ErrorImpersonationFailed": "ews.impersonation_denied",
    "ErrorAccessDenied": "ews.impersonation_denied",
    "ErrorNonExistentMailbox": "ews.mailbox_not_found",
    "ErrorMissingEmailAddress": "ews.mailbox_not_found",
    "ErrorInvalidSmtpAddress": "ews.mailbox_not_found",
    "ErrorNonPrimarySmtpAddress": "ews.mailbox_not_found",
    "ErrorInvalidUserPrincipalName": "ews.mailbox_not_found",
    "ErrorInvalidUserSid": "ews.mailbox_not_found",
}
_EITHER = {
    "ErrorServerBusy": "login.rate_limited",
    "ErrorExceededConnectionCount": "login.too_many_connections",
    "ErrorAccountDisabled": "login.account_disabled",
    "ErrorPasswordExpired": "login.password_expired",
    "ErrorPasswordChangeRequired": "login.password_expired",
    "ErrorTimeoutExpired": "ews.timeout",
}
"""Response codes of EWS (MS-OXWSCDATA, 2.2.5.24); every other one is the server's own trouble."""
_WINDOWS = {
    "0x80070533": "login.account_disabled",
    "0x80070775": "login.account_locked",
    "0x80070532": "login.password_expired",
    "0x80070773": "login.password_expired",
    "0x80070701": "login.account_disabled",  # the account has expired
    "0x80070569": "login.blocked_by_policy",  # this kind of log-on is not granted
    "0x80070530": "login.blocked_by_policy",  # not at this hour
    "0x80070531": "login.blocked_by_policy",  # not from this machine
}
"""System error codes, which IIS shows where detailed errors are on (Microsoft, "System Error Codes 1300-1699")."""


_ALSO_401 = ("login.wrong_credentials", "login.username_format", "login.account_locked", "login.password_expired")
"""What a bare 401 can mean besides, likeliest first."""


def judge_endpoint(facts: HttpFacts | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [_no_answer(facts, setting)]
    evidence = _seen(facts)
    moved = _moved(facts, setting)
    if facts.broken is not None:
        return [*_beyond(facts, setting), *moved]
    if any(is_exchange_online(urlsplit(url).hostname or "") for url in (facts.url, _address(setting))):
        return [setting.finding("ews.forbidden", service="Exchange Online", **evidence), *moved]
    code = _endpoint_code(facts)
    return [*([setting.finding(code, **evidence)] if code else []), *moved]


def _no_answer(fault: Fault, setting: Setting) -> Finding:
    evidence = {"detail": fault.detail, "server": fault.heard, "url": _address(setting)}
    if fault.kind == "tls_alert":
        return setting.finding("tls.client_certificate_required", **evidence)
    code = {"timeout": "ews.timeout", "malformed": "ews.not_exchange", "overflow": "ews.not_exchange"}.get(fault.kind)
    return setting.finding(code or "ews.server_error", **evidence)


def _endpoint_code(facts: HttpFacts) -> str:
    """The code of what keeps EWS from being asked at all, "" where a log-in can be tried."""
    if facts.status == 401:  # noqa: PLR2004 - Unauthorized
        usable = _TAKING_PASSWORDS.intersection(facts.schemes) - set(facts.deaf)
        return "" if usable else "ews.scheme_unsupported"
    return _page_code(facts.status, facts.page)


def _page_code(status: int, page: str) -> str:
    """What a web page, a redirect or an error means where EWS should be. Pages for people are told by their kind."""
    if status in _STATUS:
        return _STATUS[status]
    if status >= _SERVER_ERROR:
        return "ews.server_error"
    return "ews.form_login" if page == "form" else "ews.not_exchange"


def _seen(facts: HttpFacts) -> dict[str, Any]:
    return {
        "url": facts.url,
        "status": facts.status,
        "headers": dict(facts.headers),
        "offered": list(facts.schemes),
        "not_answered": list(facts.deaf),
        "location": facts.location,
        "title": facts.title,
        "redirects": list(facts.redirects),
    }


def _moved(facts: HttpFacts, setting: Setting) -> list[Finding]:
    """That EWS lives elsewhere than was typed: by a redirect, or since the typed address had to be corrected."""
    typed = setting.endpoint.typed if setting.endpoint else ""
    if not typed and not facts.redirects:
        return []
    use = facts.redirects[-1] if facts.redirects else facts.url
    return [
        setting.finding("ews.redirected", typed=typed or _address(setting), use=use, redirects=list(facts.redirects))
    ]


def _beyond(facts: HttpFacts, setting: Setting) -> list[Finding]:
    """A redirect led to a server that cannot be reached, or not safely: judged as that server's own steps would be."""
    target = facts.redirects[-1]
    parts = urlsplit(target)
    there = replace(setting, endpoint=Endpoint(parts.hostname or "", parts.port or 443, "tls", target))
    match facts.broken:
        case DnsFacts():
            found = link_judge.judge_dns(facts.broken, there)
        case ConnectFacts() | Fault():
            found = link_judge.judge_connect(facts.broken, there)
        case _:
            found = link_judge.judge_tls(facts.broken, there)
    return [replace(finding, evidence={**finding.evidence, "url": target}) for finding in found]


def _address(setting: Setting) -> str:
    return setting.endpoint.url if setting.endpoint else ""


def judge_login(facts: EwsReply | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [_silent(facts, setting, "login.timeout")]
    if facts.opened:
        return []
    if facts.refused_mechanism:
        return [setting.finding("ews.scheme_unsupported", **_said(facts))]
    if facts.status == 401:  # noqa: PLR2004 - Unauthorized
        return [_refused(facts, setting)]
    return [setting.finding(_code_of(facts, {**_EITHER, **_OWN}), **_said(facts))]


def judge_impersonation(facts: EwsReply | Fault, setting: Setting) -> list[Finding]:
    if isinstance(facts, Fault):
        return [_silent(facts, setting, "ews.timeout")]
    if facts.opened:
        return []
    if facts.status == 401:  # noqa: PLR2004 - Unauthorized: it was let in a moment ago
        return [setting.finding("ews.server_error", **_said(facts))]
    return [setting.finding(_code_of(facts, {**_EITHER, **_IMPERSONATED}), **_said(facts))]


def _silent(fault: Fault, setting: Setting, timeout: str) -> Finding:
    if fault.kind == "malformed":
        return setting.finding("ews.server_error", detail=fault.detail, server=fault.heard)
    code = timeout if fault.kind == "timeout" else "login.connection_closed"
    return setting.finding(code, detail=fault.detail, server=fault.heard)


def _code_of(facts: EwsReply, codes: Mapping[str, str]) -> str:
    """EWS's own code where it gave one; otherwise what the page or the error is."""
    if facts.accepted:
        return codes.get(facts.code, "ews.server_error")
    return _page_code(facts.status, facts.page)


def _refused(facts: EwsReply, setting: Setting) -> Finding:
    """401 after the credentials: Windows does not tell why, so what else is known decides between password and form."""
    evidence = _said(facts)
    if facts.code in _WINDOWS:
        return setting.finding(_WINDOWS[facts.code], **evidence)
    account = read_logon(setting.account or "")
    if _form_cannot_work(account, facts.domain):
        login_domain = facts.domain.dns if facts.domain else ""
        named = form_to_type(_without_login_domain(account), account.mail_domain or None, login_domain)
        return setting.finding(
            "login.username_format",
            alternatives=["login.wrong_credentials"],
            login_domain=login_domain,
            type_as=named if login_domain and named != setting.account else None,
            **evidence,
        )
    told = understand(f"HTTP 401 Unauthorized. {facts.text}", replace(setting, provider=None), "login", facts.mechanism)
    code = (
        told.code if told.code.startswith("login.") and told.code != "login.unrecognised" else "login.wrong_credentials"
    )
    others = [other for other in _ALSO_401 if other != code]
    return setting.finding(code, confidence=round(told.confidence, 2), alternatives=others, **evidence)


def _without_login_domain(account: Account) -> str:
    """The account without the log-in domain that was typed, to be put together anew."""
    return f"{account.user}@{account.mail_domain}" if account.mail_domain else account.user


def _form_cannot_work(account: Account, names: DomainNames | None) -> bool:
    """Whether the log-in domain that was typed, or the lack of one, does not fit what the server calls its domain."""
    if not account.login_domain and not account.mail_domain:
        return True
    if names is None or not names.dns:  # a machine in no domain: its names say nothing
        return False
    typed = account.login_domain or account.mail_domain
    own = {name.lower() for name in (names.dns, names.netbios, names.forest, names.computer) if name}
    return typed.lower() not in own and not any(same_domain(name, typed) for name in own)


def _said(facts: EwsReply) -> dict[str, Any]:
    return {
        "status": facts.status,
        "response_code": facts.code,
        "fault": facts.fault,
        "server": facts.text or facts.title,
        "exchange_version": facts.version,
        "mechanism": facts.mechanism,
        "offered": list(facts.offered),
        "headers": dict(facts.headers),
        "mailbox": facts.mailbox,
        "domain": {k: v for k, v in _names(facts.domain).items() if v},
        "values": dict(facts.values),
    }


def _names(domain: DomainNames | None) -> dict[str, str]:
    return {"netbios": domain.netbios, "dns": domain.dns, "forest": domain.forest} if domain else {}
