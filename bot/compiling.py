"""The files in advice/ to the parts of `bot.knowledge`, and those to files of their own."""

import marshal
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.core.refusal import compile_rules
from bot.knowledge import ROOT, part_file

ADVICE = Path(ROOT) / "advice"
LANGS = ("ja", "en", "zh")


def read_all() -> dict[str, Any]:
    """Every part by its name. Each provider is packed by itself, since most commands need one or none."""
    findings = _yaml(ADVICE / "findings.yaml")
    providers = {path.stem: _yaml(path) for path in sorted((ADVICE / "providers").glob("*.yaml"))}
    parts = {
        "severities": {code: entry["severity"] for group in findings.values() for code, entry in group.items()},
        "providers": {name: marshal.dumps(provider) for name, provider in providers.items()},
        "rules": compile_rules(_yaml(ADVICE / "refusals.yaml"), providers, _yaml(ADVICE / "aadsts.yaml")),
        "advice": _yaml(ADVICE / "advice.yaml"),
        "links": _yaml(ADVICE / "links.yaml"),
    }
    return parts | {f"texts-{lang}": _yaml(ADVICE / "texts" / f"{lang}.yaml") for lang in LANGS}


def keep(parts: Mapping[str, Any], folder: str, stamp: str) -> None:
    """Write each part with its stamp; where that cannot be, everything works as well, only slower."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for part, data in parts.items():
            path = Path(part_file(folder, part))
            fresh = path.with_suffix(f".{os.getpid()}.new")
            fresh.write_bytes(marshal.dumps((stamp, data)))
            fresh.replace(path)
    except OSError:
        pass


def _yaml(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        return _plain(yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506 - both are safe


def _plain(value: Any) -> Any:
    """What marshal can keep: dates become text."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
