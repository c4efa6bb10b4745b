"""When a ledger is a new generation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.domain.ledger import Ledger


def next_generation(before: Ledger, after: Ledger) -> Ledger:
    """Count one generation further where what is pushed differs."""
    if after == before:
        return after
    same = before.rule_set == after.rule_set and before.targets_within == after.targets_within
    return after if same else replace(after, generation=before.generation + 1)
