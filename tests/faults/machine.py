"""A NAT instance: the real agent, over a kernel that is a value in memory.

Only what touches the machine is replaced: the back-ends' nft and iptables, connection tracking
and its figures, probes, the metadata service and the files of the state directory. What the agent
decides (accept, refuse, swap, go back, save, restore, repair, page its report) is its own code.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import cachegate_agent.apply
import cachegate_agent.capacity
import cachegate_agent.conntrack
import cachegate_agent.instance
import cachegate_agent.main
import cachegate_agent.preflight
import cachegate_agent.removal
import cachegate_agent.units
from cachegate_agent.backend import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ipaddress import IPv4Address
    from pathlib import Path

    import pytest

    from cachegate_agent.rules import Rules
    from cachegate_agent.state import Saved

SHAPE = "whole"


class Killed(BaseException):
    """The agent's process was killed: it does nothing more, and says nothing."""


@dataclass
class Ended:
    """How one run of the agent ended."""

    code: int
    output: str


@dataclass
class Machine:
    """One NAT instance as it really is."""

    instance_id: str
    private: IPv4Address
    reaches: Callable[[IPv4Address], bool]  # whether something answers at an address
    changed: Callable[[Machine], None]  # told of each change of the kernel
    state: str = "running"
    registered: bool = True
    online: bool = True
    kernel: Live | None = None
    keys: dict[int, str] = field(default_factory=dict)  # who has a listen port, as was pushed
    saved: Saved | None = None
    boot: int = 1
    killed_before: str = ""  # the next run that gets there dies: swap, save or report
    verified: int = 0  # the highest generation that a pass counts as proved here

    current: ClassVar[Machine]

    @property
    def generation(self) -> int:
        return self.kernel.identity.generation if self.kernel and self.kernel.identity else 0

    def run(self, action: str, *more: str) -> Ended:
        """Run one action of the agent as the document does."""
        Machine.current = self
        said = io.StringIO()
        path = os.environ["PATH"]  # the agent adds to it: as one process here, to what it added
        try:
            with redirect_stdout(said):
                code = cachegate_agent.main.main([action, "--compact", *more])
            self.die_before("report")
        except Killed:
            return Ended(137, "")
        finally:
            os.environ["PATH"] = path
        return Ended(code, said.getvalue())

    def die_before(self, place: str) -> None:
        if self.killed_before == place:
            self.killed_before = ""
            raise Killed

    def hold(self, live: Live | None, keys: dict[int, str]) -> None:
        """Let the kernel hold this from now on."""
        self.kernel, self.keys = live, keys
        self.changed(self)

    # -- what happens to it -----------------------------------------------------------------------

    def stop(self, state: str = "stopped") -> None:
        self.state = state
        self.online = False
        self.hold(None, {})

    def start(self, *, keeps: bool = True) -> None:
        """Boot; the boot unit runs `restore` where the disk is still the same."""
        self.hold(None, {})
        self.state, self.online = "running", True
        self.boot += 1
        if keeps:
            self.run("restore")
        else:
            self.saved = None

    def flush(self) -> None:
        """Let somebody else flush all rules."""
        self.hold(None, {})

    def meddle(self) -> None:
        """Let somebody else take one of our elements away."""
        if self.kernel is not None and self.kernel.targets:
            gone = min(self.kernel.targets)
            left = {k: v for k, v in self.kernel.targets.items() if k != gone}
            self.hold(self.kernel._replace(targets=left, identity=None), self.keys)

    def timer(self) -> None:
        """Run what the agent's timer runs every 30 s; it does nothing where all is as saved."""
        if self.state == "running" and self.saved and not self._as_saved():
            self.run("repair")

    def _as_saved(self) -> bool:
        return bool(self.saved and self.kernel and self.kernel.holds(self.saved.rules))


class Kernel:
    """The back-end that is used: it reads and swaps the machine's own rules."""

    name = "nftables"

    def why_not(self) -> str:
        return ""

    def render(self, rules: Rules) -> str:
        return "\n".join(map(str, rules.forwards))

    def read(self) -> Live | None:
        return Machine.current.kernel

    def swap(self, rules: Rules, stamp: int, since: Live | None) -> None:
        machine = Machine.current
        machine.die_before("swap")
        live = Live(rules.identity, rules.admitted, rules.targets, frozenset({stamp}), SHAPE)
        machine.hold(live, {forward.listen: forward.key for forward in rules.forwards})

    def remove(self) -> bool:
        machine = Machine.current
        held = machine.kernel is not None
        machine.hold(None, {})
        return held


class Unused(Kernel):
    """The back-end that is not used."""

    name = "iptables"

    def read(self) -> Live | None:
        return None

    def remove(self) -> bool:
        return False


class Memory:
    """The state directory, in memory."""

    is_default = False

    def __init__(self, _folder: Path) -> None:
        self._machine = Machine.current

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield

    def load(self) -> Saved | None:
        return self._machine.saved

    def save(self, saved: Saved) -> None:
        self._machine.die_before("save")
        self._machine.saved = saved

    def remove(self) -> None:
        self._machine.saved = None


class Question:
    """Who this instance is, asked without a thread."""

    def __init__(self, state: Memory) -> None:
        self._state = state

    def settle(self) -> None:
        saved = self._state.load()
        if saved is not None:
            machine = Machine.current
            self._state.save(
                saved._replace(
                    instance=machine.instance_id, boot=cachegate_agent.instance.boot_id()
                )
            )


def unreachable(rules: Rules) -> list[int]:
    reaches = Machine.current.reaches
    return sorted(
        listen
        for listen, targets in rules.targets.items()
        if not all(reaches(target.address) for target in targets)
    )


def agent_in_memory(patch: pytest.MonkeyPatch) -> None:
    """Take the real machine away from the agent's code."""
    choice = cachegate_agent.preflight.Choice(Kernel(), Unused(), [])
    replaced: tuple[tuple[Any, str, Any], ...] = (
        (cachegate_agent.preflight, "choose", lambda: choice),
        (cachegate_agent.preflight, "warnings", lambda _rules: []),
        (cachegate_agent.conntrack, "flows", lambda _ports=None: []),
        (cachegate_agent.conntrack, "stamped", lambda _stamp: []),
        (cachegate_agent.capacity, "figures", dict),
        (cachegate_agent.removal, "Nftables", Kernel),
        (cachegate_agent.removal, "Iptables", Unused),
        (cachegate_agent.units, "install", lambda _state: []),
        (cachegate_agent.units, "uninstall", lambda _state: None),
        (cachegate_agent.instance, "instance_id", lambda: Machine.current.instance_id),
        (cachegate_agent.instance, "boot_id", lambda: f"boot-{Machine.current.boot}"),
        (cachegate_agent.instance, "Question", Question),
        (cachegate_agent.main, "unreachable", unreachable),
        (cachegate_agent.main, "State", Memory),
    )
    for module, name, ours in replaced:
        patch.setattr(module, name, ours)
