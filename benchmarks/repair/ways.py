"""Ways to lead a listen port from node A, which died, to node B."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from benchmarks.agent import run_as_carried
from benchmarks.programs import environment
from benchmarks.repair.clients import MOVED, OTHER_NODE, SAME_NODE
from benchmarks.updates.rule_sets import ANEW, least_change, least_table
from tests.integration.gateway.lab import A, B, forward, payload

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Document, Gateway

OTHER_PORT = 7000  # of the nodes: where the bystanders' listen ports lead


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
        run_as_carried(lab)
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
        self.lab.apply(payload(self._generation, *_forwards(target)))


class Swap:
    """One element of the least table changed by `nft`, and nothing else."""

    def __init__(self, lab: Gateway) -> None:
        self.lab = lab

    def begin(self) -> None:
        """Load the table with A."""
        self.lab.nat.run("nft", "-f", "-", text=ANEW + least_table(_forwards(A)))

    def order(self) -> None:
        """Change the element."""
        self.lab.nat.run("nft", "-f", "-", text=least_change(MOVED, B))


class SwapAndCut(Swap):
    """The same, and then what the kernel knows of the connections to A is deleted."""

    def order(self) -> None:
        """Do both; raise where no connection was found to delete."""
        super().order()
        self.lab.nat.run(
            "conntrack", "-D", "-p", "tcp", "--orig-port-dst", str(MOVED), "--reply-src", A,
            env=environment(),
        )  # fmt: skip


def _forwards(target: str) -> list[Document]:
    """Return the moved port's forward to this node, and those of the bystanders."""
    others = {SAME_NODE: A, OTHER_NODE: B}
    rest = [forward(port, f"{node}:{OTHER_PORT}") for port, node in others.items()]
    return [forward(MOVED, target), *rest]
