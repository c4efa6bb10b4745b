"""A pipe to or from a program that was started with one."""

from __future__ import annotations

from typing import IO


def pipe(stream: IO[str] | None) -> IO[str]:
    """Return a stream of a process; raise TypeError where it was started without this pipe."""
    if stream is None:
        raise TypeError("the program was started without this pipe")
    return stream
