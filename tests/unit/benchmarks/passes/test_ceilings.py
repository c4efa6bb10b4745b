"""How a ceiling is found, and that what is found is the limit's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.passes.ceilings import OWNER, around, characters, edge
from benchmarks.passes.estates import alike, unlike
from benchmarks.passes.planning import first_ledger
from cachegate.domain.agent import LARGEST_PAYLOAD, apply_payload, encode
from cachegate.errors import RuleSetTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.domain.cache import Observation


@given(
    low=st.integers(0, 50),
    most=st.integers(50, 90),
    high=st.integers(91, 200),
    step=st.integers(1, 9),
)
def test_an_edge_was_tried_on_both_sides(low: int, most: int, high: int, step: int) -> None:
    tried: dict[int, bool] = {}

    def fits(size: int) -> bool:
        tried[size] = size <= most
        return tried[size]

    found = edge(fits, low, high, step)

    assert tried[found]
    assert any(not fit and found < size <= found + step for size, fit in tried.items())


@pytest.mark.parametrize(("low", "high"), [(51, 90), (10, 50)])
def test_an_edge_that_lies_elsewhere_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match=f"not between {low} and {high}"):
        edge(lambda size: size <= 50, low, high)


@given(head=st.integers(0, 1_000), node=st.integers(5, 50))
def test_a_limit_is_looked_for_around_where_it_is(head: int, node: int) -> None:
    most = (LARGEST_PAYLOAD - head) // node

    low, high = around(lambda size: head + node * size, LARGEST_PAYLOAD)

    assert low <= most < high
    assert high - low <= most // 5


@pytest.mark.parametrize("estate", [alike, unlike])
def test_characters_below_the_limit_are_those_of_the_payload(
    estate: Callable[[int], Observation],
) -> None:
    ledger = first_ledger(estate(40))
    assert characters(ledger) == len(encode(apply_payload(ledger, OWNER)))


def test_characters_above_the_limit_are_those_that_the_refusal_tells() -> None:
    ledger = first_ledger(unlike(700))
    with pytest.raises(RuleSetTooLargeError, match=f"need {characters(ledger)} characters"):
        encode(apply_payload(ledger, OWNER))
    assert characters(ledger) > LARGEST_PAYLOAD
