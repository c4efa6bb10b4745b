"""From an event on the bus to the rule in the kernel, and to its proof, in the embedded world."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.end_to_end.timeline import OBSERVING, Lived
from benchmarks.end_to_end.watch import Calls, Kernel
from benchmarks.progress import rounds
from benchmarks.rows import Rows
from cachegate.domain.agent import decode
from local.client import Client
from local.event_bus import event
from local.nat_world import WorldError
from local.world import SETTINGS, World

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from local.lambda_runtime import Function

EVENTS, QUICK_EVENTS = 100, 3  # a hundredth of fewer would be nothing
MOVED = "sessions-002"
KERNEL, PROVED, ENDED = "in the kernel", "read back by the function", "end of the pass"
BEFORE, WINDOW = "before the proof", "batching window"
MS, CALLS = "ms", "calls"  # columns
# Passes that follow by themselves come after the measurement: each one is an event's alone.
NO_RECHECKS = {"CACHEGATE_RECHECK": "600"}  # seconds


def measure(*, quick: bool) -> Rows:
    """Move one node of a group again and again, and time each event."""
    rows = Rows("events")
    with World(settings=SETTINGS | NO_RECHECKS) as world:
        world.create_replication_group("sessions", replicas=2)
        world.create_cluster("cart", engine="valkey")
        world.create_memcached("pages", nodes=2)
        stack = world.deploy()
        function = stack.functions["SyncForwards"]
        source = next(each for each in stack.sources if each.function is function)
        rows.add(WINDOW, "s", 0, source.window_s)
        world.wait_until(lambda: world.logged("pass"), what="the first pass is reported")
        world.invoke({"action": "sync"})
        client = _client(world)
        with Calls(world, "SyncForwards") as calls:
            for number in rounds(QUICK_EVENTS if quick else EVENTS):
                calls.seen.clear()
                address = world.replace_node(MOVED)  # it has no topic, so nobody is told yet
                with Kernel(world.nat.host) as kernel:
                    _add(rows, number, _live(world, function, address, calls, kernel))
                (answered,) = client.who().values()
                if answered != str(address):
                    raise WorldError(f"{address} was to answer, and {answered} did")
    return rows


def _client(world: World) -> Client:
    """Return a client outside that asks who answers at the node's listen port."""
    (vpc,) = world.invoke({"action": "describe"})["vpcs"]
    moved = next(each for each in vpc["forwards"] if f"/{MOVED}/" in each["key"])
    return Client(world.client, moved["public_addresses"][0], {moved["listen"]: "redis"})


def _live(
    world: World, function: Function, address: IPv4Address, calls: Calls, kernel: Kernel
) -> Lived:
    """Put one event on the bus, and return what was seen until its pass had ended."""
    commands = world.commands.invocations
    invocations, sent = len(function.ran), len(commands)
    put = time.time()
    world.emit(event("aws.elasticache", "Cache Updated", {"SourceIdentifier": "sessions"}, []))
    world.wait_until(lambda: len(function.ran) > invocations, what="the pass has ended")
    ran = function.ran[invocations]
    (command,) = list(commands.values())[sent:]
    in_kernel = world.wait_until(lambda: kernel.has(address), what=f"{address} is in the kernel")
    if command.started is None or command.ended is None or command.result.status != "Success":
        raise WorldError(f"the command ended as {command.result}")
    report = decode(command.result.stdout.split()[-1])
    return Lived(
        put=put, in_kernel=in_kernel, began=ran.began, ended=ran.ended, calls=calls.begun(),
        started=command.started.timestamp(), finished=command.ended.timestamp(),
        agent=report["elapsed_ms"] / 1000,
    )  # fmt: skip


def _add(rows: Rows, number: int, lived: Lived) -> None:
    moments = {KERNEL: lived.in_kernel, PROVED: lived.read_back, ENDED: lived.ended}
    for way, moment in moments.items():
        rows.add(way, MS, number, (moment - lived.put) * 1000)
    for step, seconds in lived.steps().items():
        rows.add(step, MS, number, seconds * 1000)
    rows.add(OBSERVING, CALLS, number, sum(c.ended <= lived.observed for c in lived.calls))
    rows.add(BEFORE, CALLS, number, sum(c.ended <= lived.read_back for c in lived.calls))
