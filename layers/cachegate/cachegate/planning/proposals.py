"""Propose a group of its own for a cache that sits on a shared one, with the commands. Pure.

The commands only ever add before they take away, and are lines for a POSIX shell. All that comes
from AWS is quoted; the id of the new group is in the variable CACHE_GROUP, which the first command
sets.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.domain.cache import CacheKind
from cachegate.domain.finding import Use
from cachegate.domain.group_rules import Direction
from cachegate.domain.ingress import GroupReference
from cachegate.domain.proposal import Proposal, ProposalStep, SharedGroup
from cachegate.planning.own_path import covers
from cachegate.planning.text import few, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cachegate.domain.cache import Cache
    from cachegate.domain.finding import Sharing
    from cachegate.domain.group_rules import GroupRule
    from cachegate.domain.groups import SecurityGroup
    from cachegate.domain.ingress import Source

NAMED = 5  # openings that are named in a step; the proposal has all
NEW = '"$CACHE_GROUP"'
BACKTICK = "\\u0060"  # in JSON

_MODIFY = {
    CacheKind.REPLICATION_GROUP: ("modify-replication-group", "--replication-group-id"),
    CacheKind.CLUSTER: ("modify-cache-cluster", "--cache-cluster-id"),
    CacheKind.SERVERLESS: ("modify-serverless-cache", "--serverless-cache-name"),
}
_DESCRIBE = {
    CacheKind.REPLICATION_GROUP: ("describe-replication-groups", "ReplicationGroups[]"),
    CacheKind.CLUSTER: ("describe-cache-clusters", "CacheClusters[]"),
    CacheKind.SERVERLESS: ("describe-serverless-caches", "ServerlessCaches[]"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """What is known about the groups of a VPC's caches."""

    stack: str
    region: str
    groups: Mapping[str, SecurityGroup]  # by id
    sharing: Mapping[str, Sharing]  # by group
    rules: tuple[GroupRule, ...]  # of these groups, of both directions


def propose(cache: Cache, sources: Iterable[Source], around: Neighbourhood) -> Proposal | None:
    """Return how a cache gets a group of its own; None where it is on no shared group.

    `sources` are what stands for the stack's NAT instances in a rule of the cache's VPC. A group of
    which it is doubtful who has it is left on the cache.
    """
    ports = _ports(cache)
    known = sorted(cache.groups & around.sharing.keys())
    uses = {group_id: around.sharing[group_id].use for group_id in known}
    shared = tuple(
        SharedGroup(
            group_id=group_id,
            name=around.groups[group_id].name,
            why=around.sharing[group_id].reason,
        )
        for group_id in known
        if uses[group_id] is Use.SHARED
    )
    if not shared or not ports or cache.vpc_id is None:
        return None
    off = {each.group_id for each in shared}
    own = next((group_id for group_id in known if uses[group_id] is Use.EXCLUSIVE), None)
    name = f"cachegate-{cache.name}"
    admitted = _admitted(around.rules, off, ports)
    commands = _Commands(cache, around, tuple(sorted(cache.groups)), off)
    making = () if own else commands.making(name, cache.vpc_id, sources, ports)
    return Proposal(
        cache=cache.name,
        kind=cache.kind,
        vpc_id=cache.vpc_id,
        groups=commands.groups,
        shared=shared,
        group=own or name,
        admitted=admitted,
        steps=(*making, *commands.leaving(own, admitted)),
    )


