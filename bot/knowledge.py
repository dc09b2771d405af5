"""The knowledge in advice/, read once and kept compiled, so that `explain` starts without YAML.

`python -m bot.knowledge` compiles it; whoever finds the compiled form older than the files compiles it again.
"""

import functools
import marshal
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ADVICE = ROOT / "advice"
LANGS = ("ja", "en", "zh")


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
    def providers(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self._load("providers")
        return found

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
    stamp = _stamp()
    folder = _cache_folder()
    return Knowledge(functools.partial(_load, folder, stamp))


def _load(folder: Path, stamp: str, part: str) -> Any:
    path = folder / f"{part}.{sys.implementation.cache_tag}"
    try:
        found, data = marshal.loads(path.read_bytes())  # noqa: S302 - written by ourselves, into our own folder
        if found == stamp:
            return data
    except (OSError, ValueError, EOFError, TypeError):
        pass
    return compile_all(folder, stamp)[part]


def _stamp() -> str:
    """Changes when any file in advice/ does, or the code that compiles them."""
    newest, count = 0, 0
    folders = [ADVICE, ADVICE / "providers", ADVICE / "texts", ROOT / "bot" / "core" / "refusal"]
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((".yaml", ".py")):
                    newest = max(newest, entry.stat().st_mtime_ns)
                    count += 1
    return f"{newest}-{count}-{os.stat(__file__).st_mtime_ns}"  # noqa: PTH116 - cheap start


def _cache_folder() -> Path:
    """Beside the program where that can be written, otherwise in the user's cache."""
    if os.access(ROOT, os.W_OK):
        return ROOT / ".cache" / "knowledge"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - cheap start
    return Path(base) / "migcheck" / "knowledge"


def compile_all(folder: Path | None = None, stamp: str | None = None) -> dict[str, Any]:
    """Read every file, and keep the result for the next start where that is possible."""
    parts = _read_all()
    folder, stamp = folder or _cache_folder(), stamp or _stamp()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, data in parts.items():
            path = folder / f"{part}.{sys.implementation.cache_tag}"
            fresh = path.with_suffix(f".{os.getpid()}.new")
            fresh.write_bytes(marshal.dumps((stamp, data)))
            fresh.replace(path)
    except OSError:
        pass  # a read-only installation works as well, only slower
    return parts


def _read_all() -> dict[str, Any]:
    from bot.core.refusal import compile_rules  # noqa: PLC0415 - only when compiling

    findings = _yaml(ADVICE / "findings.yaml")
    providers = {path.stem: _yaml(path) for path in sorted((ADVICE / "providers").glob("*.yaml"))}
    parts = {
        "severities": {code: entry["severity"] for group in findings.values() for code, entry in group.items()},
        "providers": providers,
        "rules": compile_rules(_yaml(ADVICE / "refusals.yaml"), providers, _yaml(ADVICE / "aadsts.yaml")),
        "advice": _yaml(ADVICE / "advice.yaml"),
        "links": _yaml(ADVICE / "links.yaml"),
    }
    return parts | {f"texts-{lang}": _yaml(ADVICE / "texts" / f"{lang}.yaml") for lang in LANGS}


def _yaml(path: Path) -> Any:
    import yaml  # noqa: PLC0415 - only when compiling

    with path.open(encoding="utf-8") as file:
        return _plain(yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506 - both are safe


def _plain(value: Any) -> Any:
    """What marshal can keep: dates become text."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


if __name__ == "__main__":
    compile_all()
