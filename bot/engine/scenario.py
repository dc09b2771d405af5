"""Which of the five situations a check is of."""

from collections.abc import Mapping

from bot.core.model import Endpoint, Request, Scenario, Service
from bot.core.providers import Match


def is_exchange(request: Request) -> bool:
    """Whether EWS is to be checked and nothing else need be looked for."""
    return request.scenario == "exchange" or "ews" in request.endpoints


def is_m365(request: Request) -> bool:
    """Whether the source is Microsoft 365, where administrators sign in by themselves."""
    return request.scenario == "m365"


def scenario_of(typed: Mapping[Service, Endpoint], match: Match | None) -> Scenario:
    """What `auto` comes to: servers typed by hand, or a cloud service that needs account and password only."""
    if "ews" in typed:
        return "exchange"
    if typed or match is None or match.kind in ("gateway", "destination", "suite"):
        return "manual"
    return "saas" if match.servers() else "manual"
