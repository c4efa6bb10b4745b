"""A packet that is not looked up because of its flow's stamp is one that the rules admit."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from cachegate_agent.backend import STAMPS
from tests.integration.gateway.lab import (
    CLIENT,
    HERE,
    NAT,
    SOURCES,
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

    for generation in range(2, 2 + len(STAMPS)):
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


def marks(gateway: Gateway, port: int) -> set[int]:
    """Return the marks of the client's connections to a port that the instance tracks."""
    table = gateway.nat.run("cat", "/proc/net/nf_conntrack").stdout.splitlines()
    found = [line for line in table if f"src={CLIENT} " in line and f" dport={port} " in line]
    return {int(word[5:]) for line in found for word in line.split() if word.startswith("mark=")}


def give_zone(gateway: Gateway, option: str) -> None:
    """Let another program put what comes from the client, or everything, into zone 5."""
    side = [] if option == "--zone" else ["-i", "v1b"]
    gateway.nat.run(
        "iptables", "-t", "raw", "-A", "PREROUTING", *side, "-p", "tcp", "-j", "CT", option, "5"
    )


@pytest.mark.parametrize("option", ["--zone", "--zone-orig"])
def test_a_flow_in_a_zone_of_another_program_is_no_exception(gateway: Gateway, option: str) -> None:
    """Where it is not found, its stamp is not taken, nor is it cut."""
    give_zone(gateway, option)
    gateway.apply(payload(1, forward(6379, A), forward(6380, A)))
    caller = Caller(gateway)
    assert caller.open("stale", 6379) == "A"

    gateway.swap_only(payload(2, forward(6379, B), forward(6380, A)))
    for generation in range(3, 3 + len(STAMPS)):
        other = A if generation % 2 else B
        gateway.swap_only(payload(generation, forward(6379, B), forward(6380, other)))
    assert caller.ask("stale") == CUT
    caller.open("idle", 6379)

    assert gateway.apply(payload(20, forward(6379), forward(6380, A)))["flows_stale"] == 1


def test_a_zone_in_which_no_answer_is_found_stops_no_change(gateway: Gateway) -> None:
    give_zone(gateway, "--zone-reply")
    gateway.apply(payload(1, forward(6379, A)))
    assert Caller(gateway).open("lost", 6379) == "TimeoutError"

    gateway.apply(payload(2, forward(6379, B)))

    assert not gateway.agent("inspect").answer["drift"]


THEIR_BITS = 0x40004


def test_the_other_bits_of_a_mark_stay(gateway: Gateway) -> None:
    mark = f"{THEIR_BITS:#x}/{THEIR_BITS:#x}"
    gateway.nat.run(
        "iptables", "-t", "mangle", "-A", "PREROUTING", "-j", "CONNMARK", "--set-xmark", mark
    )
    gateway.apply(payload(1, forward(6379, A), forward(6380, A)))
    caller = Caller(gateway)
    assert [caller.open("idle", 6379), caller.open("busy", 6380)] == ["A", "A"]
    gateway.nat.run("iptables", "-t", "mangle", "-F")

    for generation in range(2, 3 + len(STAMPS)):
        sources = [*SOURCES, f"198.51.100.{generation}/32"]  # each time somebody loses
        gateway.swap_only(payload(generation, forward(6379, B), forward(6380, A), sources=sources))
        assert caller.ask("busy") == "A"

    for port in (6379, 6380):
        assert {mark & THEIR_BITS for mark in marks(gateway, port)} == {THEIR_BITS}
    assert not {mark & 0xE00 for mark in marks(gateway, 6379)} - {0}  # its stamp was taken


def test_where_nobody_loses_anything_the_stamp_stays(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    caller = Caller(gateway)
    caller.open("one", 6379)

    gateway.apply(payload(2, forward(6379, A), forward(6380, B)))
    caller.open("two", 6380)

    assert marks(gateway, 6379) == marks(gateway, 6380)
    gateway.apply(payload(3, forward(6379, A)))
    assert caller.open("three", 6379) == "A"
    assert len(marks(gateway, 6379)) == 2


@pytest.mark.parametrize("mark", [*map(str, STAMPS), "5000", "0x1bd10"])
def test_a_mark_of_another_program_that_looks_like_ours_opens_and_closes_nothing(
    gateway: Gateway, mark: str
) -> None:
    gateway.nat.run(
        "iptables", "-t", "mangle", "-A", "PREROUTING", "-p", "tcp", "--dport", "7000:7001",
        "-j", "CONNMARK", "--set-mark", mark,
    )  # fmt: skip
    gateway.nat.run("iptables", "-A", "FORWARD", "-p", "tcp", "--dport", "7000", "-j", "REJECT")
    gateway.apply(payload(1, forward(6379, A)))

    assert gateway.ask(7000, host=A) == "ConnectionRefusedError"  # by their rule
    assert gateway.ask(7001, host=A) == "A"


def test_what_a_killed_change_of_back_end_left_is_found_and_taken_away(gateway: Gateway) -> None:
    mine = gateway.backend
    gateway.apply(payload(1, forward(6379, A)))
    gateway.backend = "iptables" if mine == "nftables" else "nftables"
    gateway.swap_only(payload(2, forward(6379, A)))
    gateway.backend = mine

    assert gateway.agent("inspect").answer["drift"]
    assert gateway.agent("repair").answer["changed"]
    assert not gateway.agent("inspect").answer["drift"]
    gateway.apply(payload(3, forward(6379, B)))
    assert gateway.ask(6379) == "B"


@pytest.mark.parametrize("question", [1, 2, 3])
def test_where_the_kernel_stops_telling_of_flows_the_last_good_rules_stay(
    gateway: Gateway, question: int
) -> None:
    """The stamp is taken before the swap (1), flows are cut after it (2)."""
    gateway.apply(payload(1, forward(6379, A)))
    whole, gateway.program = gateway.program, HERE / "silent_conntrack.py"

    failed = gateway.agent("apply", payload(2, forward(6379, B)), "--silent-from", str(question))

    gateway.program = whole
    assert (failed.code, failed.error) == ((1, "kernel_refused") if question < 3 else (0, ""))
    assert gateway.ask(6379) == ("A" if question < 3 else "B")
    assert not gateway.agent("inspect").answer["drift"]


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
