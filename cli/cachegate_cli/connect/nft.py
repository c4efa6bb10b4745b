"""A mapping on the client's own machine, for clients that know no natmap."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cachegate.client.connection import LEADING
from cachegate_cli.connect.literals import comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.client.connection import Connection

_FAMILY = "ip"


def nft(connection: Connection, _user: str | None) -> str:
    """Return a file for `nft -f`: inner address and port -> the NAT instance and listen port.

    The table is replaced as a whole, so loading it again brings it up to date. Sources: the
    machine's own programs (output), and containers or guests that it routes for (prerouting).
    """
    name = table_name(connection.cache)
    elements = ",\n      ".join(_elements(connection))
    return f"""\
# cachegate: the inner addresses of {comment(connection.cache)} lead to {connection.public}.
# Linux, as root: cachegate connect {comment(connection.cache)} --format nft | nft -f -
# Load it again when nodes were added or replaced. Take it away: nft delete table {_FAMILY} {name}
# Clients then connect as inside the VPC, to inner addresses or to names that lead there
# (no hosts entries of --format hosts, which name the NAT instance). Names and addresses now:
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


def _elements(connection: Connection) -> Iterator[str]:
    """Yield each inner place once; the ports of roles lead to the same places as nodes'."""
    for forward in connection.forwards:
        if forward.state in LEADING and forward.kind in ("node", "endpoint"):
            for address, port in forward.targets:
                yield f"{address} . {port} : {connection.public} . {forward.listen}"


def _names(connection: Connection) -> str:
    lines = [
        f"#   {target[0]} {comment(forward.endpoint[0])}"
        for forward in connection.forwards
        if forward.state in LEADING and forward.kind != "readers" and forward.endpoint
        for target in forward.targets
    ]
    return "\n".join(dict.fromkeys(lines)) or "#   (AWS told no names)"
