"""Which stamp each way through an apply leads to, on a kernel and a disk that are values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_agent import apply, conntrack, preflight, removal, units
from cachegate_agent.backend import STAMPS, Live
from cachegate_agent.errors import Failed
from cachegate_agent.state import Saved
from tests.unit.gateway.iptables_machine import rule_set

if TYPE_CHECKING:
    from cachegate_agent.rules import Rules

FIRST, SECOND, THIRD, *_ = STAMPS
A, B = "10.0.1.1:6379", "10.0.2.1:6379"
OLD = rule_set({6379: [A]}, generation=1)
MOVED = rule_set({6379: [B]}, generation=2)
MORE = rule_set({6379: [A], 6380: [B]}, generation=2)


def holding(rules: Rules, *given: int) -> Live:
    return Live(rules.identity, rules.admitted, rules.targets, frozenset(given), "shape")


@dataclass
class Kernel:
    """A back-end over a value; it remembers under which stamp each rule set came."""

    name: str
    live: Live | None = None
    reads_back: int = 0  # another stamp than was written
    swaps: list[tuple[int, int]] = field(default_factory=list)  # generation and stamp
    was_known: list[bool] = field(default_factory=list)

    def read(self) -> Live | None:
        return self.live

    def swap(self, rules: Rules, stamp: int, since: Live | None) -> None:
        self.swaps.append((rules.generation, stamp))
        self.was_known.append(since is not None)
        self.live = holding(rules, self.reads_back or stamp)

    def remove(self) -> bool:
        there, self.live = self.live is not None, None
        return there

    def why_not(self) -> str:
        return ""


@dataclass
class Disk:
    """The state directory as a value."""

    saved: Saved | None
    is_full: bool = False

    def load(self) -> Saved | None:
        return self.saved

    def save(self, saved: Saved) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        self.saved = saved

    def remove(self) -> None:
        self.saved = None


@dataclass
class Instance:
    """All that an apply meets."""

    mine: Kernel
    other: Kernel
    disk: Disk
    asked: list[int]  # stamps that flows were asked for

    def apply(self, rules: Rules) -> apply.Outcome:
        state: Any = self.disk
        return apply.put(apply.Order(rules, {}), state)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Instance:
    """Return an instance on which OLD is in force under the first stamp, and saved."""
    saved = Saved({}, OLD, "mine", "shape", "", "")
    here = Instance(Kernel("mine", holding(OLD, FIRST)), Kernel("other"), Disk(saved), [])
    choice: Any = preflight.Choice

    def stamped(stamp: int) -> list[conntrack.Flow]:
        here.asked.append(stamp)
        return []

    monkeypatch.setattr(preflight, "choose", lambda: choice(here.mine, here.other, []))
    monkeypatch.setattr(preflight, "warnings", lambda _rules: [])
    monkeypatch.setattr(conntrack, "stamped", stamped)
    monkeypatch.setattr(conntrack, "flows", lambda _ports=None: [])
    return here


def test_a_change_that_takes_something_away_gets_the_next_stamp(instance: Instance) -> None:
    instance.apply(MOVED)

    assert instance.mine.swaps == [(2, SECOND)]
    assert set(instance.asked) == {SECOND}


def test_a_change_that_takes_nothing_away_keeps_the_stamp_and_asks_for_no_flow(
    instance: Instance,
) -> None:
    instance.apply(MORE)

    assert instance.mine.swaps == [(2, FIRST)]
    assert instance.asked == []


def test_a_change_that_fails_after_the_swap_is_undone_under_the_stamp_before(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        instance.asked.clear()
        raise Failed("kernel_refused", "conntrack: silent")

    monkeypatch.setattr(apply, "cut", refuse)

    with pytest.raises(Failed, match=r"^conntrack: silent$"):
        instance.apply(MOVED)

    assert instance.mine.swaps == [(2, SECOND), (1, FIRST)]
    assert instance.asked == []  # it may be conntrack that does not answer


def test_a_wider_rule_set_that_fails_leaves_its_stamp_to_nobody(instance: Instance) -> None:
    """It shared the stamp with the rules before, which admit less."""
    instance.disk.is_full = True

    with pytest.raises(Failed, match=r"^no space left on device$"):
        instance.apply(MORE)

    assert instance.mine.swaps == [(2, FIRST), (1, SECOND)]
    assert set(instance.asked) == {SECOND}


def test_a_stamp_that_does_not_read_back_is_no_success(instance: Instance) -> None:
    instance.mine.reads_back = THIRD

    with pytest.raises(Failed, match="does not hold what was written"):
        instance.apply(MOVED)

    assert instance.disk.saved is not None
    assert instance.disk.saved.rules == OLD


@pytest.mark.parametrize("rules", [OLD, MORE, MOVED])
def test_what_is_left_of_the_other_back_end_makes_everything_afresh(
    rules: Rules, instance: Instance
) -> None:
    """Its rules gave stamps too, to whom they admitted."""
    instance.other.live = holding(MOVED, SECOND)

    done = instance.apply(rules)

    assert instance.mine.swaps == [(rules.generation, THIRD)]
    assert instance.mine.was_known == [False]
    assert instance.other.live is None
    assert done.changed


def test_a_kernel_that_was_never_ours_gets_the_first_stamp(instance: Instance) -> None:
    instance.disk.saved, instance.mine.live = None, None

    instance.apply(OLD)

    assert instance.mine.swaps == [(1, FIRST)]


def test_a_removal_closes_under_a_stamp_that_nobody_gives(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.mine.name = "nftables"
    instance.disk.saved = Saved({}, OLD, "nftables", "shape", "", "")
    instance.other.live = holding(MOVED, SECOND)

    class Mine:
        name = "nftables"

        def __new__(cls) -> Any:
            return instance.mine

    monkeypatch.setattr(removal, "Nftables", Mine)
    monkeypatch.setattr(removal, "Iptables", lambda: instance.other)
    monkeypatch.setattr(units, "uninstall", lambda _state: None)
    state: Any = instance.disk

    removal.remove(state)

    assert instance.mine.swaps == [(1, THIRD)]
    assert set(instance.asked) == {THIRD}
