"""An address that was left a moment ago is not taken back at once."""

from __future__ import annotations

from cachegate.domain.plan import ChangeKind
from tests.unit.planning.builders import START, Passes, group, memcached

M = [memcached("m")]
A, B = {"m.0001": "10.0.1.1"}, {"m.0001": "10.0.1.2"}
NODES = {"g-001.0001": "10.0.1.1", "g-002.0001": "10.0.1.2", "g-003.0001": "10.0.1.3"}
AT_1, AT_2 = NODES | {"g.primary": "10.0.1.1"}, NODES | {"g.primary": "10.0.1.2"}


def left_one_address() -> Passes:
    passes = Passes()
    passes.at(0, M, A)
    passes.at(10, M, B)
    return passes


def test_an_address_left_lately_is_taken_back_after_two_agreeing_passes() -> None:
    passes = left_one_address()

    plan = passes.at(20, M, A)
    assert passes.targets("m/m/0001") == "10.0.1.2"
    assert "10.0.1.1:6379 was left less than 300 s ago" in passes.held()["m/m/0001"]
    assert plan.recheck_after == 60.0

    passes.at(79, M, A)
    assert passes.targets("m/m/0001") == "10.0.1.2"
    passes.at(80, M, A)
    assert passes.targets("m/m/0001") == "10.0.1.1"
    assert passes.ledger.leases["m/m/0001"].candidate is None


def test_an_answer_that_flaps_starts_the_count_anew() -> None:
    passes = left_one_address()
    passes.at(20, M, A)
    passes.at(50, M, B)
    assert passes.ledger.leases["m/m/0001"].candidate is None

    passes.at(85, M, A)
    assert passes.targets("m/m/0001") == "10.0.1.2"


def test_an_address_left_long_ago_is_taken_at_once() -> None:
    passes = left_one_address()

    passes.at(310, M, A)

    assert passes.targets("m/m/0001") == "10.0.1.1"
    assert [str(a) for a, _ in passes.ledger.leases["m/m/0001"].left] == ["10.0.1.2"]


def test_force_takes_an_address_back_at_once() -> None:
    passes = left_one_address()

    passes.at(20, M, A, force=True)

    assert passes.targets("m/m/0001") == "10.0.1.1"


def test_a_primary_fails_back_at_once_where_endpoint_and_role_agree() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)
    passes.at(10, [group("g", primary=2)], AT_2)

    passes.at(20, [group("g")], AT_1)

    assert passes.targets("g/primary") == "10.0.1.1"


def test_a_primary_fails_back_slowly_where_endpoint_and_role_differ() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)
    passes.at(10, [group("g", primary=2)], AT_2)

    plan = passes.at(20, [group("g", primary=2)], AT_1)
    assert passes.targets("g/primary") == "10.0.1.2"
    assert plan.recheck_after == 5.0

    plan = passes.at(80, [group("g", primary=2)], AT_1)
    assert passes.targets("g/primary") == "10.0.1.1"
    assert plan.recheck_after == 5.0


def test_readers_take_what_is_not_in_doubt() -> None:
    passes = Passes()
    two = {k: v for k, v in AT_1.items() if "003" not in k}
    passes.at(0, [group("g", 2)], two)  # readers 2
    passes.at(10, [group("g", 2, primary=2)], two | {"g.primary": "10.0.1.2"})  # readers 1

    passes.at(20, [group("g", 3)], AT_1)  # wants 2, which it left, and 3
    assert passes.targets("g/readers") == "10.0.1.3"
    assert [c.kind for c in passes.plan.changes if c.key == "g/readers"] == [
        ChangeKind.HOLD,
        ChangeKind.MOVE,
    ]

    passes.at(80, [group("g", 3)], AT_1)
    assert passes.targets("g/readers") == "10.0.1.2 10.0.1.3"


def test_a_node_that_lost_its_address_waits_without_one() -> None:
    passes = left_one_address()
    thief = memcached("t")

    passes.at(20, [*M, thief], A | {"t.0001": "10.0.1.2"})

    assert passes.targets("m/m/0001") == ""
    assert passes.targets("t/t/0001") == "10.0.1.2"
    lease = passes.ledger.leases["m/m/0001"]
    assert lease.candidate_since == START + 20
    assert [str(target) for target in lease.lost] == ["10.0.1.2:6379"]

    passes.at(30, [*M, thief], {"m.0001": "10.0.1.3", "t.0001": "10.0.1.2"})

    assert passes.ledger.leases["m/m/0001"].lost == ()


def test_an_address_that_was_only_lost_is_taken_back_at_once() -> None:
    passes = Passes()
    passes.at(0, M, A)
    passes.at(1, [], {})
    passes.at(61, [], {})

    passes.at(62, M, A)

    assert passes.targets("m/m/0001") == "10.0.1.1"


def test_a_primary_does_not_follow_an_observation_that_is_older_than_its_last_move() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)
    passes.at(10, [group("g", primary=2)], AT_2)

    passes.at(9, [group("g")], AT_1)  # a slow pass that looked before the failover

    assert passes.targets("g/primary") == "10.0.1.2"
    assert passes.plan.recheck_after is not None


def test_a_slow_pass_that_follows_a_node_does_not_turn_the_primary_back_at_the_next_look() -> None:
    passes = Passes()
    passes.at(0, [group("g")], AT_1)
    passes.at(10, [group("g", primary=2)], AT_2)
    moved = AT_1 | {"g-002.0001": "10.0.1.9"}

    passes.at(9, [group("g")], moved)
    assert passes.targets("g/primary") == "10.0.1.9"
    assert passes.ledger.leases["g/primary"].changed_at == START + 10
    first = passes.ledger

    passes.at(9, [group("g")], moved)
    assert passes.ledger == first


def test_a_node_does_not_follow_an_observation_that_is_older_than_its_last_move() -> None:
    passes = left_one_address()

    passes.at(9, M, A)

    assert passes.targets("m/m/0001") == "10.0.1.2"
