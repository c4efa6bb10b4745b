"""Where NAT instances may be made, and the sentence for each place where they may not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from cachegate.domain.groups import Interface
from cachegate.domain.routes import Route, RouteTable, Subnet, table_of
from cachegate.errors import ConfigurationError
from cachegate.planning.nat_network import Asked, Ground, judge_network, read_asked

EVERYWHERE = IPv4Network("0.0.0.0/0")
LOCAL = Route(destination=IPv4Network("10.0.0.0/16"), target="local")
TO_INTERNET = Route(destination=EVERYWHERE, target="igw-1")
ONE, TWO = (
    Asked(vpc_id="vpc-1", subnet_ids=("s-1",)),
    Asked(vpc_id="vpc-1", subnet_ids=("s-1", "s-2")),
)


def subnet(subnet_id: str = "s-1", **fields: Any) -> Subnet:
    usual = {
        "vpc_id": "vpc-1",
        "zone": f"zone-of-{subnet_id}",
        "network": IPv4Network("10.0.0.0/24"),
    }
    return Subnet(subnet_id=subnet_id, **{**usual, **fields})


def table(*routes: Route, of: str = "", main: bool = False, **fields: Any) -> RouteTable:
    usual = {"table_id": "rtb-main" if main else "rtb-own", "vpc_id": "vpc-1"}
    return RouteTable(
        main=main, subnet_ids=frozenset(of.split()), routes=(LOCAL, *routes), **{**usual, **fields}
    )


def caches(description: str = "ElastiCache cart-001", **fields: Any) -> Interface:
    return Interface(
        interface_id="eni-1", groups=frozenset(), addresses=frozenset(), description=description,
        **{"requester": "amazon-elasticache", "requester_managed": True, **fields},
    )  # fmt: skip


def ground(*tables: RouteTable, **interfaces: Interface) -> Ground:
    return Ground(
        subnets={"s-1": subnet(), "s-2": subnet("s-2")},
        tables=tables,
        interfaces={name.replace("_", "-"): (each,) for name, each in interfaces.items()},
    )


PUBLIC = table(TO_INTERNET, of="s-1 s-2")


@pytest.mark.parametrize(
    "tables",
    [
        (PUBLIC,),
        (table(main=True), PUBLIC),
        (table(TO_INTERNET, main=True),),
        (table(TO_INTERNET, main=True), table(of="another")),
        (table(replace(TO_INTERNET, destination=IPv4Network("198.51.100.0/24")), of="s-1 s-2"),),
        (table(replace(TO_INTERNET, destination=None), of="s-1 s-2"),),
        (table(replace(TO_INTERNET, active=False), TO_INTERNET, of="s-1 s-2"),),
    ],
    ids=["own", "own before main", "main", "main, others have theirs", "to some networks",
         "to a prefix list", "one of two is active"],
)  # fmt: skip
@pytest.mark.parametrize("asked", [ONE, TWO], ids=["one subnet", "two"])
def test_a_subnet_with_an_active_route_to_an_internet_gateway_is_fine(
    tables: tuple[RouteTable, ...], asked: Asked
) -> None:
    verdict = judge_network(asked, ground(*tables))

    assert (verdict.refusals, verdict.warnings) == ((), ())


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            (table(of="s-1"),),
            "s-1 has no route to an Internet gateway: its route table rtb-own (its",
        ),
        ((table(main=True),), "rtb-main (main) has none; add 0.0.0.0/0"),
        ((table(TO_INTERNET, main=True), table(of="s-1")), "rtb-own (its own) has none"),
        ((table(replace(TO_INTERNET, target="nat-1"), of="s-1"),), "no route to an Internet"),
        ((table(replace(TO_INTERNET, target="eigw-1"), of="s-1"),), "no route to an Internet"),
        (
            (table(replace(TO_INTERNET, active=False), of="s-1"),),
            "0.0.0.0/0 to igw-1 is a black hole; attach the Internet gateway to vpc-1 again",
        ),
        ((table(TO_INTERNET, main=True, vpc_id="vpc-2"),), "EC2 shows no route table of s-1"),
    ],
)
def test_a_subnet_without_such_a_route_is_refused(
    tables: tuple[RouteTable, ...], words: str
) -> None:
    (refusal,) = judge_network(ONE, ground(*tables)).refusals

    assert words in refusal


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "there is no s-1 in this account and Region: name another subnet"),
        (subnet(vpc_id="vpc-2"), "s-1 is in vpc-2, not in vpc-1: name subnets of one VPC"),
        (subnet(network=None), "s-1 is for IPv6 alone"),
    ],
)
def test_a_subnet_that_cannot_hold_a_nat_instance_is_refused(
    found: Subnet | None, words: str
) -> None:
    seen = replace(ground(PUBLIC), subnets={} if found is None else {"s-1": found})

    (refusal,) = judge_network(ONE, seen).refusals

    assert refusal.startswith(words)


def test_subnets_of_two_vpcs_are_refused() -> None:
    seen = ground(PUBLIC)
    elsewhere = replace(seen, subnets={"s-1": subnet(), "s-2": subnet("s-2", vpc_id="vpc-2")})

    (refusal,) = judge_network(TWO, elsewhere).refusals

    assert refusal.startswith("s-2 is in vpc-2, not in vpc-1")


def test_a_vpc_that_is_not_there_is_refused_by_its_name_alone() -> None:
    (refusal,) = judge_network(TWO, ground()).refusals

    assert refusal == "there is no vpc-1 in this account and Region: name another as NatVpc"


@pytest.mark.parametrize(
    ("interface", "named"),
    [
        (caches(), "eni-1 of ElastiCache cart-001"),
        (
            caches("", requester="", requester_managed=False, attached_to="amazon-elasticache"),
            "eni-1",
        ),
        (caches(requester=""), "eni-1 of ElastiCache cart-001"),
    ],
)
def test_a_subnet_with_cache_nodes_is_refused_and_they_are_named(
    interface: Interface, named: str
) -> None:
    (refusal,) = judge_network(TWO, ground(PUBLIC, s_2=interface)).refusals

    assert refusal.startswith(f"s-2 also holds cache nodes ({named}): name a public subnet without")


@pytest.mark.parametrize(
    "other",
    [
        caches(requester="", requester_managed=False),  # whoever can write a description
        caches("ElastiCache look-alike", requester="", attached_to="i-1"),
        caches("", requester="", kind="lambda"),
        caches("ELB app/web/1", requester="amazon-elb"),
    ],
)
def test_whatever_else_is_in_the_subnet_does_not_matter(other: Interface) -> None:
    assert judge_network(ONE, ground(PUBLIC, s_1=other)).refusals == ()


def test_of_many_caches_the_first_are_named() -> None:
    many = tuple(replace(caches(f"ElastiCache c{n}"), interface_id=f"eni-{n}") for n in range(9))
    seen = replace(ground(PUBLIC), interfaces={"s-1": many})

    (refusal,) = judge_network(ONE, seen).refusals

    assert (
        "(eni-0 of ElastiCache c0, eni-1 of ElastiCache c1, eni-2 of ElastiCache c2 and 6"
        in refusal
    )


def test_all_that_is_wrong_is_said_at_once() -> None:
    refusals = judge_network(TWO, ground(table(main=True), s_2=caches())).refusals

    assert [each.split(" ")[0] for each in refusals] == ["s-1", "s-2", "s-2"]


def test_two_subnets_of_one_availability_zone_are_a_warning() -> None:
    seen = ground(PUBLIC)
    together = replace(
        seen, subnets={each: subnet(each, zone="eu-west-1a") for each in ("s-1", "s-2")}
    )

    verdict = judge_network(TWO, together)

    assert verdict.refusals == ()
    (warning,) = verdict.warnings
    assert warning.startswith("s-1, s-2 are both in eu-west-1a: where that availability zone fails")


def test_an_empty_subnet_is_none() -> None:
    assert read_asked({"Vpc": "vpc-1", "Subnets": ["s-1", ""], "ServiceToken": "x"}) == ONE
    assert read_asked({"Vpc": "vpc-1", "Subnets": ["s-1", "s-2"]}) == TWO


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        (None, "set NatVpc"),
        ("vpc-1", "set NatVpc"),
        ({"Subnets": ["s-1"]}, "set NatVpc"),
        ({"Vpc": "", "Subnets": ["s-1"]}, "set NatVpc"),
        ({"Vpc": ["vpc-1"], "Subnets": ["s-1"]}, "set NatVpc"),
        ({"Vpc": "vpc-1"}, "Subnets is a list of subnet ids, not None"),
        ({"Vpc": "vpc-1", "Subnets": "s-1"}, "Subnets is a list of subnet ids, not 's-1'"),
        ({"Vpc": "vpc-1", "Subnets": ["s-1", 2]}, "Subnets is a list of subnet ids"),
        ({"Vpc": "vpc-1", "Subnets": []}, "set NatSubnet"),
        ({"Vpc": "vpc-1", "Subnets": ["", ""]}, "set NatSubnet"),
        ({"Vpc": "vpc-1", "Subnets": ["s-1", "s-2", "s-3"]}, "3 subnets are named"),
        ({"Vpc": "vpc-1", "Subnets": ["s-1", "s-1"]}, "s-1 is named twice: leave SecondNatSubnet"),
    ],
)
def test_properties_that_name_no_place_are_refused(properties: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_asked(properties)


def test_a_subnet_uses_its_own_table_else_the_main_one_of_its_vpc() -> None:
    own, main = table(of="s-1"), table(main=True)
    foreign = table(main=True, vpc_id="vpc-2", table_id="rtb-foreign")

    assert table_of(subnet(), [foreign, main, own]) == own
    assert table_of(subnet("s-2"), [foreign, main, own]) == main
    assert table_of(subnet("s-2"), [foreign, own]) is None


@pytest.mark.parametrize(
    ("address", "target"),
    [("10.0.5.1", "local"), ("10.1.0.5", "pcx-1"), ("10.1.2.5", "tgw-1"), ("192.0.2.1", "igw-1")],
)
def test_the_most_specific_route_is_taken(address: str, target: str) -> None:
    routes = table(
        TO_INTERNET,
        Route(destination=IPv4Network("10.1.2.0/24"), target="tgw-1"),
        Route(destination=IPv4Network("10.1.0.0/16"), target="pcx-1"),
        Route(destination=None, target="pcx-2"),
    )

    way = routes.way_to(IPv4Address(address))

    assert way is not None
    assert way.target == target


def test_where_no_route_fits_there_is_no_way() -> None:
    assert table().way_to(IPv4Address("10.1.0.5")) is None
