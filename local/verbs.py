"""What a person lets happen in a running embedded world, by the command `world` in its shell."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from local import scene
from local.door import RefusedError
from local.namespaces import HostCommandError
from local.nat_world import WorldError
from local.nodes import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.caches import Node
    from local.world import World


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that may happen."""

    of: str  # what it happens to: NODE, GROUP, CACHE, or nothing
    about: str
    do: Callable[[World, str], str]
    names: Callable[[World], Iterable[str]] = lambda _: ()  # of what it may happen to


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
                _expect(self.world, verb, of)
                return VERBS[verb].do(self.world, of)
        except (WorldError, NodeError, HostCommandError, ClientError) as error:
            raise RefusedError(f"{verb} {of}".rstrip() + f": {error}") from error


def _expect(world: World, verb: str, of: str) -> None:
    """Refuse to begin where it is not said what it happens to, or needs no saying."""
    wanted = VERBS[verb].of
    if bool(of) != bool(wanted):
        known = ", ".join(sorted(VERBS[verb].names(world)))
        one_of = f", where {wanted} is one of {known}" if wanted else ", and nothing after it"
        raise RefusedError(f"usage: world {verb} {wanted}".rstrip() + one_of)


def usage() -> str:
    """Return what may happen, a line each."""
    rows = [(f"world {name} {verb.of}".rstrip(), verb.about) for name, verb in VERBS.items()]
    width = max(len(command) for command, _ in rows)
    return "\n".join(f"{command:{width}}  {about}" for command, about in rows)


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
    _known(of, "group", _groups(world))
    if all(len(members) < 2 for members in groups[of].shards.values()):
        raise RefusedError(f"{of} has no replica that could become its primary")
    return f"{world.fail_over(of)} is the primary of {of} now"


def _add(world: World, of: str) -> str:
    _known(of, "cache that can have one more node", _growing(world))
    node = world.add_node(of)
    return f"{of} has one more node: {node.cluster_id}/{node.node_id} at {node.address}"


def _end_nat(world: World, _: str) -> str:
    stack = world.stack
    holder = world.holder(stack.outputs["AddressAllocationId"]) if stack else None
    nat = next((each for each in world.nats if each.instance_id == holder), None)
    if stack is None or nat is None or len(world.nats) < 2:
        raise RefusedError(
            "there are no two NAT instances, of which one could take over: world launch-nat"
        )
    world.terminate(nat)
    return (
        f"{holder} is dead; the other NAT instance gets {stack.outputs['Address']} in seconds. Its "
        "Auto Scaling group launches one in its place: world launch-nat"
    )


def _launch_nat(world: World, _: str) -> str:
    launched = world.launch_missing()
    if not launched:
        raise RefusedError("each Auto Scaling group has its NAT instance")
    names = " and ".join(each.instance_id for each in launched)
    return f"{names} starts, and has the forwards in seconds: cachegate status"


def _open(world: World, _: str) -> str:
    rule = scene.open_to_anyone(world, "for the new office, just for today")
    return (
        f"alice admits {scene.ANYONE} to port {scene.PORT} on the caches' security group ({rule}). "
        "The guard revokes it in seconds: cachegate findings, then "
        f"cachegate restore {rule} --owner alice --expires 2999-12-31 --reason needed"
    )


def _node(world: World, of: str) -> tuple[str, str]:
    """Return the cluster and node id that a person means by `pages/0002` or `sessions-002`."""
    known = _nodes(world)
    full = of if "/" in of else f"{of}/0001"
    _known(full, "node", known)
    return known[full].cluster_id, known[full].node_id


def _nodes(world: World) -> dict[str, Node]:
    clusters = world.aws.fleet.clusters
    return {f"{name}/{n.node_id}": n for name, each in clusters.items() for n in each.nodes}


def _groups(world: World) -> Iterable[str]:
    return world.aws.fleet.groups


def _growing(world: World) -> Iterable[str]:
    fleet = world.aws.fleet
    alone = [name for name, each in fleet.clusters.items() if each.options.engine == "memcached"]
    return [*fleet.groups, *alone]


def _known(of: str, what: str, names: Iterable[str]) -> None:
    known = sorted(names)
    if of not in known:
        raise RefusedError(f"{of[:60]!a} is no {what}; there are {', '.join(known)}")


VERBS = {
    "replace": Verb(
        "NODE", "AWS replaces a node: a new machine under the same name", _replace, _nodes
    ),
    "kill": Verb("NODE", "a node's machine dies, and AWS has not noticed", _kill, _nodes),
    "failover": Verb("GROUP", "a replica becomes the primary", _fail_over, _groups),
    "add": Verb("CACHE", "a replica or a Memcached node more", _add, _growing),
    "end-nat": Verb("", "the NAT instance that has the address dies", _end_nat),
    "launch-nat": Verb("", "its Auto Scaling group launches another one", _launch_nat),
    "open": Verb("", "somebody opens the caches' group to the Internet", _open),
}
