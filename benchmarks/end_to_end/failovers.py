"""From the death of a NAT instance to the next answer at the same address, in the embedded world.

Two instances, of which the holder is terminated (EC2 says so by an event) or hangs (nobody says
anything, and the schedule comes round right after), against one alone, which its Auto Scaling group
replaces.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from benchmarks.progress import rounds
from benchmarks.rows import Rows
from local import ec2
from local.connections import Connections
from local.nat_world import WorldError
from local.world import SETTINGS, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from local.nat_world import NatInstance

TAGS = {"cachegate:nat": "cachegate"}
PORT = 6379
DEATHS = 3  # of each way: each takes half a minute, most of it rest
MS = "ms"  # the column
BEFORE_S, AFTER_S = 0.3, 0.6  # of a client, around what happens
SCHEDULE_S, LONGEST_S = 5, 60  # seconds
REGISTERS_S = 2.0  # from the launch of a new instance to its registration, where it is alone
TERMINATED = "holder terminated, told by its event"
HUNG = "holder hangs, seen by the schedule"
ALONE = "one instance, rebuilt by its group: from its registration on"
# Waited for after each move, for a holder that dies in them is another case: docs/failover.md.
SHORT = {"CACHEGATE_TAKEOVER_REST": 1.0, "CACHEGATE_FENCE": 4.0}  # seconds
REST_S = max(SHORT.values()) + 0.5
# Messages that are there, on their way back, or with the function.
WAITING = tuple(f"ApproximateNumberOfMessages{which}" for which in ("", "Delayed", "NotVisible"))
PARTS = ("until the pass began", "the pass, until the address moved", "from the move to an answer")


@dataclass(slots=True)
class Lab:
    """NAT instances in a world, and the moments at which EC2 moved the address."""

    world: World
    allocation_id: str
    address: IPv4Address
    queue: str  # its URL
    moved: list[float] = field(default_factory=list)

    @property
    def holder(self) -> NatInstance:
        """The instance that has the address."""
        wanted = self.world.holder(self.allocation_id)
        return next(each for each in self.world.nats if each.instance_id == wanted)

    def note_moves(self) -> None:
        """Note when EC2 has moved the address, from now on: after each call that changes it."""
        known = [self.world.holder(self.allocation_id)]
        follow = ec2.Responses.changed

        def changed() -> None:
            follow()
            now = self.world.holder(self.allocation_id)
            if now not in (None, known[0]):
                known[0] = now
                self.moved.append(time.time())

        ec2.Responses.changed = changed

    def settle(self) -> None:
        """Run passes until each instance has proved the rule set, and one has the address."""
        self.world.wait_until(self._well, 120, "all instances are verified")

    def _well(self) -> bool:
        (vpc,) = self.world.invoke({"action": "sync"})["vpcs"]
        states = [each["state"] for each in vpc["nat_instances"]]
        here = self.world.holder(self.allocation_id) in {n.instance_id for n in self.world.nats}
        return here and states == ["verified"] * len(self.world.nats)


def measure(*, quick: bool) -> Rows:
    """Let holders die in each way by turns; of a quick run one alone, of whose death EC2 tells."""
    rows = Rows("failovers")
    settings = SETTINGS | {name: str(value) for name, value in SHORT.items()}
    with World(settings=settings) as world:
        lab = set_up(world, 2)
        for number in rounds(1 if quick else DEATHS):
            rest(lab)
            _fail_over(rows, lab, number, TERMINATED, world.terminate)
            if not quick:
                world.add_nat_instance(TAGS)
                lab.settle()
                rest(lab)
                hung = lab.holder
                _fail_over(rows, lab, number, HUNG, lambda nat: _hang(world, nat))
                world.wake(hung)
                lab.settle()
    if quick:
        return rows
    # Apart: a stack with one instance is another world, and there is one at a time.
    with World(settings=settings) as world:
        lab = set_up(world, 1)
        for number in rounds(DEATHS):
            rest(lab)
            _rebuild(rows, lab, number)
    return rows


def rest(lab: Lab) -> None:
    """Wait until the last move counts no more, and nothing of before it asks for a pass.

    A message that waits already would open the queue's batching window before the death.
    """
    time.sleep(max(0.0, max(lab.moved, default=0.0) + REST_S - time.time()))
    sqs, url = lab.world.aws.client("sqs"), lab.queue

    def quiet() -> bool:
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(WAITING))["Attributes"]
        return all(told[name] == "0" for name in WAITING)

    lab.world.wait_until(quiet, LONGEST_S, "no re-check is under way")


def set_up(world: World, instances: int) -> Lab:
    """Deploy with so many NAT instances and an Elastic IP, and begin to note its moves."""
    world.create_cluster("cart")
    for _ in range(instances):
        world.add_nat_instance(TAGS)
    allocation_id, address = world.allocate_address()
    place = {"ElasticIp": allocation_id, "NatVpc": world.network.vpc_id}
    stack = world.deploy(parameters=place)
    lab = Lab(world, allocation_id, address, stack.outputs["SyncQueueUrl"])
    lab.settle()
    lab.note_moves()
    return lab


def _hang(world: World, nat: NatInstance) -> None:
    world.hang(nat)
    world.tick()


def _fail_over(
    rows: Rows, lab: Lab, number: int, way: str, die: Callable[[NatInstance], None]
) -> None:
    """Let the holder die while a client asks again and again, and time what follows."""
    holder, moves = lab.holder, len(lab.moved)
    with Connections(lab.world.client, lab.address, PORT, "probe") as client:
        time.sleep(BEFORE_S)
        died = time.time()
        die(holder)
        _until_moved(lab, moves)
        time.sleep(AFTER_S)
    moved = lab.moved[-1]
    answered = min(each for each in client.fates["probe"].answers if each >= moved)
    began = _began(lab, moved)
    taken = (answered - died, began - died, moved - began, answered - moved)
    for part, seconds in zip(("", *PARTS), taken, strict=True):
        rows.add(f"{way}: {part}" if part else way, MS, number, seconds * 1000)


def _until_moved(lab: Lab, moves: int) -> None:
    """Wait for a move, while the schedule comes round as it does each minute."""
    ticked = time.monotonic()
    for _ in range(LONGEST_S // SCHEDULE_S):
        while time.monotonic() < ticked + SCHEDULE_S:
            if len(lab.moved) > moves:
                return
            time.sleep(0.02)
        ticked = time.monotonic()
        lab.world.tick()
    raise WorldError(f"the address has not moved within {LONGEST_S} s: {lab.world.troubles()}")


def _rebuild(rows: Rows, lab: Lab, number: int) -> None:
    """Let the group replace the only instance; what AWS takes until it registers is left out."""
    world, moves = lab.world, len(lab.moved)
    with Connections(world.client, lab.address, PORT, "probe") as client:
        world.replace_by_group(lab.holder, after_s=0.5, registers_after_s=REGISTERS_S)
        world.wait_until(lambda: world.nats, what="there is a new instance")
        new = world.nat.instance_id
        world.wait_until(lambda: new in world.commands.instances, what="it has registered")
        registered = time.time()
        world.wait_until(lambda: len(lab.moved) > moves, 120, "it has the address")
        time.sleep(AFTER_S)
    moved = lab.moved[-1]
    answered = min(each for each in client.fates["probe"].answers if each >= moved)
    rows.add(ALONE, MS, number, (answered - registered) * 1000)
    lab.settle()


def _began(lab: Lab, moved: float) -> float:
    """Return when the pass began that moved the address: its line is written when it has ended."""

    def found() -> float | None:
        for line in lab.world.logged("pass"):
            ended = datetime.fromisoformat(line["timestamp"]).timestamp()
            at_it = ended - line["seconds"] <= moved <= ended
            if at_it and (line.get("address") or {}).get("state") == "moved":
                return ended - float(line["seconds"])
        return None

    return float(lab.world.wait_until(found, what="the pass is reported"))
