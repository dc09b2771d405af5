"""The native slash command, where there is one: Feishu has them since 2026; the text form works everywhere.

Source: open.feishu.cn, "Feishu agents support Slash Command" (/open-apis/application/v7/app_slash_commands).
"""

from collections.abc import Mapping
from typing import Any

import structlog

from bot.core.model import LANGS
from handlers.lark.api import Api, Lost, Refused
from handlers.lark.request import COMMAND
from handlers.lark.view import LOCALES
from handlers.lark.words import Words

_PATH = "/open-apis/application/v7/app_slash_commands"
_PATIENCE = 20.0
_log = structlog.get_logger(__name__)


async def register(api: Api, words: Words) -> None:
    """Create the command, or correct its description. Where Lark does not have them, nothing is lost."""
    wanted = command(words)
    try:
        listed = (await api.call("GET", _PATH, patience=_PATIENCE)).get("items") or ()
        known = next((one for one in listed if one.get("command") == wanted["command"]), None)
        if known is None:
            await api.call("POST", _PATH, wanted, patience=_PATIENCE)
        elif known.get("description") != wanted["description"]:
            await api.call("PATCH", f"{_PATH}/{known['command_id']}", wanted, patience=_PATIENCE)
    except (Refused, Lost) as error:
        _log.info("no native slash command here; the text does the same", code=getattr(error, "code", None))


def command(words: Words) -> Mapping[str, Any]:
    said = {LOCALES[lang]: words.of(lang)["form.start"] for lang in LANGS}
    return {"command": COMMAND.lstrip("/"), "description": {"default_value": said["en_us"], "i18n": said}}
