"""Pictures on their way into cards: Lark shows only what was uploaded before, and names it by a key.

Source: open.larksuite.com, "Upload image" (POST /open-apis/im/v1/images; 10 MB, 12,000 pixels a side, im:resource).
"""

import hashlib

import structlog

from bot.core.message import Picture
from handlers.lark.api import Api, Lost, Refused

_PATH = "/open-apis/im/v1/images"
_PATIENCE = 30.0
_MOST_KEYS = 200
_log = structlog.get_logger(__name__)


class Gallery:
    """Uploads each picture once; a key stays good for every card of the app."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._keys: dict[str, str] = {}

    async def hang(self, picture: Picture | None) -> str:
        """Lark's key of a picture; empty where there is none, or where Lark does not take it: the card goes without."""
        if picture is None or picture.png is None:
            return ""
        name = hashlib.sha256(picture.png).hexdigest()
        if name not in self._keys:
            try:
                answer = await self._api.upload(
                    _PATH, {"image_type": "message"}, "image", picture.png, patience=_PATIENCE
                )
            except (Refused, Lost) as error:
                _log.warning("a picture could not be uploaded", code=getattr(error, "code", None))
                return ""
            self._keys[name] = str(answer.get("image_key") or "")
            while len(self._keys) > _MOST_KEYS:
                del self._keys[next(iter(self._keys))]
        return self._keys[name]
