"""Installation in several workspaces: slack_sdk's stores over ours, with everything sealed."""

import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from bot.store.installations import Installations
from handlers.slack.seal import Seal

STATE_SECONDS = 600
_quiet = logging.getLogger("slack_bolt.install")


class SealedInstallations(AsyncInstallationStore):
    """One bot a workspace or organisation; what people could be granted besides is not asked for and not kept."""

    def __init__(self, table: Installations, seal: Seal, clock: Callable[[], float] = time.time) -> None:
        self._table, self._seal, self._clock = table, seal, clock

    @property
    def logger(self) -> logging.Logger:
        return _quiet

    async def async_save(self, installation: Installation) -> None:
        await self.async_save_bot(installation.to_bot())

    async def async_save_bot(self, bot: Bot) -> None:
        enterprise, team = bot.enterprise_id or "", "" if bot.is_enterprise_install else bot.team_id or ""
        sealed = self._seal.close(json.dumps(_plain(bot)))
        await self._table.put(_name(enterprise, team), enterprise, team, sealed, self._clock())

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        team = "" if is_enterprise_install else team_id or ""
        sealed = await self._table.get(_name(enterprise_id or "", team))
        opened = self._seal.open(sealed) if sealed is not None else None
        return Bot(**json.loads(opened)) if opened is not None else None

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,  # noqa: ARG002 - slack_sdk's signature; there are no grants of people
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        bot = await self.async_find_bot(
            enterprise_id=enterprise_id, team_id=team_id, is_enterprise_install=is_enterprise_install
        )
        return _installation(bot) if bot is not None else None

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        await self._table.delete_team(enterprise_id or "", team_id or "")

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """A person's own grant ended: nothing of it was kept."""


def _name(enterprise: str, team: str) -> str:
    return f"slack:{enterprise}:{team}"


def _plain(bot: Bot) -> dict[str, Any]:
    return dict(vars(bot))


def _installation(bot: Bot) -> Installation:
    return Installation(
        app_id=bot.app_id,
        enterprise_id=bot.enterprise_id,
        enterprise_name=bot.enterprise_name,
        team_id=bot.team_id,
        team_name=bot.team_name,
        bot_token=bot.bot_token,
        bot_id=bot.bot_id,
        bot_user_id=bot.bot_user_id,
        bot_scopes=bot.bot_scopes,
        bot_refresh_token=bot.bot_refresh_token,
        bot_token_expires_at=bot.bot_token_expires_at,
        user_id="",
        is_enterprise_install=bot.is_enterprise_install,
        installed_at=bot.installed_at,
    )


class SignedStates(AsyncOAuthStateStore):
    """The state of an installation's way: signed, good for ten minutes and once. The browser has it in a cookie."""

    def __init__(self, table: Installations, key: str, clock: Callable[[], float] = time.time) -> None:
        self._table, self._key, self._clock = table, key.encode(), clock

    @property
    def logger(self) -> logging.Logger:
        return _quiet

    async def async_issue(self, *_: Any, **__: Any) -> str:
        body = f"{int(self._clock())}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self._sign(body)}"

    async def async_consume(self, state: str) -> bool:
        body, _, proof = state.rpartition(".")
        made = body.partition(".")[0]
        if not hmac.compare_digest(proof.encode(), self._sign(body).encode()) or not made.isdecimal():
            return False
        fresh = 0 <= self._clock() - int(made) <= STATE_SECONDS
        return fresh and await self._table.once(f"slack:state:{body}", self._clock())

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, b"migcheck.state:" + body.encode(), "sha256").hexdigest()
