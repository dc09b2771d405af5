"""Groups that a report may be shown in: the bot and the person are both members, and nobody of elsewhere is."""

import asyncio
from dataclasses import dataclass
from typing import Any

from handlers.lark.api import Api, Lost, Refused
from handlers.lark.inbound import Where

_MOST_GROUPS, _MOST_PAGES = 20, 20
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    name: str
    external: bool = False
    """Whether people of other organisations read along."""


class Groups:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def shared_with(self, where: Where, origin: str = "") -> list[Group]:
        """The groups of bot and person, the one where the command was typed first. Those of elsewhere are left out."""
        try:
            answer = await self._api.call("GET", "/open-apis/im/v1/chats", patience=_PATIENCE, page_size="100")
        except (Refused, Lost):
            return []
        listed = [_group(item) for item in answer.get("items") or () if item.get("chat_mode") != "p2p"]
        own = [group for group in listed if not group.external]
        own.sort(key=lambda group: group.id != origin)
        member = await asyncio.gather(*(self.has(group.id, where.user) for group in own[:_MOST_GROUPS]))
        return [group for group, inside in zip(own, member, strict=False) if inside]

    async def find(self, chat: str) -> Group | None:
        """A group that the bot is a member of. Raises Refused or Lost."""
        answer = await self._api.call("GET", f"/open-apis/im/v1/chats/{chat}", patience=_PATIENCE)
        return _group({**answer, "chat_id": chat})

    async def has(self, chat: str, user: str) -> bool:
        """Whether a person is a member of a group; not where that cannot be told."""
        page = ""
        for _ in range(_MOST_PAGES):
            query = {"member_id_type": "open_id", "page_size": "100"} | ({"page_token": page} if page else {})
            try:
                path = f"/open-apis/im/v1/chats/{chat}/members"
                answer = await self._api.call("GET", path, None, patience=_PATIENCE, **query)
            except (Refused, Lost):
                return False
            if any(item.get("member_id") == user for item in answer.get("items") or ()):
                return True
            page = str(answer.get("page_token") or "")
            if not answer.get("has_more") or not page:
                return False
        return False


def _group(item: Any) -> Group:
    return Group(str(item.get("chat_id") or ""), str(item.get("name") or "?"), item.get("external") is True)
