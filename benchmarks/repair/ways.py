"""Ways to lead a listen port from node A, which died, to node B."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from benchmarks.programs import environment
from benchmarks.repair.clients import MOVED, OTHER_NODE, SAME_NODE
from benchmarks.updates.instance import carried_agent
from tests.integration.gateway.lab import A, B, forward, payload

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway

OTHER_PORT = 7000  # of the nodes: where the bystanders' listen ports lead
_TABLE = f"""
table ip bare
delete table ip bare
table ip bare {{
  map forwards {{
    type inet_service : ipv4_addr . inet_service
    elements = {{ {MOVED} : {A} . 6379, {SAME_NODE} : {A} . {OTHER_PORT},
                  {OTHER_NODE} : {B} . {OTHER_PORT} }}
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat
    fib daddr type local ip protocol tcp dnat ip to tcp dport map @forwards
  }}
  chain postrouting {{ type nat hook postrouting priority srcnat; ct status dnat masquerade; }}
}}
"""
_CHANGE = f"""
delete element ip bare forwards {{ {MOVED} }}
add element ip bare forwards {{ {MOVED} : {B} . 6379 }}
"""


class Way(Protocol):
    """A way, in a lab of its own."""

    @property
    def lab(self) -> Gateway:
        """Where it works."""

    def begin(self) -> None:
        """Let the moved port lead to A, whatever was before."""

    def order(self) -> None:
        """Let it lead to B; raise where that did not succeed."""


class Ours:
    """The agent, started as a command does it; its rule set also has the bystanders' ports."""

    def __init__(self, lab: Gateway) -> None:
        """Let the lab run the archive that the SSM document carries, as instances run it."""
        self.lab = lab
        lab.program, lab.flags = lab.folder / "agent.pyz", ("-I", "-S")
        lab.program.write_bytes(carried_agent())
        self._generation = 0

    def begin(self) -> None:
        """Apply the rule set with A."""
        self._apply(A)

    def order(self) -> None:
        """Apply the one with B, to the end: at last it probes targets, dead ones for 2 s."""
        self._apply(B)

    def start(self) -> float:
        """Return the seconds of an agent that only starts, and refuses what it reads."""
        ended = self.lab.agent_raw("apply", "--payload", "none")
        if ended.error != "malformed":
            raise RuntimeError(f"the agent took nonsense for a payload: {ended.answer}")
        return ended.seconds

    def _apply(self, target: str) -> None:
        self._generation += 1
        others = (forward(SAME_NODE, f"{A}:{OTHER_PORT}"), forward(OTHER_NODE, f"{B}:{OTHER_PORT}"))
        self.lab.apply(payload(self._generation, forward(MOVED, target), *others))


class Swap:
    """One element of a bare table changed by `nft`, and nothing else."""

    def __init__(self, lab: Gateway) -> None:
        self.lab = lab

    def begin(self) -> None:
        """Load the table with A."""
        self.lab.nat.run("nft", "-f", "-", text=_TABLE)

    def order(self) -> None:
        """Change the element."""
        self.lab.nat.run("nft", "-f", "-", text=_CHANGE)


class SwapAndCut(Swap):
    """The same, and then what the kernel knows of the connections to A is deleted."""

    def order(self) -> None:
        """Do both; raise where no connection was found to delete."""
        super().order()
        self.lab.nat.run(
            "conntrack", "-D", "-p", "tcp", "--orig-port-dst", str(MOVED), "--reply-src", A,
            env=environment(),
        )  # fmt: skip
