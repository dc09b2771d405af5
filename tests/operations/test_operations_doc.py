"""docs/operations.md tells of everything that operators meet: log lines, metrics, parts, settings, files."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import metrics

ROOT = Path(__file__).resolve().parent.parent.parent
TOLD = (ROOT / "docs" / "operations.md").read_text()
LEVELS = {"debug", "info", "warning", "error", "exception"}


def log_lines() -> Iterator[tuple[str, str]]:
    """Level and words of every line that the bot can write."""
    for folder in ("bot", "handlers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="_log"), attr=level), args=[said, *_]):
                        assert isinstance(said, ast.Constant), (
                            f"{path}:{node.lineno}: what changes is a value of its own"
                        )
                        yield level, said.value


@pytest.mark.parametrize(("level", "said"), sorted(set(log_lines())))
def test_every_line_of_the_log_is_explained(level: str, said: str) -> None:
    assert f"| {said} | {level} |" in TOLD


def test_no_line_is_explained_that_is_never_written() -> None:
    table = TOLD.partition("| line | level |")[2].partition("\n\n")[0]
    rows = {(level, said) for said, level in re.findall(r"^\| (.*?) \| (\w+) \|", table, re.MULTILINE)}
    assert {level for level, _ in rows} <= LEVELS
    assert rows == set(log_lines())


def test_every_metric_is_explained() -> None:
    for family in metrics.REGISTRY.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}" in TOLD or name.startswith("process_"), name


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TOLD):
        path, _, anchor = target.partition("#")
        if path and "://" not in path:
            assert (ROOT / "docs" / path).exists(), target
        elif anchor:
            titles = {
                re.sub(r"[^\w\- ]", "", line[3:].lower()).replace(" ", "-")
                for line in TOLD.splitlines()
                if line.startswith("## ")
            }
            assert anchor in titles, target


def test_nothing_leads_to_the_page_that_it_replaced() -> None:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "app.yaml"]:
        assert "operators.md" not in path.read_text(), path
