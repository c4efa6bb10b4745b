"""AWS calls of one pass of the guard, by the number of groups: they must grow by page."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from benchmarks.passes.calls import quiet
from benchmarks.progress import shown
from benchmarks.rows import Rows
from local import makers
from local.aws_server import backend
from local.caches import Options
from local.network import SUBNET_GROUP
from local.security_group_rules import Rule
from local.world import SHORT_WINDOWS, World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address

FUNCTION = "GuardIngress"
RULES_A_GROUP = 10
GROUPS_A_CACHE = 5  # as many as EC2's default quota lets an interface have
ROOM = IPv4Network("10.0.128.0/17")  # the usual subnets of nodes hold fewer than 300
ROWS = {
    "ec2:DescribeSecurityGroups": "groups",
    "ec2:DescribeSecurityGroupRules": "rules",
    "ec2:DescribeNetworkInterfaces": "interfaces",
    "ec2:DescribeInstances": "NAT instances",
    "elasticache": "caches",
    "tag": "caches",
    "dynamodb": "records",
    "cloudtrail": "trails",
    "events": "events",
    "sns": "alerts",
}


def measure(*, quick: bool) -> Rows:
    """Count what a pass that finds nothing new calls, by what is asked and number of groups."""
    rows = Rows("sweeps")
    for size in shown((3,) if quick else (3, 30, 300, 2500)):
        # A batching window decides when a pass begins, not what it calls.
        with World(windows=SHORT_WINDOWS) as world:
            _create(world, size)
            quiet(world, world.deploy())
            world.invoke({"action": "sweep"}, FUNCTION)
            before = Counter(world.aws.gate.calls)
            answer = world.invoke({"action": "sweep"}, FUNCTION)
            if len(answer["groups"]) != size:
                raise AssertionError(f"the guard saw {len(answer['groups'])} of {size} groups")
            counted = _by_row(Counter(world.aws.gate.calls) - before)
        for row in dict.fromkeys(ROWS.values()):
            rows.add(row, size, 0, counted.get(row, 0))
    return rows


def _create(world: World, size: int) -> None:
    """Make groups which a cache and a function share, five each, with a finding in every group."""
    subnet = world.aws.client("ec2").create_subnet(VpcId=world.network.vpc_id, CidrBlock=str(ROOM))[
        "Subnet"
    ]
    world.network.subnets[ROOM] = subnet["SubnetId"]
    free = ROOM.hosts()
    next(free)  # AWS keeps the first ones
    groups = [_group(world, number) for number in range(size)]
    for first in range(0, size, GROUPS_A_CACHE):
        having = groups[first : first + GROUPS_A_CACHE]
        _cache(world, f"c{first:05}", next(free), having)
        world.network.place_interface(makers.FUNCTION, having, next(free))


def _group(world: World, number: int) -> str:
    """Make a group without a call for each of its rules: one is too wide, the others are not."""
    ec2 = backend("ec2")
    made = ec2.create_security_group(f"g{number:05}", "d", world.network.vpc_id)
    wide = ("0.0.0.0/0", 443)
    narrow = [(f"203.0.113.{last}/32", 6379) for last in range(1, RULES_A_GROUP)]
    made.ingress_rules = [
        Rule(ec2, "tcp", made.id, port, port, {"CidrIp": cidr}, is_egress=False)
        for cidr, port in (wide, *narrow)
    ]
    return str(made.id)


def _cache(world: World, name: str, address: IPv4Address, groups: list[str]) -> None:
    options = Options(subnet_group=SUBNET_GROUP, security_groups=tuple(groups))
    world.aws.fleet.create_cluster(name, [address], options)
    world.network.add_interface(address, name, groups)


def _by_row(calls: Mapping[str, int]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for action, count in calls.items():
        found[ROWS.get(action) or ROWS[action.partition(":")[0]]] += count
    return found
