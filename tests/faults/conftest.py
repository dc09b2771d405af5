"""Faults that take their time. They are run by `make test-faults`, not by `make test`."""

from pathlib import Path

import pytest

from tests.nodes.conftest import launch, own_postgres, postgres, slack, world

__all__ = ["launch", "own_postgres", "postgres", "slack", "world"]
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)
