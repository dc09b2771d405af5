"""After a sign-in with Microsoft: IMAP and SMTP of the same account, with the token that the sign-in brought.

So what is switched off there is told apart from the sign-in itself. The token is wiped when both are through.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot.checks.link.line import Net
from bot.core.cloud_mail import ACCESS, SERVERS, MailAccess
from bot.core.model import Service
from bot.core.providers import Match
from bot.engine.chain import Chain, Gate


def mail_chains(m365: Chain, net: Net) -> Mapping[Service, Chain]:
    """A chain for each mail service that the token is good for; none where something is wrong with the sign-in."""
    access: MailAccess | None = m365.line.memory.pop(ACCESS, None)
    if access is None:
        return {}
    if any(step.status not in ("pass", "warn") for step in m365.results):
        access.token.wipe()
        return {}
    check = replace(m365.check, secret=access.token)
    # Each has a gate of its own: what one service says of a token tells nothing of the other, and locks nobody out.
    return {
        service: Chain(check, service, net.line(service, SERVERS[service]), Gate((service,)))
        for service in access.services
    }


async def walk_mail(
    chains: Mapping[Service, Chain], deadline: float, provider: Callable[[], Awaitable[Match | None]]
) -> None:
    """All of them, side by side; then their token is wiped."""
    try:
        async with asyncio.TaskGroup() as together:
            for chain in chains.values():
                together.create_task(chain.walk(deadline, provider))
    finally:
        for chain in chains.values():
            if chain.check.secret is not None:
                chain.check.secret.wipe()
