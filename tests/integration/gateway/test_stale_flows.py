"""Whoever is connected to what is no more gets to know, and nobody else does."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.gateway.lab import (
    CLIENT,
    NAT,
    SOURCES,
    STRANGER,
    A,
    B,
    Document,
    die,
    forward,
    payload,
)

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway

WITHIN = 0.5  # seconds from the start of apply, which is more than from the swap


class Watcher:
    """Two clients of one port: one idle, one with a request in flight."""

    def __init__(self, gateway: Gateway, port: int, host: str = NAT) -> None:
        self._gateway = gateway
        self._process = gateway.client.start(
            "python3", "-u", f"{__file__.rpartition('/')[0]}/watcher.py", host, str(port), "PING",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        gateway.processes.append(self._process)
        assert self._line() == "READY"

    def ask(self) -> None:
        """Send the request."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        assert self._line() == "SENT"

    def learned(self) -> dict[str, float]:
        """Wait for both clients and return when each learned, on the monotonic clock."""
        lines = [self._line().split() for _ in range(2)]
        return {name: float(moment) for name, moment in lines}

    def first_learned(self) -> float:
        """Wait for the first of the clients and return when it learned."""
        return float(self._line().split()[1])

    def knows_nothing(self) -> bool:
        """Tell whether both clients still wait."""
        return self._process.poll() is None

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def test_clients_of_a_dead_node_know_within_half_a_second(gateway: Gateway) -> None:
    bystander = forward(6380, A)  # another port to the same node
    gateway.apply(payload(1, forward(6379, A), bystander, forward(6381, B)))
    victims, others = Watcher(gateway, 6379), [Watcher(gateway, 6380), Watcher(gateway, 6381)]
    die(gateway.a)
    victims.ask()

    started = time.monotonic()
    report = gateway.apply(payload(2, forward(6379, B), bystander, forward(6381, B)))
    learned = victims.learned()

    assert {name: moment - started < WITHIN for name, moment in learned.items()} == {
        "idle": True, "busy": True,
    }  # fmt: skip
    # The busy one's request, sent again at the wrong moment, meets the reject rule first: its flow
    # has ended by the time that the stale ones are counted.
    assert report["flows_told"] == report["flows_stale"]
    assert report["flows_stale"] in {1, 2}
    assert all(other.knows_nothing() for other in others)
    assert gateway.ask(6379) == "B"


def test_they_know_also_where_no_flow_is_taken_up_from_the_middle(gateway: Gateway) -> None:
    gateway.nat.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    report = gateway.apply(payload(1, forward(6379, A)))
    victims = Watcher(gateway, 6379)
    victims.ask()

    started = time.monotonic()
    gateway.apply(payload(2, forward(6379, B)))
    learned = victims.learned()

    assert all(moment - started < WITHIN for moment in learned.values())
    assert any("nf_conntrack_tcp_loose" in warning for warning in report["warnings"])


SOME = forward(6380, B)


@pytest.mark.parametrize(
    ("after", "what"),
    [
        ({"forwards": [forward(6379), SOME]}, "a port that comes to rest"),
        ({"forwards": [SOME]}, "a port that is gone"),
        ({"forwards": [forward(6379, A), SOME], "sources": [f"{STRANGER}/32"]}, "a narrower list"),
        ({"forwards": [forward(6379, B), SOME]}, "a port that follows its primary"),
        ({"forwards": [forward(6379, "10.0.1.77"), SOME]}, "a target that is not there yet"),
    ],
)
def test_idle_clients_are_told_of(gateway: Gateway, after: Document, what: str) -> None:
    gateway.apply(payload(1, forward(6379, A), SOME))
    victims = Watcher(gateway, 6379)

    started = time.monotonic()
    report = gateway.apply(payload(2, **after))
    learned = victims.learned()

    assert max(learned.values()) - started < WITHIN, what
    assert report["flows_told"] == 2


def test_a_reader_that_leaves_takes_only_its_own_flows_along(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A, B, kind="readers")))
    watchers = [Watcher(gateway, 6379) for _ in range(4)]  # by turns: four flows to each reader

    report = gateway.apply(payload(2, forward(6379, B, kind="readers")))

    assert report["flows_stale"] == report["flows_told"] == 4
    assert watchers


def test_an_additional_source_or_reader_cuts_nobody(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    watcher = Watcher(gateway, 6379)

    report = gateway.apply(
        payload(2, forward(6379, A, B, kind="readers"), sources=[*SOURCES, "10.0.0.0/8"])
    )

    assert report["flows_stale"] == 0
    assert watcher.knows_nothing()


def test_another_programs_flows_are_not_ours_to_cut(gateway: Gateway) -> None:
    gateway.nat.run(
        "nft",
        "-f",
        "-",
        text=f"""
table ip theirs {{
    chain pre {{ type nat hook prerouting priority dstnat; tcp dport 6390 dnat to {A}:6379; }}
    chain post {{ type nat hook postrouting priority srcnat; ct status dnat masquerade; }}
}}""",
    )
    watcher = Watcher(gateway, 6390)

    reports = [
        gateway.apply(payload(generation, forward(6379, target), sources=sources))
        for generation, target, sources in (
            (1, A, [f"{CLIENT}/32"]), (2, B, [f"{CLIENT}/32"]), (3, B, []),
        )
    ]  # fmt: skip
    watcher.ask()

    assert [report["flows_stale"] for report in reports] == [0, 0, 0]
    assert watcher.knows_nothing()
    assert gateway.ask(6390) == "A"


def test_the_node_forgets_a_flow_that_was_cut(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    watcher = Watcher(gateway, 6379)
    assert "ESTAB" in gateway.a.run("ss", "-tn").stdout

    gateway.apply(payload(2, forward(6379)))

    assert "ESTAB" not in gateway.a.run("ss", "-tn").stdout
    assert watcher


def test_the_guard_ends_a_stale_flow_that_was_not_cut(gateway: Gateway) -> None:
    """The net below: an agent that is killed between swap and cut leaves no stale flow usable."""
    gateway.apply(payload(1, forward(6379, A)))
    watcher = Watcher(gateway, 6379)
    gateway.swap_only(payload(2, forward(6379, B)))

    started = time.monotonic()
    watcher.ask()

    assert watcher.first_learned() - started < WITHIN


def test_a_secondary_address_of_the_instance_is_like_the_first(gateway: Gateway) -> None:
    second = "192.0.2.2"
    gateway.nat.run("ip", "addr", "add", f"{second}/24", "dev", "v1b")
    gateway.apply(payload(1, forward(6379, A), SOME, forward(6381)))
    watcher = Watcher(gateway, 6379, second)

    started = time.monotonic()
    gateway.apply(payload(2, forward(6379, B), SOME, forward(6381)))

    assert max(watcher.learned().values()) - started < WITHIN
    assert gateway.ask(6379, host=second) == "B"
    assert gateway.ask(6379, STRANGER, second) == "ConnectionRefusedError"
    assert gateway.ask(6381, host=second) == "ConnectionRefusedError"
