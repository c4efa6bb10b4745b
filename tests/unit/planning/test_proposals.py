"""A group of its own for a cache: the commands as a shell and the AWS CLI take them."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachegate.domain.cache import Cache, CacheKind, CacheNode, Endpoint, NodeId
from cachegate.domain.group_rules import Direction, GroupRule, Opening
from cachegate.domain.ingress import GroupReference, ipv4_network
from cachegate.domain.traffic import ALL, TCP, Traffic
from cachegate.planning.proposals import Neighbourhood, propose
from tests.unit.planning.command_line import MADE, Call, run
from tests.unit.planning.guarded import DOUBTFUL, EXCLUSIVE, SHARED, group

if TYPE_CHECKING:
    from pathlib import Path

    from cachegate.domain.finding import Sharing
    from cachegate.domain.ingress import Source
    from cachegate.domain.proposal import Proposal

NAT = GroupReference("sg-nat")
ADDRESS = IPv4Network("10.0.255.10/32")
OPERATIONS = {
    CacheKind.REPLICATION_GROUP: ("ModifyReplicationGroup", "ReplicationGroupId"),
    CacheKind.CLUSTER: ("ModifyCacheCluster", "CacheClusterId"),
    CacheKind.SERVERLESS: ("ModifyServerlessCache", "ServerlessCacheName"),
}


def cache(kind: CacheKind = CacheKind.CLUSTER, name: str = "sessions", **fields: Any) -> Cache:
    serverless = kind is CacheKind.SERVERLESS
    node = CacheNode(id=NodeId(name, "0001"), endpoint=Endpoint("a.example", 6379))
    given: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "engine": "redis",
        "status": "available",
        "vpc_id": "vpc-1",
        "expose": "true",
        "nodes": () if serverless else (node,),
        "endpoint": Endpoint("b.example", 6379) if serverless else None,
        "reader_endpoint": Endpoint("b.example", 6380) if serverless else None,
        "groups": frozenset({"sg-1"}),
    }
    return Cache(**given | fields)


def opened(
    group_id: str, traffic: Traffic, peer: Source, direction: Direction = Direction.INGRESS
) -> GroupRule:
    opening = Opening(group_id=group_id, direction=direction, traffic=traffic, peer=peer)
    return GroupRule(rule_id=f"sgr-{opening.key}", opening=opening)


REDIS = Traffic(TCP, 6379, 6379)
RULES = (
    opened("sg-1", Traffic(ALL), GroupReference("sg-1")),
    opened("sg-1", REDIS, ipv4_network("10.0.0.0/8")),
    opened("sg-1", Traffic(TCP, 22, 22), ipv4_network("10.0.0.0/8")),
    opened("sg-1", REDIS, ipv4_network("0.0.0.0/0"), Direction.EGRESS),
    opened("sg-2", REDIS, ipv4_network("192.168.0.0/16")),
)


def around(**sharing: Sharing) -> Neighbourhood:
    found = {name.replace("_", "-"): each for name, each in sharing.items()} or {"sg-1": SHARED}
    return Neighbourhood(
        stack="gate",
        region="eu-west-1",
        groups={group_id: group(group_id) for group_id in found},
        sharing=found,
        rules=RULES,
    )


def proposed(of: Cache, *sources: Source, **sharing: Sharing) -> Proposal:
    proposal = propose(of, sources or (NAT,), around(**sharing))
    assert proposal is not None
    return proposal


def calls(proposal: Proposal, folder: Path) -> list[Call]:
    return run((step.command for step in proposal.steps if step.command), folder)


@pytest.mark.parametrize("kind", CacheKind)
def test_the_commands_make_a_group_and_put_it_beside_before_the_shared_one_is_taken_off(
    kind: CacheKind, tmp_path: Path
) -> None:
    made = calls(proposed(cache(kind)), tmp_path)

    operation, key = OPERATIONS[kind]
    assert {call.options["--region"] for call in made} == {"eu-west-1"}
    changing = [call for call in made if not call.operation.startswith("Describe")]
    create, admit, *modify = changing
    assert create.operation == "CreateSecurityGroup"
    assert (create.parameters["VpcId"], create.parameters["GroupName"]) == (
        "vpc-1",
        "cachegate-sessions",
    )
    assert (create.options["--query"], create.options["--output"]) == ("GroupId", "text")
    assert admit.operation == "AuthorizeSecurityGroupIngress"
    assert admit.parameters["GroupId"] == MADE
    ports = [each["FromPort"] for each in admit.parameters["IpPermissions"]]
    assert ports == ([6379, 6380] if kind is CacheKind.SERVERLESS else [6379])
    assert [call.operation for call in modify] == [operation] * 3
    assert [call.parameters for call in modify] == [
        {key: "sessions", "SecurityGroupIds": ["sg-1", MADE]},
        {key: "sessions", "SecurityGroupIds": [MADE]},
        {key: "sessions", "SecurityGroupIds": ["sg-1"]},  # the way back
    ]


@pytest.mark.parametrize("kind", CacheKind)
def test_the_cache_is_looked_at_before_and_after_it_gets_the_group(
    kind: CacheKind, tmp_path: Path
) -> None:
    made = calls(proposed(cache(kind)), tmp_path)

    names = [call.operation for call in made]
    first = names.index(OPERATIONS[kind][0])
    assert names[first - 1].startswith("Describe")
    assert names[first + 1].startswith("Describe")
    assert names[first + 2] == "DescribeSecurityGroupRules"
    assert made[first + 2].parameters["Filters"] == [{"Name": "group-id", "Values": [MADE]}]
    for call in (made[first - 1], made[first + 1]):
        jmespath.compile(call.options["--query"])
        asked = re.fullmatch(r"(\w+)\[.*\]\.\[(.*)\]", call.options["--query"])
        assert asked is not None
        assert set(asked[2].split(",")) <= call.shown(asked[1])


ANSWERS = {
    CacheKind.REPLICATION_GROUP: {
        "CacheClusters": [
            {
                "CacheClusterId": "a",
                "ReplicationGroupId": "it's",
                "CacheClusterStatus": "available",
                "SecurityGroups": [{"SecurityGroupId": MADE, "Status": "active"}],
            },
            {"CacheClusterId": "b", "ReplicationGroupId": "its", "CacheClusterStatus": "available"},
        ]
    },
}


def test_a_replication_groups_members_are_asked_for_by_its_name_alone(tmp_path: Path) -> None:
    proposal = proposed(cache(CacheKind.REPLICATION_GROUP, "it's"))

    shown = [c for c in calls(proposal, tmp_path) if c.operation == "DescribeCacheClusters"]

    (query,) = (call.options["--query"] for call in shown)
    found = jmespath.search(query, ANSWERS[CacheKind.REPLICATION_GROUP])
    assert [each[:2] for each in found] == [["a", "available"]]


def test_the_nat_instances_are_admitted_by_group_and_by_address(tmp_path: Path) -> None:
    made = calls(proposed(cache(), NAT, ADDRESS), tmp_path)

    (admit,) = (call for call in made if call.operation == "AuthorizeSecurityGroupIngress")
    pairs, ranges = admit.parameters["IpPermissions"]
    why = "cachegate: NAT instances of gate to caches"
    assert pairs["UserIdGroupPairs"] == [{"GroupId": "sg-nat", "Description": why}]
    assert ranges["IpRanges"] == [{"CidrIp": "10.0.255.10/32", "Description": why}]


def test_without_a_nat_instance_nobody_is_admitted_and_the_rest_is_the_same(
    tmp_path: Path,
) -> None:
    proposal = propose(cache(), (), around())
    assert proposal is not None

    assert "AuthorizeSecurityGroupIngress" not in [c.operation for c in calls(proposal, tmp_path)]


def test_groups_that_are_not_shared_stay_on_the_cache(tmp_path: Path) -> None:
    several = cache(groups=frozenset({"sg-1", "sg-2", "sg-3", "sg-unseen"}))

    proposal = proposed(several, sg_1=SHARED, sg_2=DOUBTFUL, sg_3=SHARED)

    off = [c for c in calls(proposal, tmp_path) if c.operation == "ModifyCacheCluster"][1]
    assert off.parameters["SecurityGroupIds"] == ["sg-2", "sg-unseen", MADE]
    assert [each.group_id for each in proposal.shared] == ["sg-1", "sg-3"]
    assert proposal.groups == ("sg-1", "sg-2", "sg-3", "sg-unseen")


def test_a_cache_that_has_a_group_of_its_own_needs_no_further_one(tmp_path: Path) -> None:
    proposal = proposed(cache(groups=frozenset({"sg-1", "sg-2"})), sg_1=SHARED, sg_2=EXCLUSIVE)

    made = calls(proposal, tmp_path)

    assert proposal.group == "sg-2"
    assert [call.operation for call in made] == [
        "DescribeSecurityGroupRules",
        "ModifyCacheCluster",
        "ModifyCacheCluster",
    ]
    assert made[0].parameters["Filters"] == [{"Name": "group-id", "Values": ["sg-2"]}]
    assert [call.parameters["SecurityGroupIds"] for call in made[1:]] == [
        ["sg-2"],
        ["sg-1", "sg-2"],
    ]


@pytest.mark.parametrize(
    ("of", "sharing", "why"),
    [
        (cache(), EXCLUSIVE, "caches alone have its group"),
        (cache(), DOUBTFUL, "nobody knows who has it"),
        (cache(groups=frozenset({"sg-unseen"})), SHARED, "its group is not shown to us"),
        (cache(groups=frozenset()), SHARED, "its groups are not known"),
        (cache(vpc_id=None), SHARED, "outside any VPC"),
        (cache(nodes=()), SHARED, "it is being made, and shows no port"),
    ],
)
def test_nothing_is_proposed_where(of: Cache, sharing: Sharing, why: str) -> None:
    assert propose(of, (NAT,), around(sg_1=sharing)) is None, why


def test_who_would_lose_the_way_is_told_before_the_shared_group_is_taken_off() -> None:
    proposal = proposed(cache())

    assert proposal.admitted == (
        "every protocol and port from sg-1 in sg-1",
        "tcp 6379 from 10.0.0.0/8 in sg-1",
    )
    told = [step.what for step in proposal.steps]
    (warned,) = (n for n, what in enumerate(told) if proposal.admitted[0] in what)
    (taken,) = (n for n, what in enumerate(told) if what.startswith("take off"))
    assert warned < taken


def test_where_the_shared_group_admits_nobody_nobody_is_warned_of() -> None:
    proposal = propose(cache(), (NAT,), replace(around(), rules=()))

    assert proposal is not None
    assert not any("who else" in step.what for step in proposal.steps)


@given(
    name=st.text(min_size=1).filter(lambda text: "\0" not in text and text.isprintable()),
    kind=st.sampled_from(CacheKind),
)
@settings(max_examples=25, deadline=None)
def test_no_name_becomes_anything_but_a_word(
    tmp_path_factory: pytest.TempPathFactory, name: str, kind: CacheKind
) -> None:
    name = name if not name.startswith("-") else f"x{name}"
    made = calls(proposed(cache(kind, name)), tmp_path_factory.mktemp("shell"))

    key = OPERATIONS[kind][1]
    modify = [call for call in made if call.operation == OPERATIONS[kind][0]]
    assert {call.parameters[key] for call in modify} == {name}


@pytest.mark.parametrize(
    "name",
    [
        "a'; touch x; '",
        "$(touch x)",
        "`touch x`",
        'a" && touch x #',
        "a b",
        "a'b\\'c",
        "*",
        "a\\",
        'a`b"',
    ],
)
def test_hostile_names_run_nothing(name: str, tmp_path: Path) -> None:
    made = calls(proposed(cache(CacheKind.REPLICATION_GROUP, name)), tmp_path)

    modify = [call for call in made if call.operation == "ModifyReplicationGroup"]
    assert [call.parameters["ReplicationGroupId"] for call in modify] == [name] * 3
    (query,) = (c.options["--query"] for c in made if c.operation == "DescribeCacheClusters")
    answer = {"CacheClusters": [{"CacheClusterId": "a", "ReplicationGroupId": name}]}
    assert jmespath.search(query, answer) == [["a", None, None]]
