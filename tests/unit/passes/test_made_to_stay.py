"""What a start makes stays for good, and no search for garbage goes through it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from cachegate.entry import made_to_stay

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_the_collector_rests_while_it_is_made_and_works_again_afterwards() -> None:
    with made_to_stay():
        assert not gc.isenabled()

    assert gc.isenabled()


def test_the_collector_works_again_where_making_fails() -> None:
    with pytest.raises(ValueError, match="a setting"), made_to_stay():
        raise ValueError("a setting")

    assert gc.isenabled()


def test_what_was_made_is_out_of_its_sight_and_what_is_made_later_is_not() -> None:
    with made_to_stay():
        kept = ["a model"]
    later = ["of a pass"]
    seen = {id(each) for each in gc.get_objects()}

    assert id(kept) not in seen
    assert id(later) in seen
