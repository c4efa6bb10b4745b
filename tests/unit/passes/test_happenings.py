"""Events out: each change once, each trouble when it begins, all by the published schema."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cachegate.domain.address import AddressResult, AddressState
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.group_rules import Direction, Opening, RuleResult, Wanted
from cachegate.domain.ingress import GroupReference
from cachegate.domain.ledger import Lease, Ledger
from cachegate.domain.plan import Change, ChangeKind, Plan
from cachegate.domain.traffic import TCP, Traffic
from cachegate.happenings import Happening, HappeningKind, Passed, is_stranded
from cachegate.protocols import Heartbeat
from cachegate.push import InstanceResult, InstanceState

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/events/schema.json").read_text())
A, B, C = (Target(IPv4Address(f"10.0.1.{n}"), 6379) for n in (1, 2, 3))


def lease(key: str, listen: int, *targets: Target, kind: ForwardKind = ForwardKind.NODE) -> Lease:
    return Lease(
        key=key,
        cache="s",
        kind=kind,
        listen=listen,
        targets=targets,
        leased_at=1,
        changed_at=1,
        reason="why",
    )


NODES = (lease("s/s-001/0001", 6379, A), lease("s/s-002/0001", 6380, B))
PRIMARY = lease("s/primary", 6381, A, kind=ForwardKind.PRIMARY)
VERIFIED = InstanceResult(instance_id="i-1", state=InstanceState.VERIFIED)


def ledger(*leases: Lease) -> Ledger:
    return Ledger(vpc_id="vpc-1", generation=8, leases={each.key: each for each in leases})


def published(
    before: Ledger,
    after: Ledger,
    *changes: tuple[ChangeKind, str],
    instances: tuple[InstanceResult, ...] = (VERIFIED,),
    former: Heartbeat | None = None,
    address: AddressResult | None = None,
    rules: RuleResult | None = None,
) -> list[Happening]:
    made = []
    for kind, key in changes:
        was, now = before.leases.get(key), after.leases.get(key)
        made.append(
            Change(
                kind=kind,
                reason="because",
                key=key,
                listen=(now or was or PRIMARY).listen,
                before=was.targets if was else (),
                after=now.targets if now else (),
            )
        )
    passed = Passed(
        stack="gate",
        before=before,
        plan=Plan(ledger=after, changes=tuple(made)),
        instances=instances,
        former=former or Heartbeat(),
        verified=True,
        address=address,
        rules=rules,
    )
    found = list(passed.happenings())
    for happening in found:
        schema = SCHEMA | {"$ref": f"#/$defs/{happening.kind.value}"}
        jsonschema.validate(json.loads(json.dumps(happening.detail)), schema)
    return found


def kinds(found: list[Happening]) -> list[str]:
    return [happening.kind.value for happening in found]


def test_the_schema_names_every_event() -> None:
    assert {kind.value for kind in HappeningKind} <= SCHEMA["$defs"].keys()


@pytest.mark.parametrize(
    ("change", "before", "after", "event"),
    [
        (ChangeKind.ADD, (), (A,), "Cache Node Added"),
        (ChangeKind.RETURN, (), (A,), "Cache Node Added"),
        (ChangeKind.MOVE, (A,), (C,), "Cache Node Replaced"),
        (ChangeKind.REST, (A,), (), "Cache Node Removed"),
        (ChangeKind.MOVE, (), (A,), None),  # its first address is no replacement
        (ChangeKind.MOVE, (A,), (), None),  # it lost its address to another key
        (ChangeKind.FREE, (), (), None),
        (ChangeKind.WITHHOLD, (A,), (A,), None),  # the node is as it was
        (ChangeKind.RESUME, (A,), (A,), None),
    ],
)
def test_a_change_of_a_node_is_told_as_what_it_means(
    change: ChangeKind, before: tuple[Target, ...], after: tuple[Target, ...], event: str | None
) -> None:
    was = ledger(lease("s/s-001/0001", 6379, *before))
    now = ledger(lease("s/s-001/0001", 6379, *after))

    found = published(was, now, (change, "s/s-001/0001"))

    assert kinds(found) == ["Forward Changed", *([event] if event else [])]
    assert {h.detail["node"] for h in found} == {"s-001/0001"}
    assert {h.detail["listen"] for h in found} == {6379}


def test_a_freed_port_is_told_with_the_key_that_had_it() -> None:
    found = published(ledger(NODES[0]), ledger(), (ChangeKind.FREE, "s/s-001/0001"))

    assert [h.detail["cache"] for h in found] == ["s"]


def test_a_failover_names_the_new_primary() -> None:
    after = ledger(*NODES, replace(PRIMARY, targets=(B,)))

    found = published(ledger(*NODES, PRIMARY), after, (ChangeKind.MOVE, "s/primary"))

    assert kinds(found) == ["Forward Changed", "Cache Node Failed Over"]
    assert found[1].detail["node"] == "s-002/0001"
    assert found[0].detail["node"] is None


def test_a_replacement_by_way_of_nowhere_is_told_when_the_node_is_seen_again() -> None:
    key = "s/s-001/0001"
    nowhere = replace(NODES[0], targets=(), lost=(A,))

    first = published(ledger(NODES[0]), ledger(nowhere), (ChangeKind.MOVE, key))
    second = published(
        ledger(nowhere), ledger(replace(NODES[0], targets=(C,))), (ChangeKind.MOVE, key)
    )
    back = published(ledger(nowhere), ledger(NODES[0]), (ChangeKind.MOVE, key))

    assert kinds(first) == ["Forward Changed"]
    assert kinds(second) == ["Forward Changed", "Cache Node Replaced"]
    assert kinds(back) == ["Forward Changed"]


def test_a_failover_by_way_of_nowhere_names_the_new_primary() -> None:
    nowhere = replace(PRIMARY, targets=(), lost=(A,))
    after = ledger(*NODES, replace(PRIMARY, targets=(B,)))

    found = published(ledger(*NODES, nowhere), after, (ChangeKind.MOVE, "s/primary"))

    assert [h.detail["node"] for h in found] == [None, "s-002/0001"]


def test_a_primary_that_was_replaced_did_not_fail_over() -> None:
    moved = lease("s/s-001/0001", 6379, C)
    after = ledger(moved, NODES[1], replace(PRIMARY, targets=(C,)))
    changes = ((ChangeKind.MOVE, "s/s-001/0001"), (ChangeKind.MOVE, "s/primary"))

    found = published(ledger(*NODES, PRIMARY), after, *changes)

    assert kinds(found) == ["Forward Changed", "Cache Node Replaced", "Forward Changed"]


def test_what_is_only_held_or_concerns_no_port_is_no_event() -> None:
    passed = Passed(
        stack="gate",
        before=ledger(*NODES),
        plan=Plan(
            ledger=ledger(*NODES),
            changes=(
                Change(kind=ChangeKind.HOLD, reason="waits", key="s/s-001/0001", listen=6379),
                Change(kind=ChangeKind.SOURCES, reason="narrower"),
            ),
        ),
        instances=(VERIFIED,),
        former=Heartbeat(),
        verified=True,
    )

    assert passed.happenings() == ()


def test_an_unreachable_target_is_told_when_it_begins() -> None:
    instances = (replace(VERIFIED, unreachable=(6380,)),)
    same = ledger(*NODES)

    begins = published(same, same, instances=instances)
    goes_on = published(same, same, instances=instances, former=Heartbeat(unreachable=(6380,)))

    assert kinds(begins) == ["Target Unreachable"]
    assert begins[0].detail["targets"] == ["10.0.1.2:6379"]
    assert goes_on == []


def test_an_instance_that_cannot_be_reached_is_told_when_it_begins() -> None:
    offline = InstanceResult(instance_id="i-1", state=InstanceState.OFFLINE, reason="lost")
    same = ledger(*NODES)

    begins = published(same, same, instances=(offline,))
    goes_on = published(same, same, instances=(offline,), former=Heartbeat(offline=("i-1",)))

    assert kinds(begins) == ["NAT Instance Unreachable"]
    assert goes_on == []


@pytest.mark.parametrize(
    ("former", "told"),
    [
        (Heartbeat(generation=8, proved=("i-1",)), True),
        (Heartbeat(generation=7, proved=("i-1",)), False),  # it was given a new one
        (Heartbeat(generation=8, proved=("i-2",)), False),  # a new instance, or one that failed
    ],
)
def test_drift_is_what_differs_from_what_was_proved(former: Heartbeat, *, told: bool) -> None:
    same = ledger(*NODES)
    changed: Any = replace(VERIFIED, changed=True)

    found = published(same, same, instances=(changed,), former=former)

    assert kinds(found) == (["Drift Repaired"] if told else [])


def test_what_another_agent_left_is_no_drift() -> None:
    same = ledger(*NODES)
    changed = replace(VERIFIED, changed=True, outdated=True)

    found = published(
        same, same, instances=(changed,), former=Heartbeat(generation=8, proved=("i-1",))
    )

    assert found == []


ADDRESS = AddressResult(
    state=AddressState.HELD,
    reason="why",
    address=IPv4Address("203.0.113.200"),
    holder="i-2",
)
UNHELD = [AddressState.STRANDED, AddressState.ELSEWHERE, AddressState.MISSING]


def of_address(state: AddressState, former: Heartbeat | None = None) -> list[Happening]:
    same = ledger(*NODES)
    shown = None if state is AddressState.MISSING else ADDRESS.address
    address = replace(ADDRESS, state=state, address=shown)
    return published(same, same, former=former, address=address)


@pytest.mark.parametrize("former", ["i-1", None])
def test_a_moved_address_is_told_with_both_ends(former: str | None) -> None:
    same = ledger(*NODES)
    moved = replace(ADDRESS, state=AddressState.MOVED, former=former)

    (told,) = published(same, same, address=moved)

    assert told.kind is HappeningKind.ADDRESS_MOVED
    assert (told.detail["from"], told.detail["to"]) == (former, "i-2")
    assert (told.detail["address"], told.detail["reason"]) == ("203.0.113.200", "why")


@pytest.mark.parametrize("state", UNHELD)
def test_an_address_without_a_verified_holder_is_told_when_that_begins(
    state: AddressState,
) -> None:
    (told,) = of_address(state)

    assert told.kind is HappeningKind.ADDRESS_STRANDED
    assert (told.detail["state"], told.detail["holder"]) == (state.value, "i-2")
    assert of_address(state, Heartbeat(stranded=True)) == []


@pytest.mark.parametrize("state", [AddressState.HELD, AddressState.WAITING])
def test_an_address_that_is_held_or_waits_is_no_event(state: AddressState) -> None:
    assert of_address(state) == []


@pytest.mark.parametrize(
    ("address", "before", "after"),
    [
        (None, True, True),  # it was not looked at
        (None, False, False),
        *((replace(ADDRESS, state=state), False, True) for state in UNHELD),
        (replace(ADDRESS, state=AddressState.WAITING), True, True),
        (replace(ADDRESS, state=AddressState.WAITING), False, False),
        (ADDRESS, True, False),
        (replace(ADDRESS, state=AddressState.MOVED), True, False),
    ],
)
def test_it_is_stranded_until_a_verified_instance_has_it(
    address: AddressResult | None, *, before: bool, after: bool
) -> None:
    assert is_stranded(address, Heartbeat(stranded=before)) is after


def test_each_rule_of_ours_that_vanished_is_told() -> None:
    wanted = [
        Wanted(
            opening=Opening(
                group_id="sg-cache",
                direction=Direction.INGRESS,
                traffic=Traffic(TCP, port, port),
                peer=GroupReference("sg-nat"),
            ),
            why="because",
        )
        for port in (6379, 6380, 6381)
    ]
    same = ledger(*NODES)

    told = published(same, same, rules=RuleResult(added=tuple(wanted), vanished=tuple(wanted[:2])))

    assert kinds(told) == ["Group Rule Vanished"] * 2
    assert [(h.detail["group"], h.detail["peer"], h.detail["from_port"]) for h in told] == [
        ("sg-cache", "sg-nat", 6379),
        ("sg-cache", "sg-nat", 6380),
    ]
    assert {(h.detail["direction"], h.detail["description"]) for h in told} == {
        ("ingress", "because")
    }
