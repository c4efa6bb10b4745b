"""What clients see while the address moves: `python -m benchmarks.end_to_end.failover_clients`.

Run it in the sandbox; it prints the table of docs/failover.md: a move that a person asks for, and a
holder that is terminated.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import redis

from benchmarks.end_to_end.failovers import PORT, Lab, rest, set_up
from local import sandbox
from local.connections import CHANNEL, Connections
from local.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.connections import Fate

HABITS = {
    "new": "new connection for each request, 1 s for each",
    "active": "one connection, a request every 20 ms, 1 s for an answer",
    "idle": "one connection, silent",
    "keepalive": "the same with TCP keep-alive (1 s, each second, 3 lost)",
    "retry": "redis-py with time-outs of 1 s and retries",
    "subscriber": "redis-py, subscribed, health check each second",
}
BEFORE_S, AFTER_S = 1.0, 5.0


def main() -> int:
    """Measure both, and print the table."""
    if not sandbox.inside():
        sys.stderr.write(f"needs network namespaces: {sandbox.why_not()}\n")
        return 1
    with World() as world:
        lab, stop = set_up(world, 2), threading.Event()
        publisher = threading.Thread(target=_publish, args=(world, stop))
        publisher.start()
        rest(lab)
        moved = _watch(lab, lambda: _move(lab))
        lab.settle()
        rest(lab)
        died = _watch(lab, lambda: world.terminate(lab.holder))
        stop.set()
        publisher.join()
    print("| client | planned move | holder terminated |\n| --- | --- | --- |")
    for habit, what in HABITS.items():
        print(f"| {what} | {_told(*moved, habit)} | {_told(*died, habit)} |")
    return 0


def _publish(world: World, stop: threading.Event) -> None:
    with redis.Redis(str(world.node("cart").address), PORT) as connection:
        while not stop.wait(0.05):
            connection.publish(CHANNEL, "again")


def _move(lab: Lab) -> None:
    other = next(each for each in lab.world.nats if each is not lab.holder)
    lab.world.invoke({"action": "move", "instance": other.instance_id})


def _watch(lab: Lab, happen: Callable[[], None]) -> tuple[dict[str, Fate], float]:
    """Return what became of the clients, and when it began."""
    moves = len(lab.moved)
    with Connections(lab.world.client, lab.address, PORT, *HABITS) as clients:
        time.sleep(BEFORE_S)
        began = time.time()
        happen()
        lab.world.wait_until(lambda: len(lab.moved) > moves, 60, "the address has moved")
        time.sleep(AFTER_S)
    return clients.fates, began


def _told(fates: dict[str, Fate], began: float, habit: str) -> str:
    fate = fates[habit]
    if habit in {"new", "retry", "subscriber"}:
        return f"{len(fate.errors)} errors, no answer for {fate.gap(began) * 1000:.0f} ms"
    after = f" {fate.errors[-1][0] - began:.1f} s after it began" if fate.errors else ""
    return f"{fate.ended}{after}"


if __name__ == "__main__":
    sys.exit(main())
