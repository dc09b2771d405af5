"""The settings that a check needs, as they were last found valid.

Loading pydantic and judging the settings takes a third of the time that a check has for itself. So what was judged is
kept, under a name made of everything it was made of: app.yaml, the environment, the code. Nothing is kept where one of
these may hold a secret; then the settings are judged every time.
"""

import contextlib
import hashlib
import marshal
import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from bot.knowledge import ROOT, cache_folder

if TYPE_CHECKING:
    from bot.settings import Settings

_SOURCES = ("app.yaml", "bot/settings.py", "bot/quick_settings.py")
_PARTS: Mapping[str, Any] = {"network": True, "discovery": True, "store": True, "m365": {"authority", "client_id"}}
_TELLING = ("TOKEN", "SECRET", "PASSWORD", "KEY", "_FILE", "CREDENTIAL")
_MOST_KEPT = 50


def quick_settings() -> "Settings":
    """Settings with the parts network, discovery, store, and of m365 what is no secret.

    Raises SettingsError, as `load_settings` does.
    """
    path = _path()
    if path is not None and (kept := _read(path)) is not None:
        return kept
    from bot.settings import load_settings  # noqa: PLC0415 - what this file is for

    settings = load_settings()
    if path is not None and "@" not in settings.store.url:
        _keep(path, settings.model_dump(mode="json", include=dict(_PARTS)))
    return settings


def _path() -> str | None:
    """Where the settings are kept, None where they may hold a secret."""
    given = sorted((name, value) for name, value in os.environ.items() if name.upper().startswith("MIGCHECK_"))
    if any("@" in value or _may_hold_a_secret(name.upper()) for name, value in given):
        return None
    try:
        made_of = [given, *((s.st_mtime_ns, s.st_size) for s in map(os.stat, (f"{ROOT}/{name}" for name in _SOURCES)))]
    except OSError:
        return None
    name = hashlib.sha256(repr(made_of).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{cache_folder('settings')}/{name[:32]}"


def _may_hold_a_secret(name: str) -> bool:
    return not name.endswith("NETWORK__CA_FILE") and any(word in name for word in _TELLING)


def _read(path: str) -> "Settings | None":
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs 2 ms
            return cast("Settings", _open_up(marshal.loads(file.read())))  # noqa: S302 - written by ourselves
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _open_up(value: Any) -> Any:
    if isinstance(value, Mapping):
        return SimpleNamespace(**{key: _open_up(part) for key, part in value.items()})
    return tuple(value) if isinstance(value, list) else value


def _keep(path: str, parts: Mapping[str, Any]) -> None:
    folder = os.path.dirname(path)  # noqa: PTH120 - as above
    with contextlib.suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
        _make_room(folder)
        fresh = f"{path}.{os.getpid()}.new"
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - as above
            file.write(marshal.dumps(dict(parts)))
        os.replace(fresh, path)  # noqa: PTH105 - as above


def _make_room(folder: str) -> None:
    """Every change of the settings leaves a file behind; the oldest go."""
    with os.scandir(folder) as entries:
        kept = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
    for _, path in kept[:-_MOST_KEPT]:
        os.unlink(path)  # noqa: PTH108 - as above
