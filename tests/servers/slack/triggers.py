"""trigger_ids: each opens one view, within three seconds."""

import secrets
import time

from tests.servers.slack.state import Refused


class Triggers:
    def __init__(self) -> None:
        self._open: dict[str, tuple[str, float]] = {}

    def make(self, user: str) -> str:
        name = f"{secrets.randbelow(10**9)}.{secrets.token_hex(8)}"
        self._open[name] = (user, time.monotonic() + 3.0)
        return name

    def use(self, name: str) -> str:
        """Who pressed; raises Refused for one that is used, unknown or too old."""
        user, until = self._open.pop(name, ("", 0.0))
        if not user:
            raise Refused("invalid_trigger")
        if until < time.monotonic():
            raise Refused("expired_trigger_id")
        return user
