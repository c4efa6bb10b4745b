"""No packet is lost, refused or misled while the rule set changes."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from tests.integration.gateway.lab import NAT, A, B, forward, payload

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway

# The full count takes 22 s a back-end, which `make test` affords once.
SECONDS = float(os.environ.get("CACHEGATE_SWAP_SECONDS", "22"))
AT_LEAST = 60  # applies in 22 s, beside all the traffic, on two cores
AT_MOST = 200


def test_swaps_under_load_break_and_refuse_nothing(gateway: Gateway) -> None:
    ports = range(6380, 6390)
    others = [forward(port, f"{A}:{7000 + port - 6380}") for port in ports]
    gateway.apply(payload(1, forward(6379, A), *others))
    traffic = gateway.start(
        gateway.client, "traffic.py", NAT, str(SECONDS), ",".join(map(str, ports)), "6379,6379"
    )
    end = time.monotonic() + SECONDS
    swaps, stale = 0, 0

    while time.monotonic() < end and swaps < AT_MOST:
        swaps += 1
        report = gateway.apply(payload(1 + swaps, forward(6379, (A, B)[swaps % 2]), *others))
        stale += report["flows_stale"]
    counted = json.loads(traffic.communicate(timeout=60)[0])

    print({"swaps": swaps, "seconds": SECONDS, "stale": stale, **counted})
    assert counted.get("broken", 0) == 0
    assert counted.get("refused", 0) == 0
    assert not [
        name for name in counted if name.startswith(("not connected", "not answered", "closed"))
    ]
    assert counted["new_answers"] > 200 * SECONDS
    assert swaps >= AT_LEAST * SECONDS / 22
