"""docs/security.md: every threat says how it is held and by which tests, and those exist."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PARTS = ("Who, what", "Held by", "Remains", "Tests")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
THREATS = {
    part.partition("\n")[0].strip(): part for part in re.split(r"^### ", re.sub(r"^## .*", "", TEXT, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
}  # fmt: skip
NAMED = sorted({match.groups() for match in _TEST.finditer(TEXT)})


@functools.cache
def functions_of(path: str) -> frozenset[str]:
    """The test functions of a file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, functions)
    )


@pytest.mark.parametrize("threat", THREATS)
def test_every_threat_has_all_its_parts(threat: str) -> None:
    text = THREATS[threat]
    assert [part for part in PARTS if f"* **{part}:**" not in text] == []
    for part in PARTS[:-1]:
        said = text.partition(f"* **{part}:**")[2].partition("* **")[0].strip()
        assert said, part
    assert _TEST.findall(text.partition("* **Tests:**")[2])


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_named_test_exists(path: str, name: str) -> None:
    assert name in functions_of(path)


def test_every_test_of_abuse_is_named_for_a_threat() -> None:
    """A file of tests/abuse that holds no threat here was forgotten in the document."""
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "abuse").glob("test_*.py")}
    assert files - {path for path, _ in NAMED} == set()


def test_the_threats_are_many_and_differ() -> None:
    assert len(THREATS) >= 36
    assert len(re.findall(r"^### ", TEXT, flags=re.MULTILINE)) == len(THREATS)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    packages = [line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith(("#", "-"))]
    assert len(packages) > 20
    assert [package for package in packages if not re.fullmatch(r"[\w.\[\]-]+==[\w.!+]+", package)] == []
