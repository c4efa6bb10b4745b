"""The state machine: one stack from its deployment through all kinds of trouble to its peace."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.faults.ending import come_right
from tests.faults.sequences import Stage, begin, one_step, stages
from tests.faults.world import World

if TYPE_CHECKING:
    from tests.faults.steps import Step

STEPS = 18  # of a sequence


@dataclass
class Tally:
    """What was played."""

    sequences: int = 0
    steps: int = 0
    passes: int = 0
    commands: int = 0
    misled: int = 0  # see watch.py, window 4
    faults: Counter[str] = field(default_factory=Counter)
    passes_to_right: Counter[int] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add what another process played."""
        self.sequences += other.sequences
        self.steps += other.steps
        self.passes += other.passes
        self.commands += other.commands
        self.misled += other.misled
        self.faults += other.faults
        self.passes_to_right += other.passes_to_right

    def __str__(self) -> str:
        longest = max(self.passes_to_right, default=0)
        faults = "\n".join(f"  {count:6} {fault}" for fault, count in sorted(self.faults.items()))
        right = ", ".join(f"{n}: {count}" for n, count in sorted(self.passes_to_right.items()))
        return (
            f"{self.sequences} sequences, {self.steps} steps, {self.passes} passes, "
            f"{self.commands} commands, {self.misled} records by old answers, "
            f"{self.faults.total()} faults that struck:\n{faults}\n"
            f"passes from the last fault until all is right: {right}; longest {longest}"
        )


class Life(RuleBasedStateMachine):
    """Draws how it begins and what happens; what must be so is watched all the time."""

    tally: ClassVar[Tally] = Tally()
    steps = 0

    @initialize(stage=stages)
    def begin(self, stage: Stage) -> None:
        self.world = World()
        begin(self.world, stage)

    @rule(step=one_step)
    def play(self, step: Step) -> None:
        self.steps += 1
        step.play(self.world)

    def teardown(self) -> None:
        if not hasattr(self, "world") or sys.exc_info()[0] is not None:
            return  # it has ended already: by a violation, or because no more was drawn
        right_after, world, tally = come_right(self.world), self.world, self.tally
        tally.sequences += 1
        tally.steps += self.steps
        tally.passes += world.passes
        tally.commands += len(world.ssm.sent)
        tally.misled += world.watch.misled
        tally.faults += world.faults.met
        tally.passes_to_right[right_after] += 1


def profile(sequences: int) -> settings:
    """Return the settings of a run: no data base, no deadline, each step of a sequence as drawn."""
    return settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
