"""The same forwards for every way: as payloads for us, as texts for the tools without us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.gateway.lab import B, forward

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Document

FIRST_PORT = 10_000
NODES = "10.64.0.0/16"  # every forward's node has an address of its own here
_NODES = "10.64.{}.{}"
CHANGED_TO = B
ANEW = "table ip least\ndelete table ip least\n"  # before the least table, whether it is there


def forwards(count: int, *, changed: bool = False) -> list[Document]:
    """Return many forwards; the one in the middle is the one that changes."""
    made = [forward(FIRST_PORT + n, f"{node(n)}:6379") for n in range(count)]
    if changed:
        port, target = changed_element(count)
        made[count // 2] = forward(port, f"{target}:6379")
    return made


def node(number: int) -> str:
    """Return the address of the how manieth forward's node, from 0, before any change."""
    return _NODES.format(number // 250, number % 250 + 1)


def least_table(some: list[Document]) -> str:
    """Return the least that forwards: one map, and a chain for each end of the way."""
    elements = ", ".join(
        f"{each['listen']} : {address} . {port}"
        for each in some
        for address, port in each["targets"]
    )
    return f"""
table ip least {{
  map forwards {{ type inet_service : ipv4_addr . inet_service; elements = {{ {elements} }} }}
  chain prerouting {{
    type nat hook prerouting priority dstnat
    fib daddr type local ip protocol tcp dnat ip to tcp dport map @forwards
  }}
  chain postrouting {{ type nat hook postrouting priority srcnat; ct status dnat masquerade; }}
}}
"""


def with_our_sets(some: list[Document]) -> str:
    """Return the least table with the elements that our table holds beside the map's, unused."""
    ports = ", ".join(str(each["listen"]) for each in some)
    ways = ", ".join(
        f"{each['listen']} . {address} . {port}"
        for each in some
        for address, port in each["targets"]
    )
    return f"""{least_table(some)}
table ip least {{
  set listens {{ type inet_service; flags timeout; gc-interval 1d; elements = {{ {ports} }} }}
  set live {{ type inet_service . ipv4_addr . inet_service; elements = {{ {ways} }} }}
}}
"""


def changed_element(count: int) -> tuple[int, str]:
    """Return the listen port whose target changes, and the address of the new one."""
    return FIRST_PORT + count // 2, CHANGED_TO


def least_change(port: int, target: str) -> str:
    """Return the least change: one element for another, in one transaction."""
    return (
        f"delete element ip least forwards {{ {port} }}\n"
        f"add element ip least forwards {{ {port} : {target} . 6379 }}\n"
    )


def restore_text(some: list[Document]) -> str:
    """Return what iptables-restore takes for one chain of our own, with the jump to it."""
    rules = (
        f"-A LEAST -p tcp --dport {each['listen']} -j DNAT --to-destination {address}:{port}"
        for each in some
        for address, port in each["targets"]
    )
    return "\n".join(["*nat", ":LEAST - [0:0]", *rules, "COMMIT", ""])


def calls_for_a_change(some: list[Document]) -> str:
    """Return the two commands that give one port another target; between them it has none."""
    port, target = changed_element(len(some))
    (address, at), *_ = some[len(some) // 2]["targets"]
    rule = f"PREROUTING -p tcp --dport {port} -j DNAT --to-destination"
    old, new = (f"{rule} {address}:{at}", f"{rule} {target}:{at}")
    return f"set -e\niptables -t nat -D {old}\niptables -t nat -A {new}\n"


def calls(some: list[Document]) -> str:
    """Return the guide's commands: one iptables process for each rule."""
    return "set -e\n" + "\n".join(
        f"iptables -t nat -A PREROUTING -p tcp --dport {each['listen']}"
        f" -j DNAT --to-destination {address}:{port}"
        for each in some
        for address, port in each["targets"]
    )
