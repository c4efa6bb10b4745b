"""Both functions on one EC2 as moto plays it, by the adapters that they have on AWS."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from cachegate.aws.group_rules import Ec2GroupRules
from cachegate.aws.security_groups import Ec2Groups
from cachegate.domain.group_rules import MANAGED_TAG
from cachegate.domain.ingress import Permission
from cachegate.guard.look import look
from cachegate.planning.findings import find
from cachegate.planning.own_path import ways
from tests.unit.guard.fakes import ACCOUNT, STACK, VPC, read_source, read_traffic
from tests.unit.guard.turns import Turns, anything

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_ec2 import EC2Client

    from cachegate.guard.protocols import GuardAdapters


class OnEc2(Turns):
    """The same set-ups, with the security groups, interfaces and NAT instances of moto."""

    def __init__(self, ec2: EC2Client, *args: Any, **policy: Any) -> None:
        super().__init__(*args, **policy)
        self.guard.set_policy(account=ACCOUNT)
        self.ec2, self.groups = ec2, Ec2Groups(ec2)
        self.ids: dict[str, str] = {}
        subnet = ec2.describe_subnets()["Subnets"][0]
        self.subnet, self.vpc = subnet["SubnetId"], subnet["VpcId"]
        self.forwards.adapters = replace(self.forwards.adapters, group_rules=Ec2GroupRules(ec2))
        self.people: set[str] = set()

    @property
    def guard_adapters(self) -> GuardAdapters:
        return replace(self.guard.adapters, groups=self.groups)

    def add_group(self, group_id: str) -> None:
        if group_id == "sg-default":
            wanted = {"Name": "group-name", "Values": ["default"]}
            found = self.ec2.describe_security_groups(
                Filters=[wanted, {"Name": "vpc-id", "Values": [self.vpc]}]  # type: ignore[list-item]
            )
            self.ids[group_id] = found["SecurityGroups"][0]["GroupId"]
            return
        made = self.ec2.create_security_group(
            GroupName=group_id.removeprefix("sg-"), Description=group_id, VpcId=self.vpc
        )
        self.ids[group_id] = made["GroupId"]

    def add_nat(self, instance_id: str, *groups: str) -> None:
        ids = self._ids(groups)
        made = self._run(ids)
        self.forwards.add_instance(made["InstanceId"], VPC)
        instances = self.forwards.network.instances
        instances[made["InstanceId"]] = replace(
            instances[made["InstanceId"]],
            private_address=IPv4Address(made["PrivateIpAddress"]),
            groups=tuple(ids),
        )
        self.guard.rest.instances = list(instances.values())

    def add_server(self, group_id: str) -> None:
        self._run(self._ids([group_id]))

    def add_cache(self, name: str, *groups: str) -> None:
        made = self.ec2.create_network_interface(
            SubnetId=self.subnet, Groups=self._ids(groups), Description=f"ElastiCache {name}"
        )["NetworkInterface"]
        super().add_cache(name, *self._ids(groups))
        address = IPv4Address(made["PrivateIpAddress"])
        self.guard.rest.names[f"{name}.cache.example"] = address

    def add_rule(self, traffic: str, source: str, group_id: str, tags: Mapping[str, str]) -> None:
        permission = Permission(
            traffic=read_traffic(traffic),
            source=read_source(self.ids.get(source, source)),
            tags=tags,
        )
        opened = self.groups.open(self.ids[group_id], permission)
        if opened.rule_id is not None and MANAGED_TAG not in tags:
            self.people.add(opened.rule_id)

    def state(self) -> tuple[list[str], list[str]]:
        found = self.ec2.describe_security_group_rules()["SecurityGroupRules"]
        return sorted(each["SecurityGroupRuleId"] for each in found), []

    def _ids(self, groups: Any) -> list[str]:
        return [self.ids[group_id] for group_id in groups]

    def _run(self, ids: list[str]) -> Any:
        return self.ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=self.subnet,
            SecurityGroupIds=ids,
        )["Instances"][0]  # fmt: skip


@pytest.fixture
def ec2() -> Iterator[EC2Client]:
    with mock_aws():
        yield boto3.client("ec2", region_name="eu-central-1")


@pytest.mark.parametrize("seed", range(6))
def test_by_turns_they_come_to_rest_on_ec2_too(ec2: EC2Client, seed: int) -> None:
    def made(*args: Any, **policy: Any) -> OnEc2:
        return OnEc2(ec2, *args, **policy)

    turns = anything(seed, made)

    turns.settle("guard" if seed % 2 else "sync")

    seen, (left, _) = look(turns.guard_adapters).view, turns.state()
    taken = turns.guard.store.revocations
    assert turns.people - set(left) <= taken.keys()  # sync_forwards took nothing of people's
    assert not any(each.rule.description.startswith("cachegate:") for each in taken.values())
    every = ways(seen.caches, seen.instances, stack=STACK, peered={})
    assert every
    assert all(way.open_by(seen.rules) for way in every)
    assert not any(each.step.acts for each in find(seen, turns.guard.settings.policy))
