"""What is seen of the way to a cache in a peered VPC, and what is said where it is not there."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.ledger import Lease, Ledger
from cachegate.domain.routes import Peering, Route, RouteTable, Subnet
from cachegate.planning.peering import Roads, Way, missing, not_shown, overlap, ways_out
from tests.unit.planning.builders import memcached

HOME, AWAY = "vpc-home", "vpc-away"
NETWORKS = {HOME: (IPv4Network("10.0.0.0/16"),), AWAY: (IPv4Network("10.7.0.0/16"),)}
PEERED = Peering(connection_id="pcx-1", vpc_ids=frozenset({HOME, AWAY}), status="active")
WAY = Way(
    cache="cart",
    home=HOME,
    away=AWAY,
    targets=frozenset({IPv4Address("10.7.1.5")}),
    listens=frozenset({6379}),
)


def to(destination: str | None, target: str, *, active: bool = True) -> Route:
    network = IPv4Network(destination) if destination else None
    return Route(destination=network, target=target, active=active)


OUT, BACK = to("10.7.0.0/16", "pcx-1"), to("10.0.0.0/16", "pcx-1")
INTERNET = to("0.0.0.0/0", "igw-1")


def roads(
    out: tuple[Route, ...] = (INTERNET, OUT),
    back: tuple[Route, ...] = (BACK,),
    peerings: tuple[Peering, ...] = (PEERED,),
) -> Roads:
    return Roads(
        sources=frozenset({IPv4Address("10.0.0.10")}),
        peerings=peerings,
        subnets=(
            subnet("s-nat", HOME, "10.0.0.0/24"),
            subnet("s-other", HOME, "10.0.1.0/24"),
            subnet("s-cache", AWAY, "10.7.1.0/24"),
            subnet("s-ipv6", AWAY, None),
        ),
        tables=(
            table("rtb-out", HOME, (to("10.0.0.0/16", "local"), *out)),
            table("rtb-back", AWAY, (to("10.7.0.0/16", "local"), *back)),
        ),
        networks=NETWORKS,
    )


def subnet(subnet_id: str, vpc_id: str, network: str | None) -> Subnet:
    return Subnet(
        subnet_id=subnet_id,
        vpc_id=vpc_id,
        zone="a",
        network=IPv4Network(network) if network else None,
    )


def table(table_id: str, vpc_id: str, routes: tuple[Route, ...], of: str = "") -> RouteTable:
    return RouteTable(
        table_id=table_id,
        vpc_id=vpc_id,
        main=not of,
        subnet_ids=frozenset(of.split()),
        routes=routes,
    )


@pytest.mark.parametrize(
    "seen",
    [
        roads(),
        roads(out=(to("10.7.1.0/24", "pcx-1"),), back=(to("10.0.0.10/32", "pcx-1"),)),
        roads(out=(to(None, "pcx-1"),), back=(to(None, "pcx-1"),)),
        roads(out=(to("10.7.0.0/16", "tgw-1"),), back=(BACK,)),
        roads(out=(OUT,), back=(to("0.0.0.0/0", "tgw-1"),)),
        roads(out=(to("10.7.0.0/16", "eni-firewall"),)),
        roads(peerings=(replace(PEERED, status="deleted"), replace(PEERED, connection_id="pcx-1"))),
    ],
    ids=["as documented", "narrower", "prefix lists", "out by a transit gateway",
         "back by a transit gateway", "by an appliance", "a former one beside"],
)  # fmt: skip
def test_where_all_is_seen_nothing_is_said(seen: Roads) -> None:
    assert missing(WAY, seen) is None


CREATE = "aws ec2 create-route --route-table-id"
NO_OUT = f"{CREATE} rtb-out --destination-cidr-block 10.7.0.0/16 --vpc-peering-connection-id pcx-1"
REPLACE = NO_OUT.replace("create", "replace")
NARROW = REPLACE.replace("10.7.0.0/16", "10.7.1.0/24")
NO_BACK = f"{CREATE} rtb-back --destination-cidr-block 10.0.0.0/16 --vpc-peering-connection-id pcx"


@pytest.mark.parametrize(
    ("seen", "commands"),
    [
        (roads(out=(INTERNET,)), [NO_OUT]),
        (roads(out=()), [NO_OUT]),
        (roads(back=()), [NO_BACK]),
        (roads(out=(), back=()), [NO_BACK, NO_OUT]),
        (roads(out=(to("10.7.0.0/16", "pcx-1", active=False),)), [REPLACE]),
        (roads(out=(to("10.7.0.0/16", "pcx-other"),)), [REPLACE]),
        (roads(out=(OUT, to("10.7.1.0/24", "nat-1"))), [NARROW]),
        (roads(out=(to("10.0.0.0/8", "nat-1"),)), [NO_OUT]),
        (roads(out=(to(None, "vpce-s3"),)), [NO_OUT]),
        (roads(out=(to(None, "pcx-1", active=False),)), [NO_OUT]),
        (roads(back=(to("0.0.0.0/0", "nat-1"),)), [NO_BACK]),
        (roads(back=(to("0.0.0.0/0", "eni-nat"),)), [NO_BACK]),
        (roads(back=(to("0.0.0.0/0", "i-nat"),)), [NO_BACK]),
        (roads(back=(to("0.0.0.0/0", "tgw-1", active=False),)), [NO_BACK]),
    ],
)
def test_each_route_that_lacks_is_said_with_the_command_that_adds_it(
    seen: Roads, commands: list[str]
) -> None:
    problem = missing(WAY, seen)

    assert problem is not None
    assert (problem.code, problem.cache, problem.forwarded) == ("no_route", "cart", True)
    assert problem.message.startswith("cart is in vpc-away: no route over pcx-1 is seen: ")
    assert problem.message.count("aws ec2") == len(commands)
    for command in commands:
        assert command in problem.message


def test_a_subnets_own_table_is_the_one_that_counts() -> None:
    bare = table("rtb-nat", HOME, (INTERNET,), of="s-nat")
    seen = replace(roads(), tables=(*roads().tables, bare))

    problem = missing(WAY, seen)

    assert problem is not None
    assert "rtb-nat --destination-cidr-block 10.7.0.0/16" in problem.message


def test_one_route_is_asked_for_once_whatever_many_targets_and_instances_need_it() -> None:
    many = replace(WAY, targets=frozenset(IPv4Address("10.7.1.5") + n for n in range(9)))
    seen = replace(
        roads(out=(), back=()), sources=frozenset(map(IPv4Address, ("10.0.0.10", "10.0.1.10")))
    )

    problem = missing(many, seen)

    assert problem is not None
    assert problem.message.count(CREATE) == 2


@pytest.mark.parametrize(
    ("peerings", "words"),
    [
        ((), "--vpc-id vpc-home --peer-vpc-id vpc-away), accept it, and add routes both ways"),
        ((replace(PEERED, status="deleted"),), "make one (aws ec2 create-vpc-peering-connection"),
        (
            (replace(PEERED, status="pending-acceptance"),),
            "pcx-1 waits to be accepted (aws ec2 accept-vpc-peering-connection --vpc-peering-con",
        ),
        ((replace(PEERED, vpc_ids=frozenset({HOME, "vpc-third"})),), "make one"),
    ],
)
def test_where_no_peering_is_active_that_is_said_first(
    peerings: tuple[Peering, ...], words: str
) -> None:
    problem = missing(WAY, roads(out=(), peerings=peerings))

    assert problem is not None
    assert (problem.code, problem.forwarded) == ("no_peering", True)
    assert "no active peering connection between vpc-home and vpc-away is seen" in problem.message
    assert words in problem.message


def test_another_way_than_peering_is_said_to_be_not_looked_into() -> None:
    over = roads(out=(to("10.0.0.0/8", "tgw-1"),), back=(to("10.0.0.0/8", "tgw-1"),), peerings=())

    problem = missing(WAY, over)

    assert problem is not None
    assert problem.code == "no_peering"
    assert problem.message.endswith("is seen; packets go by tgw-1, which is not looked into")


def test_another_way_that_leads_out_only_is_no_way() -> None:
    problem = missing(WAY, roads(out=(to("10.0.0.0/8", "tgw-1"),), back=(), peerings=()))

    assert problem is not None
    assert "make one" in problem.message


def test_a_cache_without_an_address_yet_needs_the_peering_alone() -> None:
    unresolved = replace(WAY, targets=frozenset())

    assert missing(unresolved, roads(out=(), back=())) is None
    alone = missing(unresolved, roads(peerings=()))
    assert alone is not None
    assert "make one" in alone.message


def test_a_third_vpc_with_the_same_networks_is_not_taken_for_the_caches() -> None:
    """Two VPCs may be peered with ours and overlap with each other."""
    third = subnet("s-third", "vpc-third", "10.7.1.0/24")
    seen = roads()
    both = replace(
        seen,
        subnets=(third, *seen.subnets),
        tables=(table("rtb-third", "vpc-third", ()), *seen.tables),
    )

    assert missing(WAY, both) is None


def test_an_end_that_is_not_shown_is_not_judged() -> None:
    assert missing(WAY, replace(roads(out=(), back=()), subnets=())) is None
    assert missing(WAY, replace(roads(out=(), back=()), tables=())) is None


@pytest.mark.parametrize(
    ("away", "targets", "words"),
    [
        ("10.0.0.0/16", "10.0.1.5", "its 10.0.0.0/16 overlaps with 10.0.0.0/16 of vpc-home"),
        ("10.0.128.0/17", "10.0.200.5", "packets to 10.0.200.5 stay in vpc-home"),
        ("10.0.0.0/8", "10.7.1.5", "so that no peering connection can join them: give vpc-away"),
        ("10.0.0.0/16", "", "so that no peering connection can join them: give vpc-away NAT"),
    ],
)
def test_networks_that_overlap_are_said(away: str, targets: str, words: str) -> None:
    way = replace(WAY, targets=frozenset(map(IPv4Address, targets.split())))

    problem = overlap(way, {**NETWORKS, AWAY: (IPv4Network("10.9.0.0/16"), IPv4Network(away))})

    assert problem is not None
    assert (problem.code, problem.forwarded) == ("overlapping_vpcs", True)
    assert words in problem.message


def test_networks_apart_or_unknown_are_no_problem() -> None:
    assert overlap(WAY, NETWORKS) is None
    assert overlap(WAY, {HOME: NETWORKS[HOME]}) is None
    assert overlap(WAY, {}) is None


def test_what_is_not_shown_says_so() -> None:
    problem = not_shown(WAY, "route tables are not known: denied")

    assert (problem.code, problem.forwarded) == ("peering_unknown", True)
    assert problem.message.endswith("is not known: route tables are not known: denied")


def lease(key: str, listen: int, *addresses: str, **fields: Any) -> Lease:
    targets = tuple(Target(IPv4Address(each), 6379) for each in addresses)
    usual = {"cache": key.split("/", maxsplit=1)[0], "kind": ForwardKind.NODE, "reason": ""}
    return Lease(
        key=key,
        listen=listen,
        targets=targets,
        leased_at=0.0,
        changed_at=0.0,
        **{**usual, **fields},
    )


def test_ways_lead_to_caches_of_other_vpcs_with_all_their_targets() -> None:
    leases = (
        lease("cart/cart/0001", 6379, "10.7.1.5"),
        lease("cart/cart/0002", 6380, "10.7.1.6"),
        lease("cart/cart/0003", 6381),
        lease("near/near/0001", 6382, "10.0.1.5"),
    )
    ledger = Ledger(vpc_id=HOME, leases={each.key: each for each in leases})
    caches = [
        memcached("near", vpc_id=HOME),
        memcached("new", vpc_id=AWAY),
        memcached("lost", vpc_id=None, whole=False),
        memcached("cart", vpc_id=AWAY),
    ]

    cart, new = ways_out(HOME, caches, ledger)

    assert (cart.cache, cart.home, cart.away) == ("cart", HOME, AWAY)
    assert set(map(str, cart.targets)) == {"10.7.1.5", "10.7.1.6"}
    assert sorted(cart.listens) == [6379, 6380]
    assert (new.cache, new.targets, new.listens) == ("new", frozenset(), frozenset())


ROUTES = st.builds(
    to,
    st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.7.0.0/16", "10.7.1.0/24", None]),
    st.sampled_from(["pcx-1", "pcx-2", "igw-1", "tgw-1", "eni-1", "vpce-1", "nat-1"]),
    active=st.booleans(),
)
SOME = st.lists(ROUTES, max_size=4).map(tuple)
STATES = st.sampled_from(["active", "pending-acceptance", "deleted"])


@settings(max_examples=200)
@given(SOME, SOME, STATES)
def test_whatever_is_seen_it_never_takes_a_forward_away(
    out: tuple[Route, ...], back: tuple[Route, ...], status: str
) -> None:
    problem = missing(WAY, roads(out, back, (replace(PEERED, status=status),)))

    assert problem is None or problem.forwarded
    if status == "active" and problem is not None:
        assert problem.code == "no_route"


@settings(max_examples=200)
@given(SOME, SOME)
def test_the_commands_that_are_given_are_enough(
    out: tuple[Route, ...], back: tuple[Route, ...]
) -> None:
    problem = missing(WAY, roads(out, back))

    told = problem.message.replace("(", " ").split("aws ec2 ")[1:] if problem else []
    made = {"rtb-out": list(out), "rtb-back": list(back)}
    for command in told:
        verb, _, table_id, _, destination, _, connection, *_ = command.split()
        before = [each for each in made[table_id] if str(each.destination) == destination]
        assert bool(before) is (verb == "replace-route")
        kept = [each for each in made[table_id] if each not in before]
        made[table_id] = [*kept, to(destination, connection)]
    assert missing(WAY, roads(tuple(made["rtb-out"]), tuple(made["rtb-back"]))) is None
