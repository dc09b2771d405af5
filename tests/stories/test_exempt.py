"""The table of what a surface does not have is true: it names stories that there are, and gives reasons."""

import ast
from pathlib import Path

import pytest

from tests.stories.conftest import SURFACES
from tests.stories.exempt import EXEMPT, GAPS, SECOND, SOMETIMES, TOLD_ONCE, Reasons, by_way, why_not

HERE = Path(__file__).parent
KINDS = {name.partition("-")[0] for name in SURFACES}


def stories() -> dict[str, set[str]]:
    """By story, the fixtures that it takes."""
    found: dict[str, set[str]] = {}
    for path in HERE.glob("test_*.py"):
        if path.name == Path(__file__).name:
            continue
        for part in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(part, ast.AsyncFunctionDef | ast.FunctionDef) and part.name.startswith("test_"):
                assert part.name not in found, f"two stories are called {part.name}"
                found[part.name] = {argument.arg for argument in part.args.args}
    return found


def test_every_story_is_told_on_every_surface() -> None:
    assert {name for name, fixtures in stories().items() if "stage" not in fixtures} == set()


@pytest.mark.parametrize("table", [EXEMPT, GAPS])
def test_what_is_left_out_exists_and_says_why(table: Reasons) -> None:
    assert set(table) <= set(stories())
    for reasons in table.values():
        assert set(reasons) <= KINDS | set(SURFACES)
        assert all(len(why) > 20 and why.endswith(".") for why in reasons.values())
    assert all((HERE / f"{module}.py").exists() for module in TOLD_ONCE)
    assert set(SECOND) <= set(SURFACES)
    assert set(SOMETIMES) <= set(GAPS)


def test_no_story_is_left_out_everywhere() -> None:
    for story in stories():
        told = [name for name in SURFACES if why_not(EXEMPT, story, name) is None]
        assert len({name.partition("-")[0] for name in told}) > 1, f"{story} belongs to its platform's own tests"


def test_a_way_is_left_out_only_where_the_other_is_told() -> None:
    assert [name for name in SURFACES if by_way("test_people", name)] == list(SECOND)
    assert [name for name in SURFACES if by_way("test_delivery", name)] == []
