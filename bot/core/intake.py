"""Typed words to values. What cannot be read becomes an `InputError` that names the field and shows an example."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.core.model import DEFAULT_PORTS, Endpoint, Service, endpoint
from bot.core.secret import mask_assignments

EXAMPLES = {
    "domain": "example.co.jp",
    "account": "taro@example.co.jp",
    "host": "imap.example.co.jp:993",
    "imap": "imap.example.co.jp:993",
    "smtp": "smtp.example.co.jp:465",
    "pop": "pop.example.co.jp:995",
    "port": "993",
    "ews": "https://mail.example.co.jp/EWS/Exchange.asmx",
    "mailbox": "hanako@example.co.jp",
}
_MAX_NAME = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_TOP_LABEL = re.compile(r"[a-z0-9-]{2,63}\Z")
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z")
"""A last label that some programs take for (a part of) an IPv4 address: no name ends so (URL Standard, 3.5)."""
_FULL_STOPS = str.maketrans({"。": ".", "．": ".", "｡": "."})
_FULL_WIDTH = str.maketrans({0xFF01 + place: chr(0x21 + place) for place in range(94)} | {0x3000: " "})
_MAX_PORT = 65535


@dataclass(eq=False)
class InputError(Exception):
    """What was typed in `field` cannot be used. `code` is an input.* finding; `typed` loses nothing of it."""

    code: str
    field: str
    typed: str
    hint: str = ""
    """How it should look, where that is known better than by an example."""

    @property
    def example(self) -> str:
        return self.hint or EXAMPLES.get(self.field, EXAMPLES["host"])

    def __str__(self) -> str:
        return f"{self.code}: {self.field}"


def read_domain(typed: str) -> str:
    """The domain in lower-case A-labels (IDNA 2008). A URL or a mail address is taken for its domain.

    The www of a web page's address is left out: nobody has mail addresses there.
    Raises InputError (input.domain_invalid).
    """
    text = unlink(typed).strip().translate(_FULL_STOPS)
    if "://" in text:
        text = re.sub(r"\Awww\.(?=.+\.)", "", _url_host(text))
    elif "@" in text:
        text = text.rpartition("@")[2]
    text = re.split(r"[/?#]", text, maxsplit=1)[0].strip(" <>,;\"'").removesuffix(".")
    name = _ascii_name(text)
    if name is None or "." not in name or not _TOP_LABEL.match(top := name.rpartition(".")[2]) or _NUMBER.match(top):
        raise InputError("input.domain_invalid", "domain", typed)
    return name


def read_address(typed: str) -> str:
    """A mail address with its domain in A-labels. Raises InputError (input.address_invalid)."""
    text = _bare(half_width(unlink(typed)).strip().removeprefix("mailto:"))
    local, at, domain = text.rpartition("@")
    name = _ascii_name(domain.translate(_FULL_STOPS).removesuffix("."))
    if not at or not local or name is None or "." not in name or _bad_local(local):
        raise InputError("input.address_invalid", "account", typed)
    return f"{local}@{name}"


def read_mailbox(typed: str) -> str:
    """The address of a mailbox that another account opens. Raises InputError (input.address_invalid)."""
    try:
        return read_address(typed)
    except InputError as error:
        raise InputError(error.code, "mailbox", typed) from None


def read_account(typed: str) -> str:
    r"""A log-in name: a mail address, DOMAIN\user, login.domain\user@mail.domain, or a plain user name.

    Raises InputError (input.address_invalid) for what can be none of them.
    """
    text = half_width(unlink(typed)).strip()
    if "\\" in text:
        domain, _, user = text.partition("\\")
        if domain and user and not _unprintable(text) and "\\" not in user:
            return text
        raise InputError("input.address_invalid", "account", typed)
    if "@" in text:
        return read_address(text)
    if text and not _unprintable(text) and not re.search(r"\s", text):
        return text
    raise InputError("input.address_invalid", "account", typed)


def read_endpoint(typed: str, service: Service) -> Endpoint:
    """HOST[:PORT] of a service; the port defaults to the one of implicit TLS.

    Raises InputError (input.host_invalid, input.port_invalid).
    """
    text = half_width(unlink(typed)).strip().translate(_FULL_STOPS)
    if "://" in text:
        text = text.partition("://")[2].partition("/")[0]
    text = text.rstrip("/")
    host, port = _split_port(text)
    name = _host(host)
    if name is None:
        raise InputError("input.host_invalid", service, typed)
    if port is None:
        return endpoint(name, DEFAULT_PORTS[service])
    if not port.isdecimal() or not port.isascii() or not 0 < int(port[:6]) <= _MAX_PORT:
        raise InputError("input.port_invalid", service, typed)
    return endpoint(name, int(port))


def _bare(text: str) -> str:
    """The text without what people paste around it; quotes of a local part stay (RFC 5321, 4.1.2)."""
    text = text.strip(" <>,;'")
    return text if '"@' in text else text.strip(' <>,;"')


def unlink(text: str) -> str:
    """The text with a chat platform's automatic links undone: `<http://example.jp|example.jp>`, `<mailto:a@b|a@b>`."""
    return re.sub(r"<(?:[a-z]+:[^|<>]*)\|([^<>]*)>", r"\1", text)


