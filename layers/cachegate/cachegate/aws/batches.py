"""Cut a list of ids into pieces that one AWS call takes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

MOST_VALUES = 200  # of one filter, EC2's limit


def batches(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """Yield lists of at most `most` items; none where there are no items."""
    rest = iter(items)
    while batch := list(islice(rest, most)):
        yield batch
