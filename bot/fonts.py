"""Fonts of this machine with which pictures are lettered, found by the names of their files."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.core.model import Lang

FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".local/share/fonts",
    Path.home() / ".fonts",
)
PACKAGE = "fonts-noto-cjk"
"""Debian's package with letters of all three languages."""
_CJK = ("NotoSansCJK-Regular.ttc",)
_NAMES: Mapping[Lang, tuple[str, ...]] = {
    "ja": (*_CJK, "NotoSansCJKjp-Regular.otf", "NotoSansJP-Regular.ttf", "ipaexg.ttf", "ipag.ttf"),
    "zh": (*_CJK, "NotoSansCJKsc-Regular.otf", "NotoSansSC-Regular.ttf", "wqy-zenhei.ttc", "wqy-microhei.ttc"),
    "en": ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "LiberationSans-Regular.ttf", *_CJK, "ipaexg.ttf", "ipag.ttf"),
}
"""The likeliest first. IPA's fonts lack many of the simplified Chinese characters."""


@functools.cache
def fonts_for(lang: Lang, folders: tuple[Path, ...] = FOLDERS) -> tuple[str, ...]:
    """The files of a font with a language's letters, its bold face included; empty where there is none."""
    found = _files(folders)
    name = next((one for one in _NAMES[lang] if one in found), None)
    if name is None:
        return ()
    return tuple(str(found[one]) for one in (name, _bold(name)) if one in found)


@functools.cache
def _files(folders: tuple[Path, ...]) -> Mapping[str, Path]:
    """Font files by name; the first of several of one name."""
    files: dict[str, Path] = {}
    for path in _walk(folders):
        files.setdefault(path.name, path)
    return files


def _walk(folders: tuple[Path, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*.[ot]t[cf]") if path.is_file())


def _bold(name: str) -> str:
    return name.replace("-Regular", "-Bold") if "-Regular" in name else name.replace(".", "-Bold.")
