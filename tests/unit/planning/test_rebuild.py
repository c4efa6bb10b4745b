"""A lost ledger, made again from what the agents hold."""

from __future__ import annotations

from typing import Any

import pytest

from cachegate.domain.plan import ChangeKind
from cachegate.errors import TransientError
from cachegate.planning.rebuild import rebuild
from tests.unit.planning.builders import START, Passes, group, memcached

RECORDS = {
    "g-001.0001": "10.0.1.1",
    "g-002.0001": "10.0.1.2",
    "g.primary": "10.0.1.1",
    "m.0001": "10.0.1.3",
}
CACHES = [group("g", 2), memcached("m", 2)]


def report(generation: int, *forwards: tuple[int, str, str]) -> dict[str, Any]:
    return {
        "owner": "stack-id",
        "generation": generation,
        "forwards": [
            {
                "listen": listen,
                "kind": "node",
                "key": key,
                "targets": [[address, 6379]] if address else [],
                "connections": 3,
            }
            for listen, key, address in forwards
        ],
    }


def test_no_listen_port_moves_when_a_ledger_is_lost() -> None:
    passes = Passes()
    passes.at(0, [memcached("first")], {})
    passes.at(1, CACHES, RECORDS)
    passes.at(61, CACHES, RECORDS)  # first is at rest, m/m/0002 has no address
    lost = passes.ledger
    held = lost.rule_set.to_json() | {"generation": lost.generation}

    passes.ledger = rebuild("vpc-1", [held], START + 62)
    assert passes.ledger.generation == lost.generation
    assert passes.ledger.rule_set.forwards == lost.rule_set.forwards
    passes.at(62, CACHES, RECORDS)

    assert passes.listens() == {key: lease.listen for key, lease in lost.leases.items()}
    assert passes.ledger.rule_set == lost.rule_set
    assert passes.ledger.generation == lost.generation + 1
    assert passes.ledger.leases["first/first/0001"].resting_since == START + 62
    assert [c.key for c in passes.changes(ChangeKind.RETURN)] == ["m/m/0002"]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_higher_generation_keeps_port_key_and_target(*, backwards: bool) -> None:
    reports = [
        report(7, (6379, "a/a/0001", "10.0.1.1"), (6380, "b/b/0001", "10.0.1.2")),
        report(
            6,
            (6379, "old/old/0001", "10.0.1.8"),  # the port is another key's
            (6381, "a/a/0001", "10.0.1.9"),  # the key has another port
            (6382, "c/c/0001", "10.0.1.2"),  # the address is another key's
            (6383, "d/d/0001", "10.0.1.4"),
        ),
    ]

    ledger = rebuild("vpc-1", reports[::-1] if backwards else reports, START)

    assert ledger.generation == 7
    held = {f.key: (f.listen, [str(t) for t in f.targets]) for f in ledger.rule_set.forwards}
    assert held == {
        "a/a/0001": (6379, ["10.0.1.1:6379"]),
        "b/b/0001": (6380, ["10.0.1.2:6379"]),
        "c/c/0001": (6382, []),
        "d/d/0001": (6383, ["10.0.1.4:6379"]),
    }


def test_two_agents_of_one_generation_give_the_same_ledger_in_any_order() -> None:
    reports = [report(7, (6379, "a/a/0001", "")), report(7, (6379, "b/b/0001", ""))]

    assert rebuild("vpc-1", reports, START) == rebuild("vpc-1", reports[::-1], START)


def test_a_rebuilt_port_at_rest_begins_its_quarantine_anew() -> None:
    passes = Passes()
    passes.with_policy(quarantine=100.0)
    passes.ledger = rebuild("vpc-1", [report(3, (6379, "a/a/0001", ""))], START)

    passes.at(99, [], {})
    assert passes.ledger.leases["a/a/0001"].cache == "a"
    passes.at(100, [], {})
    assert passes.ledger.leases == {}


@pytest.mark.parametrize("reports", [[], [{"generation": 0, "forwards": []}]])
def test_agents_without_rules_make_an_empty_ledger(reports: list[dict[str, Any]]) -> None:
    ledger = rebuild("vpc-1", reports, START)

    assert (ledger.generation, dict(ledger.leases)) == (0, {})


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"generation": 1},
        {"generation": None, "forwards": []},
        {"generation": 1, "forwards": [{"listen": 1}]},
        {"generation": 1, "forwards": None},
        report(1, (22, "a/a/0001", "")),
        report(1, (6379, "a/a/0001", "not an address")),
    ],
)
def test_a_report_that_cannot_be_read_rebuilds_nothing(bad: dict[str, Any]) -> None:
    with pytest.raises(TransientError, match="report cannot be read"):
        rebuild("vpc-1", [report(7, (6379, "a/a/0001", "10.0.1.1")), bad], START)


def test_a_role_and_its_node_share_a_target_in_a_rebuilt_ledger() -> None:
    passes = Passes()
    passes.at(0, [group("g", 2)], RECORDS)
    held = passes.ledger.rule_set.to_json() | {"generation": 1}

    ledger = rebuild("vpc-1", [held], START)

    assert ledger.leases["g/primary"].targets == ledger.leases["g/g-001/0001"].targets
