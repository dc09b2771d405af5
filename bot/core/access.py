"""Who may check what. Pure: the settings, the person and the case decide."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from bot.core.case import Case

Refusal = Literal["unknown_person", "domain", "account", "servers"]


@dataclass(frozen=True, slots=True)
class Access:
    """`domains` are those that everyone may check; without any it is the domain of each person's own mail address."""

    domains: tuple[str, ...] = ()


def is_admin(admins: Collection[str], person: str) -> bool:
    """Whether a person, named by a platform's id (the last part of our own name for them), may check everything."""
    return "*" in admins or person in admins or person.rpartition(":")[2] in admins


def domain_of(address: str | None) -> str | None:
    return address.rpartition("@")[2].lower() if address and "@" in address else None


def refusal(case: Case, access: Access | None) -> Refusal | None:
    """Why this person may not check this case, None where it is allowed. Without `access` everything is."""
    if access is None or case.admin:
        return None
    allowed = domains_for(case, access)
    if not allowed:
        return "unknown_person"
    if case.domain is None:
        return "servers"
    return None if case.domain in allowed else "domain"


def domains_for(case: Case, access: Access) -> tuple[str, ...]:
    """The domains that the case's person may check without being an administrator."""
    own = domain_of(case.address)
    return tuple(domain.lower() for domain in access.domains) or ((own,) if own else ())


def may_log_in(case: Case, access: Access | None) -> bool:
    """Whether the person may test the log-in of the case's account: a member only that of his own mail address.

    The user name alone counts as his own where the domain is that of his address: some services log in by it.
    """
    if access is None or case.admin or not case.account:
        return True
    return is_own_account(case)


def may_know(case: Case, access: Access | None) -> bool:
    """Whether the person is told the finer cause of a refused log-in (see `bot.core.privilege`)."""
    return access is None or case.admin or not case.with_secret or is_own_account(case)


def is_own_account(case: Case) -> bool:
    """Whether the account belongs to the person's own mail address."""
    if not case.address or not case.account:
        return False
    own, account = case.address.lower(), case.account.lower().rpartition("\\")[2]
    return account == own or (account == own.rpartition("@")[0] and case.domain == domain_of(own))
