"""The mass-change brake."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.plan import ChangeKind
from tests.unit.planning.builders import START, Passes, group, memcached

if TYPE_CHECKING:
    from cachegate.domain.cache import Cache

TEN = [memcached(f"c{n}") for n in range(10)]


def records(count: int = 10, subnet: int = 1) -> dict[str, str]:
    return {f"c{n}.0001": f"10.0.{subnet}.{n + 1}" for n in range(count)}


@pytest.fixture
def passes() -> Passes:
    passes = Passes()
    passes.at(0, TEN, records())
    return passes


def resting(passes: Passes) -> int:
    return sum(lease.resting_since is not None for lease in passes.ledger.leases.values())


def in_subnet(passes: Passes, subnet: int) -> int:
    return sum(passes.targets(f"c{n}/c{n}/0001").startswith(f"10.0.{subnet}.") for n in range(10))


def test_the_removal_of_most_forwards_is_held_until_a_later_pass_agrees(passes: Passes) -> None:
    left = TEN[:4]
    passes.at(100, left, records())
    plan = passes.at(160, left, records())

    assert resting(passes) == 0
    assert plan.recheck_after == 600.0
    assert set(passes.held()) == {f"c{n}/c{n}/0001" for n in range(4, 10)}
    assert passes.held()["c9/c9/0001"] == (
        "mass change: 6 of 10 forwards since 2027-01-15 08:02:40 UTC; held until a pass at least "
        "600 s later agrees, or a sync with force"
    )
    assert passes.ledger.braked_since == START + 160

    passes.at(759, left, records())
    assert resting(passes) == 0
    plan = passes.at(760, left, records())
    assert resting(passes) == 6
    assert plan.recheck_after is None
    assert passes.ledger.braked_since is None
    assert passes.ledger.braked_digest is None


def test_half_of_the_forwards_is_no_mass_change(passes: Passes) -> None:
    passes.at(100, TEN[:5], records())
    passes.at(160, TEN[:5], records())

    assert resting(passes) == 5


def test_below_its_threshold_there_is_no_brake() -> None:
    passes = Passes()
    passes.at(0, TEN[:7], records(7))
    passes.at(100, [], {})
    passes.at(160, [], {})

    assert resting(passes) == 7


def test_a_pass_that_sees_something_else_starts_the_wait_anew(passes: Passes) -> None:
    passes.at(100, TEN[:3], records())
    passes.at(160, TEN[:3], records())
    passes.at(700, TEN[:4], records())

    passes.at(800, TEN[:4], records())
    assert resting(passes) == 0
    passes.at(1300, TEN[:4], records())
    assert resting(passes) == 6


def test_what_is_held_stays_held_while_forwards_are_added(passes: Passes) -> None:
    passes.at(100, TEN[:4], records())
    passes.at(160, TEN[:4], records())
    more = [memcached(f"n{n}") for n in range(10)]

    passes.at(170, [*TEN[:4], *more], records())
    passes.at(180, [*TEN[:4], *more], records())

    assert resting(passes) == 0
    assert "n9/n9/0001" in passes.listens()


def test_the_brake_opens_once_the_forwards_are_back(passes: Passes) -> None:
    passes.at(100, [], {})
    passes.at(160, [], {})

    plan = passes.at(170, TEN, records())

    assert plan.recheck_after is None
    assert passes.ledger.braked_since is None


def test_force_opens_the_brake(passes: Passes) -> None:
    passes.at(100, [], {})
    passes.at(160, [], {})

    passes.at(161, [], {}, force=True)

    assert resting(passes) == 10
    assert passes.ledger.braked_since is None


@pytest.mark.parametrize(("present", "moved"), [(None, 10), ("", 0)])
def test_moves_are_braked_only_where_no_interface_proves_them(
    passes: Passes, present: str | None, moved: int
) -> None:
    passes.at(10, TEN, records(subnet=2), present=present)

    assert in_subnet(passes, 2) == moved
    assert len(passes.held()) == 10 - moved


def test_braked_moves_are_made_after_agreement(passes: Passes) -> None:
    passes.at(10, TEN, records(subnet=2), present="")
    passes.at(20, TEN, records(subnet=3), present="")  # not the same: anew
    passes.at(610, TEN, records(subnet=3), present="")
    assert in_subnet(passes, 1) == 10

    passes.at(620, TEN, records(subnet=3), present="")
    assert in_subnet(passes, 3) == 10


def test_additions_and_first_addresses_are_never_braked() -> None:
    passes = Passes()
    passes.at(0, TEN, {})

    passes.at(1, TEN, records(), present="")

    assert in_subnet(passes, 1) == 10


def test_a_narrower_source_list_is_never_braked(passes: Passes) -> None:
    passes.at(100, [], {})
    passes.with_policy(sources=())

    plan = passes.at(160, [], {})

    assert passes.ledger.sources == ()
    assert resting(passes) == 0
    assert [c.reason for c in plan.changes if c.kind is ChangeKind.SOURCES] == [
        "the trusted sources are none"
    ]


def test_safety_is_never_braked(passes: Passes) -> None:
    others = [memcached(f"x{n}") for n in range(10)]
    taken = {f"x{n}.0001": f"10.0.1.{n + 1}" for n in range(10)}
    passes.at(1, others, taken)
    assert in_subnet(passes, 1) == 0

    passes = Passes()
    passes.at(0, TEN, records())
    passes.at(1, TEN, records(), networks=(IPv4Network("10.0.9.0/24"),))
    assert in_subnet(passes, 1) == 0


def test_keys_that_never_had_an_address_are_held_with_the_rest() -> None:
    passes = Passes()
    passes.at(0, TEN, records(3))
    passes.at(100, [], {})
    passes.at(160, [], {})

    assert resting(passes) == 0
    assert len(passes.held()) == 10


def test_a_move_is_not_held_where_there_is_nothing_to_keep(passes: Passes) -> None:
    smaller = (IPv4Network("10.0.2.0/24"),)

    passes.at(1, TEN, records(subnet=2), networks=smaller, present="")

    assert in_subnet(passes, 2) == 10


def test_roles_count_and_are_held_with_their_nodes() -> None:
    passes = Passes()
    groups = [group("a", 2), group("b", 2)]

    def records_in(subnet: int) -> dict[str, str]:
        names = [f"{name}-{n:03}.0001" for name in "ab" for n in (1, 2)]
        return {name: f"10.0.{subnet}.{place + 1}" for place, name in enumerate(names)}

    passes.at(0, groups, records_in(1))
    passes.at(1, groups, records_in(2), present="")

    assert len(passes.held()) == 8
    assert passes.targets("a/primary") == "10.0.1.1"


def test_a_role_that_the_hold_itself_moves_does_not_start_the_wait_anew() -> None:
    passes = Passes()
    passes.with_policy(brake_forwards=5)
    before = group("a", 3, primary=2)
    passes.at(0, [before], {f"a-00{n}.0001": f"10.0.1.{n}" for n in (1, 2, 3)})
    without_one = replace(before, nodes=before.nodes[1:])
    passes.at(100, [without_one], {f"a-00{n}.0001": f"10.0.1.{n}" for n in (2, 3)})
    # The third node, primary now, is seen at the second one's address, which that one loses.
    after = replace(before, nodes=group("a", 3, primary=3).nodes[1:])
    taken = {"a-003.0001": "10.0.1.2"}

    passes.at(160, [after], taken, present="")
    assert passes.targets("a/primary") == passes.targets("a/a-003/0001") == "10.0.1.3"
    assert "a/primary" not in passes.held()
    digest = passes.ledger.braked_digest

    passes.at(170, [after], taken, present="")
    assert "a/primary" in passes.held()
    assert (passes.ledger.braked_since, passes.ledger.braked_digest) == (START + 160, digest)

    passes.at(760, [after], taken, present="")
    assert passes.targets("a/primary") == passes.targets("a/a-003/0001") == "10.0.1.2"
    assert passes.ledger.braked_since is None


def test_a_failover_meanwhile_does_not_start_the_wait_anew() -> None:
    passes = Passes()
    names = [f"{name}-{n:03}.0001" for name in "ab" for n in (1, 2)]
    old, new = (
        {name: f"10.0.{subnet}.{place}" for place, name in enumerate(names, 1)} for subnet in (1, 2)
    )
    passes.at(0, [group("a", 2), group("b", 2)], old)
    passes.at(10, [group("a", 2), group("b", 2)], new, present="")
    failed_over = [group("a", 2, primary=2), group("b", 2)]

    passes.at(20, failed_over, new, present="")
    assert passes.targets("a/primary") == "10.0.1.1"

    passes.at(610, failed_over, new, present="")
    assert passes.targets("a/primary") == "10.0.2.2"
    assert passes.targets("a/readers") == "10.0.2.1"


def test_other_roles_that_are_gone_start_the_wait_anew() -> None:
    passes = Passes()
    names = [f"g{n}" for n in range(10)]
    addresses = {f"g{n}-001.0001": f"10.0.1.{n + 1}" for n in range(10)}

    def groups(sharded: int) -> list[Cache]:
        """Of a group that is sharded, only the node keeps a key."""
        return [group(name, 1, cluster_mode=n < sharded) for n, name in enumerate(names)]

    passes.at(0, groups(0), addresses)
    passes.at(100, groups(10), addresses)
    passes.at(160, groups(10), addresses)
    passes.at(700, groups(9), addresses)

    passes.at(800, groups(9), addresses)
    assert resting(passes) == 0
    passes.at(1300, groups(9), addresses)
    assert resting(passes) == 18
