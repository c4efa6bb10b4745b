"""The check-up on a world where all is in order, and then is not, one thing after the other.

Each break is one that people or AWS make, and shows in exactly the lines that are about it; what
the line says is to be done is then done, where it is a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.client import Client
from tests.system.mending import examine, mend, troubles
from tests.system.test_created import PORT, deploy
from tests.system.test_story import settle

if TYPE_CHECKING:
    from local.nat_world import NatInstance
    from local.world import World

EVERYWHERE = [{"CidrIp": "0.0.0.0/0"}]
# No driver of a network card counts here what EC2 would track.
UNTOLD = "conntrack-allowance"


def served(world: World) -> None:
    """Deploy with two NAT instances of the stack's own, and see a cache answer."""
    world.create_cluster("cart", tls=True)
    address = deploy(world)
    client = Client(world.client, address, {PORT: "redis"})
    world.wait_until(lambda: client.who()[PORT], 40, "the cache answers")


class Doctor:
    """Looks at a world, and knows what has troubled it all along."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.usual = troubles(examine(world, probe=True))

    def new(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the lines that do not pass now, and did before."""
        lines = examine(self.world, probe=True)
        return {key: lines[key] for key in troubles(lines).keys() - self.usual.keys()}

    def finds(self, check: str, *subjects: str) -> str:
        """Expect that exactly one check fails; return how it is mended."""
        lines = self.new()
        assert {key: line["state"] for key, line in lines.items()} == {
            (check, subject): "fail" for subject in subjects
        }, lines
        return str(lines[check, subjects[0]]["fix"])


def admit(world: World, group: str, port: int) -> None:
    """Let a person open a port of a group to everybody."""
    world.aws.client("ec2").authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": EVERYWHERE}
        ],
    )


def revoke(world: World, group: str, *, egress: bool, port: int) -> None:
    """Let a person remove the rules of a group for a port."""
    ec2: Any = world.aws.client("ec2")
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    ids = [
        rule["SecurityGroupRuleId"]
        for rule in found["SecurityGroupRules"]
        if rule["IsEgress"] == egress and rule["FromPort"] == port
    ]
    assert ids
    call = ec2.revoke_security_group_egress if egress else ec2.revoke_security_group_ingress
    call(GroupId=group, SecurityGroupRuleIds=ids)


def groups_of(nat: NatInstance) -> str:
    (group,) = nat.shape.nics[0].group_set
    return str(group.id)


# Whatever back-end is in use.
DESTROY = "nft delete table ip cachegate || iptables -t nat -F CACHEGATE"
DROPPING = """
table inet firewall {
  chain forward { type filter hook forward priority 0; policy drop; }
}
"""


@pytest.fixture
def doctor(world: World) -> Doctor:
    served(world)
    mend(world, examine(world)["notifications", "cart"]["fix"])
    settle(world)
    return Doctor(world)


def test_all_passes_but_what_nobody_can_tell_here_and_each_break_shows_in_its_own_line(
    world: World, doctor: Doctor
) -> None:
    first, second = sorted(world.nats, key=lambda nat: nat.instance_id)
    ids = (first.instance_id, second.instance_id)
    assert doctor.usual == {(UNTOLD, each): "unknown" for each in ids}

    break_the_kernel(world, doctor, first)
    break_groups(world, doctor, groups_of(first), ids)
    let_others_in(world, doctor, groups_of(first), ids)
    break_the_network(world, doctor, first.shape.nics[0].id, ids)
    break_notifications(world, doctor)
    take_ssm_away(doctor, second)


def break_the_kernel(world: World, doctor: Doctor, nat: NatInstance) -> None:
    nat.host.run("sysctl", "-w", "net.ipv4.ip_forward=0")
    mend(world, doctor.finds("forwarding", nat.instance_id), nat)
    assert doctor.new() == {}

    nat.host.run("nft", "-f", "-", text=DROPPING)
    assert "nft list ruleset" in doctor.finds("other-rules", nat.instance_id)
    nat.host.run("nft", "delete", "table", "inet", "firewall")
    assert doctor.new() == {}

    nat.host.run("sh", "-c", DESTROY)
    mend(world, doctor.finds("masquerade", nat.instance_id))
    assert doctor.new() == {}


def break_groups(world: World, doctor: Doctor, group: str, ids: tuple[str, ...]) -> None:
    revoke(world, group, egress=False, port=PORT)
    mend(world, doctor.finds("nat-ingress", *ids))
    assert doctor.new() == {}

    revoke(world, group, egress=True, port=PORT)
    lines = doctor.new()
    assert {key: line["state"] for key, line in lines.items()} == (
        {("nat-egress", each): "fail" for each in ids} | {("target", "cart/cart/0001"): "fail"}
    )
    mend(world, lines["nat-egress", ids[0]]["fix"])
    assert doctor.new() == {}

    revoke(world, world.network.cache_group, egress=False, port=PORT)
    lines = doctor.new()
    assert {key[0] for key in lines} == {"cache-ingress", "target"}
    mend(world, lines["cache-ingress", "cart"]["fix"])
    assert doctor.new() == {}


def let_others_in(world: World, doctor: Doctor, group: str, ids: tuple[str, ...]) -> None:
    for check, port in (("ssh", 22), ("wide-ingress", PORT)):
        admit(world, group, port)
        mend(world, doctor.finds(check, *ids))
        assert doctor.new() == {}


def break_the_network(world: World, doctor: Doctor, card: str, ids: tuple[str, ...]) -> None:
    ec2 = world.aws.client("ec2")
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=card, ConnectionTrackingSpecification={"TcpEstablishedTimeout": 350}
    )
    mend(world, doctor.finds("idle-timeout", card))
    assert doctor.new() == {}

    (table,) = [
        each["RouteTableId"]
        for each in ec2.describe_route_tables()["RouteTables"]
        if any(route.get("GatewayId") == world.network.gateway for route in each["Routes"])
    ]
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    mend(world, doctor.finds("public-subnet", *ids), IGW=world.network.gateway)
    assert doctor.new() == {}


def break_notifications(world: World, doctor: Doctor) -> None:
    world.aws.client("elasticache").modify_cache_cluster(
        CacheClusterId="cart", NotificationTopicStatus="inactive"
    )
    mend(world, doctor.finds("notifications", "cart"))
    assert doctor.new() == {}


def take_ssm_away(doctor: Doctor, nat: NatInstance) -> None:
    """What only its agent could tell is unknown then, and nothing else."""
    nat.managed.online = False
    lines = doctor.new()
    assert lines.pop(("ssm-online", nat.instance_id))["state"] == "fail"
    assert {line["state"] for line in lines.values()} == {"unknown"}
    assert {line["subject"] for line in lines.values()} == {nat.instance_id}
    nat.managed.online = True
    assert doctor.new() == {}
