"""Leave no trace: no rule, no flow, no file, no unit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict

from cachegate_agent import apply, flows, stamps, units
from cachegate_agent.errors import Failed
from cachegate_agent.iptables import Iptables
from cachegate_agent.nftables import Nftables

if TYPE_CHECKING:
    from cachegate_agent.state import Saved, State


def remove(state: State) -> Dict[str, Any]:
    """Close every port, tell whoever was connected, then take everything away."""
    started = time.monotonic()
    warnings = []
    try:
        saved = state.load()
    except Failed as error:
        saved = None  # about to be deleted, so its content need not be understood
        warnings.append(error.message)
    # Before the rules go: the answers of those who are told meet a rule that sends RST.
    done = _close(saved) if saved else apply.Cut(0, 0)
    present = [backend.remove() for backend in (Nftables(), Iptables())]
    units.uninstall(state)
    state.remove()
    return {
        "generation": saved.rules.generation if saved else 0,
        "digest": saved.rules.digest if saved else "",
        "backend": saved.backend if saved else "",
        "changed": saved is not None or any(present),
        "forwards": 0,
        "flows_stale": done.stale,
        "flows_told": done.told,
        "unreachable": [],
        "warnings": warnings,
        "elapsed_ms": round((time.monotonic() - started) * 1000),
    }


def _close(saved: Saved) -> apply.Cut:
    rules = saved.rules.at_rest()
    backend = Nftables() if saved.backend == Nftables.name else Iptables()
    if backend.why_not():
        return apply.Cut(0, 0)  # its program is gone, and nothing can be asked of it
    backend.swap(rules, stamps.prepare(rules, (Nftables().read(), Iptables().read())), None)
    return apply.cut(rules, flows.Suspects(None))
