"""Limits of use: how often something may happen within a time, and what counts as the same. Pure; the store counts."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.intake import InputError, read_domain

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LIMIT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})([smhd])\Z")
_SPAN = re.compile(r"([0-9]{1,6})([smhd])\Z")
_TAG = re.compile(r"(?<=.)[+%].*", re.DOTALL)
"""What servers take for a remark behind a user name (taro+list), or for the domain (taro%example.jp)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `times` within `seconds`."""

    times: int
    seconds: float


def read_limit(text: str) -> Limit:
    """`3/15m` and the like. Raises ValueError."""
    match = _LIMIT.match(text.strip())
    if match is None or not int(match[1]) or not int(match[2]):
        raise ValueError("not a limit; an example: 3/15m")
    return Limit(int(match[1]), int(match[2]) * _UNITS[match[3]])


def read_span(text: str) -> float:
    """`15m`, `7d` and the like, in seconds. Raises ValueError."""
    match = _SPAN.match(text.strip())
    if match is None or not int(match[1]):
        raise ValueError("not a span of time; an example: 15m")
    return int(match[1]) * _UNITS[match[2]]


def names_of_account(account: str, domain: str | None, hosts: Iterable[str] = ()) -> tuple[str, ...]:
    r"""The names under which the log-ins of an account are counted, so that no spelling of it gets tries of its own.

    Case, width, quotes, dots, what follows a plus, and a Windows domain before the name make no other account; nor does
    the mail domain, where it is left out: then the domain that is checked stands for it, or that of the servers. Two
    accounts that are counted together lose a try at most.
    """
    name = unicodedata.normalize("NFKC", account).casefold().rpartition("\\")[2]
    local, mail = (name.rpartition("@")[0], name.rpartition("@")[2]) if "@" in name else (name, "")
    local = "".join(local.strip("\"'").split())
    local = _TAG.sub("", local).replace(".", "") or local
    domains = {_plain(name) for name in (mail, domain) if name}
    if not domains:
        domains = {host.partition(".")[2] or host for host in hosts}
    return tuple(sorted(f"{local}@{domain}" for domain in domains or {""}))


def one_name_of_account(account: str, domain: str | None, hosts: Iterable[str] = ()) -> str:
    """The name for what is done with an account by one at a time.

    An address is the same account whichever domain is checked with it.
    """
    own = names_of_account(account, None)[0]
    return own if not own.endswith("@") else names_of_account(account, domain, hosts)[0]


def _plain(domain: str) -> str:
    try:
        return read_domain(domain)
    except InputError:
        return domain
