"""What holds for every test, and how tests are shared out where several workers run them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A machine under load is no finding: what takes how long is measured by `make bench`.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

FOLDER = Path(__file__).parent
# The permissions that system tests use are judged together, so one worker runs all of them; they
# take longest, so they come first.
TOGETHER = "system"
LONGEST_FIRST = (TOGETHER, "integration", "faults")


@pytest.hookimpl(tryfirst=True)  # before the workers read the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one worker, for they share what is slow to set up."""
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        folder = _folder(item)
        group = folder if folder == TOGETHER else str(item.path.relative_to(FOLDER))
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_turn)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(FOLDER).parts[0]


def _turn(item: pytest.Item) -> int:
    folder = _folder(item)
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
