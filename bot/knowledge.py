"""The knowledge in advice/, kept compiled, so that `explain` starts without YAML.

`python -m bot.knowledge` compiles it, and the code as well; whoever finds it older than the files compiles it again.
"""

import functools
import marshal
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib costs 2 ms
_SOURCES = ("advice", "advice/providers", "advice/texts", "bot/core/refusal", "bot/compiling.py")
Provider = Mapping[str, Any]


class Knowledge:
    """The parts of the knowledge, each loaded when it is first asked for."""

    def __init__(self, load: Callable[[str], Any]) -> None:
        self._load = load

    @functools.cached_property
    def severities(self) -> Mapping[str, Any]:
        """Finding code -> severity."""
        found: Mapping[str, Any] = self._load("severities")
        return found

    @functools.cached_property
    def _packed_providers(self) -> Mapping[str, bytes]:
        found: Mapping[str, bytes] = self._load("providers")
        return found

    @functools.cached_property
    def providers(self) -> Mapping[str, Provider]:
        return {name: marshal.loads(packed) for name, packed in self._packed_providers.items()}  # noqa: S302 - as below

    def provider(self, name: str | None) -> Provider | None:
        """One provider by its id, None where there is none; the others are not unpacked for it."""
        packed = self._packed_providers.get(name or "")
        return None if packed is None else marshal.loads(packed)  # noqa: S302 - as below

    @functools.cached_property
    def rules(self) -> Mapping[str, Any]:
        """What `bot.core.refusal.explain` works with."""
        found: Mapping[str, Any] = self._load("rules")
        return found

    @functools.cached_property
    def advice(self) -> Mapping[str, Any]:
        """Commands, pieces and which piece belongs to which finding."""
        found: Mapping[str, Any] = self._load("advice")
        return found

    @functools.cached_property
    def links(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._load("links")
        return found

    @functools.lru_cache(maxsize=8)  # noqa: B019 - there is one Knowledge in a process
    def texts(self, lang: str) -> Mapping[str, Any]:
        """All words of a language."""
        found: Mapping[str, Any] = self._load(f"texts-{lang}")
        return found


@functools.cache
def knowledge() -> Knowledge:
    """The knowledge of this installation, compiled first where that is due."""
    return Knowledge(functools.partial(_load, cache_folder("knowledge"), _stamp()))


def _load(folder: str, stamp: str, part: str) -> Any:
    try:
        with open(part_file(folder, part), "rb") as file:  # noqa: PTH123 - as above
            found, data = marshal.loads(file.read())  # noqa: S302 - written by ourselves, into our own folder
        if found == stamp:
            return data
    except (OSError, ValueError, EOFError, TypeError):
        pass
    return compile_all(folder, stamp)[part]


def part_file(folder: str, part: str) -> str:
    return f"{folder}/{part}.{sys.implementation.cache_tag}"


def _stamp() -> str:
    """Changes when any file in advice/ does, or the code that compiles them."""
    newest, count = 0, 0
    for source in _SOURCES:
        path = f"{ROOT}/{source}"
        if source.endswith(".py"):
            newest = max(newest, os.stat(path).st_mtime_ns)  # noqa: PTH116 - as above
            continue
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.endswith((".yaml", ".py")):
                    newest = max(newest, entry.stat().st_mtime_ns)
                    count += 1
    return f"{newest}-{count}"


def cache_folder(name: str) -> str:
    """Beside the program where that can be written, otherwise in the user's cache."""
    if os.access(ROOT, os.W_OK):
        return f"{ROOT}/.cache/{name}"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - as above
    return f"{base}/migcheck/{name}"


def compile_all(folder: str | None = None, stamp: str | None = None) -> dict[str, Any]:
    """Read every file, and keep the result for the next start where that is possible."""
    from bot.compiling import keep, read_all  # noqa: PLC0415 - YAML is slow

    parts = read_all()
    keep(parts, folder or cache_folder("knowledge"), stamp or _stamp())
    return parts


if __name__ == "__main__":
    import compileall

    compile_all()
    for package in ("bot", "handlers"):  # the first start should not be the slow one
        compileall.compile_dir(f"{ROOT}/{package}", quiet=1)
