"""Answers that Lambda can give: what is too much of a list is left out, and counted. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Lambda answers with 6 MB at most, and fails the whole invocation beyond
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
LARGEST = 5_000_000  # bytes


def fitted(answer: Mapping[str, Any], counts: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer with as much of its lists as fits, in the order given.

    `counts` names, for each list that may be cut, the field that counts what is left out of it.
    """
    lists = {name: answer[name] for name in counts if name in answer}
    rest = {name: value for name, value in answer.items() if name not in lists}
    room = LARGEST - _size(rest)
    cut: dict[str, Any] = {}
    for name, items in lists.items():
        kept = _first(items, room)
        room -= _size(kept)
        cut |= {name: kept, counts[name]: answer.get(counts[name], 0) + len(items) - len(kept)}
    return {**answer, **cut}


def _first(items: Sequence[Any], room: int) -> list[Any]:
    kept = []
    for item in items:
        room -= _size(item) + 2  # a comma and a space
        if room < 0:
            break
        kept.append(item)
    return kept


def _size(value: object) -> int:
    return len(json.dumps(value))
