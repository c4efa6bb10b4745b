"""What a person lets happen in a running embedded world, by the command `world` in its shell."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.door import RefusedError
from local.namespaces import HostCommandError
from local.nat_world import WorldError
from local.nodes import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.world import World


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that may happen."""

    of: str  # what it happens to: NODE, GROUP, CACHE, or nothing
    about: str
    do: Callable[[World, str], str]


@dataclass(slots=True)
class Happenings:
    """Lets things happen, one at a time, since a world is no place for two at once."""

    world: World
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, verb: str, of: str) -> str:
        """Let it happen and say what did. Raises RefusedError where it cannot."""
        if verb == "help":
            return usage()
        if verb not in VERBS:
            raise RefusedError(f"there is no verb {verb[:40]!a}; world alone lists them")
        try:
            with self.lock:
                return VERBS[verb].do(self.world, of)
        except (WorldError, NodeError, HostCommandError) as error:
            raise RefusedError(f"{verb} {of}: {error}") from error


def usage() -> str:
    """Return what may happen, a line each."""
    rows = [(f"world {name} {verb.of}".rstrip(), verb.about) for name, verb in VERBS.items()]
    return "\n".join(f"{command:22}{about}" for command, about in rows)


def _replace(world: World, of: str) -> str:
    cluster, node = _node(world, of)
    new = world.replace_node(cluster, node)
    return f"AWS has replaced {of}: the same name leads to a new machine, {new}"


def _kill(world: World, of: str) -> str:
    cluster, node = _node(world, of)
    address = world.node(cluster, node).address
    if address not in world.vpc.hosts:
        raise RefusedError(f"{of} is dead already; world replace {of} brings another machine")
    world.kill_node(cluster, node)
    return (
        f"the machine of {of} is dead, and AWS has not noticed: world replace {of} is what it does"
    )


def _fail_over(world: World, of: str) -> str:
    groups = world.aws.fleet.groups
    _known(of, "group", groups)
    if all(len(members) < 2 for members in groups[of].shards.values()):
        raise RefusedError(f"{of} has no replica that could become its primary")
    return f"{world.fail_over(of)} is the primary of {of} now"


def _add(world: World, of: str) -> str:
    fleet = world.aws.fleet
    alone = [name for name, each in fleet.clusters.items() if each.options.engine == "memcached"]
    _known(of, "cache that can have one more node", [*fleet.groups, *alone])
    node = world.add_node(of)
    return f"{of} has one more node: {node.cluster_id}/{node.node_id} at {node.address}"


def _end_nat(world: World, _: str) -> str:
    stack = world.stack
    holder = world.holder(stack.outputs["AddressAllocationId"]) if stack else None
    nat = next((each for each in world.nats if each.instance_id == holder), None)
    if stack is None or nat is None or len(world.nats) < 2:
        raise RefusedError("there are no two NAT instances any more, of which one could take over")
    world.terminate(nat)
    return f"{holder} is dead; the other NAT instance gets {stack.outputs['Address']} in seconds"


def _node(world: World, of: str) -> tuple[str, str]:
    """Return the cluster and node id that a person means by `pages/0002` or `sessions-002`."""
    clusters = world.aws.fleet.clusters
    known = {f"{name}/{n.node_id}": n for name, each in clusters.items() for n in each.nodes}
    full = of if "/" in of else f"{of}/0001"
    _known(full, "node", known)
    return known[full].cluster_id, known[full].node_id


def _known(of: str, what: str, names: Iterable[str]) -> None:
    known = sorted(names)
    if of not in known:
        raise RefusedError(f"{of[:60]!a} is no {what}; there are {', '.join(known)}")


VERBS = {
    "replace": Verb("NODE", "AWS replaces a node: a new machine under the same name", _replace),
    "kill": Verb("NODE", "a node's machine dies, and AWS has not noticed", _kill),
    "fail-over": Verb("GROUP", "a replica becomes the primary", _fail_over),
    "add": Verb("CACHE", "a replica or a Memcached node more", _add),
    "end-nat": Verb("", "the NAT instance that has the address dies", _end_nat),
}
