"""What every judge is given besides the facts, and how a finding is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.model import Endpoint, Finding, Severity


@dataclass(frozen=True, slots=True)
class Setting:
    """The circumstances of one step: which server, whose, and the knowledge to judge by."""

    severities: Mapping[str, Severity]
    now: float
    service: str = "domain"
    endpoint: Endpoint | None = None
    provider: Mapping[str, Any] | None = None
    account: str | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)
    mechanisms: tuple[str, ...] = ()
    token: bool = False
    """Whether the log-in is by an access token that was made for it a moment ago, and not by a password."""

    def finding(self, code: str, **evidence: Any) -> Finding:
        """A finding with the severity of the catalogue; evidence without a value is left out."""
        return Finding(
            code, self.severities[code], {k: v for k, v in evidence.items() if v not in (None, "", (), [], {})}
        )
