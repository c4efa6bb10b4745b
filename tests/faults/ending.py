"""After the faults: everything comes right within a bounded number of passes, and then is quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.truth import VPC
from tests.faults.watch import ViolationError

if TYPE_CHECKING:
    from cachegate.domain.ledger import Ledger
    from tests.faults.world import World

LONGEST = 12  # passes until all is right; the longest that was seen is in docs/faults.md
PATIENCE = 4 * 3600.0  # seconds until all is quiet, too


def stop_the_faults(world: World) -> None:
    """End everything that goes wrong; what is under way arrives yet."""
    world.faults.clear()
    world.views.clear()
    world.ssm.fates.clear()
    for command in world.ssm.sent.values():
        command.invisible = 0
    world.truth.settle()
    for machine in world.standing:
        machine.registered = True
        if machine.state == "stopped":
            machine.start()
            world.tell_state(machine)
        machine.online = True


def come_right(world: World) -> int:
    """Let the product go on until all is right and quiet; return the passes until it was right."""
    stop_the_faults(world)
    began, ends = world.passes, world.clock.now + PATIENCE
    dead = {m.message_id for m in world.post.dead_letters}
    exhausted = {m.message_id for m in world.post.messages if m.receives >= 4}
    last_wrong = 0
    while True:
        reason = whats_wrong(world)
        if reason:
            last_wrong = world.passes - began + 1
        elif world.passes > began and not _busy(world):
            break
        if last_wrong > LONGEST or world.clock.now > ends:
            raise ViolationError(
                f"not right after {world.passes - began} passes: {reason or 'not quiet'}"
            )
        world.next_moment()
    late = {m.message_id for m in world.post.dead_letters} - dead - exhausted
    if late:
        raise ViolationError(f"dead letters although nothing was wrong any more: {late}")
    _stays_right(world)
    return last_wrong


def _stays_right(world: World) -> None:
    before = world.ssm.sent, world.post.rechecks
    world.let_time_pass(900.0)
    reason = whats_wrong(world)
    if reason or world.post.messages or world.post.rechecks != before[1]:
        raise ViolationError(f"it does not stay right: {reason or 'new re-checks'}")


def _busy(world: World) -> bool:
    """Tell whether anything is still to come by itself, the schedule apart."""
    heartbeat = world.table.items.get((VPC, "heartbeat"))
    chained = bool(heartbeat and heartbeat["token"]["S"])
    return chained or bool(world.post.messages) or world.ssm.under_way > 0


def whats_wrong(world: World) -> str:
    """Say how plan, kernels and truth differ; empty where they do not."""
    ledger, expected = world.watch.ledger, world.truth.expected()
    if ledger is None:
        return "there is no ledger"
    for key, addresses in expected.items():
        lease = ledger.leases.get(key)
        if lease is None or {target.address for target in lease.targets} != addresses:
            return f"{key} is not at {sorted(map(str, addresses))} but at {lease and lease.targets}"
    for key, lease in ledger.leases.items():
        if key not in expected and lease.targets:
            return f"{key} is gone and leads to {lease.targets}"
    return _kernel_differs(world, ledger)


def _kernel_differs(world: World, ledger: Ledger) -> str:
    wanted = {lease.listen: lease.targets for lease in ledger.leases.values()}
    for machine in world.standing:
        held = machine.kernel.targets if machine.kernel else {}
        if {k: {(t.address, t.port) for t in v} for k, v in held.items()} != {
            k: {(t.address, t.port) for t in v} for k, v in wanted.items()
        }:
            return f"the kernel of {machine.instance_id} differs from the plan"
        if machine.verified != ledger.generation:
            return f"{machine.instance_id} has not proved generation {ledger.generation}"
    return ""
