"""What a look at the NAT instance costs; the kernel, the probe and the state are in memory."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import cachegate_agent.main
from cachegate.domain.agent import decode, encode
from cachegate_agent.payload import digest_of
from tests.faults.machine import Machine, Memory, agent_in_memory

if TYPE_CHECKING:
    import pytest

    from cachegate_agent.state import Saved


def test_a_look_reads_the_saved_state_once_and_probes_what_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads = []

    class Counted(Memory):
        def load(self) -> Saved | None:
            loads.append(self)
            return super().load()

    agent_in_memory(monkeypatch)
    monkeypatch.setattr(cachegate_agent.main, "State", Counted)
    forward = {"listen": 6379, "kind": "node", "key": "a/a/0001", "targets": [["10.0.1.5", 6379]]}
    content = {"sources": ["203.0.113.0/24"], "forwards": [forward]}
    rule_set = {
        "schema": 1,
        "owner": "stack",
        "generation": 1,
        "digest": digest_of(content),
        "targets_within": ["10.0.0.0/16"],
        **content,
    }
    machine = Machine("i-0", IPv4Address("10.0.0.10"), lambda _: False, lambda _: None)
    assert machine.run("apply", "--payload", encode(rule_set)).code == 0
    loads.clear()

    looked = decode(machine.run("inspect").output.splitlines()[-1])

    assert (looked["generation"], looked["unreachable"]) == (1, [6379])
    assert len(loads) == 1
