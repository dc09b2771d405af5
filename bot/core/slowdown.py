"""Servers that ask to be left alone: which ones do so in a report, and for how long. Pure; the store remembers it.

Only the host that said so is left alone: another server of the same check may belong to somebody else, and nobody shall
be able to have a stranger's provider left alone by naming it beside a server of his own.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.core.model import Finding, Report

SLOW_DOWN = "login.rate_limited"
UNNAMED = 15 * 60.0
"""Seconds for which a server is left alone that names no time."""
LONGEST = 24 * 3600.0
"""Seconds at most, whatever a server names: its words may have been misread."""
_SHORTEST = 60.0
_UNITS = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "秒": 1, "秒钟": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "分": 60, "分間": 60, "分钟": 60, "分鐘": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "時間": 3600, "小时": 3600, "小時": 3600,
}  # fmt: skip
_SPAN = re.compile(
    rf"(?<![\d.])(\d{{1,6}})\s?({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![a-z])", re.IGNORECASE
)
_NUMBER = re.compile(r"\d{1,9}\Z", re.ASCII)
_MILLISECONDS = "BackOffMilliseconds"
"""EWS names in it how long to wait after ErrorServerBusy (Microsoft, "EWS throttling in Exchange")."""


def asked_to_wait(report: Report) -> Mapping[str, float]:
    """The hosts that ask to be left alone, and for how many seconds."""
    found: dict[str, float] = {}
    for step in report.steps:
        waits = [named_wait(finding.evidence) for finding in step.findings if _says_so(finding)]
        host = host_of(step.target or "")
        if waits and host:
            found[host] = max(found.get(host, 0.0), *waits)
    return found


def _says_so(finding: Finding) -> bool:
    """Whether it is the finding itself, or what the words of a greeting or a mailbox mean."""
    return SLOW_DOWN in (finding.code, finding.evidence.get("means"))


def named_wait(evidence: Mapping[str, Any]) -> float:
    """How many seconds a server wants to be left alone, by the longest time that it names; within bounds."""
    named = max(_named(evidence), default=UNNAMED)
    return min(max(named, _SHORTEST), LONGEST)


def _named(evidence: Mapping[str, Any]) -> Iterator[float]:
    headers, values = evidence.get("headers") or {}, evidence.get("values") or {}
    if _NUMBER.match(after := str(headers.get("retry-after", ""))):
        yield float(after)
    if _NUMBER.match(after := str(values.get(_MILLISECONDS, ""))):
        yield float(after) / 1000
    for match in _SPAN.finditer(str(evidence.get("server", ""))[:2000]):
        yield float(match[1]) * _UNITS[match[2].lower()]


def host_of(target: str) -> str:
    """The host of a step's target: HOST, HOST:PORT, [ADDRESS]:PORT or a URL."""
    try:
        return urlsplit(target if "://" in target else f"//{target}").hostname or ""
    except ValueError:
        return ""
