"""A look has everything or raises, and no lie hides who shares a group."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from cachegate.domain.finding import Step, Use
from cachegate.domain.ingress import PrefixList
from cachegate.errors import TransientError
from cachegate.guard.look import look, open_lists
from cachegate.guard.revoke import Asked
from cachegate.guard.sweep import sweep
from cachegate.planning.findings import find
from tests.unit.guard.fakes import GROUP, WRITES, World

EVERY_QUESTION = [
    "records.load",
    "caches.guarded",
    "groups.groups",
    "groups.rules",
    "groups.prefix_lists",
    "groups.interfaces",
    "network.nat_instances",
    "resolver.resolve",
    "trails.state",
]


def use(world: World, group: str = GROUP) -> Use:
    return look(world.adapters).view.sharing[group].use


def alone() -> World:
    """A world whose group only its cache has, by an interface that only DNS tells about."""
    world = World()
    del world.ec2.having["eni-i-web"]
    return world


@pytest.mark.parametrize("question", EVERY_QUESTION)
def test_a_pass_that_misses_any_part_changes_nothing(world: World, question: str) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0")
    world.add_list("pl-1", "203.0.113.0/24")
    world.add_rule("tcp 6379", "pl-1")
    world.wire.fail(question, TransientError("no answer"))

    with pytest.raises(TransientError):
        sweep(world.adapters, world.settings, Asked(), lambda result: result)

    assert WRITES.isdisjoint(world.wire.names())
    assert world.store.revocations == {}


def test_every_question_is_asked_once_a_look(world: World) -> None:
    world.add_rule("tcp 6379", "pl-1")

    look(world.adapters)

    assert sorted(world.wire.names()) == sorted(EVERY_QUESTION)


def test_a_group_that_only_its_cache_has_is_exclusive() -> None:
    assert use(alone()) is Use.EXCLUSIVE


def test_without_dns_an_unknown_interface_makes_a_group_doubtful_and_not_shared() -> None:
    world = alone()
    world.rest.names.clear()

    assert use(world) is Use.DOUBTFUL


def test_a_cache_that_is_being_made_and_has_no_name_yet_is_not_taken_for_a_stranger() -> None:
    world = alone()
    cache = world.rest.caches["cart"]
    world.rest.caches["cart"] = replace(cache, hosts=frozenset(), ports=frozenset())
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    sweep(world.adapters, world.settings, Asked(), lambda result: result)

    assert use(world) is Use.DOUBTFUL
    assert rule.rule_id in world.ec2.held


def test_the_names_of_one_groups_caches_explain_no_interface_of_another_group() -> None:
    world = alone()
    world.add_group("sg-other")
    world.add_cache("users", "sg-other")
    world.add_interface("eni-odd", GROUP, address=str(world.rest.names["users.cache.example"]))

    assert use(world) is Use.SHARED


@pytest.mark.parametrize(
    "details",
    [
        {"attached_to": "i-web"},
        {"kind": "lambda"},
        {"kind": "load_balancer", "requester": "amazon-elb", "requester_managed": True},
        {"requester": "amazon-rds", "requester_managed": True},
    ],
)
def test_dns_that_answers_anothers_address_does_not_hide_it(details: dict[str, Any]) -> None:
    world = alone()
    world.add_interface("eni-liar", GROUP, address="10.0.3.3", **details)
    world.rest.names["cart.cache.example"] = IPv4Address("10.0.3.3")

    looked = look(world.adapters).view.sharing[GROUP]

    assert looked.use is Use.SHARED
    assert [each.interface_id for each in looked.others][-1:] == ["eni-liar"]


def test_a_description_that_a_person_wrote_does_not_hide_an_interface() -> None:
    world = alone()
    world.add_interface("eni-mine", GROUP, address="10.0.3.3", description="ElastiCache cart-001")

    assert use(world) is Use.SHARED


def test_a_description_on_an_instances_interface_does_not_hide_it() -> None:
    world = alone()
    world.add_interface(
        "eni-mine", GROUP, address="10.0.3.3", description="ElastiCache x", attached_to="i-mine"
    )

    assert use(world) is Use.SHARED


def test_a_service_that_nobody_knows_makes_a_group_doubtful() -> None:
    world = alone()
    world.add_interface("eni-new", GROUP, address="10.0.3.3", requester_managed=True)

    assert use(world) is Use.DOUBTFUL


def test_rules_of_a_doubtful_group_are_reported_and_stay() -> None:
    world = alone()
    world.rest.names.clear()
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    result = sweep(world.adapters, world.settings, Asked(), lambda result: result)

    assert [each.step for each in result.findings] == [Step.REPORT]
    assert rule.rule_id in world.ec2.held


def test_a_group_that_ec2_does_not_show_is_told(world: World) -> None:
    world.add_cache("far", "sg-of-another-account")

    assert look(world.adapters).unseen == ("sg-of-another-account",)


def test_prefix_lists_are_opened_and_one_that_cannot_be_is_reported(world: World) -> None:
    world.add_list("pl-open", "0.0.0.0/0")
    wide = world.add_rule("tcp 6379", "pl-open")
    closed = world.add_rule("tcp 6379", "pl-closed")

    findings = find(look(world.adapters).view, world.settings.policy)

    steps = {each.rule.rule_id: each.step for each in findings}
    assert steps == {wide.rule_id: Step.REVOKE, closed.rule_id: Step.REPORT}


def test_no_prefix_list_is_asked_for_where_no_rule_names_one(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    assert open_lists([rule], world.ec2) == (rule,)
    assert "groups.prefix_lists" not in world.wire.names()


def test_each_rule_keeps_its_own_list(world: World) -> None:
    world.add_list("pl-1", "203.0.113.0/24")
    world.add_list("pl-2", "198.51.100.0/24")
    rules = [world.add_rule("tcp 6379", name) for name in ("pl-1", "pl-2", "pl-1", "pl-3")]

    opened = open_lists(rules, world.ec2)

    sources = [each.source for each in opened]
    assert sources[0] == sources[2] == world.ec2.lists["pl-1"]
    assert sources[1] == world.ec2.lists["pl-2"]
    assert sources[3] == PrefixList(list_id="pl-3")