@dataclass(frozen=True, slots=True)
class _Commands:
    cache: Cache
    around: Neighbourhood
    groups: tuple[str, ...]  # that it has now
    off: set[str]  # those to be taken off

    def making(
        self, name: str, vpc_id: str, sources: Iterable[Source], ports: Iterable[int]
    ) -> Iterator[ProposalStep]:
        """Yield how the group is made, opened for the NAT instances, and put beside the others."""
        made = self._aws(
            "ec2", "create-security-group", "--vpc-id", vpc_id, "--group-name", name,
            "--description", f"cachegate: the cache {self.cache.name} and nothing else",
            "--query", "GroupId", "--output", "text",
        )  # fmt: skip
        yield ProposalStep("make the group", f'CACHE_GROUP=$({made}) && echo "$CACHE_GROUP"')
        permissions = [
            _permission(port, source, self.around.stack) for port in ports for source in sources
        ]
        if permissions:
            admit = self._aws("ec2", "authorize-security-group-ingress", "--group-id")
            asked = shlex.join(["--ip-permissions", json.dumps(permissions)])
            yield ProposalStep("admit the NAT instances to the cache", f"{admit} {NEW} {asked}")
        yield self._pending()
        yield ProposalStep(
            "put it beside the groups that the cache has",
            f"{self._modify(self.groups)} {NEW}",
        )
        yield ProposalStep(
            "wait until the cache is available again and has it on every node", self._shown()
        )

    def leaving(self, own: str | None, admitted: tuple[str, ...]) -> Iterator[ProposalStep]:
        """Yield what to look at before the shared groups are taken off, and how that is done."""
        group = shlex.quote(own) if own else NEW
        seen = self._aws("ec2", "describe-security-group-rules", "--filters")
        yield ProposalStep(
            "check that the NAT instances are admitted by it: the group of each, or its address",
            f"{seen} Name=group-id,Values={group}",
        )
        if admitted:
            yield ProposalStep(
                "check who else needs the cache: taken off with the shared groups is "
                f"{few(admitted, NAMED)}; add to {own or 'the new group'} what clients inside "
                "the VPC need, members of a group by naming that group"
            )
        yield ProposalStep(
            "check that a client reaches the cache through its listen port, and that the "
            "clients inside the VPC do"
        )
        left = [each for each in self.groups if each not in self.off]
        without = self._modify(left)
        yield ProposalStep(
            f"take off {listing(sorted(self.off))}; connections that exist may end",
            without if own else f"{without} {NEW}",
        )
        yield ProposalStep(
            "should anything fail: the groups as they were", self._modify(self.groups)
        )

    def _pending(self) -> ProposalStep:
        """Look at what is pending: a newer modification of a cluster replaces it.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheCluster.html
        """
        option, (action, path) = _MODIFY[self.cache.kind][1], _DESCRIBE[self.cache.kind]
        status = "CacheClusterStatus" if self.cache.kind is CacheKind.CLUSTER else "Status"
        what, query = "check that it is available", f"{path}.[{status}]"
        if self.cache.kind is not CacheKind.SERVERLESS:  # nothing of those waits for a window
            what = f"{what}, and that no modification of it is pending"
            query = f"{path}.[{status},PendingModifiedValues]"
        command = self._aws("elasticache", action, option, self.cache.name, "--query", query)
        return ProposalStep(what, command)

    def _shown(self) -> str:
        """Ask for the groups; those of a replication group are shown by its members only."""
        name, (action, path) = self.cache.name, _DESCRIBE[self.cache.kind]
        if self.cache.kind is CacheKind.SERVERLESS:
            query = f"{path}.[Status,SecurityGroupIds]"
            option = _MODIFY[self.cache.kind][1]
            return self._aws("elasticache", action, option, name, "--query", query)
        members = "CacheClusters[].[CacheClusterId,CacheClusterStatus,SecurityGroups]"
        if self.cache.kind is CacheKind.CLUSTER:
            return self._aws("elasticache", action, "--cache-cluster-id", name, "--query", members)
        of_group = f"CacheClusters[?ReplicationGroupId=={_literal(name)}]"
        query = members.replace("CacheClusters[]", of_group)
        return self._aws("elasticache", "describe-cache-clusters", "--query", query)

    def _modify(self, groups: Iterable[str]) -> str:
        """Give the whole list: what it leaves out is taken off.

        Without --apply-immediately, which would apply whatever else is pending too.
        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html
        """
        action, option = _MODIFY[self.cache.kind]
        return self._aws(
            "elasticache", action, option, self.cache.name, "--security-group-ids", *groups
        )

    def _aws(self, service: str, action: str, *words: str) -> str:
        return shlex.join(["aws", service, action, "--region", self.around.region, *words])


def _ports(cache: Cache) -> tuple[int, ...]:
    """Return the TCP ports of its endpoints, ascending; none while AWS shows no endpoint."""
    ends = [node.endpoint for node in cache.nodes]
    ends += [cache.primary_endpoint, cache.reader_endpoint, cache.endpoint]
    return tuple(sorted({end.port for end in ends if end is not None}))


def _admitted(
    rules: Iterable[GroupRule], groups: Iterable[str], ports: Iterable[int]
) -> tuple[str, ...]:
    """Return in words what these groups let through to any of the ports."""
    names, ports = set(groups), tuple(ports)
    return tuple(
        sorted(
            str(rule.opening)
            for rule in rules
            if rule.opening.direction is Direction.INGRESS
            and rule.opening.group_id in names
            and any(covers(rule.opening.traffic, port) for port in ports)
        )
    )


def _permission(port: int, source: Source, stack: str) -> dict[str, Any]:
    entry = {"Description": f"cachegate: NAT instances of {stack} to caches"}
    permission: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if isinstance(source, GroupReference):
        return permission | {"UserIdGroupPairs": [{"GroupId": str(source)} | entry]}
    return permission | {"IpRanges": [{"CidrIp": str(source)} | entry]}


def _literal(text: str) -> str:
    """Write a text as JMESPath's literal: JSON between backticks."""
    return f"`{json.dumps(text).replace('`', BACKTICK)}`"
