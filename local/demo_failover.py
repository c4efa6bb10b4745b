"""The second act of the demo: the NAT instance that has the address dies, and the other gets it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.client import Client
    from local.demo import Story
    from local.world import World


def play(world: World, story: Story, client: Client, outputs: dict[str, str]) -> None:
    """End the holder, and wait until every node answers again at the same address."""
    public, allocation = outputs["Address"], outputs["AddressAllocationId"]
    answers, holder = client.who(), world.holder(allocation)
    world.terminate(next(each for each in world.nats if each.instance_id == holder))
    began = time.monotonic()
    story.tell(f"{holder}, the NAT instance that has {public}, dies")
    world.wait_until(lambda: client.who() == answers, 40, f"all nodes answer at {public} again")
    seconds = time.monotonic() - began
    other = world.holder(allocation)
    story.tell(f"a pass has moved {public} to {other}, which has the same rules")
    story.claim(
        f"who connects again is answered at the same address, {seconds:.1f} s after that NAT "
        "instance died (on AWS, EC2 may tell of it later)",
        true=other not in {None, holder},
    )
