"""The address moves to the NAT instance that has proved the rule set, and clients follow it.

The world's waits are a sixtieth of the template's: a holder in doubt loses the address after 1 s,
and not within 2 s of a move.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from local.world import SETTINGS, SHORT_WINDOWS, World
from tests.system.failing_over import REST_S, TAGS, Pair, at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.permissions import Permissions


@pytest.fixture(scope="module")
def whole(permissions: Permissions) -> Iterator[Pair]:
    """Return one world for all tests here."""
    settings = SETTINGS | {"CACHEGATE_TAKEOVER_REST": str(REST_S)}
    with World(settings=settings, windows=SHORT_WINDOWS) as world:
        world.commands.seconds = 1 / 30  # a command that is not delivered is given up after 1 s
        yield Pair(world)
        permissions.note(world.aws.gate)
        assert world.aws.gate.denied == []


@pytest.fixture
def pair(whole: Pair) -> Pair:
    """Return it with two instances that have proved the rule set."""
    while len(whole.world.nats) < 2:
        whole.world.add_nat_instance(TAGS)
    for each in whole.world.nats:  # whatever the test before left behind
        if each.shape.state == "stopped":
            whole.world.start(each)
        each.managed.online = True
    whole.settle()
    return whole


@pytest.fixture
def news(pair: Pair) -> Iterator[None]:
    """Let something be published all the time."""
    yield from pair.news()


def stays(pair: Pair, moves: int) -> None:
    """Check that the next pass does not move the address again."""
    holder = pair.holder
    pair.sync()
    assert pair.holds(holder)
    assert pair.moves == moves


def test_a_move_that_a_person_asks_for_is_met_by_resets_and_costs_no_request_that_is_retried(
    pair: Pair, news: None
) -> None:
    target, moves = pair.other, pair.moves
    habits = ("new", "active", "idle", "keepalive", "retry", "subscriber")

    with pair.clients(*habits) as clients:
        asked = time.time()
        assert pair.move(target)["ok"]
        done = time.time()
        time.sleep(2)

    assert pair.holds(target)
    fates = clients.fates
    assert fates["retry"].errors == fates["subscriber"].errors == []
    assert len(fates["new"].errors) <= 1  # it does not ask again, if it waited at the move
    assert all(fates[habit].answered_after(done) for habit in ("new", "retry", "subscriber"))
    assert fates["new"].gap(asked) < 1 + len(fates["new"].errors)  # it gives each one a second
    assert fates["active"].ended == fates["keepalive"].ended == "reset"
    assert fates["idle"].ended == "not told, then reset"
    stays(pair, moves + 1)


def test_nobody_gets_the_address_who_has_not_proved_the_rule_set(pair: Pair) -> None:
    holder, other, moves = pair.holder, pair.other, pair.moves
    other.managed.online = False

    answer = pair.move(other)

    assert answer["error"]["code"] == "not_moved"
    assert pair.holds(holder)
    assert pair.moves == moves
    other.managed.online = True


def test_a_holder_that_is_stopped_loses_the_address_at_once_and_gets_it_back_when_a_person_asks(
    pair: Pair,
) -> None:
    former, latter, moves = pair.holder, pair.other, pair.moves

    with pair.clients("new", "active", "retry") as clients:
        stopped = time.time()
        pair.world.stop(former)
        pair.wait_for(latter)
        moved = time.time()
        time.sleep(1)

    fates = clients.fates
    assert fates["new"].answered_after(moved)
    assert fates["retry"].answered_after(moved)
    assert fates["retry"].errors == []
    # Its own second is over, or before that the new holder refuses what TCP sends again.
    assert fates["active"].ended in {"timed out", "reset"}
    assert fates["active"].gap(stopped) < 1
    pair.world.start(former)
    pair.settle()
    stays(pair, moves + 1)

    assert pair.move(former)["ok"]

    assert pair.holds(former)
    assert pair.moves == moves + 2


def test_a_holder_that_is_killed_is_replaced_by_its_group_and_the_new_one_gets_no_address(
    pair: Pair, news: None
) -> None:
    former, latter, moves = pair.holder, pair.other, pair.moves

    with pair.clients("retry", "subscriber") as clients:
        killed = time.time()
        pair.world.replace_by_group(former, after_s=1, registers_after_s=5)
        pair.wait_for(latter)
        moved = time.time()
        pair.world.wait_until(lambda: len(pair.world.nats) == 2, what="there is a new one")
        pair.settle()
        # TCP sends again after pauses that double: the subscriber learns it after as long again.
        time.sleep(max(1.0, moved + (moved - killed) + 2 - time.time()))

    assert clients.fates["retry"].answered_after(moved)
    assert clients.fates["subscriber"].answered_after(moved)
    assert clients.fates["retry"].errors == clients.fates["subscriber"].errors == []
    assert pair.other.instance_id != former.instance_id
    stays(pair, moves + 1)


def test_a_holder_that_hangs_loses_the_address_though_ec2_says_it_runs(pair: Pair) -> None:
    former, latter, moves = pair.rest().holder, pair.other, pair.moves
    pair.world.hang(former)

    with pair.clients("new", "retry") as clients:
        pair.world.tick()
        pair.wait_for(latter)
        moved = time.time()
        time.sleep(1)

    assert clients.fates["new"].answered_after(moved)
    assert clients.fates["retry"].answered_after(moved)
    pair.world.wake(former)
    stays(pair, moves + 1)


def test_a_holder_that_systems_manager_cannot_reach_serves_until_the_address_moves_once(
    pair: Pair,
) -> None:
    former, latter, moves = pair.rest().holder, pair.other, pair.moves

    with pair.clients("active", "new", "retry") as clients:
        former.managed.online = False
        pair.schedule()
        assert pair.holds(former)  # in doubt, not gone: a restart of the agent looks the same
        pair.wait_for(latter)
        # Two that fail by turns do not toss it to and fro.
        moved = time.monotonic()
        while time.monotonic() - moved < REST_S - 1:
            former.managed.online, latter.managed.online = True, False
            pair.sync()
            former.managed.online, latter.managed.online = False, True
            pair.sync()

    assert clients.fates["active"].ended == "reset"  # at the move, not when the doubt began
    assert clients.fates["retry"].errors == []
    assert len(clients.fates["new"].errors) <= 1  # it does not ask again, if it waited at the move
    former.managed.online = True
    stays(pair, moves + 1)


def test_a_holder_that_cannot_prove_its_rule_set_loses_the_address(pair: Pair) -> None:
    former, latter, moves = pair.rest().holder, pair.other, pair.moves
    pair.world.break_tools(former)

    pair.schedule()
    pair.wait_for(latter)

    pair.world.mend_tools(former)
    stays(pair, moves + 1)


def test_rules_that_a_foreign_hand_took_away_come_back_and_nothing_moves(pair: Pair) -> None:
    holder, moves = pair.holder, pair.moves
    holder.host.run("nft", "delete table ip cachegate")

    assert pair.sync()["state"] == "held"

    assert pair.holds(holder)
    assert pair.moves == moves
    with pair.clients("new") as clients:
        time.sleep(0.2)
    assert clients.fates["new"].errors == []


def test_a_holder_whose_status_check_fails_loses_the_address(pair: Pair) -> None:
    former, latter, moves = pair.rest().holder, pair.other, pair.moves
    pair.world.impair(former)

    pair.schedule()
    assert pair.holds(former)
    pair.wait_for(latter)

    stays(pair, moves + 1)
    pair.world.heal(former)


def test_with_both_down_nothing_is_moved_and_it_is_reported(pair: Pair) -> None:
    holder, moves = pair.holder, pair.moves
    for nat in pair.world.nats:
        nat.managed.online = False

    assert pair.sync()["state"] == "stranded"
    pair.rest()
    standing = pair.sync()

    assert standing["state"] == "stranded"
    assert "nothing is moved" in standing["reason"]
    assert pair.holds(holder)
    assert pair.moves == moves
    for nat in pair.world.nats:
        nat.managed.online = True


def test_what_no_event_told_is_seen_by_the_schedule_and_passes_at_once_move_it_once(
    pair: Pair,
) -> None:
    pair.forget_triggers()
    latter, moves = pair.other, pair.moves
    pair.world.terminate(pair.holder, told=False, lasts_s=0.1)
    time.sleep(1)
    assert pair.moves == moves

    at_once(pair.schedule, pair.sync, pair.sync)

    pair.wait_for(latter)
    stays(pair, moves + 1)


def test_two_persons_who_ask_for_different_places_end_with_one_of_them(pair: Pair) -> None:
    holder, other = pair.holder, pair.other

    at_once(partial(pair.move, holder), partial(pair.move, other))

    time.sleep(0.5)
    stays(pair, pair.moves)
