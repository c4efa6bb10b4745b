"""How near this instance is to what it can carry: the kernel's table of connections, and EC2's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Dict

from cachegate_agent.kernel_settings import setting

# EC2 drops or queues what goes beyond, and its network driver counts that. Each but the first
# counts packets since the driver's last reset
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html).
ALLOWANCES = (
    "conntrack_allowance_available",
    "conntrack_allowance_exceeded",
    "bw_in_allowance_exceeded",
    "bw_out_allowance_exceeded",
    "pps_allowance_exceeded",
)
ROUTES = Path("/proc/net/route")
SECONDS = 2
_IS_UP = 1  # of a route's flags
_TOLD = re.compile(r"^\s*(\w+): ([0-9]{1,20})$", re.MULTILINE)


def figures() -> Dict[str, Any]:
    """Return the parts of a report that are known here: `conntrack`, `allowances`."""
    found: Dict[str, Any] = {}
    used, limit = setting("netfilter/nf_conntrack_count"), setting("netfilter/nf_conntrack_max")
    if used >= 0 and limit > 0:  # 0 is no limit
        found["conntrack"] = {"used": used, "limit": limit}
    allowances = _allowances(_interface())
    if allowances:
        found["allowances"] = allowances
    return found


def _interface() -> str:
    """Return the interface of the default route, "" where there is none."""
    try:
        rows = [line.split() for line in ROUTES.read_text(encoding="ascii").splitlines()[1:]]
        # Columns: interface, destination, gateway, flags, references, uses, metric, mask.
        routes = [
            (int(row[6]), row[0])
            for row in rows
            if int(row[1], 16) == int(row[7], 16) == 0 and int(row[3], 16) & _IS_UP
        ]
    except (OSError, ValueError, IndexError):
        return ""
    return min(routes)[1] if routes else ""


def _allowances(interface: str) -> Dict[str, int]:
    """Ask the driver; nothing where it, or its program, does not tell."""
    if not interface:
        return {}
    try:
        done = subprocess.run(
            ["ethtool", "-S", interface],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    told = dict(_TOLD.findall(done.stdout))
    return {name: int(told[name]) for name in ALLOWANCES if name in told}
