r"""Exchange as people type it: the address of EWS, and an account (DOMAIN\user, login.domain\user@mail.domain)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from bot.core.intake import InputError, half_width, read_endpoint, unlink
from bot.core.model import Endpoint

EWS_PATH = "/EWS/Exchange.asmx"
_OTHER_DOORS = re.compile(
    r"/(?:(?:owa|ecp|ews|exchange|public|mapi|rpc|oab|powershell|autodiscover|microsoft-server-activesync)(?:/.*)?)?\Z",
    re.IGNORECASE,
)
"""Paths of Exchange's other virtual directories, which people copy from their browser's address line."""
_NETBIOS = 15
_HTTPS, _HTTP = 443, 80
_PATH_SAFE = "/%:@!$&*+,;=()~'"
_IN_THE_CLOUD = re.compile(
    r"(?:\A|\.)(?:outlook\.office365\.com|outlook\.office\.com|outlook\.com|outlook\.office365\.us|outlook\.office\.de"
    r"|partner\.outlook\.cn|outlook\.cn|mail\.protection\.outlook\.com)\Z"
)


def read_ews(typed: str) -> Endpoint:
    """The EWS address that was meant. `typed` is kept in the endpoint where it had to be corrected.

    The address of OWA, ECP or the bare server becomes that of EWS, http becomes https. A path that is none of
    Exchange's stays, since somebody may have put EWS there. Raises InputError (input.url_invalid).
    """
    text = half_width(unlink(typed)).strip().strip("<>").strip()
    parts = _split(text if "://" in text else f"https://{text}", typed)
    try:
        where = read_endpoint(parts.netloc, "ews")
    except InputError:
        raise _invalid(typed) from None
    port = _HTTPS if where.port == _HTTP else where.port
    host = f"[{where.host}]" if ":" in where.host else where.host
    path = EWS_PATH if _OTHER_DOORS.match(parts.path or "/") else parts.path.rstrip("/")
    url = f"https://{host}{'' if port == _HTTPS else f':{port}'}{quote(path, safe=_PATH_SAFE)}"
    meant = parts.scheme.lower() == "https" and port == where.port and parts.path.rstrip("/").lower() == path.lower()
    return Endpoint(where.host, port, "tls", url, "" if meant else text[:300])


def _split(text: str, typed: str) -> SplitResult:
    """The parts of a URL that can be asked. Raises InputError."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _invalid(typed) from None
    clean = text.isprintable() and not re.search(r"\s", text) and "\\" not in text
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc or "@" in parts.netloc or not clean:
        raise _invalid(typed)
    return parts


def _invalid(typed: str) -> InputError:
    """The error, without what may be a password in the address."""
    return InputError("input.url_invalid", "ews", re.sub(r"//[^/]*@", "//", typed))


def is_exchange_online(host: str) -> bool:
    """Whether a host is Microsoft's own, where EWS is blocked (since 2026-10-01) and taken away (2027-04-01)."""
    return _IN_THE_CLOUD.search(host) is not None


@dataclass(frozen=True, slots=True)
class Account:
    r"""An account as it was typed: who logs in, at which Windows domain, and the mail address.

    `login.domain\user@mail.domain` is how the migration page wants it where log-in domain and mail domain differ.
    """

    user: str
    """The name without any domain."""
    login_domain: str = ""
    mail_domain: str = ""

    @property
    def login_name(self) -> str:
        r"""What the server is told: DOMAIN\user, else the address (as user principal name), else the name alone."""
        if self.login_domain:
            return f"{self.login_domain}\\{self.user}"
        return f"{self.user}@{self.mail_domain}" if self.mail_domain else self.user


def read_logon(account: str) -> Account:
    """The parts of an account that `read_account` took."""
    domain, backslash, name = account.rpartition("\\")
    user, at, mail_domain = name.rpartition("@")
    return Account(user if at else name, domain if backslash else "", mail_domain.lower() if at else "")


def same_domain(login_domain: str, mail_domain: str) -> bool:
    """Whether a Windows domain, by its DNS or NetBIOS name, is taken for the mail domain's own."""
    login, mail = login_domain.lower().removesuffix("."), mail_domain.lower()
    return login == mail or ("." not in login and login == mail.partition(".")[0][:_NETBIOS])


def form_to_type(account: str, domain: str | None, login_domain: str = "") -> str:
    """The account as it is typed into the migration page; `login_domain` where the server has told it."""
    known = read_logon(account)
    mail, login = known.mail_domain or domain or "", known.login_domain or login_domain
    if not mail:
        return account
    address = f"{known.user}@{mail}"
    return address if not login or same_domain(login, mail) else f"{login}\\{address}"


Evidence = Mapping[str, str]


def fault_in_names(account: str | None, mailbox: str | None, domain: str | None) -> tuple[str, Evidence] | None:
    """Why the migration page cannot take these names, whatever the server says: a code and its evidence, else None."""
    if domain is None:
        return None
    known = read_logon(account) if account else Account("")
    for field, typed, own in (("account", account, known.mail_domain), ("mailbox", mailbox, _domain_of(mailbox))):
        if own and own != domain:
            return "input.domain_mismatch", {"field": field, "typed": typed or "", "account_domain": own}
    if known.login_domain and not known.mail_domain and not same_domain(known.login_domain, domain):
        type_as = form_to_type(account or "", domain)
        names = {"login_domain": known.login_domain, "type_as": type_as}
        return "input.account_format", {"field": "account", "typed": account or "", **names}
    return None


def _domain_of(address: str | None) -> str:
    return (address or "").rpartition("@")[2].lower()
