"""What a person asks of one listen port."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cachegate.domain.address import Holding
from cachegate.domain.forward import ForwardKind
from cachegate.errors import InvocationError
from cachegate.planning.explain import explain, explain_address
from cachegate.planning.release import release
from tests.unit.planning.builders import START, Passes, memcached

M, A, B = [memcached("m")], {"m.0001": "10.0.1.1"}, {"m.0001": "10.0.1.2"}


def at_rest() -> Passes:
    passes = Passes()
    passes.at(0, M, A)
    passes.at(1, [], {})
    passes.at(61, [], {})
    return passes


def test_a_released_port_serves_another_key_at_once() -> None:
    passes = at_rest()
    generation = passes.ledger.generation

    passes.ledger = release(passes.ledger, 6379, START + 62)
    assert passes.ledger.generation == generation + 1
    passes.at(63, [memcached("new")], {})

    assert passes.listens() == {"new/new/0001": 6379}


def test_a_detached_vpc_is_told_since_nothing_is_forwarded_there() -> None:
    passes = Passes()
    passes.at(0, M, A)
    detached = replace(passes.ledger, detached=True)

    assert explain(detached, 6379, START).pending == (
        "the VPC is detached: NAT instances forward nothing until a sync",
    )


def test_a_port_that_is_not_at_rest_cannot_be_released() -> None:
    passes = Passes()
    passes.at(0, M, A)

    with pytest.raises(InvocationError) as error:
        release(passes.ledger, 6379, START + 7200)

    assert str(error.value) == (
        "listen port 6379 is not at rest: m/m/0001 has it for 2.0 hours, "
        "since 2027-01-15 08:00:00 UTC"
    )


def test_a_port_that_nobody_has_is_said_to_be_so() -> None:
    passes = at_rest()

    for ask in (release, explain):
        with pytest.raises(
            InvocationError,
            match="no forward of vpc-1 has the listen port 7000; those in use are 6379",
        ):
            ask(passes.ledger, 7000, START)


def test_explain_tells_where_a_port_leads_since_when_and_why() -> None:
    passes = Passes()
    passes.at(0, M, A)
    passes.at(100, M, B)

    told = explain(passes.ledger, 6379, START + 160)

    assert (told.key, told.cache, told.kind, told.state) == (
        "m/m/0001",
        "m",
        ForwardKind.NODE,
        "forwarding",
    )
    assert [str(target) for target in told.targets] == ["10.0.1.2:6379"]
    assert (told.leased_at, told.since, told.seconds) == (START, START + 100, 60.0)
    assert told.why == "m.0001 resolves to 10.0.1.2"
    assert told.pending == ()


def test_explain_tells_what_does_not_count_yet() -> None:
    passes = Passes()
    passes.with_policy(brake_forwards=1)
    passes.at(0, M, A)
    passes.at(1, M, B)
    passes.at(2, M, A)
    assert explain(passes.ledger, 6379, START).pending == (
        "10.0.1.1:6379 was left lately and seen again at 2027-01-15 08:00:02 UTC",
    )

    passes.at(3, [], {})
    passes.at(63, [], {})
    pending = explain(passes.ledger, 6379, START).pending
    assert pending[0] == (
        "its key was not seen since 2027-01-15 08:00:03 UTC: a later pass must agree"
    )
    assert pending[-1] == "the VPC's mass-change brake holds since 2027-01-15 08:01:03 UTC"


@pytest.mark.parametrize(
    ("passes", "state", "why"),
    [
        (at_rest(), "at_rest", "its key is gone, seen missing since 2027-01-15 08:00:01 UTC"),
        (Passes(), "waiting", "no target: m.0001 did not resolve"),
    ],
)
def test_explain_tells_a_port_at_rest_from_one_that_waits(
    passes: Passes, state: str, why: str
) -> None:
    if not passes.ledger.leases:
        passes.at(0, M, {})

    told = explain(passes.ledger, 6379, START)

    assert (told.state, told.targets, told.seconds, told.pending) == (state, (), 0.0, ())
    assert why in told.why


HELD = Holding(instance_id="i-2", since=100.0, reason="why", moved_from="i-1", moved_at=101.0)


def test_the_address_is_explained_by_what_the_ledger_noted() -> None:
    found = explain_address(HELD, 160.0)

    assert (found.holder, found.since, found.seconds, found.why) == ("i-2", 100.0, 60.0, "why")
    assert (found.moved_from, found.moved_at, found.pending) == ("i-1", 101.0, ())
    assert explain_address(HELD, 99.0).seconds == 0  # two clocks


def test_what_is_open_about_the_address_is_said() -> None:
    moving = replace(HELD, fenced_until=120.0, unheld_since=90.0)

    assert explain_address(moving, 119.0).pending == (
        "a pass moves it, and has until 1970-01-01 00:02:00 UTC",
        "no verified NAT instance has had it since 1970-01-01 00:01:30 UTC",
    )
    assert len(explain_address(moving, 120.0).pending) == 1
