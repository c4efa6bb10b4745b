"""Which rules the guard leaves to sync_forwards: ours by tag, and by what they admit."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.finding import EXEMPT
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG, Opening
from cachegate.domain.ingress import ipv4_network
from cachegate.domain.ledger import CacheGroups, Lease, Ledger, NatSide
from cachegate.planning.findings import find
from cachegate.planning.group_rules import Sides, wanted_rules
from cachegate.planning.managed import kept, unmanaged
from tests.unit.planning.guarded import EXPOSED, cache, group, nat, policy, view
from tests.unit.planning.ingress import entries, rule

if TYPE_CHECKING:
    from cachegate.domain.cache import NatInstance
    from cachegate.domain.finding import Finding
    from cachegate.domain.groups import SecurityGroup
    from cachegate.domain.ingress import IngressRule

OURS = {MANAGED_TAG: "gate", VPC_TAG: "vpc-1"}
WORLD, WIDE, OFFICE = "0.0.0.0/0", "12.0.0.0/8", "203.0.113.0/24"
POLICY = policy(
    trusted=(ipv4_network(WIDE), ipv4_network(OFFICE)), trusted_ssh=(ipv4_network("13.0.0.0/8"),)
)
NAT = nat(groups=("sg-nat", "sg-second"))
STRANGER = nat("i-other", stack="other", groups=("sg-other",))


def ours(text: str, of: str = "sg-nat", **tags: str) -> IngressRule:
    return replace(rule(text, group=of), tags=OURS | tags)


def in_vpc(of: IngressRule) -> SecurityGroup:
    return group(of.group_id or "")


def listed() -> IngressRule:
    return replace(rule("tcp 6379", entries(WIDE), group="sg-nat"), tags=OURS)


@pytest.mark.parametrize(
    ("of", "parameter", "why"),
    [
        # Whom the stack trusts, in a group that a NAT instance has
        (ours(f"tcp 6379 {WIDE}"), "TrustedCidrs", "just what is opened"),
        (ours(f"tcp 6379-6400 {OFFICE}"), "TrustedCidrs", "listen ports that are neighbours"),
        (ours(f"tcp 6379 {WIDE}", "sg-second"), "TrustedCidrs", "another group of the instance"),
        (ours("tcp 22 13.0.0.0/8"), "TrustedSshCidrs", "SSH"),
        (ours(f"tcp 6379 {WORLD}"), None, "the world, which nobody trusts"),
        (ours("tcp 6379 12.0.0.0/9"), None, "a part of a trusted network is never opened"),
        (ours("tcp 6379 12.0.0.0/7"), None, "a trusted network and its neighbour"),
        (ours("tcp 6379 13.0.0.0/8"), None, "trusted for SSH alone"),
        (ours(f"tcp 22 {WIDE}"), None, "not trusted for SSH"),
        (ours(f"tcp 20-30 {WIDE}"), None, "no listen port is 22"),
        (ours("tcp 22-23 13.0.0.0/8"), None, "SSH and its neighbour"),
        (ours(f"tcp 0-65535 {WIDE}"), None, "every port"),
        (ours(f"-1 {WIDE}"), None, "every protocol"),
        (ours(f"udp 6379 {WIDE}"), None, "a forward is TCP"),
        (ours("tcp 6379 ::/0"), None, "clients are IPv4"),
        (listed(), None, "a list, which may grow"),
        (ours(f"tcp 6379 {WIDE}", "sg-1"), None, "clients never reach a cache's group"),
        (ours(f"tcp 6379 {WIDE}", "sg-other"), None, "another stack's instance has the group"),
        # The way from a NAT instance to a cache, in a group of the cache
        (ours("tcp 6379 sg-nat", "sg-1"), "cachegate:expose", "its group"),
        (ours("tcp 6379 sg-second", "sg-1"), "cachegate:expose", "its other group"),
        (ours("tcp 6379 10.0.255.10/32", "sg-1"), "cachegate:expose", "its address"),
        (ours("tcp 6379 10.0.255.11/32", "sg-1"), None, "its neighbour"),
        (ours("tcp 6379 10.0.255.0/24", "sg-1"), None, "its network"),
        (ours("tcp 6379 sg-other", "sg-1"), None, "another stack's group"),
        (ours("tcp 6379-6380 sg-nat", "sg-1"), None, "more than one port is never opened"),
        (ours("-1 sg-nat", "sg-1"), None, "every protocol"),
        # Whose tag
        (rule(f"tcp 6379 {WIDE}", group="sg-nat"), None, "no tag"),
        (ours(f"tcp 6379 {WIDE}", **{MANAGED_TAG: "other"}), None, "another stack's tag"),
        (ours(f"tcp 6379 {WIDE}", **{MANAGED_TAG: "Gate"}), None, "tags know capitals"),
    ],
)
def test_what_is_kept(of: IngressRule, parameter: str | None, why: str) -> None:
    found = kept(of, in_vpc(of), [STRANGER, NAT], POLICY)

    assert (found is not None) == (parameter is not None), why
    if found is not None and parameter is not None:
        assert parameter in found.advice
        assert found.reason.startswith("sync_forwards keeps it: ")


@pytest.mark.parametrize(
    ("of", "instances", "keeps", "why"),
    [
        (ours(f"tcp 6379 {WIDE}"), [], True, "its successor gets the same group"),
        (ours(f"tcp 6379 {WIDE}"), [STRANGER], True, "another stack's is no successor"),
        (
            ours(f"tcp 6379 {WIDE}"),
            [nat(vpc_id="vpc-2", groups=("sg-2",))],
            True,
            "nor is another VPC's",
        ),
        (ours(f"tcp 6379 {WIDE}"), [nat(groups=("sg-2",))], False, "it is let in elsewhere"),
        (ours(f"tcp 6379 {WORLD}"), [], False, "nobody trusts the world"),
        (ours("tcp 6379 sg-nat", "sg-1"), [], False, "whose group it is, nothing tells"),
    ],
)
def test_what_is_kept_while_the_vpc_has_no_nat_instance(
    of: IngressRule,
    instances: list[NatInstance],
    keeps: bool,  # noqa: FBT001
    why: str,
) -> None:
    assert (kept(of, in_vpc(of), instances, POLICY) is not None) is keeps, why


def test_all_that_sync_forwards_opens_is_known_by_the_guard() -> None:
    """The two must not drift apart: what is wanted there is kept here."""
    instances = (nat(), nat("i-2", private_address=IPv4Address("10.0.255.11"), groups=("sg-2",)))
    ledger = Ledger(
        vpc_id="vpc-1",
        sources=POLICY.trusted,
        leases={str(port): lease(port) for port in (6379, 6380, 6390)},
        cache_groups={"here": groups("vpc-1"), "there": groups("vpc-peer")},
    )
    sides = Sides(
        stack="gate",
        vpc_id="vpc-1",
        instances={  # the second has no group of its own: its address is named
            "i-nat": NatSide(address=instances[0].private_address, group="sg-nat"),
            "i-2": NatSide(address=instances[1].private_address, group=None),
        },
        changeable=frozenset({"sg-nat", "sg-1", "sg-peer"}),
        ssh_sources=POLICY.trusted_ssh,
    )

    openings = [each.opening for each in wanted_rules(ledger, sides)]

    ingress = [each for each in openings if each.direction == "ingress"]
    assert len(ingress) == 5 + 2 + 2
    assert all(kept(as_rule(each), in_vpc(as_rule(each)), instances, POLICY) for each in ingress)


def lease(port: int) -> Lease:
    cache_name = "there" if port == 6390 else "here"
    return Lease(
        key=f"{cache_name}/{port}",
        cache=cache_name,
        kind=ForwardKind.NODE,
        listen=port,
        targets=(Target(IPv4Address("10.0.1.1"), 6379),),
        leased_at=0.0,
        changed_at=0.0,
        reason="",
    )


def groups(vpc_id: str) -> CacheGroups:
    return CacheGroups(vpc_id=vpc_id, groups=("sg-1",) if vpc_id == "vpc-1" else ("sg-peer",))


def as_rule(opening: Opening) -> IngressRule:
    return replace(
        rule("tcp 1", opening.peer, group=opening.group_id), traffic=opening.traffic, tags=OURS
    )


def the(of: IngressRule, **knobs: object) -> Finding:
    seen = view(
        [of],
        groups=(group("sg-nat"),),
        caches=(cache(groups="sg-nat", exposed=False),),
        sharing=EXPOSED,
        instances=(NAT,),
    )
    (finding,) = find(seen, replace(POLICY, **knobs))  # type: ignore[arg-type]
    return finding


@pytest.mark.parametrize("carve", [False, True])
def test_a_kept_rule_is_reported_and_neither_revoked_nor_carved(carve: bool) -> None:  # noqa: FBT001
    finding = the(ours(f"tcp 6000-7000 {WIDE}"), carve_ranges=carve)

    assert (finding.step, finding.carved, finding.paths) == ("report", (), ())
    assert finding.reason == f"sync_forwards keeps it: {WIDE} is among TrustedCidrs"
    assert finding.advice == "narrow TrustedCidrs"


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (ours(f"tcp 6379 {WORLD}"), "a forged tag on a rule that is open to the world"),
        (ours("tcp 6379 13.0.0.0/8"), "a forged tag on a network that is trusted for SSH"),
        (ours(f"-1 {WIDE}"), "a forged tag on every port"),
        (rule(f"tcp 6379 {WIDE}", group="sg-nat"), "a person's rule, though just as wide"),
    ],
)
def test_a_tag_alone_keeps_nothing(of: IngressRule, why: str) -> None:
    assert the(of).step == "revoke", why


def test_where_everybody_is_trusted_the_worlds_rule_is_the_stacks_own() -> None:
    finding = the(ours(f"tcp 6379 {WORLD}"), trusted=(ipv4_network(WORLD),))

    assert (finding.step, finding.severity) == ("report", "critical")


def test_an_exemption_of_a_kept_rule_is_told_as_one() -> None:
    finding = the(ours(f"tcp 6379 {WIDE}", **{EXEMPT: "me|2999-01-01|a migration"}))

    assert finding.step == "exempt"


def test_a_rule_that_is_kept_is_a_way_beside_which_others_may_go() -> None:
    wide = rule(f"tcp 6379 {WORLD}", number=1)
    way = ours("tcp 6379 sg-nat", "sg-1")

    found = find(view([way, wide], instances=(NAT,)), POLICY)

    assert [(each.rule.rule_id, each.step.value) for each in found] == [("sgr-1", "revoke")]


def test_other_tags_are_not_ours() -> None:
    assert unmanaged(OURS | {"team": "shop", EXEMPT: "x"}) == {"team": "shop", EXEMPT: "x"}
