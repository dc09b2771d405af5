"""What was seen over HTTP, as facts: what answers at an address, and what Exchange Web Services said."""

from dataclasses import dataclass, field
from typing import Any, Literal

Page = Literal["soap", "form", "html", "empty", "other"]
"""What kind of thing a response's body is; `form` is a page on which people log in."""


HELD_BACK = "no secret"
"""In a line's memory: the step because of which no secret goes to where a redirect led."""

FOLLOWED = "log-in follows"
"""In a line's memory: whether a log-in will be tried, which tells the server's names without a question of its own."""


@dataclass(frozen=True, slots=True)
class DomainNames:
    """The names that a Windows server tells of its domain to whoever begins an NTLM log-in (MS-NLMP, 2.2.2.1)."""

    netbios: str = ""
    dns: str = ""
    forest: str = ""
    computer: str = ""


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """What answers at an EWS address to a client without credentials.

    `schemes` are the offered authentication schemes in their usual spelling; `deaf` those that were offered and did not
    take an NTLM message. `redirects` are the addresses that the client was sent to, `url` is the last one asked.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    schemes: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()
    page: Page = "empty"
    title: str = ""
    exchange: bool = False
    """Whether the answer has marks that only Exchange leaves."""
    redirects: tuple[str, ...] = ()
    location: str = ""
    """Where the last answer leads to, where that was not followed."""
    domain: DomainNames | None = None
    broken: Any = None
    """The facts of DNS, connection or TLS that ended the way to where a redirect leads."""


@dataclass(frozen=True, slots=True)
class EwsReply:
    """The answer to GetFolder with credentials. `code` is the EWS response code, `fault` the SOAP fault's code.

    `accepted` is whether the credentials were, which is less than whether the folder could be read (`opened`).
    """

    status: int
    accepted: bool
    mechanism: str
    code: str = ""
    fault: str = ""
    text: str = ""
    version: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    offered: tuple[str, ...] = ()
    page: Page = "empty"
    title: str = ""
    messages: int | None = None
    domain: DomainNames | None = None
    mailbox: str = ""
    """Whose mailbox was asked for, where it is not the account's own."""
    attempts: int = 1
    refused_mechanism: bool = False
    values: tuple[tuple[str, str], ...] = field(default=())
    """Further values of a SOAP fault, such as how long to wait."""

    @property
    def opened(self) -> bool:
        return self.accepted and self.code == "NoError"
