"""The check-up on a world where all is in order, and then is not, one thing after the other.

Each break is one that people or AWS make, and shows in exactly the lines that are about it; what
the line says is to be done is then done, where it is a command.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from local.world import WINDOWS
from tests.system.mending import examine, mend, troubles
from tests.system.test_created import PORT, deploy

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from local.nat_world import NatInstance
    from local.world import World

EVERYWHERE = [{"CidrIp": "0.0.0.0/0"}]
# No driver of a network card counts here what EC2 would track.
UNTOLD = "conntrack-allowance"
PING = """
import socket, ssl, sys
address, port, name, trusted = sys.argv[1:]
plain = socket.create_connection((address, int(port)), timeout=2)
with ssl.create_default_context(cafile=trusted).wrap_socket(plain, server_hostname=name) as s:
    s.sendall(b"PING\\r\\n")
    print(s.recv(99).decode())
"""


def ping(world: World, address: IPv4Address) -> str:
    """Speak TLS with the cache from outside, its name verified, and return the answer."""
    (vpc,) = world.invoke({"action": "describe"})["vpcs"]
    (name,) = [forward["server_name"] for forward in vpc["forwards"]]
    done = world.client.run(
        sys.executable, "-c", PING, str(address), str(PORT), name, str(world.ca_file), check=False
    )
    return str(done.stdout or done.stderr)


class Doctor:
    """Looks at a world, and knows what nobody can tell there."""

    def __init__(self, world: World) -> None:
        self.world = world

    def new(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the lines that do not pass."""
        lines = examine(self.world, probe=True)
        return {key: lines[key] for key in troubles(lines) if key[0] != UNTOLD}


def admit(world: World, group: str, port: int) -> None:
    """Let a person open a port of a group to everybody."""
    world.aws.client("ec2").authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": EVERYWHERE}
        ],
    )


def revoke(world: World, group: str, *, port: int) -> None:
    """Let a person remove the rules of a group that let anybody in to a port."""
    ec2 = world.aws.client("ec2")
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    ids = [
        rule["SecurityGroupRuleId"]
        for rule in found["SecurityGroupRules"]
        if not rule["IsEgress"] and rule["FromPort"] == port
    ]
    assert ids
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids)


def modified(world: World) -> None:
    """Wait until AWS has done what a cache was asked to become."""
    clusters = world.aws.fleet.clusters
    world.wait_until(lambda: clusters["cart"].status == "available", what="it is available")


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


def test_who_does_what_it_says_gets_from_shut_groups_to_an_answer_and_out_of_each_trouble(
    world: World,
) -> None:
    world.windows = WINDOWS  # with short ones a pass would mend what the check-up is to see
    world.create_cluster("cart", tls=True)
    address = deploy(world, ManageSecurityGroups="false")
    world.wait_until(lambda: world.invoke({"action": "sync"})["ok"], 40, "both are verified")
    first, second = sorted(world.nats, key=lambda nat: nat.instance_id)
    ids = (first.instance_id, second.instance_id)
    doctor = Doctor(world)

    shut = doctor.new()
    assert {key[0] for key in shut} == {
        "nat-ingress", "nat-egress", "cache-ingress", "target", "notifications",
    }  # fmt: skip
    assert {line["state"] for line in shut.values()} == {"fail"}
    assert "PONG" not in ping(world, address)
    for key in (("nat-ingress", ids[0]), ("nat-egress", ids[0]), ("cache-ingress", "cart")):
        mend(world, shut[key]["fix"])
    mend(world, shut["notifications", "cart"]["fix"])
    modified(world)
    assert "PONG" in ping(world, address)

    let_this_and_that_be_wrong(world, doctor, first, second)
    shut_ways(world, doctor, first, second)
    take_ssm_away(doctor, second)

    assert doctor.new() == {}
    assert "PONG" in ping(world, address)


def let_this_and_that_be_wrong(
    world: World, doctor: Doctor, first: NatInstance, second: NatInstance
) -> None:
    """What clients may not even notice, each mended by the command that its line has."""
    assert world.stack is not None
    topic = world.stack.physical_ids["NotificationTopic"]
    group, card = groups_of(first), first.shape.nics[0].id
    first.host.run("sysctl", "-w", "net.ipv4.ip_forward=0")
    second.host.run("sh", "-c", DESTROY)
    admit(world, group, 22)
    admit(world, group, PORT)
    world.aws.client("ec2").modify_network_interface_attribute(
        NetworkInterfaceId=card, ConnectionTrackingSpecification={"TcpEstablishedTimeout": 350}
    )
    world.aws.client("elasticache").modify_cache_cluster(
        CacheClusterId="cart", NotificationTopicArn=topic, NotificationTopicStatus="inactive"
    )
    modified(world)

    lines = doctor.new()

    both = (first.instance_id, second.instance_id)
    assert {key: line["state"] for key, line in lines.items()} == dict.fromkeys(
        [
            ("forwarding", first.instance_id),
            ("masquerade", second.instance_id),
            *(("ssh", each) for each in both),
            *(("wide-ingress", each) for each in both),
            ("idle-timeout", card),
            ("notifications", "cart"),
        ],
        "fail",
    )
    for (_, subject), line in lines.items():
        if subject != second.instance_id or line["check"] == "masquerade":  # one group of both
            mend(world, line["fix"], first)
    modified(world)
    assert doctor.new() == {}


def shut_ways(world: World, doctor: Doctor, first: NatInstance, second: NatInstance) -> None:
    """What ends forwarding: each line says where, and that its target is not reached."""
    ec2, both = world.aws.client("ec2"), (first.instance_id, second.instance_id)
    (table,) = [
        each["RouteTableId"]
        for each in ec2.describe_route_tables()["RouteTables"]
        if any(route.get("GatewayId") == world.network.gateway for route in each["Routes"])
    ]
    (held,) = ec2.describe_addresses()["Addresses"]
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    first.host.run("nft", "-f", "-", text=DROPPING)
    revoke(world, world.network.cache_group, port=PORT)
    revoke(world, groups_of(first), port=PORT)
    ec2.disassociate_address(AssociationId=held["AssociationId"])

    lines = doctor.new()

    assert {key: line["state"] for key, line in lines.items()} == dict.fromkeys(
        [
            *(("public-subnet", each) for each in both),
            *(("nat-ingress", each) for each in both),
            ("other-rules", first.instance_id),
            ("cache-ingress", "cart"),
            ("target", "cart/cart/0001"),
            ("elastic-ip", held["AllocationId"]),
        ],
        "fail",
    )
    mend(world, lines["public-subnet", both[0]]["fix"], IGW=world.network.gateway)
    mend(world, lines["nat-ingress", both[0]]["fix"])
    mend(world, lines["cache-ingress", "cart"]["fix"])
    assert "nft list ruleset" in lines["other-rules", both[0]]["fix"]
    first.host.run("nft", "delete", "table", "inet", "firewall")
    mend(world, lines["elastic-ip", held["AllocationId"]]["fix"], INSTANCE=both[0])
    assert doctor.new() == {}


def take_ssm_away(doctor: Doctor, nat: NatInstance) -> None:
    """What only its agent could tell is unknown then, and nothing else."""
    nat.managed.online = False
    lines = doctor.new()
    assert lines.pop(("ssm-online", nat.instance_id))["state"] == "fail"
    assert {line["state"] for line in lines.values()} == {"unknown"}
    assert {line["subject"] for line in lines.values()} == {nat.instance_id}
    nat.managed.online = True
