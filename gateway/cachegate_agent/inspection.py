"""Report what is saved and what the kernel holds, each forward with its connections."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from cachegate_agent import conntrack, preflight, units

if TYPE_CHECKING:
    from cachegate_agent.backend import Live
    from cachegate_agent.state import Saved, State


def inspect(state: State, saved: Optional[Saved]) -> Dict[str, Any]:
    """Return the whole report without a probe; report.page() cuts it into pages."""
    choice = preflight.choose()
    found, left = choice.backend.read(), choice.other.read()
    live = found or left
    backend = choice.other if left and not found else choice.backend
    connections = Counter(flow.listen.port for flow in conntrack.flows() if flow.is_open)
    forwards = _saved_forwards(saved) if saved else _live_forwards(live)
    held = live.identity if live else None
    return {
        "owner": saved.rules.owner if saved else "",
        "generation": saved.rules.generation if saved else (held.generation if held else 0),
        "digest": saved.rules.digest if saved else (held.digest if held else ""),
        "backend": backend.name,
        "drift": _differs(saved, live, backend.name) or (found is not None and left is not None),
        "installed": units.is_current(state),
        "unreachable": [],
        "warnings": [*choice.warnings, *(preflight.warnings(saved.rules) if saved else [])],
        "live": {"generation": held.generation, "digest": held.digest} if held else None,
        "sources": [str(source) for source in saved.rules.sources] if saved else [],
        "forwards": [
            {**forward, "connections": connections[forward["listen"]]} for forward in forwards
        ],
    }


def _differs(saved: Optional[Saved], live: Optional[Live], backend: str) -> bool:
    if saved is None or live is None:
        return (saved is None) != (live is None)
    return not (live.holds(saved.rules) and live.shape == saved.shape and backend == saved.backend)


def _saved_forwards(saved: Saved) -> List[Dict[str, Any]]:
    forwards: List[Dict[str, Any]] = saved.document["forwards"]
    return sorted(forwards, key=lambda forward: int(forward["listen"]))


def _live_forwards(live: Optional[Live]) -> List[Dict[str, Any]]:
    """Describe what only the kernel still knows; kinds and keys are lost with the saved state."""
    return (
        [
            {
                "listen": listen,
                "kind": "readers" if len(targets) > 1 else "node",
                "key": "",
                "targets": [[str(target.address), target.port] for target in targets],
            }
            for listen, targets in sorted(live.targets.items())
        ]
        if live
        else []
    )