def half_width(text: str) -> str:
    """Letters, digits and signs that were typed in full width (U+FF01 to U+FF5E, U+3000) as ASCII."""
    return text.translate(_FULL_WIDTH)


def _split_port(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        host = host if ":" in host else ""  # only IPv6 addresses stand in brackets (RFC 3986, 3.2.2)
        return host, rest.removeprefix(":") if rest.startswith(":") else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, port.strip() if colon else None


def _host(text: str) -> str | None:
    """A host name or address in canonical form, None where it is neither."""
    text = text.strip().removesuffix(".")
    name = text if ":" in text else _ascii_name(text)
    try:
        return str(ipaddress.ip_address(name or ""))
    except ValueError:
        return None if name is None or ":" in name or _NUMBER.match(name.rpartition(".")[2]) else name


def _ascii_name(text: str) -> str | None:
    """The name in lower-case A-labels, None where it is no host name (RFC 1123, IDNA 2008 with UTS 46 mapping)."""
    text = text.lower()
    if not text.isascii():
        import idna  # noqa: PLC0415 - its tables are large and few names need them

        try:
            text = idna.encode(text, uts46=True).decode()
        except idna.IDNAError:
            return None
    elif "xn--" in text:
        import idna  # noqa: PLC0415 - as above

        try:
            idna.decode(text)
        except idna.IDNAError:
            return None
    if not text or len(text) > _MAX_NAME:
        return None
    return text if all(_LABEL.match(label) for label in text.split(".")) else None


def _bad_local(local: str) -> bool:
    if local.startswith('"') and local.endswith('"') and len(local) > 2:  # noqa: PLR2004 - two quotes
        return _unprintable(local)
    return len(local) > 64 or bool(re.search(r"[\s<>()\[\],;:\\\"@]", local)) or _unprintable(local)  # noqa: PLR2004 - RFC 5321 4.5.3.1.1


def _unprintable(text: str) -> bool:
    return not text.isprintable()


def _url_host(text: str) -> str:
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


def evidence_of(error: InputError) -> Mapping[str, Any]:
    """The finding's evidence: the field, what was typed and an example. Cut, since anything can be typed.

    What looks like a password is masked: in addresses it stands before the host.
    """
    typed = mask_assignments(re.sub(r"(?<=://)\S*@|^(?!mailto:)[^\s:/@]+:\S*@", "", error.typed.strip()))
    typed = "".join(c if c.isprintable() else "�" for c in typed)
    return {"field": error.field, "typed": typed[:300], "example": error.example}
