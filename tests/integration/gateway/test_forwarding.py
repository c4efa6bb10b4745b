"""What a rule set does to packets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.integration.gateway.lab import (
    CLIENT,
    STRANGER,
    A,
    B,
    forward,
    payload,
)

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway


def test_each_listen_port_leads_to_its_target(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A), forward(6380, B), forward(6381, f"{A}:7000")))

    assert [gateway.ask(port) for port in (6379, 6380, 6381)] == ["A", "B", "A"]


def test_a_readers_port_shares_out_its_connections(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A, B, kind="readers")))

    answers = Counter(gateway.ask(6379) for _ in range(12))

    assert answers.keys() == {"A", "B"}


def test_a_stranger_is_refused(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A)))

    assert gateway.ask(6379, source=STRANGER) == "ConnectionRefusedError"


def test_no_sources_admit_nobody(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A), sources=[]))

    assert gateway.ask(6379) == "ConnectionRefusedError"


@pytest.mark.parametrize("source", [CLIENT, STRANGER])
def test_a_port_at_rest_is_refused_whatever_listens_there(gateway: Gateway, source: str) -> None:
    server = gateway.start(gateway.nat, "servers.py", "NAT", "6379", "6380")
    assert server.stdout is not None
    server.stdout.readline()
    assert gateway.ask(6379, source) == "NAT"

    gateway.apply(payload(1, forward(6379)))

    assert gateway.ask(6379, source) == "ConnectionRefusedError"
    assert gateway.ask(6380, source) == "NAT"


def test_traffic_through_the_instance_to_the_same_port_elsewhere_is_left_alone(
    gateway: Gateway,
) -> None:
    gateway.apply(payload(1, forward(6379, A)))

    assert gateway.ask(6379, host=B) == "B"


def test_another_programs_translation_of_our_port_does_not_take_it(gateway: Gateway) -> None:
    gateway.nat.run(
        "nft",
        "-f",
        "-",
        text=f"""
table ip theirs {{
    chain pre {{
        type nat hook prerouting priority dstnat; policy accept;
        tcp dport {{ 6379, 6380, 8080 }} dnat to {B}:6379
    }}
    chain post {{ type nat hook postrouting priority srcnat; policy accept; masquerade; }}
}}""",
    )
    gateway.apply(payload(1, forward(6379, A), forward(6380)))

    assert gateway.ask(6379) == "A"
    assert gateway.ask(6379, source=STRANGER) == "ConnectionRefusedError"
    assert gateway.ask(6380) == "ConnectionRefusedError"
    assert gateway.ask(8080) == "B"


def test_the_node_sees_the_nat_instance_and_not_the_client(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    # Without masquerading, the node's answer would need a route to the client.
    gateway.a.run("ip", "route", "del", "default")

    assert gateway.ask(6379) == "A"


def test_the_instances_own_connections_from_a_local_port_of_ours_go_on(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(7777)))

    asked = gateway.nat.run(
        "python3",
        "-c",
        f"import socket; w = socket.create_connection(('{A}', 6379), 2, ('', 7777));"
        "w.sendall(b'x'); print(w.recv(9))",
    )

    assert "+A" in asked.stdout
