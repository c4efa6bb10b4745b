"""AWS calls of one pass, by the number of nodes: they must grow by page, not by node."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING

from benchmarks.progress import shown
from benchmarks.rows import Rows
from local.caches import Options
from local.namespaces import ip
from local.network import SUBNET_GROUP
from local.nodes import Serving
from local.vpc import NODE_SUBNETS
from local.world import SHORT_WINDOWS, World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address

    from local.deploy import Stack

NAME = "calls"
SIZES = (3, 30, 300)
EXPOSED = {"cachegate:expose": "true"}
NODES_A_GROUP = 30
PORT = 6379
RECEIVED = 0.3  # seconds in which a poller that is just asking for messages has got them
GROUPS = {
    "elasticache": "caches", "tag": "caches", "ec2": "network", "dynamodb": "ledger",
    "ssm": "commands", "events": "events", "sqs": "queue",
}  # fmt: skip


def measure(*, quick: bool) -> Rows:
    """Count what a pass that finds nothing new calls, by service and number of nodes."""
    rows = Rows(NAME)
    for size in shown(SIZES[1:2] if quick else SIZES):
        # A batching window decides when a pass begins, not what it calls.
        with World(windows=SHORT_WINDOWS) as world:
            _answer(world, _create(world, size))
            stack = world.deploy()
            quiet(world, stack)
            _sync(world, size)
            before = Counter(world.aws.gate.calls)
            _sync(world, size)
            calls = _by_group(Counter(world.aws.gate.calls) - before)
            for group in dict.fromkeys(GROUPS.values()):
                rows.add(group, size, 0, calls.get(group, 0))
    return rows


def quiet(world: World, stack: Stack) -> None:
    """Wait for the pass that the deployment asked for, and let no message ask for another."""
    world.wait_until(lambda: world.logged("pass"), what="the first pass is reported")
    for source in stack.sources:
        source.paused.set()
    time.sleep(RECEIVED)
    sqs, handed = world.aws.client("sqs"), "ApproximateNumberOfMessagesNotVisible"

    def idle() -> bool:
        asked = (
            sqs.get_queue_attributes(QueueUrl=each.queue_url, AttributeNames=[handed])
            for each in stack.sources
        )
        return all(told["Attributes"][handed] == "0" for told in asked)

    world.wait_until(idle, what="no message is with a function")


def _sync(world: World, size: int) -> None:
    """Run a pass; raise AssertionError unless all nodes are forwarded by now, and it is proved."""
    answer = world.invoke({"action": "sync"})
    if not answer["ok"] or [vpc["forwards"] for vpc in answer["vpcs"]] != [size]:
        raise AssertionError(f"not a proved pass over {size} nodes: {answer}")


def _create(world: World, size: int) -> Sequence[IPv4Address]:
    """Make groups of cluster-mode nodes that AWS describes and DNS knows; return where they are."""
    created: list[IPv4Address] = []
    # AWS keeps the first addresses of a subnet.
    free = chain.from_iterable(list(subnet.hosts())[3:] for subnet in NODE_SUBNETS)
    for first in range(0, size, NODES_A_GROUP):
        addresses = list(islice(free, min(NODES_A_GROUP, size - first)))
        options = Options(
            tags=dict(EXPOSED),
            subnet_group=SUBNET_GROUP,
            security_groups=(world.network.cache_group,),
        )
        name = f"group{first:03}"
        group = world.aws.fleet.create_group(name, [addresses], options, cluster_mode=True)
        for cluster_id in group.members:
            world.network.add_interface(world.node(cluster_id).address, cluster_id)
        created += addresses
    return created


def _answer(world: World, addresses: Sequence[IPv4Address]) -> None:
    """Let one machine with one server answer at all nodes' addresses: 300 would be too many.

    Without any answer the agent would wait for one, and be asked for its result more often.
    """
    vpc = world.vpc
    world.servers.start(addresses[0], Serving(engine="redis", port=PORT))
    device = f"n{vpc.lab.links}"  # the router's end of its cable
    for subnet in NODE_SUBNETS:
        ip("-n", vpc.hosts[addresses[0]].name, "route", "add", "local", str(subnet), "dev", "lo")
        ip("-n", vpc.router.name, "route", "add", str(subnet), "dev", device)
    own = ", ".join(f"{device} . {address}" for address in addresses)
    vpc.router.run("nft", f"add element ip router own {{ {own} }}")


def _by_group(calls: Mapping[str, int]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for action, count in calls.items():
        found[GROUPS[action.partition(":")[0]]] += count
    return found
