"""A mapping on the client's own machine, for clients that know no natmap."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cachegate.client.connection import LEADING
from cachegate.client.errors import NotForwardedError
from cachegate_cli.connect.literals import comment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachegate.client.connection import Connection, Place

_FAMILY = "ip"


def nft(connection: Connection, _user: str | None) -> str:
    """Return a file for `nft -f`: inner address and port -> the NAT instance and listen port.

    The table is replaced as a whole, so loading it again brings it up to date. Sources: the
    machine's own programs (output), and containers or guests that it routes for (prerouting).
    Raises NotForwardedError where no inner address leads anywhere now.
    """
    name = table_name(connection.cache)
    elements = ",\n      ".join(
        f"{address} . {port} : {connection.public} . {listen}"
        for (address, port), listen in _elements(connection)
    )
    if not elements:
        raise NotForwardedError(f"no node of {connection.cache} is forwarded: run cachegate status")
    return f"""\
# cachegate: the inner addresses of {comment(connection.cache)} lead to {connection.public}.
# Linux, as root: cachegate connect {comment(connection.cache)} --format nft | nft -f -
# Load it again when nodes were added or replaced. Take it away: nft delete table {_FAMILY} {name}
# Clients then connect as inside the VPC, to inner addresses or to names that lead there. Lines of
# --format hosts lead to the NAT instance, so they go. Where no resolver tells the names, the next
# lines are for /etc/hosts (cachegate connect ... --format nft | sed -n 's/^#   //p'):
{_names(connection)}
table {_FAMILY} {name}
delete table {_FAMILY} {name}
table {_FAMILY} {name} {{
  map outer {{
    type ipv4_addr . inet_service : ipv4_addr . inet_service
    elements = {{
      {elements}
    }}
  }}
  chain own {{
    type nat hook output priority -100; policy accept;
    dnat ip to ip daddr . tcp dport map @outer
  }}
  chain guests {{
    type nat hook prerouting priority -100; policy accept;
    dnat ip to ip daddr . tcp dport map @outer
  }}
}}
"""


def table_name(cache: str) -> str:
    """Return the table's name; names of caches have no underscores, so no two get the same."""
    return "cachegate_" + re.sub(r"[^a-z0-9]", "_", cache.lower())


def clashes(description: Mapping[str, Any], connection: Connection) -> Iterator[str]:
    """Say which caches of other VPCs have the same inner places, which no kernel can tell apart."""
    own = {f"{address}:{port}" for (address, port), _ in _elements(connection)}
    for vpc in description["vpcs"]:
        for each in vpc["forwards"]:
            shared = own.intersection(each["targets"])
            if shared and connection.public not in each["public_addresses"]:
                yield (
                    f"{min(shared)} is also {each['key']} in {vpc['vpc']}: never load the tables "
                    f"of {connection.cache} and {each['cache']} on one machine"
                )


def _elements(connection: Connection) -> Iterator[tuple[Place, int]]:
    """Yield each inner place once; the ports of roles lead to the same places as nodes'."""
    for forward in connection.forwards:
        if forward.state in LEADING and forward.kind in ("node", "endpoint"):
            yield from ((target, forward.listen) for target in forward.targets)


def _names(connection: Connection) -> str:
    lines = [
        f"#   {target[0]} {comment(forward.endpoint[0])}"
        for forward in connection.forwards
        if forward.state in LEADING and forward.kind != "readers" and forward.endpoint
        for target in forward.targets
    ]
    return "\n".join(dict.fromkeys(lines)) or "# (AWS told no names)"
