"""Which stamp a rule set gets, and from which flows it is taken before."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from cachegate_agent import conntrack, stamps
from cachegate_agent.backend import STAMPS, Live
from cachegate_agent.conntrack import ESTABLISHED, End, Flow
from cachegate_agent.errors import Failed
from cachegate_agent.rules import Target
from tests.unit.gateway.iptables_machine import rule_set

FIRST, SECOND, THIRD, *_, LAST = STAMPS
RULES = rule_set({6379: ["10.0.1.1:6379"]}, ["203.0.113.0/24"])


def holding(*given: int) -> Live:
    return Live(None, (IPv4Network("203.0.113.0/24"),), {}, frozenset(given), "")


def flow(target: str, client: str = "203.0.113.7") -> Flow:
    here = IPv4Address("10.0.9.9")
    return Flow(
        client=End(IPv4Address(client), 40000),
        listen=End(here, 6379),
        target=Target(IPv4Address(target), 6379),
        masked=End(here, 40000),
        state=ESTABLISHED,
        key=f"{target} {client}".encode(),
    )


@pytest.mark.parametrize(
    ("held", "stamp"),
    [
        ((None, None), FIRST),
        ((holding(), None), FIRST),  # rules of an agent that gave none
        ((holding(FIRST), None), SECOND),
        ((holding(SECOND), None), THIRD),
        ((holding(LAST), None), FIRST),
        ((holding(FIRST), holding(SECOND)), THIRD),  # one back-end takes over from the other
        ((None, holding(FIRST)), SECOND),
        ((holding(FIRST, SECOND), None), THIRD),  # a change that was killed half way
        ((holding(FIRST, LAST), None), SECOND),
        ((holding(*STAMPS), None), FIRST),  # somebody else's work
    ],
)
def test_a_rule_set_gets_a_stamp_that_nobody_gives(
    held: tuple[Live | None, Live | None], stamp: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def stamped(which: int) -> list[Flow]:
        asked.append(which)
        return []

    monkeypatch.setattr(conntrack, "stamped", stamped)

    assert stamps.prepare(RULES, held) == stamp
    assert set(asked) == {stamp}


def test_a_stamp_is_taken_from_every_flow_that_the_rules_do_not_admit_and_from_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    well, moved, stranger = flow("10.0.1.1"), flow("10.0.1.2"), flow("10.0.1.1", "198.51.100.1")
    bearing = [well, moved, stranger]
    taken: list[Flow] = []

    def unstamp(some: list[Flow]) -> None:
        taken.extend(some)
        bearing[:] = [each for each in bearing if each not in some]

    monkeypatch.setattr(conntrack, "stamped", lambda _stamp: list(bearing))
    monkeypatch.setattr(conntrack, "unstamp", unstamp)

    stamps.prepare(RULES, [])

    assert taken == [moved, stranger]


def test_a_stamp_that_the_kernel_does_not_take_away_fails_the_change_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conntrack, "stamped", lambda _stamp: [flow("10.0.1.2")])
    monkeypatch.setattr(conntrack, "unstamp", lambda _some: None)

    with pytest.raises(Failed, match="keep the mark"):
        stamps.prepare(RULES, [])
