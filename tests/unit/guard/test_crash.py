"""The function may end between any two calls, and two passes may run at once."""

from __future__ import annotations

import random
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.finding import CARVED
from cachegate.domain.group_rules import MANAGED_TAG
from cachegate.domain.revocation import RevocationState
from cachegate.errors import CachegateError
from cachegate.guard.restore import Restorer
from cachegate.guard.revoke import Asked
from cachegate.guard.sweep import sweep
from tests.unit.guard.fakes import GROUP, Crash, World, key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cachegate.guard.results import SweepResult

INTERLEAVINGS = 150


class Case:
    """A world with every kind of removal in it, and what must come of it."""

    def __init__(self) -> None:
        self.world = world = World(carve_ranges=True, add_own_path=True)
        world.add_nat()
        world.add_cache("cart", GROUP, exposed=True)
        self.wide = [
            world.add_rule("tcp 6000-7000", "0.0.0.0/0", description="from 2019", team="shop"),
            world.add_rule("tcp 6379", "::/0", description="the same for IPv6"),
            world.add_rule("-1", "13.0.0.0/8"),
        ]
        self.innocent = [
            world.add_rule("tcp 6379", "203.0.113.7/32", description="office"),
            world.add_rule("tcp 6379", "sg-clients"),
            world.add_rule("tcp 443", "0.0.0.0/0"),
        ]
        self.told: set[str] = set()
        self.heard: set[str] = set()

    def run(self) -> SweepResult:
        asked = Asked(triggers=("e-1",))
        return sweep(self.world.adapters, self.world.settings, asked, self.tell)

    def run_often(self) -> None:
        for _ in range(3):
            self.run()

    def tell(self, result: SweepResult) -> SweepResult:
        self.world.rest.send("a pass", "")
        self.told |= {each.rule.rule_id for each in result.revoked}
        self.heard |= {each.rule.rule_id for each in result.fresh}
        return result

    def check(self) -> None:
        """What must be so at any time: whatever went was recorded in full."""
        named = {rule.rule_id for rule in self.wide}
        for rule in self.world.ec2.removed:
            assert rule.rule_id in named
            assert self.world.store.revocations[rule.rule_id].rule == rule
        opened = [key(rule) for rule in self.world.ec2.opened]
        assert len(opened) == len(set(opened))

    def check_end(self) -> None:
        """What must be so when a pass has come to its end."""
        self.check()
        held = self.world.ec2.held
        assert sorted(map(str, self.world.ec2.removed)) == sorted(map(str, self.wide))
        assert [held.get(rule.rule_id) for rule in self.innocent] == self.innocent
        ours = [rule for rule in held.values() if rule not in self.innocent]
        assert sum(CARVED in rule.tags for rule in ours) == 2
        assert sum(MANAGED_TAG in rule.tags for rule in ours) == 1
        assert len(ours) == 3
        kept = self.world.store.revocations
        assert kept.keys() == {rule.rule_id for rule in self.wide}
        assert {each.state for each in kept.values()} == {RevocationState.REVOKED}
        assert all(each.triggers == ("e-1",) for each in kept.values())
        assert self.told == kept.keys()  # nothing goes, or is found, that nobody hears of
        assert self.heard >= {self.innocent[-1].rule_id}


def calls_of_a_pass() -> int:
    case = Case()
    case.run()
    case.check_end()
    return len(case.world.wire.calls)


CALLS = calls_of_a_pass()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(CALLS))
def test_a_pass_that_breaks_off_anywhere_is_made_good_by_the_next(at: int, when: str) -> None:
    case = Case()
    case.world.wire.crash(at, when)
    with pytest.raises(Crash):
        case.run()
    case.check()
    case.world.wire.calm()

    case.run()

    case.check_end()
    before = len(case.world.wire.calls)
    assert not case.run().revoked
    writes = {"groups.open", "groups.revoke", "records.record", "records.settle"}
    assert writes.isdisjoint(case.world.wire.names()[before:])


@pytest.mark.parametrize("at", range(0, CALLS, 3))
def test_two_crashes_in_a_row_are_made_good_too(at: int) -> None:
    for second in range(CALLS):
        case = Case()
        for stop in (at, second):
            case.world.wire.crash(stop, "after")
            with pytest.raises(Crash):
                case.run_often()  # what the first one left is less than a whole pass
            case.check()
            case.world.wire.calm()
        case.run()
        case.check_end()


@pytest.mark.parametrize("at", range(CALLS))
def test_a_whole_pass_between_two_calls_of_another_is_harmless(at: int) -> None:
    case = Case()

    def meanwhile(number: int, _name: str, _args: object) -> None:
        if number == at:
            case.world.wire.calm()
            case.run()

    case.world.wire.before = meanwhile

    case.run()

    case.check_end()


class Turns:
    """Lets threads make one call at a time, in an order that a seed decides."""

    def __init__(self, seed: int, runs: Sequence[Callable[[], object]]) -> None:
        self._random = random.Random(seed)  # noqa: S311  # no secret
        self._runs = runs
        self._changed = threading.Condition()
        self._alive = set(range(len(runs)))
        self._next = 0
        self._mine = threading.local()
        self.errors: list[Exception] = []

    def before(self, _number: int, _name: str, _args: object) -> None:
        with self._changed:
            self._pass_on()
            self._changed.wait_for(lambda: self._next == self._mine.index)

    def _pass_on(self) -> None:
        if self._alive:
            self._next = self._random.choice(sorted(self._alive))
        self._changed.notify_all()

    def play(self) -> None:
        threads = [
            threading.Thread(target=self._play_one, args=(index,))
            for index in range(len(self._runs))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)

    def _play_one(self, index: int) -> None:
        self._mine.index = index
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._next == index)
            self._runs[index]()
        except Exception as error:  # noqa: BLE001  # told by the test
            self.errors.append(error)
        finally:
            with self._changed:
                self._alive.discard(index)
                self._pass_on()


def test_two_passes_at_once_are_harmless_whoever_makes_which_call_first() -> None:
    for seed in range(INTERLEAVINGS):
        case = Case()
        turns = Turns(seed, [case.run, case.run])
        case.world.wire.before = turns.before

        turns.play()

        assert turns.errors == [], f"seed {seed}"
        case.check_end()


def test_a_pass_and_a_person_who_restores_leave_one_of_each_rule() -> None:
    for seed in range(INTERLEAVINGS):
        case = Case()
        case.run()
        wide = case.wide[0]
        case.world.add_rule("tcp 6379", "0.0.0.0/1")
        restorer = Restorer(case.world.adapters, case.world.settings)
        restore = partial(restorer.restore, wide.rule_id, force=True)
        turns = Turns(seed, [case.run, restore, restore])
        case.world.wire.before = turns.before
        turns.play()
        case.world.wire.calm()

        # What a person gave back the pass may take again: then under its own id, and recorded.
        assert all(isinstance(error, CachegateError) for error in turns.errors), f"seed {seed}"
        for rule in case.world.ec2.removed:
            record = case.world.store.revocations.get(rule.rule_id)
            assert CARVED in rule.tags or (record is not None and record.rule == rule)
        held = [key(rule) for rule in case.world.ec2.held.values()]
        assert len(held) == len(set(held))
        given = case.world.store.revocations[wide.rule_id]
        assert given.state is RevocationState.RESTORED, f"seed {seed}"
