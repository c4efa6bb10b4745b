"""From an event on the bus to the rule in the kernel, and to its proof, in the embedded world."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from benchmarks.rows import Rows
from local.event_bus import event
from local.world import World

if TYPE_CHECKING:
    from ipaddress import IPv4Address

MOVED = "sessions-002"
KERNEL, PROVED = "event to rule in the kernel", "event to proof, read back by the function"
WAITING, PASSING = "of that, waiting in the queue", "of that, the pass (ours)"


def measure(count: int) -> Rows:
    """Move one node of a group again and again, and time each event."""
    rows = Rows("events")
    with World() as world:
        world.create_replication_group("sessions", replicas=2)
        world.create_cluster("cart", engine="valkey")
        world.create_memcached("pages", nodes=2)
        world.deploy()
        world.invoke({"action": "sync"})
        for number in range(count):
            address = world.replace_node(MOVED)  # it has no topic, so nobody is told yet
            _time(world, rows, address, number)
    return rows


def _time(world: World, rows: Rows, address: IPv4Address, number: int) -> None:
    happened = event("aws.elasticache", "Cache Updated", {"SourceIdentifier": "sessions"}, [])
    put = time.time()
    world.emit(happened)
    world.wait_until(lambda: _in_kernel(world, address), what=f"{address} is in the kernel")
    arrived = time.time()
    line = world.wait_until(
        lambda: next((p for p in world.logged("pass") if happened["id"] in p["caused_by"]), None),
        what="the pass is reported",
    )
    proved = datetime.fromisoformat(line["timestamp"]).timestamp()
    began = proved - line["seconds"]
    for way, seconds in (
        (KERNEL, arrived - put), (PROVED, proved - put),
        (WAITING, began - put), (PASSING, line["seconds"]),
    ):  # fmt: skip
        rows.add(way, len(world.aws.fleet.clusters), number, seconds * 1000)


def _in_kernel(world: World, address: IPv4Address) -> bool:
    listing = world.nat.host.run("nft", "list", "map", "ip", "cachegate", "forwards")
    return f" {address} . " in listing.stdout
