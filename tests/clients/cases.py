"""What happens to a cache while clients use it, and what may come of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from redis.crc import key_slot

from tests.clients.drivers import drive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.clients.programs import Program
    from tests.clients.running import Report
    from tests.clients.stage import Cache, Stage

BEFORE_S = 2.0  # of undisturbed use
AFTER_S = 10.0  # in which clients come back
LATELY_MS = 5000.0  # who was answered in so much of it, at its end, has come back
MOVING_S = 6.0  # in which each key is used again
SLOTS_EACH = 3  # for each client
FIRST_SHARD, TO_SHARD = 16384 // 3, "0002"  # of three: the first one's slots are below
NOTICED_S = 2.0  # from the death of a primary until AWS promotes a replica: chosen by us, not AWS's


class CaseError(Exception):
    """What was to be tried did not happen."""


def _nothing(_: Stage, __: Cache) -> None:
    """Let nothing happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that happens to a cache, and how all is well again after it."""

    name: str
    happen: Callable[[Stage, Cache], None]
    restore: Callable[[Stage, Cache], None] = _nothing
    lossless: bool = False  # no request of a client in cluster mode may fail
    memcached: bool = False  # it can happen to Memcached
    cluster_mode_alone: bool = False
    needs_new_map: bool = False  # where nodes announce addresses

    def fits(self, cache: Cache) -> bool:
        """Tell whether it can happen to such a cache."""
        if cache.memcached:
            return self.memcached
        return cache.cluster_mode or not self.cluster_mode_alone

    def play(self, stage: Stage, caches: Sequence[Cache]) -> None:
        """Let it happen to these caches, one right after the other, with time before and after."""
        time.sleep(BEFORE_S)
        for cache in caches:
            stage.note(f"{self.name}: {cache.name}")
            self.happen(stage, cache)
        time.sleep(AFTER_S)

    def complaints(self, cache: Cache, program: Program, report: Report) -> list[str]:
        """Return in what a report is not what we say of this case, one line each."""
        if report.died and self.needs_new_map and program.may_crash:
            return []
        if self.needs_new_map and cache.announces_addresses:
            back = report.silent_ms < LATELY_MS and not program.goes_back_to_seeds
            return ["it came back, though its map is old: docs/clients.md says no"] if back else []
        if report.died or (report.hung and not program.waits_for_ever):
            return [report.first_error or "a request never returned"]
        found = []
        if report.errors and self.lossless and (cache.cluster_mode or self is STEADY):
            found.append(f"{report.errors} errors, the first: {report.first_error}")
        if report.silent_ms > LATELY_MS and not program.waits_for_ever:
            found.append(f"no good answer in the last {report.silent_ms:.0f} ms")
        return found


def _victim(stage: Stage, cache: Cache) -> str:
    """Return the cluster id of the node that it happens to: a primary where there is one."""
    return cache.name if cache.memcached else stage.world.primary_of(cache.name)


def _fail_over(stage: Stage, cache: Cache) -> None:
    stage.world.fail_over(cache.name)


def _kill(stage: Stage, cache: Cache) -> None:
    stage.killed[cache.name] = _victim(stage, cache)
    stage.world.kill_node(stage.killed[cache.name])
    if cache.cluster_mode:
        stage.world.await_failover(cache.name)
    elif not cache.memcached:
        time.sleep(NOTICED_S)
        stage.world.fail_over(cache.name)


def _replace_killed(stage: Stage, cache: Cache) -> None:
    stage.world.replace_node(stage.killed.pop(cache.name))
    stage.sync()


def _replace(stage: Stage, cache: Cache) -> None:
    stage.world.replace_node(_victim(stage, cache))


def _replace_and_return(stage: Stage, cache: Cache) -> None:
    """Replace a primary and make it primary again: clients need it under its new address."""
    replaced = _victim(stage, cache)
    stage.world.replace_node(replaced)
    time.sleep(AFTER_S / 2)
    stage.world.fail_over(cache.name, to=replaced)


def _move_slots(stage: Stage, cache: Cache) -> None:
    """Let slots that the clients use be between two shards for a while.

    Raises CaseError where no node sent anybody to ASK meanwhile: then nothing was tried.
    """
    slots = sorted({slot for name in stage.names for slot in _slots_of(name)})
    before = _asks(stage, cache)
    for slot in slots:
        stage.world.begin_slot_move(cache.name, slot, TO_SHARD)
    time.sleep(MOVING_S)
    if _asks(stage, cache) < before + len(stage.names):
        raise CaseError(f"{cache.name}: hardly a client was sent to ASK")
    for slot in slots:
        stage.world.end_slot_move(cache.name, slot, TO_SHARD)


def _slots_of(name: str) -> list[int]:
    """Return some slots of the first shard that a client's keys are in."""
    found = (key_slot(f"{name}-{number}".encode()) for number in range(drive.KEYS))
    return list(islice((slot for slot in found if slot < FIRST_SHARD), SLOTS_EACH))


def _asks(stage: Stage, cache: Cache) -> int:
    """Return how often the cache's nodes have answered ASK."""
    nodes = stage.world.nodes_of(stage.world.aws.fleet.groups[cache.name])
    told = [
        stage.world.servers.tell(node.address, "INFO", "errorstats")
        for node in stage.world.bus.living(nodes)
    ]
    return sum(each.get("errorstat_ASK", {"count": 0})["count"] for each in told)


STEADY = Case(name="steady use", happen=_nothing, lossless=True, memcached=True)
FAIL_OVER = Case(name="planned failover", happen=_fail_over, lossless=True)
KILLED = Case(name="killed primary", happen=_kill, restore=_replace_killed, memcached=True)
REPLACED = Case(name="replaced primary", happen=_replace, memcached=True)
RETURNED = Case(
    name="replaced node leads again", happen=_replace_and_return, needs_new_map=True
)  # fmt: skip
MOVED = Case(
    name="slots moved online", happen=_move_slots, lossless=True, cluster_mode_alone=True
)  # fmt: skip
CASES = (STEADY, FAIL_OVER, KILLED, REPLACED, RETURNED, MOVED)
