"""Limits of use: how often something may happen within a time, and what counts as the same. Pure; the store counts."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
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


def longest(limits: Iterable[Limit]) -> float:
    """How long a use has to be remembered."""
    return max((limit.seconds for limit in limits), default=0.0)


def free_at(limits: Iterable[Limit], uses: Sequence[float], now: float) -> float | None:
    """When the next use is allowed, None where it is now. `uses` are the times of earlier ones, in any order."""
    free: float | None = None
    for limit in limits:
        within = sorted(at for at in uses if at + limit.seconds > now)
        if len(within) >= limit.times:
            until = within[len(within) - limit.times] + limit.seconds
            free = until if free is None else max(free, until)
    return free


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


def _plain(domain: str) -> str:
    try:
        return read_domain(domain)
    except InputError:
        return domain
