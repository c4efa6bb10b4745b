"""What an instance tells of its capacity: figures are read, anything else is left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from cachegate.domain.capacity import Capacity, Tracking

EXCEEDED = "conntrack_allowance_exceeded"
TOLD = {
    "conntrack": {"used": 12, "limit": 48},
    "allowances": {EXCEEDED: 7, "bw_in_allowance_exceeded": 0, "pps_allowance_exceeded": 2**64 - 1},
}


def test_a_report_is_read_and_what_is_written_down_reads_back_the_same() -> None:
    capacity = Capacity.read({"generation": 1, **TOLD})

    assert capacity.conntrack == Tracking(used=12, limit=48)
    assert capacity.conntrack.percent == 25
    assert capacity.allowances == TOLD["allowances"]
    assert capacity.known
    assert Capacity.read(asdict(capacity)) == capacity


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"conntrack": None, "allowances": None},
        {"conntrack": [12, 48], "allowances": "none"},
        {"conntrack": {"used": 12}},
        {"conntrack": {"used": 12, "limit": 0}},  # no limit: nothing to be near to
        {"conntrack": {"used": -1, "limit": 48}},
        {"conntrack": {"used": True, "limit": 48}},
        {"conntrack": {"used": "12", "limit": 48}},
        {"conntrack": {"used": 12.0, "limit": 48}},
        {"conntrack": {"used": 12, "limit": 2**64}},
        {"allowances": {"made_up": 1}},
        {"allowances": {EXCEEDED: None}},
        {"allowances": {EXCEEDED: 2**64}},
    ],
)
def test_what_is_no_figure_is_left_out(odd: dict[str, Any]) -> None:
    assert Capacity.read(odd) == Capacity()
    assert not Capacity.read(odd).known


@pytest.mark.parametrize("part", ["conntrack", "allowances"])
def test_one_part_may_be_known_without_the_other(part: str) -> None:
    assert Capacity.read({part: TOLD[part]}).known


@pytest.mark.parametrize(
    ("before", "now", "dropped"),
    [
        (7, 7, 0),
        (7, 9, 2),
        (0, 9, 9),
        (9, 2, 2),  # the driver was reset, and counts anew
        (None, 9, 0),  # a first report: nobody knows when that was
        (9, None, 0),
        (None, None, 0),
    ],
)
def test_packets_count_once(before: int | None, now: int | None, dropped: int) -> None:
    former, later = (
        Capacity(allowances={} if count is None else {EXCEEDED: count}) for count in (before, now)
    )

    assert later.exceeded_since(former) == dropped


def test_nothing_is_new_of_an_instance_that_never_told_before() -> None:
    assert Capacity(allowances={EXCEEDED: 9}).exceeded_since(None) == 0
