"""AWS calls of one pass, by the number of nodes: they must grow by page, not by node."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING

from benchmarks.rows import Rows
from local.caches import Options
from local.network import SUBNET_GROUP
from local.vpc import NODE_SUBNETS
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy import Stack

NAME = "calls"
SIZES = (3, 30, 300)
EXPOSED = {"cachegate:expose": "true"}
NODES_A_GROUP = 30
UNDER_WAY = 6.0  # seconds in which a batch that was begun has ended
GROUPS = {
    "elasticache": "caches", "tag": "caches", "ec2": "network", "dynamodb": "ledger",
    "ssm": "commands", "events": "events", "sqs": "queue",
}  # fmt: skip


def measure(*, quick: bool) -> Rows:
    """Count what a pass that finds nothing new calls, by service and number of nodes.

    Nothing answers at the nodes: what is counted does not depend on it, and 300 servers would.
    """
    rows = Rows(NAME)
    for size in SIZES[1:2] if quick else SIZES:
        with World() as world:
            _create(world, size)
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
    time.sleep(UNDER_WAY)


def _sync(world: World, size: int) -> None:
    """Run a pass; raise AssertionError unless all nodes are forwarded by now, and it is proved."""
    answer = world.invoke({"action": "sync"})
    if not answer["ok"] or [vpc["forwards"] for vpc in answer["vpcs"]] != [size]:
        raise AssertionError(f"not a proved pass over {size} nodes: {answer}")


def _create(world: World, size: int) -> None:
    """Make groups of cluster-mode nodes that AWS describes and DNS knows."""
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


def _by_group(calls: Mapping[str, int]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for action, count in calls.items():
        found[GROUPS[action.partition(":")[0]]] += count
    return found
