"""`doctor` says with which letters the picture for support can be drawn."""

import shutil
from pathlib import Path

import pytest

from bot.fonts import FOLDERS, PACKAGE, fonts_for
from bot.health.surroundings import _fonts, check_fonts
from bot.settings import Settings


def test_without_any_font_there_is_no_picture(tmp_path: Path) -> None:
    found = _fonts((tmp_path, tmp_path / "none"))
    assert (found.mark, "no picture" in found.found) == ("warn", True)
    assert PACKAGE in found.todo


@pytest.mark.skipif(not fonts_for("en"), reason="needs any font")
def test_without_japanese_and_chinese_it_is_in_english(tmp_path: Path) -> None:
    shutil.copy(next(path for folder in FOLDERS for path in folder.rglob("DejaVuSans.ttf")), tmp_path)
    found = _fonts((tmp_path,))
    assert (found.mark, "in English" in found.found) == ("warn", True)


@pytest.mark.skipif(not (fonts_for("ja") and fonts_for("zh")), reason="needs fonts-noto-cjk")
async def test_with_them_all_is_well() -> None:
    [found] = await check_fonts(Settings())
    assert found.mark == "pass"


def test_a_bold_face_is_found_beside_the_plain_one(tmp_path: Path) -> None:
    for name in (
        "NotoSansCJK-Regular.ttc",
        "NotoSansCJK-Bold.ttc",
        "DejaVuSans.ttf",
        "DejaVuSans-Bold.ttf",
        "ipag.ttf",
        "notes.txt",
    ):
        (tmp_path / name).touch()
    names = {lang: [Path(path).name for path in fonts_for(lang, (tmp_path,))] for lang in ("ja", "en")}
    assert names == {
        "ja": ["NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc"],
        "en": ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"],
    }
