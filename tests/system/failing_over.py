"""A stack with two NAT instances and an Elastic IP, clients outside, and what moved the address."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import redis

from local.connections import CHANNEL, Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ipaddress import IPv4Address

    from local.nat_world import NatInstance
    from local.world import World

PORT = 6379
MOVE = "ec2:AssociateAddress"
REST_S = 2.0  # after a move, before a holder in doubt may lose the address
TAGS = {"cachegate:nat": "cachegate"}


@dataclass
class Pair:
    """Two NAT instances, one of which has the address."""

    world: World
    allocation_id: str = field(init=False)
    address: IPv4Address = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        world.create_cluster("cart")
        for _ in range(2):
            world.add_nat_instance(TAGS)
        self.allocation_id, self.address = world.allocate_address()
        place = {"ElasticIp": self.allocation_id, "NatVpc": world.network.vpc_id}
        world.deploy(parameters=place)
        self.sync()

    def passes(self) -> list[dict[str, Any]]:
        """Return what was logged of each pass, in order of time."""
        return sorted(self.world.logged("pass"), key=_moment)

    # -- who has the address ----------------------------------------------------------------------

    @property
    def holder(self) -> NatInstance:
        """The instance that has the address."""
        return next(each for each in self.world.nats if self.holds(each))

    @property
    def other(self) -> NatInstance:
        """The one that has not."""
        return next(each for each in self.world.nats if not self.holds(each))

    def holds(self, nat: NatInstance) -> bool:
        """Tell whether EC2 shows the address at an instance."""
        return self.world.holder(self.allocation_id) == nat.instance_id

    @property
    def moves(self) -> int:
        """How often a pass has asked EC2 to move an address."""
        return self.world.aws.gate.calls[MOVE]

    def wait_for(self, nat: NatInstance, within_s: float = 40) -> None:
        """Wait until an instance has the address."""
        self.world.wait_until(
            lambda: self.holds(nat), within_s, f"{nat.instance_id} has the address"
        )

    def rest(self) -> Pair:
        """Wait until a holder in doubt may lose the address again."""
        moved = (_moment(line) for line in self.passes() if _standing(line) == "moved")
        time.sleep(max(0.0, max(moved, default=0.0) + REST_S - time.time()))
        return self

    # -- what asks for passes ---------------------------------------------------------------------

    def sync(self) -> dict[str, Any]:
        """Run a pass by hand and return how the address stands after it."""
        (vpc,) = self.world.invoke({"action": "sync"})["vpcs"]
        return dict(vpc["address"])

    def move(self, nat: NatInstance) -> dict[str, Any]:
        """Ask for the address to be moved to an instance."""
        return dict(self.world.invoke({"action": "move", "instance": nat.instance_id}))

    def settle(self) -> None:
        """Let passes run until all instances have proved the rule set and one has the address."""
        self.world.wait_until(self._settled, what="all instances are verified")

    def _settled(self) -> bool:
        if self._is_well():
            return True
        self.sync()
        return self._is_well()

    def _is_well(self) -> bool:
        """Tell whether the last pass saw that."""
        line = self.passes()[-1]
        verified = {nat for nat, state in line["nat_instances"].items() if state == "verified"}
        well = _standing(line) in {"held", "moved"}
        return well and verified == {each.instance_id for each in self.world.nats}

    def forget_triggers(self) -> None:
        """Let no trigger or re-check that was sent so far be answered any more."""
        stack = self.world.stack
        assert stack is not None
        url, sqs = stack.outputs["SyncQueueUrl"], self.world.aws.client("sqs")
        counted = "ApproximateNumberOfMessagesNotVisible"

        def in_work() -> bool:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[counted])
            return bool(found["Attributes"][counted] != "0")

        for source in stack.sources:
            source.paused.set()
        self.world.wait_until(lambda: not in_work(), 60, "the passes of triggers have ended")
        sqs.purge_queue(QueueUrl=url)
        for source in stack.sources:
            source.paused.clear()

    def schedule(self) -> None:
        """Let the schedule come round, and wait for its pass."""
        before = len(self.world.logged("pass"))
        self.world.tick()
        self.world.wait_until(
            lambda: len(self.world.logged("pass")) > before, what="the schedule's pass"
        )

    # -- clients ----------------------------------------------------------------------------------

    def clients(self, *habits: str) -> Connections:
        """Return clients with these habits, to be entered."""
        return Connections(self.world.client, self.address, PORT, *habits)

    def news(self) -> Iterator[None]:
        """Publish on the channel, again and again, until closed: a fixture's body."""
        stop = threading.Event()

        def publish() -> None:
            with redis.Redis(str(self.world.node("cart").address), PORT) as connection:
                while not stop.wait(0.05):
                    connection.publish(CHANNEL, "again")

        thread = threading.Thread(target=publish)
        thread.start()
        yield
        stop.set()
        thread.join()


def _moment(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def _standing(line: dict[str, Any]) -> str:
    """Return how a pass left the address; nothing where it failed before it came to that."""
    return str((line.get("address") or {}).get("state", ""))


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls at the same time, and return their results in order."""
    results: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def make(place: int, call: Callable[[], Any]) -> None:
        start.wait()
        results[place] = call()

    threads = [threading.Thread(target=make, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
