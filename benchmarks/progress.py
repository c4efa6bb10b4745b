"""Show that a long measurement goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def rounds(count: int) -> Iterator[int]:
    """Count the repetitions from 0, and print a dot after each one."""
    return shown(range(count))


def shown(parts: Iterable[T]) -> Iterator[T]:
    """Return the parts of a measurement one by one, and print a dot after each one."""
    for part in parts:
        yield part
        print(".", end="", flush=True)
    print(end=" ", flush=True)
