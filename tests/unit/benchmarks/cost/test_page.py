"""The cost page as it is kept, and what it takes from the template."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cost import stack as stacks
from benchmarks.cost.page import STACKS, Page, total
from benchmarks.cost.stack import minutes, stack
from benchmarks.cost.usage import KEPT, NODES
from cachegate.metrics import Metric
from tests.unit.benchmarks.cost.measured import MEASURED

ROOT = Path(__file__).parents[4]
after_a_full_run = pytest.mark.skipif(
    not (KEPT / "run.json").exists(), reason="no full run was kept yet: make bench"
)


@after_a_full_run
def test_the_page_is_what_the_template_the_prices_and_kept_rows_give() -> None:
    assert (ROOT / "docs" / "cost.md").read_text() == Page().text(), "run `make cost`"


@after_a_full_run
def test_the_readme_quotes_the_pages_sums() -> None:
    section = (ROOT / "README.md").read_text().split("## What it costs\n")[1].split("\n## ")[0]
    ways = Page().ways(30)
    assert [f"**{total(ways[name]):.2f}**" in section for name in STACKS] == [True] * 3


@pytest.mark.parametrize("nodes", NODES)
def test_the_order_that_the_page_tells_in_words_is_that_of_the_sums(nodes: int) -> None:
    ways = {name: total(parts) for name, parts in Page(MEASURED).ways(nodes).items()}
    vpn, each = ways["AWS Client VPN"], ways["a load balancer for each node"]
    assert min(ways, key=ways.__getitem__) == "SSM port forwarding, one bastion"
    assert each >= ways["load balancers, a listener for each node"]
    if nodes == 3:
        assert max(ways, key=ways.__getitem__) == "AWS Client VPN"
    assert vpn > ways["cachegate, two instances"]


def test_the_page_shows_what_was_measured_and_leaves_no_gap() -> None:
    text = Page(MEASURED).text()
    assert "| 20, 20, 29 |" in text
    assert "| 11, 11, 17 |" in text
    assert "| 1.2; as many |" in text
    assert "{" not in text


def test_steady_metrics_are_those_that_the_code_calls_how_things_are() -> None:
    steady = stacks.STEADY | stacks.OF_ADDRESS | stacks.OF_GROUP_RULES | stacks.OF_GUARD
    assert steady == set(list(Metric)[: list(Metric).index(Metric.ADDRESS_MOVED)])


def test_a_stack_is_read_from_the_template() -> None:
    own, one, two = stack(0), stack(1), stack(2)
    in_all = (ROOT / "template.yaml").read_text().count("Type: AWS::CloudWatch::Alarm")
    assert two.alarms + two.guard_alarms == in_all
    assert (own.instances, one.instances, two.instances) == (0, 1, 2)
    assert (own.minutes, one.minutes, two.minutes) == (5, 1, 1)
    assert two.alarms - one.alarms == 1  # of the second instance's status
    assert one.metrics - own.metrics == 2  # of the address, and of the managed rules
    assert (one.memory, one.guard_minutes, one.guard_window) == (512, 15, 45)


def test_a_schedule_that_is_no_rate_in_minutes_is_refused() -> None:
    assert minutes("rate(1 minute)") == 1
    assert minutes("rate(15 minutes)") == 15
    with pytest.raises(ValueError, match="no rate in minutes"):
        minutes("rate(1 hour)")
