"""What a pass of the guard sees, in few words: one shared group of one cache, unless said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, Any

from cachegate.domain.cache import NatInstance
from cachegate.domain.finding import CARVED, Sharing, Use
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG
from cachegate.domain.groups import GuardedCache, Interface, SecurityGroup
from cachegate.domain.guard_policy import GuardPolicy
from cachegate.domain.guard_view import GuardView
from cachegate.domain.ingress import GroupReference, ipv4_network
from cachegate.domain.revocation import Revocation, RevocationState
from tests.unit.planning.ingress import rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.domain.finding import Finding
    from cachegate.domain.ingress import IngressRule, Source

OURS, THEIRS = "111122223333", "444455556666"
AT = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
DAY = 24 * 3600.0
POLICY = GuardPolicy(stack="gate", account=OURS)


def policy(**knobs: Any) -> GuardPolicy:
    return GuardPolicy(stack="gate", account=OURS, **knobs)


def group(group_id: str = "sg-1", **fields: Any) -> SecurityGroup:
    return SecurityGroup(
        **{"group_id": group_id, "name": "web", "vpc_id": "vpc-1", "owner": OURS} | fields
    )


def cache(name: str = "sessions", groups: str = "sg-1", **fields: Any) -> GuardedCache:
    given: dict[str, Any] = {
        "name": name,
        "groups": frozenset(groups.split()),
        "ports": frozenset({6379}),
        "hosts": frozenset({f"{name}.cache.example"}),
        "vpc_id": "vpc-1",
        "exposed": True,
    }
    return GuardedCache(**given | fields)


def interface(interface_id: str = "eni-1", address: str = "10.0.0.7", **fields: Any) -> Interface:
    public = frozenset(map(ip_address, fields.pop("public", "").split()))
    return Interface(
        interface_id=interface_id,
        groups=frozenset({"sg-1"}),
        addresses=frozenset({ip_address(address)}),
        public_addresses=public,
        **fields,
    )


WEB_SERVER = interface("eni-web", attached_to="i-web")
PUBLIC_SERVER = interface("eni-web", attached_to="i-web", public="203.0.114.9")
SHARED = Sharing(use=Use.SHARED, reason="eni-web (i-web) has it too", others=(WEB_SERVER,))
EXPOSED = Sharing(use=Use.SHARED, reason="eni-web (i-web) has it too", others=(PUBLIC_SERVER,))
EXCLUSIVE = Sharing(use=Use.EXCLUSIVE, reason="caches alone have it")
DOUBTFUL = Sharing(
    use=Use.DOUBTFUL,
    reason="eni-2 (amazon-x) may be a cache's or not",
    unknown=(interface("eni-2", requester="amazon-x", requester_managed=True),),
)


def nat(instance_id: str = "i-nat", **fields: Any) -> NatInstance:
    given: dict[str, Any] = {
        "instance_id": instance_id,
        "vpc_id": "vpc-1",
        "state": "running",
        "private_address": IPv4Address("10.0.255.10"),
        "public_address": IPv4Address("203.0.113.73"),
        "stack": "gate",
        "groups": ("sg-nat",),
    }
    return NatInstance(**given | fields)


def view(rules: Iterable[IngressRule | str], **fields: Any) -> GuardView:
    """The rules, of sg-1 where they are text; `sharing` is that of every group, or by group."""
    groups = fields.pop("groups", (group(),))
    sharing = fields.pop("sharing", SHARED)
    given: dict[str, Any] = {
        "at": AT,
        "groups": {each.group_id: each for each in groups},
        "caches": (cache(),),
        "rules": tuple(
            rule(each, number=number) if isinstance(each, str) else each
            for number, each in enumerate(rules)
        ),
        "sharing": {each.group_id: sharing for each in groups}
        if isinstance(sharing, Sharing)
        else sharing,
        "instances": (),
        "revocations": (),
    }
    return GuardView(**given | fields)


def revocation(of: IngressRule, **fields: Any) -> Revocation:
    given: dict[str, Any] = {
        "rule": of,
        "group": group(),
        "caches": ("sessions",),
        "source_class": "world",
        "severity": "high",
        "reason": "",
        "evidence": (),
        "recorded_at": AT - DAY,
        "revoked_at": AT - DAY,
        "state": RevocationState.REVOKED,
    }
    return Revocation(**given | fields)


def applied(seen: GuardView, findings: Iterable[Finding]) -> GuardView:
    """What the next pass sees where these findings were carried out, and nothing else happened."""
    rules = {each.rule_id: each for each in seen.rules}
    permissions = {_permission(each) for each in seen.rules}
    for finding in findings:
        if not finding.step.acts:
            continue
        gone = finding.rule
        opened = [
            (path.traffic, _source(path.source), {MANAGED_TAG: "gate", VPC_TAG: path.vpc_id})
            for path in finding.paths
        ]
        opened += [(traffic, gone.source, {CARVED: gone.rule_id}) for traffic in finding.carved]
        for traffic, source, tags in opened:
            new = replace(gone, traffic=traffic, source=source, description="", tags=tags)
            if _permission(new) not in permissions:  # EC2 has each once
                permissions.add(_permission(new))
                rules[_permission(new)] = replace(new, rule_id=_permission(new))
        del rules[gone.rule_id]
        permissions.discard(_permission(gone))
    return replace(seen, rules=tuple(rules.values()))


def _permission(of: IngressRule) -> str:
    return f"{of.group_id} {of.traffic} {of.source}"


def _source(text: str) -> Source:
    return GroupReference(text) if text.startswith("sg-") else ipv4_network(text)
