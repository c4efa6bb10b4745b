"""A stack that makes its own NAT instances: one deployment and one tag on a cache, nothing else.

Here security groups are enforced on the wire, so that only what the stack opens is open.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from cachegate.domain.group_rules import MANAGED_TAG
from local.client import Client
from local.network import PUBLIC_SUBNET, SECOND_PUBLIC_SUBNET

if TYPE_CHECKING:
    from local.world import World

PORT = 6379


def deploy(world: World, **more: str) -> IPv4Address:
    """Deploy with two NAT instances of the stack's own; return their one address."""
    world.groups.enforce()
    network = world.network
    place = {
        "NatInstances": "create",
        "NatVpc": network.vpc_id,
        "NatSubnet": network.subnets[PUBLIC_SUBNET],
        "SecondNatSubnet": network.subnets[SECOND_PUBLIC_SUBNET],
    }
    return IPv4Address(world.deploy(parameters=place | more).outputs["Address"])


def rules(world: World) -> list[dict[str, Any]]:
    """Return all security-group rules of the account."""
    described = world.aws.client("ec2").describe_security_group_rules()
    return list(described["SecurityGroupRules"])


def admit_a_list(world: World) -> None:
    """Let a person's rule on the caches' group name a prefix list, whose size a pass looks up."""
    ec2 = world.aws.client("ec2")
    offices = ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=5, AddressFamily="IPv4"
    )["PrefixList"]["PrefixListId"]
    listed = {"PrefixListIds": [{"PrefixListId": offices}]}
    ec2.authorize_security_group_ingress(
        GroupId=world.network.cache_group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT} | listed],
    )


def test_one_deployment_and_one_tag_lead_to_an_answer_and_a_dead_instance_to_another(
    world: World,
) -> None:
    world.create_cluster("cart")
    admit_a_list(world)
    address = deploy(world)
    node, client = str(world.node("cart").address), Client(world.client, address, {PORT: "redis"})

    world.wait_until(lambda: client.who()[PORT] == node, 40, "the cache answers")
    stranger = Client(world.stranger, address, {PORT: "redis"}).who()[PORT]
    assert "timed out" in stranger  # refused by the security group, not by the instance

    holder = next(each for each in world.nats if each.public_address == address)
    world.terminate(holder)
    world.wait_until(
        lambda: any(each.public_address == address for each in world.nats), what="it has moved"
    )
    world.wait_until(lambda: client.who()[PORT] == node, what="the cache answers again")


def test_detach_takes_the_rules_of_both_sides_away_and_leaves_those_of_others(
    world: World,
) -> None:
    world.create_cluster("cart")
    admit_a_list(world)
    address = deploy(world)
    client = Client(world.client, address, {PORT: "redis"})
    world.wait_until(
        lambda: client.who()[PORT] == str(world.node("cart").address), 40, "the cache answers"
    )
    ours = {rule["SecurityGroupRuleId"] for rule in rules(world) if _is_managed(rule)}
    others = {rule["SecurityGroupRuleId"] for rule in rules(world)} - ours

    answer = world.invoke({"action": "detach"})

    assert (answer["ok"], set(answer["rules_removed"])) == (True, ours)
    assert len(ours) >= 3  # clients, and both ends of the way to the cache; 443 is the template's
    assert {rule["SecurityGroupRuleId"] for rule in rules(world)} == others


def test_without_the_managed_rules_nobody_gets_in_and_the_address_goes_where_that_is_asked(
    world: World,
) -> None:
    world.create_cluster("cart")
    address = deploy(world, ManageSecurityGroups="false", KeepAddress="false")
    world.wait_until(
        lambda: any(each.public_address == address for each in world.nats), 40, "it has a holder"
    )

    assert "timed out" in Client(world.client, address, {PORT: "redis"}).who()[PORT]

    assert world.stack is not None
    world.stack.delete()

    assert world.aws.client("ec2").describe_addresses()["Addresses"] == []


def _is_managed(rule: dict[str, Any]) -> bool:
    return any(tag["Key"] == MANAGED_TAG for tag in rule.get("Tags", []))
