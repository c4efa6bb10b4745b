"""Change the kernel and stop there: `swap_only.py BACKEND PAYLOAD_FILE`; prints the seconds.

What is printed is the time of the program that makes the transaction, without what comes before.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "gateway"))

from cachegate_agent import payload, stamps
from cachegate_agent.iptables import Iptables
from cachegate_agent.nftables import Nftables

backend = Nftables() if sys.argv[1] == "nftables" else Iptables()
rules = payload.rules_of(payload.decode(Path(sys.argv[2]).read_text()))
live = backend.read()
stamp = stamps.prepare(rules, [live])
run = subprocess.run
spent: list[float] = []


def timed(*arguments: Any, **options: Any) -> Any:
    """Run a program and keep the time that it took."""
    started = time.monotonic()
    try:
        return run(*arguments, **options)
    finally:
        spent.append(time.monotonic() - started)


subprocess.run = timed
backend.swap(rules, stamp, live)
print(sum(spent))
