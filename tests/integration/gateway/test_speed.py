"""How long things take, on a machine where other things run too."""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from cachegate_agent.backend import STAMPS
from tests.integration.gateway.lab import CLIENT, HERE, A, B, Document, forward, payload

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway


def forwards(count: int, changed: str) -> list[Document]:
    """Return many forwards, the one in the middle with a target of its own.

    The nodes refuse all of them, so that the probe, which is not looked at here, ends at once.
    """
    made = [forward(10_000 + n, f"{A}:{20_000 + n}") for n in range(count)]
    made[count // 2] = forward(10_000 + count // 2, changed)
    return made


def test_500_forwards_are_applied_in_a_tenth_of_a_second(gateway: Gateway) -> None:
    """Beyond the start of a Python process, without the probe, and when nothing else runs."""
    taken: list[int] = []
    while len(taken) < 3 or (min(taken) >= 100 and len(taken) < 20):
        number = len(taken) + 1
        report = gateway.apply(payload(number, *forwards(500, f"{B}:{number}")))
        taken.append(report["elapsed_ms"])
    imports = min(ended.seconds for ended in (gateway.agent("repair") for _ in range(3)))

    print({"backend": gateway.backend, "elapsed_ms": taken, "a repair, all in all": imports})
    if gateway.backend == "nftables":
        assert min(taken) < 100


def test_the_change_of_one_target_costs_the_same_among_50_and_5000(gateway: Gateway) -> None:
    typical = {}
    for count in (50, 5000):
        gateway.swap_only(payload(1, *forwards(count, A)))
        seconds = [
            gateway.swap_only(payload(2 + n, *forwards(count, f"{B}:{n + 1}"))) for n in range(9)
        ]
        typical[count] = statistics.median(seconds)
        gateway.agent("remove")

    print({"backend": gateway.backend, "seconds": typical})
    if gateway.backend == "nftables":
        assert typical[5000] < 2 * typical[50]


def test_a_hundred_thousand_connections_of_others_do_not_slow_an_apply(gateway: Gateway) -> None:
    trusted = [f"{CLIENT}/32", "198.51.100.0/24"]
    gateway.apply(payload(1, forward(6379, A), sources=trusted))
    track = str(HERE / "track.py")
    gateway.nat.run(sys.executable, track, "100000", "6390", "0x0")

    # A narrower list of sources: every flow of ours is looked at.
    report = gateway.apply(payload(2, forward(6379, A)))

    print({"backend": gateway.backend, "elapsed_ms": report["elapsed_ms"]})
    assert report["elapsed_ms"] < 500


def test_thousands_of_stale_flows_are_cut_in_time(gateway: Gateway) -> None:
    """Though all bear the stamp that comes next, so that it is taken from each of them first."""
    gateway.apply(payload(1, forward(6379, A), sources=["0.0.0.0/0"]))
    gateway.nat.run(sys.executable, str(HERE / "track.py"), "5000", "6379", f"{STAMPS[1]:#x}")
    started = time.monotonic()

    report = gateway.apply(payload(2, forward(6379)))

    print({"backend": gateway.backend, "seconds": time.monotonic() - started})
    assert report["flows_stale"] == 5000
    assert report["elapsed_ms"] < 2000
    assert "src=198.18." not in gateway.nat.run("cat", "/proc/net/nf_conntrack").stdout
