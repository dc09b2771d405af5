"""The mail servers of Exchange Online, and the tokens for them that a sign-in brings."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.model import Endpoint, Service
from bot.core.secret import Secret

SERVERS: Mapping[Service, Endpoint] = {
    "imap": Endpoint("outlook.office365.com", 993, "tls"),
    "smtp": Endpoint("smtp.office365.com", 587, "starttls"),
}
"""Those of the worldwide cloud."""
SCOPES: Mapping[Service, str] = {
    "imap": "https://outlook.office.com/IMAP.AccessAsUser.All",
    "smtp": "https://outlook.office.com/SMTP.Send",
}
"""Microsoft: Authenticate an IMAP, POP or SMTP connection using OAuth."""
RESOURCE = "https://outlook.office.com"
ACCESS = "mail access"
"""Under this name the sign-in leaves a MailAccess in the memory of its line, until somebody takes it."""


class Token(Secret):
    """An access token for a mail service: XOAUTH2 speaks it, and no mechanism that takes passwords."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MailAccess:
    """A token for the mailbox of whoever signed in, and the services that it is good for."""

    token: Token
    services: tuple[Service, ...]


def services_in(scope: str) -> tuple[Service, ...]:
    """The mail services that granted scopes open; they come back with or without their resource."""
    granted = {word.rpartition("/")[2].lower() for word in scope.split()}
    return tuple(service for service, name in SCOPES.items() if name.rpartition("/")[2].lower() in granted)
