"""Fifty sequences of the fault machine, on the real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.world import SETTINGS
from tests.faults import sequences
from tests.faults.ending import come_right
from tests.faults.world import World as FakeWorld
from tests.faults.world import prepare
from tests.system.probing import Prober
from tests.system.replay import Replay

if TYPE_CHECKING:
    from local.world import World
    from tests.faults.sequences import Stage
    from tests.faults.steps import Step

SEQUENCES = 50
# Half of the world's waits, as replay.py has half of its time for them; what counts whole seconds,
# as SQS does, stays as it was.
HALVED = {name: str(float(seconds) / 2) for name, seconds in SETTINGS.items()}


def proved_in_the_model() -> list[tuple[Stage, list[Step]]]:
    """Return sequences that the fake world came through, always the same ones."""
    found: list[tuple[Stage, list[Step]]] = []

    @settings(
        max_examples=SEQUENCES,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(sequences.played_stages, st.lists(sequences.playable, min_size=4, max_size=9))
    def collect(stage: Stage, sequence: list[Step]) -> None:
        fake = FakeWorld()
        sequences.begin(fake, stage)
        for step in sequence:
            step.play(fake)
        come_right(fake)
        found.append((stage, sequence))

    with pytest.MonkeyPatch.context() as patch:
        prepare(patch)
        collect()
    return found


def test_sequences_of_faults_end_well_on_the_real_kernel(world: World) -> None:
    played = proved_in_the_model()
    world.settings = HALVED
    with Prober(world.client) as prober:
        replay = Replay(world, prober)
        for name in played[0][0].caches:
            replay.create(name)
        stack = world.deploy()
        world.network.reuses = True
        for source in stack.sources:
            source.window_s = 0.1  # else most of the time would be spent in it

        for number, (stage, sequence) in enumerate(played, 1):
            replay.play(stage, sequence)
            print(f"{number} of {len(played)}: {len(sequence)} steps, {replay.windows} windows")

    assert len(played) >= SEQUENCES
    assert replay.played > 3 * SEQUENCES
