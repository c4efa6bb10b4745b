"""Each formula of the cost page against a sum made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.cost import others, ours
from benchmarks.cost.page import Page
from benchmarks.cost.prices import HOURS, Prices
from benchmarks.cost.stack import stack
from benchmarks.cost.usage import QUIET, Measured, NotMeasuredError, Passes
from tests.unit.benchmarks.cost.measured import MEASURED, events, guard, own, planning

if TYPE_CHECKING:
    from pathlib import Path

PRICES = Prices.load()
MILLION = 1_000_000
RUNS = Passes(scheduled=MILLION - 400, caused=400, ignored=MILLION, seconds=2)


@pytest.mark.parametrize(
    ("key", "units", "usd"),
    [
        ("address", 730, 3.65),
        ("request", 2 * MILLION, 0.40),
        ("gb_second", 1000, 0.0133334),
        ("alarm", 22, 2.20),
        ("command", MILLION, 0.0),
    ],
)
def test_a_price_is_of_one_unit_or_of_a_million(key: str, units: float, usd: float) -> None:
    assert PRICES.usd(key, units) == pytest.approx(usd)


def test_instances_cost_their_hours_and_their_disks() -> None:
    assert ours.machines("t4g.nano", 2, PRICES) == pytest.approx(2 * (3.066 + 0.64))
    assert ours.machines("t4g.micro", 1, PRICES) == pytest.approx(6.132 + 0.64)


def test_runs_cost_requests_traces_and_seconds_by_memory() -> None:
    requests, traces = 0.40, 10.00
    gb_seconds = (2_000_000 + 200_000) / 2  # of 512 MB
    assert ours.runs(RUNS, 512, PRICES) == pytest.approx(
        requests + traces + gb_seconds * 13.3334 / MILLION
    )


def test_a_queue_costs_also_where_nothing_is_in_it() -> None:
    assert ours.queue(0, PRICES) == pytest.approx(5 * 131_400 * 0.4 / MILLION)
    assert ours.queue(MILLION, PRICES) - ours.queue(0, PRICES) == pytest.approx(3 * 0.4)


def test_the_ledger_is_read_twice_and_its_heartbeat_once_by_4_kilobytes() -> None:
    # 6 KB are 2 units, with the heartbeat's 1 KB still 2, the heartbeat alone is 1.
    reads, writes, stored = 5 * 0.125, 2 * 0.625 + 6_000 * 0.625 / MILLION, 6e-6 * 0.45
    rates = replace(QUIET, changes=1_000)
    assert ours.ledger(RUNS, 6, rates, PRICES) == pytest.approx(reads + writes + stored)


def test_logs_are_paid_when_written_and_for_the_month_that_they_stay() -> None:
    assert ours.logs(MILLION, 3, PRICES) == pytest.approx(3 * 0.50 + 3 * 0.03)


@pytest.mark.parametrize(
    ("changes", "states", "metrics"),
    [(0, 0, 15), (73, 0, 15.3), (730, 0, 18), (9_999, 0, 18), (0, 73, 15.1), (0, 10**6, 16)],
)
def test_a_metric_of_happenings_costs_the_hours_that_have_any(
    changes: int, states: int, metrics: float
) -> None:
    rates = replace(QUIET, changes=changes, states=states)
    assert ours.metrics(15, rates, PRICES) == pytest.approx(0.30 * metrics)


def test_traffic_is_paid_to_the_internet_and_twice_between_zones() -> None:
    assert ours.traffic(10, PRICES) == pytest.approx(0.90 + 2 * 0.10)


def test_sweeps_within_one_window_are_one() -> None:
    few = MEASURED.sweeps(stack(1), 3, replace(QUIET, calls=100))
    many = MEASURED.sweeps(stack(1), 3, replace(QUIET, calls=10**9))
    assert few.all == 2_920 + 100
    assert many.all == 2_920 + HOURS * 3600 / 45


def test_passes_follow_from_the_schedule_and_from_changes() -> None:
    rates = replace(QUIET, changes=10, states=7)
    assert MEASURED.passes(stack(0), 3, rates) == Passes(8_760, 20, 7, 1.2 + 2.0)
    assert MEASURED.passes(stack(1), 300, rates) == Passes(43_800, 20, 7, 1.2 + 3.3)
    assert MEASURED.calls_of(stack(2), 300) == 29 + 4 + 6


def test_what_was_measured_is_read_from_kept_rows(tmp_path: Path) -> None:
    for rows in (own(), guard(), events(), planning()):
        rows.save(tmp_path)
    found = Measured.load(tmp_path)
    assert found == MEASURED
    assert found.calls == {3: 20, 30: 20, 300: 29}
    assert found.guard_calls == {3: 11, 30: 11, 300: 17}
    assert (found.data_calls[300], found.guard_data_calls[300]) == (6, 2)
    assert found.pass_seconds == 1.2
    assert found.ledger_kb == {3: 1, 30: 2, 300: 6}


def test_without_kept_rows_it_is_said_what_to_run(tmp_path: Path) -> None:
    own().save(tmp_path)
    with pytest.raises(NotMeasuredError, match=r"sweeps\.csv is missing: run `make bench` first"):
        Measured.load(tmp_path)


def test_to_look_each_minute_costs_all_that_more_passes_take() -> None:
    more = 43_800 - 8_760
    run = 0.2e-6 + 5e-6 + (1.2 + 2.4) / 2 * 13.3334e-6  # request, trace, seconds of 512 MB
    rest = 3 * 0.4e-6 + 3 * 0.125e-6 + 2 * 0.625e-6 + 3e-6 * 0.53  # queue, ledger, 3 KB of log
    found = Page(MEASURED).more_often(stack(1), 5)
    assert found == pytest.approx(more * (run + rest))
    assert found == pytest.approx(1.18, abs=0.005)


def test_a_second_trail_pays_for_calls_that_are_no_data() -> None:
    events = 8_760 * (20 - 6) + 2_920 * (11 - 2)
    assert ours.second_trail(stack(0), 3, QUIET, MEASURED, PRICES) == pytest.approx(events * 2e-5)


def test_all_parts_of_a_stack_are_in_its_cost() -> None:
    parts = ours.cost(stack(2), 30, QUIET, MEASURED, PRICES)
    assert parts["instances and disks"] == pytest.approx(7.412)
    assert parts["public addresses"] == pytest.approx(7.30)
    assert parts["metrics"] == pytest.approx(15 * 0.30)
    assert parts["alarms and dashboard"] == pytest.approx(22 * 0.10 + 3.00)
    less = ours.cost(stack(2), 30, QUIET, MEASURED, PRICES, guard=False)
    assert parts["metrics"] - less["metrics"] == pytest.approx(6 * 0.30)
    assert parts["alarms and dashboard"] - less["alarms and dashboard"] == pytest.approx(0.60)
    assert all(less[part] <= parts[part] for part in parts)


def test_client_vpn_costs_subnets_and_people_by_the_hour() -> None:
    assert sum(others.client_vpn(PRICES).values()) == pytest.approx(146.00 + 40.00 + 0.90)


@pytest.mark.parametrize(("nodes", "balancers"), [(1, 1), (50, 1), (51, 2), (300, 6)])
def test_the_51st_listener_takes_another_balancer(nodes: int, balancers: int) -> None:
    each, traffic = 16.425 + 2 * 3.65, 0.06 + 1.10
    found = sum(others.listener_a_node(nodes, PRICES).values())
    assert found == pytest.approx(balancers * each + traffic)
    alone = sum(others.balancer_a_node(nodes, PRICES).values())
    assert alone == pytest.approx(nodes * each + traffic)


def test_a_bastion_costs_an_instance_and_an_address() -> None:
    assert sum(others.bastion(PRICES).values()) == pytest.approx(3.066 + 0.64 + 3.65 + 0.20)
