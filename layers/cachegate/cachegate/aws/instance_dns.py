"""Resolve endpoints on a NAT instance, for names that only the VPC's resolver knows."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from cachegate.aws.batches import batches
from cachegate.domain.agent import SCHEMA, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cachegate.protocols import Gateways

MOST_NAMES = 250  # whose answer surely fits into the 20,000 characters of a compact report


class InstanceResolver:
    """Asks the agents of one VPC in turn, until one answers."""

    def __init__(self, gateways: Gateways, instance_ids: Iterable[str]) -> None:
        self._gateways = gateways
        self._instance_ids = tuple(sorted(instance_ids))

    def resolve(self, names: Iterable[str]) -> Mapping[str, frozenset[IPv4Address]]:
        """Return the A records of each name; a name that failed is left out."""
        found: dict[str, frozenset[IPv4Address]] = {}
        for batch in batches(sorted(set(names)), MOST_NAMES):
            found |= self._ask(batch)
        return found

    def _ask(self, names: list[str]) -> dict[str, frozenset[IPv4Address]]:
        payload = encode({"schema": SCHEMA, "names": names})
        for instance_id in self._instance_ids:
            reply = self._gateways.run([instance_id], "resolve", payload)[instance_id]
            if reply.failure is None and reply.report is not None:
                answers = _read(reply.report)
                return {name: answers[name] for name in names if answers.get(name)}
        return {}


def _read(report: dict[str, Any]) -> dict[str, frozenset[IPv4Address]]:
    return {
        name: frozenset(IPv4Address(address) for address in addresses)
        for name, addresses in report.get("addresses", {}).items()
    }
