"""Which caches belong to which VPC, and why others are not forwarded."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from cachegate.domain.cache import Admitted, CacheSecurityGroup, NatInstance
from cachegate.planning.select import Selection, select
from tests.unit.planning.builders import memcached


def nat(vpc: str = "vpc-1", stack: str = "dev", state: str = "running") -> NatInstance:
    return NatInstance(
        instance_id=f"i-{vpc}-{stack}",
        vpc_id=vpc,
        state=state,
        private_address=IPv4Address("10.0.255.10"),
        public_address=None,
        stack=stack,
    )


def names(selection: Selection) -> dict[str, list[str]]:
    return {vpc: [cache.name for cache in caches] for vpc, caches in selection.by_vpc.items()}


def codes(selection: Selection) -> list[tuple[str, str]]:
    return [(problem.cache, problem.code) for problem in selection.problems]


def test_a_cache_belongs_to_the_nat_instances_of_its_own_vpc() -> None:
    caches = [memcached("b", vpc_id="vpc-2"), memcached("c"), memcached("a", expose="dev")]

    selection = select(caches, [nat(), nat("vpc-2", state="stopped"), nat("vpc-3")], "dev", {})

    assert names(selection) == {"vpc-1": ["a", "c"], "vpc-2": ["b"], "vpc-3": []}
    assert codes(selection) == []


def test_a_peered_vpcs_caches_belong_to_the_vpc_of_the_nat_instances() -> None:
    selection = select([memcached("a", vpc_id="vpc-9")], [nat()], "dev", {"vpc-9": "vpc-1"})

    assert names(selection) == {"vpc-1": ["a"]}


@pytest.mark.parametrize("expose", ["other", "True", "", "false"])
def test_a_cache_that_names_another_stack_is_left_out_silently(expose: str) -> None:
    selection = select([memcached("a", expose=expose)], [nat()], "dev", {})

    assert names(selection) == {"vpc-1": []}
    assert codes(selection) == []


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"vpc_id": None}, "no_vpc", "EC2-Classic"),
        ({"network_type": "ipv6"}, "ipv6_only", "IPv6 addresses only"),
        ({"vpc_id": "vpc-2"}, "no_nat_instance", "no NAT instance of this stack in vpc-2"),
        ({"vpc_id": None, "whole": False}, "no_answer", "did not answer"),
    ],
)
def test_a_cache_that_cannot_be_forwarded_says_why(
    fields: dict[str, Any], code: str, words: str
) -> None:
    selection = select([memcached("a", **fields)], [nat(), nat("vpc-2", "other")], "dev", {})

    assert codes(selection) == [("a", code)]
    assert words in selection.problems[0].message


def test_a_cache_outside_any_vpc_says_who_is_admitted_to_it_as_far_as_that_is_known() -> None:
    groups = (
        CacheSecurityGroup(name="default", admits=(Admitted("web", "123", "authorized"),)),
        CacheSecurityGroup(name="jobs"),
        CacheSecurityGroup(name="lost", unknown="AWS does not show it"),
    )

    selection = select([memcached("a", vpc_id=None, classic_groups=groups)], [nat()], "dev", {})

    assert codes(selection) == [("a", "no_vpc")]
    assert selection.problems[0].message == (
        "a: it is in no VPC (EC2-Classic: no subnet group), where no NAT instance reaches it; make "
        "it anew in a VPC, from a backup; its cache security group default admits: EC2 security "
        "group web of account 123 (authorized); its cache security group jobs admits: none; what "
        "its cache security group lost admits is not known (AWS does not show it)"
    )


def test_a_dual_stack_cache_is_forwarded() -> None:
    selection = select([memcached("a", network_type="dual_stack")], [nat()], "dev", {})

    assert names(selection) == {"vpc-1": ["a"]}


def test_with_two_stacks_in_a_vpc_only_caches_that_name_one_are_exposed() -> None:
    caches = [memcached("any"), memcached("ours", expose="dev")]

    selection = select(caches, [nat(), nat(stack="prod")], "dev", {})

    assert names(selection) == {"vpc-1": ["ours"]}
    assert codes(selection) == [("any", "two_stacks")]
    assert "(dev, prod)" in selection.problems[0].message


def test_a_vpc_that_lost_its_nat_instance_does_not_take_its_caches_for_gone() -> None:
    selection = select([memcached("a")], [], "dev", {})

    assert names(selection) == {"vpc-1": ["a"]}
    assert codes(selection) == [("a", "no_nat_instance")]


def test_a_cache_whose_vpc_is_unknown_is_unknown_in_every_vpc() -> None:
    lost = memcached("a", vpc_id=None, whole=False)

    selection = select([lost], [nat(), nat("vpc-2")], "dev", {})

    assert names(selection) == {"vpc-1": ["a"], "vpc-2": ["a"]}
