"""AWS's clients as the adapters use them, over the truth and with its faults: what describes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.invocation import refusal
from tests.faults.truth import NETWORK, SUBNETS, VPC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from ipaddress import IPv4Address

    from tests.faults.invocation import Faults
    from tests.faults.machine import Machine
    from tests.faults.truth import Snapshot, Truth

PAGE = 2  # items, so that there is a second page
OUTSIDE = ("192.0.2.7", "10.1.0.5", "169.254.169.254")  # what a lying DNS answers


@dataclass
class Views:
    """How old each source's answers are; nothing said means current."""

    truth: Truth
    lags: dict[str, float] = field(default_factory=dict)  # source -> seconds
    names: dict[str, str] = field(default_factory=dict)  # DNS name -> its fault
    asked: int = 0

    def of(self, source: str) -> Snapshot:
        return self.truth.as_of(self.truth.clock.now - self.lags.get(source, 0.0))

    def clear(self) -> None:
        self.lags.clear()
        self.names.clear()


@dataclass
class Paginator:
    """Yields pages of what a source shows, as far as its fault lets it."""

    faults: Faults
    operation: str
    key: str
    items: Callable[..., Sequence[Any]]

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        fault = self.faults.call(self.operation)
        items = [] if fault == "empty" else list(self.items(**parameters))
        pages = [items[i : i + PAGE] for i in range(0, len(items), PAGE)] or [[]]
        for number, page in enumerate(pages):
            if number == 1 and fault == "partial":
                return  # AWS says that there is no more
            if number == 1 and fault == "fails on page 2":
                raise refusal("ServiceUnavailable", self.operation, status=503)
            yield {self.key: page}


@dataclass
class Describing:
    """A client that only has paginators."""

    paginators: Mapping[str, Paginator]

    def get_paginator(self, operation: str) -> Paginator:
        return self.paginators[operation]


def elasticache(views: Views, faults: Faults) -> Describing:
    groups = [{"CacheSubnetGroupName": SUBNETS, "VpcId": VPC}]

    def paginator(operation: str, key: str, items: Callable[..., Sequence[Any]]) -> Paginator:
        return Paginator(faults, operation, key, items)

    return Describing(
        {
            "describe_cache_clusters": paginator(
                "describe_cache_clusters",
                "CacheClusters",
                lambda **_: views.of("clusters").clusters,
            ),
            "describe_replication_groups": paginator(
                "describe_replication_groups",
                "ReplicationGroups",
                lambda **_: views.of("groups").groups,
            ),
            "describe_cache_subnet_groups": paginator(
                "describe_cache_subnet_groups", "CacheSubnetGroups", lambda **_: groups
            ),
        }
    )


def tagging(views: Views, faults: Faults) -> Describing:
    def items(**_: Any) -> list[dict[str, Any]]:
        return [
            {
                "ResourceARN": arn,
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
            for arn, tags in views.of("tags").tags
            if "cachegate:expose" in tags
        ]

    paginator = Paginator(faults, "get_resources", "ResourceTagMappingList", items)
    return Describing({"get_resources": paginator})


def ec2(views: Views, faults: Faults, machines: Mapping[str, Machine], stack: str) -> Describing:
    def reservations(Filters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N803
        wanted = {each["Name"]: each["Values"] for each in Filters}
        found = [
            machine
            for machine in machines.values()
            if machine.state in wanted["instance-state-name"]
            and machine.instance_id in wanted.get("instance-id", machines)
        ]
        return [{"Instances": [_instance(machine, stack)]} for machine in found]

    def statuses(InstanceIds: Sequence[str]) -> list[dict[str, Any]]:  # noqa: N803
        fine = {"Status": "ok"}
        return [
            {"InstanceId": each, "InstanceStatus": fine, "SystemStatus": fine}
            for each in InstanceIds
        ]

    def interfaces(Filters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N803
        asked = set(Filters[1]["Values"])
        held = {str(address) for address, _ in views.of("interfaces").owners}
        return [{"PrivateIpAddresses": [{"PrivateIpAddress": a}]} for a in sorted(asked & held)]

    vpcs = [
        {
            "VpcId": VPC,
            "CidrBlockAssociationSet": [
                {"CidrBlock": str(NETWORK), "CidrBlockState": {"State": "associated"}}
            ],
        }
    ]
    found: dict[str, tuple[str, Callable[..., Sequence[Any]]]] = {
        "describe_instances": ("Reservations", reservations),
        "describe_instance_status": ("InstanceStatuses", statuses),
        "describe_network_interfaces": ("NetworkInterfaces", interfaces),
        "describe_vpcs": ("Vpcs", lambda **_: vpcs),
    }
    return Describing(
        {name: Paginator(faults, name, key, items) for name, (key, items) in found.items()}
    )


def _instance(machine: Machine, stack: str) -> dict[str, Any]:
    return {
        "InstanceId": machine.instance_id,
        "VpcId": VPC,
        "State": {"Name": machine.state},
        "PrivateIpAddress": str(machine.private),
        "Tags": [{"Key": "cachegate:nat", "Value": stack}],
    }


@dataclass
class Dns:
    """The resolver, at the level of the protocol: the real one needs sockets and threads."""

    views: Views
    faults: Faults

    def resolve(self, names: Any) -> dict[str, frozenset[IPv4Address]]:
        self.faults.call("resolve")
        return {name: found for name in sorted(set(names)) if (found := self._answer(name))}

    def _answer(self, name: str) -> frozenset[IPv4Address]:
        from ipaddress import IPv4Address

        views = self.views
        views.asked += 1
        fault = views.names.get(name, "")
        if fault:
            self.faults.met[f"dns: {fault}"] += 1
        if fault == "fails":
            return frozenset()
        if fault == "outside the VPC":
            return frozenset({IPv4Address(OUTSIDE[views.asked % len(OUTSIDE)])})
        if fault == "flaps" and views.asked % 2:
            return views.truth.as_of(views.truth.clock.now - 400.0).names.get(name, frozenset())
        return views.of("dns").names.get(name, frozenset())
