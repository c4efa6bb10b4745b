"""Our own way to the caches: what opens it, who needs it, and what would open it again."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.ingress import GroupReference, PrefixList, UnknownSource
from cachegate.planning.own_path import Way, command, paths, ways
from tests.unit.planning.guarded import cache, nat
from tests.unit.planning.ingress import entries, rule

if TYPE_CHECKING:
    from cachegate.domain.cache import NatInstance
    from cachegate.domain.groups import GuardedCache
    from cachegate.domain.ingress import IngressRule

WAY = Way(nat(), cache(groups="sg-1 sg-2"), 6379)


@pytest.mark.parametrize(
    ("by", "is_open", "why"),
    [
        (rule("tcp 6379 0.0.0.0/0"), True, "the world holds it"),
        (rule("tcp 6379 10.0.255.10/32"), True, "its own address"),
        (rule("tcp 6000-7000 10.0.0.0/8"), True, "a range that holds the port"),
        (rule("-1 10.0.0.0/16"), True, "every protocol"),
        (rule("tcp 6379 sg-nat"), True, "its group"),
        (rule("-1 sg-other"), True, "its second group"),
        (rule("tcp 6379", entries("192.0.2.0/24 10.0.255.0/24")), True, "an entry of a list"),
        (rule("tcp 6379 10.0.0.0/8", group="sg-2"), True, "another group of the cache"),
        (rule("tcp 6379 10.0.0.0/8", group="sg-3"), False, "a group that the cache does not have"),
        (rule("tcp 6379 203.0.113.73/32"), False, "the public address never arrives at a cache"),
        (rule("tcp 6379 10.0.255.11/32"), False, "its neighbour"),
        (rule("tcp 6380 10.0.0.0/8"), False, "another port"),
        (rule("tcp 6378 10.0.0.0/8"), False, "the port before"),
        (rule("udp 6379 10.0.0.0/8"), False, "a cache's port is TCP"),
        (rule("icmp 10.0.0.0/8"), False, "no ports"),
        (rule("tcp 6379 ::/0"), False, "it sends IPv4"),
        (rule("tcp 6379 ::ffff:0:0/96"), False, "no packet of IPv4 matches that"),
        (rule("tcp 6379 sg-1"), False, "the cache's own group, which it does not have"),
        (rule("tcp 6379", UnknownSource("a riddle")), False, "who that is, nobody knows"),
        (rule("tcp 6379", PrefixList(list_id="pl-1")), False, "the unknown is not relied upon"),
    ],
)
def test_what_opens_a_way(by: IngressRule, is_open: bool, why: str) -> None:  # noqa: FBT001
    way = Way(nat(groups=("sg-nat", "sg-other")), WAY.cache, 6379)

    assert way.open_by([by]) is is_open, why
    assert not way.open_by([])


@pytest.mark.parametrize(
    ("of", "instance", "ports", "why"),
    [
        (cache(), nat(), [6379], "our own"),
        (cache(ports=frozenset({6380, 6379})), nat(), [6379, 6380], "each port is a way"),
        (cache(), nat(state="stopped"), [6379], "it will start again, and need its way"),
        (cache(exposed=False), nat(), [], "not forwarded"),
        (cache(vpc_id=None), nat(), [], "no VPC, no NAT instance"),
        (cache(ports=frozenset()), nat(), [], "AWS shows no port yet"),
        (cache(), nat(stack="other"), [], "another stack's"),
        (cache(), nat(vpc_id="vpc-2"), [], "another VPC's"),
        (cache(vpc_id="vpc-peer"), nat(), [6379], "a peered VPC that our instance serves"),
        (cache(vpc_id="vpc-peer"), nat(vpc_id="vpc-peer"), [], "that VPC is served from elsewhere"),
    ],
)
def test_who_needs_a_way(
    of: GuardedCache, instance: NatInstance, ports: list[int], why: str
) -> None:
    found = ways([of], [instance], stack="gate", peered={"vpc-peer": "vpc-1"})

    assert [way.port for way in found] == ports, why


@pytest.mark.parametrize(
    ("way", "words", "why"),
    [
        (WAY, "--port 6379 --source-group sg-nat", "its group, in one VPC"),
        (
            Way(nat(groups=()), cache(), 6379),
            "--port 6379 --cidr 10.0.255.10/32",
            "no group is known",
        ),
        (
            Way(nat(), cache(vpc_id="vpc-peer"), 6380),
            "--port 6380 --cidr 10.0.255.10/32",
            "a group of another VPC can be named only while the peering is active",
        ),
    ],
)
def test_a_lost_way_is_opened_again_by_the_narrowest_rule(way: Way, words: str, why: str) -> None:
    (path,) = paths("sg-1", [way])

    assert command(path) == (
        f"aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp {words}"
    ), why


def test_ways_that_one_rule_opens_get_one_path() -> None:
    lost = [
        Way(nat("i-2", private_address=IPv4Address("10.0.255.11")), cache("b"), 6379),
        Way(nat("i-1"), cache("a"), 6379),
        Way(nat("i-1"), cache("a"), 6380),
    ]

    found = paths("sg-1", lost)

    assert [(path.source, path.traffic.first) for path in found] == [
        ("sg-nat", 6379),
        ("sg-nat", 6380),
    ]


def test_a_reference_is_known_by_the_instances_groups_alone() -> None:
    referred = rule("tcp 6379", GroupReference("sg-nat"))

    assert not Way(nat(groups=()), cache(), 6379).open_by([referred])
