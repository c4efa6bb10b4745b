"""A packet that is not looked up because of its flow's stamp is one that the rules admit."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from cachegate_agent.backend import STAMPS
from tests.integration.gateway.lab import (
    HERE,
    NAT,
    STRANGER,
    A,
    B,
    Document,
    forward,
    payload,
)

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway

NAMES = {A: "A", B: "B"}
CUT = "ConnectionResetError"


class Caller:
    """A client that keeps connections open for as long as the test likes."""

    def __init__(self, gateway: Gateway) -> None:
        self._process = gateway.client.start(
            "python3", "-u", str(HERE / "caller.py"), NAT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        gateway.processes.append(self._process)

    def open(self, name: str, port: int) -> str:
        """Connect and ask; return the answer or the name of the error."""
        return self._do(f"open {name} {port}")

    def ask(self, name: str) -> str:
        """Ask on a connection that is there; return the answer or the name of the error."""
        return self._do(f"ask {name}")

    def _do(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def test_a_stamp_that_comes_back_lets_no_flow_pass_that_idled_meanwhile(gateway: Gateway) -> None:
    """Nobody cuts here: the rules alone must keep the old flow from its node."""
    gateway.apply(payload(1, forward(6379, A), forward(6380, A), forward(6381, B)))
    caller = Caller(gateway)
    assert [caller.open("stale", 6379), caller.open("well", 6381)] == ["A", "B"]

    for generation in range(2, 2 + 2 * len(STAMPS)):
        other = A if generation % 2 else B
        gateway.swap_only(
            payload(generation, forward(6379, B), forward(6380, other), forward(6381, B))
        )
        caller.open(f"stale-{generation}", 6380)

    assert caller.ask("stale") == CUT
    assert caller.ask("well") == "B"


def test_a_source_that_is_not_trusted_any_more_passes_by_no_stamp(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    caller = Caller(gateway)
    assert [caller.open(str(name), 6379) for name in range(4)] == ["A"] * 4

    asked = []
    for generation in range(4):
        gateway.swap_only(payload(2 + generation, forward(6379, A), sources=[f"{STRANGER}/32"]))
        asked.append(caller.ask(str(generation)))

    assert asked == [CUT] * 4


@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_an_open_connection_is_answered_only_while_it_is_admitted(
    gateway: Gateway, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    caller = Caller(gateway)
    targets: dict[int, str | None] = {}
    flows: dict[str, tuple[int, str]] = {}  # what each connection was opened to
    for generation in range(1, 13):
        before = dict(targets)
        targets |= {
            port: chance.choice((A, B, None))
            for port in range(6379, 6383)
            if generation == 1 or chance.random() < 0.4
        }
        document = _document(generation, targets)
        if generation == 1 or chance.random() < 0.3:
            gateway.apply(document)
            # The cut tells the clients of all that are stale now.
            flows = {n: f for n, f in flows.items() if NAMES.get(targets[f[0]] or "") == f[1]}
        else:
            gateway.swap_only(document)
        for port, target in targets.items():
            name = f"{port}-{generation}"
            expected = NAMES[target] if target else "ConnectionRefusedError"
            assert caller.open(name, port) == expected, (generation, before, targets)
            if target:
                flows[name] = (port, NAMES[target])
        for name in chance.sample(sorted(flows), len(flows) // 3):
            port, node = flows[name]
            admitted = NAMES.get(targets[port] or "") == node
            assert caller.ask(name) == (node if admitted else CUT), (generation, name, targets)
            if not admitted:
                del flows[name]


def _document(generation: int, targets: dict[int, str | None]) -> Document:
    forwards = [forward(port, *([target] if target else [])) for port, target in targets.items()]
    return payload(generation, *forwards)
