"""A VPC in which every check passes: one NAT instance, one cache, everything in order.

Address plan: NAT instance 10.0.0.10, node 10.0.1.5, trusted clients 198.18.7.0/24, which IANA calls
private, and 81.2.69.0/24, which is on the Internet.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from cachegate.domain.agent import Reply
from cachegate.domain.cache import (
    Cache,
    CacheKind,
    CacheNode,
    Endpoint,
    Health,
    NatInstance,
    NodeId,
    Notified,
)
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.group_rules import Direction, GroupRule, Opening
from cachegate.domain.ingress import GroupReference
from cachegate.domain.ledger import Lease, Ledger
from cachegate.domain.machine import Card, Machine
from cachegate.domain.routes import Route, RouteTable, Subnet
from cachegate.domain.traffic import Traffic
from cachegate.planning.checks.facts import Facts, Terms
from cachegate.planning.nat_network import Ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cachegate.domain.check import Check
    from cachegate.domain.ingress import Source

VPC, NAT, NAT_GROUP, CACHE_GROUP, TOPIC = "vpc-1", "i-nat", "sg-nat", "sg-cache", "arn:ours"
SUBNET, TABLE = "subnet-1", "rtb-1"
CLIENTS = (IPv4Network("81.2.69.0/24"), IPv4Network("198.18.7.0/24"))
EVERYWHERE = IPv4Network("0.0.0.0/0")
NODE = Target(IPv4Address("10.0.1.5"), 6379)
NOW = 1_000_000.0


def rule(
    number: int,
    group: str,
    direction: Direction,
    traffic: tuple[str, int | None, int | None],
    peer: Source,
    **more: Any,
) -> GroupRule:
    opening = Opening(group_id=group, direction=direction, traffic=Traffic.of(*traffic), peer=peer)
    return GroupRule(rule_id=f"sgr-{number}", opening=opening, **more)


def ingress(number: int, peer: Source, first: int = 6379, last: int | None = None) -> GroupRule:
    """Return a rule of the NAT instance's group."""
    return rule(number, NAT_GROUP, Direction.INGRESS, ("tcp", first, last or first), peer)


RULES = (
    ingress(1, CLIENTS[0]),
    ingress(2, CLIENTS[1]),
    rule(3, NAT_GROUP, Direction.EGRESS, ("tcp", 443, 443), EVERYWHERE),
    rule(4, NAT_GROUP, Direction.EGRESS, ("tcp", 6379, 6379), GroupReference(CACHE_GROUP)),
    rule(5, CACHE_GROUP, Direction.INGRESS, ("tcp", 6379, 6379), GroupReference(NAT_GROUP)),
    rule(6, NAT_GROUP, Direction.INGRESS, ("icmp", 3, 4), EVERYWHERE, icmp=(3, 4)),
)
CARD = Card(
    interface_id="eni-1",
    index=0,
    subnet_id=SUBNET,
    groups=(NAT_GROUP,),
    addresses=frozenset({IPv4Address("10.0.0.10")}),
    public_address=IPv4Address("203.0.113.73"),
    elastic=True,
)
LEASE = Lease(
    key="cart/cart/0001",
    cache="cart",
    kind=ForwardKind.NODE,
    listen=6379,
    targets=(NODE,),
    leased_at=0.0,
    changed_at=0.0,
    reason="",
)
LEDGER = Ledger(vpc_id=VPC, generation=7, leases={LEASE.key: LEASE}, sources=CLIENTS)
REPORT: dict[str, Any] = {
    "owner": "arn:stack",
    "generation": 7,
    "digest": LEDGER.rule_set.digest,
    "installed": True,
    "drift": False,
    "warnings": [],
    "unreachable": [],
    "sources": list(map(str, CLIENTS)),
    "senders": ["10.0.0.10"],
    "conntrack": {"used": 10, "limit": 131072},
    "allowances": {"conntrack_allowance_available": 50000, "conntrack_allowance_exceeded": 0},
}
CART = Cache(
    name="cart",
    kind=CacheKind.CLUSTER,
    engine="redis",
    status="available",
    vpc_id=VPC,
    expose="true",
    nodes=(CacheNode(id=NodeId("cart", "0001"), endpoint=Endpoint("cart.cache", 6379)),),
    tls=True,
    auth=True,
    notified=(Notified(cluster_id="cart", status="available", topic=TOPIC, topic_active=True),),
    groups=frozenset({CACHE_GROUP}),
)
SOUND = Facts(
    vpc=VPC,
    at=NOW,
    terms=Terms(stack="gate", topic=TOPIC, sources=CLIENTS),
    caches=(CART,),
    instances=(
        NatInstance(
            instance_id=NAT,
            vpc_id=VPC,
            state="running",
            private_address=IPv4Address("10.0.0.10"),
            public_address=IPv4Address("203.0.113.73"),
            stack="gate",
            groups=(NAT_GROUP,),
            health=Health.OK,
        ),
    ),
    ledger=LEDGER,
    verified_at=NOW - 60,
    machines={NAT: Machine(instance_id=NAT, kind="t4g.nano", cards=(CARD,))},
    replies={NAT: Reply(instance_id=NAT, report=REPORT)},
    ground=Ground(
        subnets={
            SUBNET: Subnet(
                subnet_id=SUBNET, vpc_id=VPC, zone="a", network=IPv4Network("10.0.0.0/24")
            )
        },
        tables=(
            RouteTable(
                table_id=TABLE,
                vpc_id=VPC,
                main=True,
                subnet_ids=frozenset(),
                routes=(Route(destination=EVERYWHERE, target="igw-1"),),
            ),
        ),
        interfaces={SUBNET: ()},
    ),
    rules=RULES,
)


def but(**changes: Any) -> Facts:
    """Return the sound facts with some changed."""
    return replace(SOUND, **changes)


def told(**said: Any) -> Facts:
    """Return them with an agent that reports something else."""
    return but(replies={NAT: Reply(instance_id=NAT, report=REPORT | said)})


def silent(failure: str = "timed out", *, unreached: bool = False) -> Facts:
    """Return them with an agent that does not answer."""
    return but(replies={NAT: Reply(instance_id=NAT, failure=failure, unreached=unreached)})


def stopped() -> Facts:
    """Return them with an instance that does not run, whose agent cannot be asked."""
    return but(instances=(replace(SOUND.instances[0], state="stopped"),), replies={})


def cards(*found: Card, kind: str = "t4g.nano") -> Facts:
    """Return them with an instance that has other interfaces."""
    return but(machines={NAT: Machine(instance_id=NAT, kind=kind, cards=found)})


def cart(**changes: Any) -> Facts:
    """Return them with another cache."""
    return but(caches=(replace(CART, **changes),))


def without(*numbers: int) -> Facts:
    """Return them without some of the rules."""
    gone = {f"sgr-{number}" for number in numbers}
    return but(rules=tuple(each for each in RULES if each.rule_id not in gone))


def beside(*rules: GroupRule, instead_of: int = 0) -> Facts:
    """Return them with further rules."""
    kept = [each for each in RULES if each.rule_id != f"sgr-{instead_of}"]
    return but(rules=(*kept, *rules))


def says(check: Callable[[Facts], Iterable[Check]], facts: Facts) -> tuple[str, str, str]:
    """Return state, words and fix of the one line of a check."""
    (line,) = check(facts)
    assert line.check
    assert line.vpc == VPC
    return line.state.value, line.says, line.fix or ""
