"""Which listen ports and flows a change makes stale. Pure: no kernel here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, FrozenSet, NamedTuple, Optional, Tuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network

    from cachegate_agent.backend import Live
    from cachegate_agent.conntrack import Flow
    from cachegate_agent.rules import Rules


class Admission:
    """What a rule set admits; asked once for each flow."""

    def __init__(self, rules: Rules) -> None:
        self._targets = rules.targets
        self._sources = rules.admitted
        self._known: Dict[IPv4Address, bool] = {}  # a client has many flows

    def is_stale(self, flow: Flow) -> bool:
        """Tell whether a flow leads elsewhere than its port does now, or comes from a stranger."""
        if flow.target not in self._targets.get(flow.listen.port, ()):
            return True
        client = flow.client.address
        if client not in self._known:
            self._known[client] = any(client in network for network in self._sources)
        return not self._known[client]


class Suspects(NamedTuple):
    """Where to look for stale flows; None as ports means everywhere."""

    ports: Optional[FrozenSet[int]]

    @property
    def are_none(self) -> bool:
        """Tell whether no flow can be stale: whatever was admitted still is."""
        return self.ports is not None and not self.ports


def suspects(before: Optional[Live], after: Rules) -> Suspects:
    """Return where stale flows can be after a change from what is known to have been in force."""
    if before is None or _lost(before.sources, after.admitted):
        return Suspects(None)
    now = after.targets
    return Suspects(
        frozenset(
            listen
            for listen, targets in before.targets.items()
            if not set(targets) <= set(now.get(listen, ()))
        )
    )


def _lost(before: Tuple[IPv4Network, ...], after: Tuple[IPv4Network, ...]) -> bool:
    """Tell whether anybody who was admitted no longer is."""
    return not all(any(old.subnet_of(new) for new in after) for old in before)
