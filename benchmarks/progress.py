"""Show that a long measurement goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def rounds(count: int) -> Iterator[int]:
    """Count the repetitions from 0, and print a dot after each one."""
    for repetition in range(count):
        yield repetition
        print(".", end="", flush=True)
    print(end=" ", flush=True)
