"""What each function's start loads: a budget, since every module and byte costs each cold start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.cold_start.environment import FUNCTIONS
from benchmarks.cold_start.stage import BUILT, BYTE_CODE, Stage
from tests.template.parsed import RESOURCES

if TYPE_CHECKING:
    from pathlib import Path

# A little above what there is. Where a new feature exceeds one: look at `python -X importtime`
# first. What only people ask for is loaded when somebody asks, and the guard loads nothing of a
# sync pass. Raise a number only when `make bench` still keeps its goal.
MODULES_OF_OURS = {"sync_forwards": 122, "guard_ingress": 104}
MODULES = {"sync_forwards": 503, "guard_ingress": 485}
LAYER_BYTES = 4_750_000  # without byte code
MODELS = 50_000  # objects, at least: half of what eight clients are made of
ADVICE = "the start of {} loads {} {}, over its budget of {}: see the comment in this test"
LOGICAL = {"sync_forwards": "SyncForwards", "guard_ingress": "GuardIngress"}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what one start of each function took."""
    if not BUILT.exists():
        pytest.skip("there is no built layer: run `make build`")
    stage = Stage.make(tmp_path_factory.mktemp("start"))
    return {name: stage.start(name, BYTE_CODE) for name in FUNCTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_start_imports_no_more_modules_than_its_budget(
    started: dict[str, dict[str, Any]], name: str
) -> None:
    ours, every = len(started[name]["ours"]), started[name]["modules"]
    budget = MODULES_OF_OURS[name]

    assert ours <= budget, ADVICE.format(name, ours, "modules of ours", budget)
    assert every <= MODULES[name], ADVICE.format(name, every, "modules", MODULES[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_models_of_aws_that_a_start_makes_are_kept_from_the_collector(
    started: dict[str, dict[str, Any]], name: str
) -> None:
    assert started[name]["kept"] > MODELS


def test_the_guard_starts_without_a_sync_pass_and_sync_without_the_guard_or_what_people_ask(
    started: dict[str, dict[str, Any]],
) -> None:
    sync = started["sync_forwards"]["ours"]

    assert "cachegate.sync" not in started["guard_ingress"]["ours"]
    assert not {"cachegate.actions", "cachegate.stack_events"} & set(sync)
    assert not [name for name in sync if name.startswith("cachegate.guard.")]


def test_the_layer_keeps_its_budget_of_bytes() -> None:
    if not BUILT.exists():
        pytest.skip("there is no built layer: run `make build`")
    found = sum(_bytes(path) for path in BUILT.rglob("*"))

    assert found <= LAYER_BYTES, ADVICE.format("both functions", found, "bytes", LAYER_BYTES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_start_is_measured_with_every_variable_that_the_template_gives(name: str) -> None:
    properties = RESOURCES[LOGICAL[name]]["Properties"]

    assert set(FUNCTIONS[name]) == set(properties["Environment"]["Variables"])


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0
