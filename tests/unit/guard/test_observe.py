"""In the mode `observe` nothing is changed, and the findings are those of `enforce`."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cachegate.domain.finding import Step
from cachegate.guard.describe import describe_finding
from cachegate.guard.revoke import Asked
from cachegate.guard.settings import Mode
from cachegate.guard.sweep import sweep
from tests.unit.guard.fakes import GROUP, WRITES, World

TRAFFIC = ["tcp 6379", "tcp 0-65535", "tcp 6000-7000", "-1", "tcp 22", "udp 6379", "icmp"]
SOURCES = [
    *("0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "13.0.0.0/8", "13.0.0.0/9", "14.0.0.0/9"),
    *("10.0.0.0/8", "203.0.113.7/32", "sg-clients", "pl-open", "pl-closed", "2000::/3"),
]


class ChangedError(Exception):
    """Something was changed."""


def refuse_changes(_number: int, name: str, _args: object) -> None:
    if name in WRITES or name == "records.record":
        raise ChangedError(name)


def anything(seed: int, **policy: Any) -> World:
    draw = random.Random(seed)  # noqa: S311  # no secret
    world = World(**policy)
    world.add_nat()
    world.add_cache("cart", GROUP, exposed=draw.random() < 0.5)
    world.add_list("pl-open", draw.choice(["0.0.0.0/0", "203.0.113.0/24"]))
    for _ in range(draw.randint(1, 8)):
        world.add_rule(draw.choice(TRAFFIC), draw.choice(SOURCES))
    if draw.random() < 0.3:
        world.add_rule("tcp 6380", "0.0.0.0/0", **{"cachegate:exempt": "me|2999-01-01|why"})
    return world


@pytest.mark.parametrize("seed", range(120))
def test_observe_changes_nothing_and_finds_what_enforce_acts_on(seed: int) -> None:
    watched, acting = (
        anything(seed, carve_ranges=seed % 3 > 0, add_own_path=seed % 2 > 0) for _ in range(2)
    )
    watched.set(mode=Mode.OBSERVE)
    watched.wire.before = refuse_changes
    before = dict(watched.ec2.held)

    observed = sweep(watched.adapters, watched.settings, Asked(), lambda result: result)
    enforced = sweep(acting.adapters, acting.settings, Asked(), lambda result: result)

    assert watched.ec2.held == before
    assert watched.store.revocations == {}
    assert observed.revoked == ()
    assert observed.standing == observed.findings
    told = [describe_finding(each) for each in observed.findings]
    assert told == [describe_finding(each) for each in enforced.findings]
    named = {each.rule.rule_id for each in observed.findings if each.step.acts}
    assert {each.rule_id for each in acting.ec2.removed} == named


def test_observe_settles_what_a_broken_pass_of_enforce_left(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.fail("records.settle", ChangedError("the function ended"))
    with pytest.raises(ChangedError):
        sweep(world.adapters, world.settings, Asked(), lambda result: result)
    world.set(mode=Mode.OBSERVE)
    world.wire.before = refuse_changes

    result = sweep(world.adapters, world.settings, Asked(), lambda result: result)

    assert [each.rule for each in result.revoked] == [rule]


def test_a_pass_never_goes_beyond_its_cap_and_the_gravest_go_first(world: World) -> None:
    world.set_policy(most_revocations=2)
    world.add_group("sg-quiet")
    world.add_cache("users", "sg-quiet")
    world.add_instance("i-inner", "sg-quiet")
    quiet = [world.add_rule("tcp 6379", each, "sg-quiet") for each in ("0.0.0.0/0", "::/0")]
    grave = [world.add_rule("tcp 6379", each) for each in ("0.0.0.0/0", "::/0")]

    first = sweep(world.adapters, world.settings, Asked(), lambda result: result)
    removed = list(world.ec2.removed)
    sweep(world.adapters, world.settings, Asked(), lambda result: result)

    assert removed == grave
    assert first.count(Step.WAIT) == 2
    assert world.ec2.removed == grave + quiet
