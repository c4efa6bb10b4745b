"""An exemption is put on an ingress rule of a cache's group, and seen there."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.finding import EXEMPT, Exemption, Step
from cachegate.errors import InvocationError, NotVerifiedError, RuleRefusedError
from cachegate.guard.exempt import exempt
from cachegate.guard.look import look
from cachegate.planning.findings import find

if TYPE_CHECKING:
    from tests.unit.guard.fakes import World

TODAY = date(2027, 1, 15)  # the day of the world's clock
WITHIN = 10.0


def excuse(until: date = TODAY) -> Exemption:
    return Exemption(owner="data-team", until=until, reason="migration")


def test_an_exempted_rule_is_found_exempt(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", team="shop")

    shown = exempt(world.adapters, rule.rule_id, excuse(), WITHIN)

    assert shown.tags == {"team": "shop", EXEMPT: "data-team|2027-01-15|migration"}
    findings = find(look(world.adapters).view, world.settings.policy)
    assert [each.step for each in findings] == [Step.EXEMPT]


@pytest.mark.parametrize("until", [date(2027, 1, 14), date(2020, 1, 1), date.min])
def test_an_exemption_that_is_over_is_no_exemption(world: World, until: date) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    with pytest.raises(InvocationError, match="is over"):
        exempt(world.adapters, rule.rule_id, excuse(until), WITHIN)

    assert "groups.tag" not in world.wire.names()


def test_an_exemption_may_last_to_the_end_of_time(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    assert exempt(world.adapters, rule.rule_id, excuse(date.max), WITHIN).tags[EXEMPT]


def test_a_rule_of_no_caches_group_is_refused(world: World) -> None:
    world.add_group("sg-web")
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", group="sg-web")

    with pytest.raises(InvocationError, match="no security group of a cache"):
        exempt(world.adapters, rule.rule_id, excuse(), WITHIN)

    assert "groups.tag" not in world.wire.names()


def test_a_tag_that_ec2_does_not_show_is_not_believed(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.wire.lies = {"groups.tag"}

    with pytest.raises(NotVerifiedError):
        exempt(world.adapters, rule.rule_id, excuse(), WITHIN)


def test_a_tag_that_is_shown_late_is_waited_for(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    world.ec2.lag = 3.0

    assert exempt(world.adapters, rule.rule_id, excuse(), WITHIN).tags[EXEMPT] == str(excuse())


def test_a_rule_that_goes_meanwhile_is_told(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    def vanish(_number: int, name: str, _args: object) -> None:
        if name == "groups.tag":
            world.ec2.take(rule.rule_id)

    world.wire.before = vanish

    with pytest.raises(RuleRefusedError):
        exempt(world.adapters, rule.rule_id, excuse(), WITHIN)


def test_a_new_exemption_takes_the_place_of_the_former(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0", **{EXEMPT: "me|2020-01-01|old"})

    shown = exempt(world.adapters, rule.rule_id, excuse(), WITHIN)

    assert shown.tags == {EXEMPT: str(excuse())}
