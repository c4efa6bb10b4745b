"""Whether only those reach the NAT instances who are trusted. Pure.

Private networks are left aside, and those of the VPC whatever they are: they are not the
Internet's, and a NAT instance takes packets of its VPC in.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from cachegate.domain.check import Check, Unanswered
from cachegate.domain.group_rules import Direction
from cachegate.domain.ingress import PrefixList, UnknownSource
from cachegate.planning.address_space import Reach, private_part, span_of
from cachegate.planning.checks.facts import SYNC, TRUST
from cachegate.planning.own_path import covers
from cachegate.planning.text import few, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.group_rules import GroupRule
    from cachegate.planning.checks.facts import Facts

NAMED = 3
SSH = 22


def sources(facts: Facts) -> Iterator[Check]:
    """Check that the rule set in force admits exactly the networks that the stack trusts."""
    asked = frozenset(map(str, facts.terms.sources))
    for instance in facts.instances:
        subject, report = instance.instance_id, facts.report(instance)
        if isinstance(report, Unanswered):
            yield facts.unknown("sources", subject, report.why, "see the check ssm-online")
            continue
        more, less = sorted(report.sources - asked), sorted(asked - report.sources)
        if more:
            says = f"it admits {few(more, NAMED)}, which TrustedCidrs has not"
            yield facts.failed("sources", subject, says, SYNC)
        elif not asked:
            says = "TrustedCidrs is empty, so it admits nobody"
            yield facts.failed("sources", subject, says, TRUST)
        elif less:
            says = f"it does not admit {few(less, NAMED)} of TrustedCidrs yet"
            yield facts.failed("sources", subject, says, SYNC)
        else:
            says = f"it admits {listing(sorted(asked))} and nobody else"
            yield facts.passed("sources", subject, says)


def wide_ingress(facts: Facts) -> Iterator[Check]:
    """Check that no rule lets others in to a listen port, though the agent would refuse them."""
    ledger = facts.known_ledger
    if isinstance(ledger, Unanswered):
        for instance in facts.instances:
            yield facts.unknown("wide-ingress", instance.instance_id, ledger.why, SYNC)
        return
    listens = [lease.listen for lease in ledger.leases.values()]
    yield from _wider(facts, "wide-ingress", listens, facts.terms.sources, "a listen port")


def ssh(facts: Facts) -> Iterator[Check]:
    """Check that only trusted networks reach port 22 of the NAT instances."""
    trusted = (*facts.terms.ssh_sources, *facts.terms.sources)
    yield from _wider(facts, "ssh", [SSH], trusted, "port 22")


def _wider(
    facts: Facts, check: str, at: Sequence[int], trusted: Sequence[IPv4Network], what: str
) -> Iterator[Check]:
    """Judge the rules of all groups of each NAT instance that let anybody in to some ports."""
    ledger = facts.known_ledger
    inside = () if isinstance(ledger, Unanswered) else ledger.targets_within
    for instance in facts.instances:
        subject, machine = instance.instance_id, facts.machine(instance)
        cards = () if isinstance(machine, Unanswered) else machine.cards
        groups = sorted({group for card in cards for group in card.groups})
        found = machine if isinstance(machine, Unanswered) else facts.rules_of(
            groups, Direction.INGRESS
        )  # fmt: skip
        if isinstance(found, Unanswered):
            named = ",".join(groups) or "GROUP"
            fix = f"aws ec2 describe-security-group-rules --filters Name=group-id,Values={named}"
            yield facts.unknown(check, subject, found.why, fix)
            continue
        reaching = [r for r in found if any(covers(r.opening.traffic, port) for port in at)]
        yield _judged(facts, check, instance, reaching, (*trusted, *inside), what)


def _judged(
    facts: Facts,
    check: str,
    instance: NatInstance,
    rules: Iterable[GroupRule],
    trusted: Sequence[IPv4Network],
    what: str,
) -> Check:
    subject = instance.instance_id
    wide = [rule for rule in rules if _is_wider(rule, trusted)]
    unread = [rule for rule in rules if isinstance(rule.opening.peer, PrefixList | UnknownSource)]
    for found, state, verb in (
        (wide, facts.failed, "admits"),
        (unread, facts.unknown, "may admit others by"),
    ):
        if found:
            named = few([f"{each.opening.peer} ({each.rule_id})" for each in found], NAMED)
            first = found[0]
            says = f"{first.opening.group_id} {verb} {named} to {what}"
            return state(check, subject, says, _revoke(facts, first))
    return facts.passed(check, subject, f"only trusted networks reach {what} from outside")


def _is_wider(rule: GroupRule, trusted: Sequence[IPv4Network]) -> bool:
    peer = rule.opening.peer
    if not isinstance(peer, IPv4Network | IPv6Network):
        return False
    if private_part(span_of(peer)) is Reach.ALL:
        return False
    return not (
        isinstance(peer, IPv4Network) and any(peer.subnet_of(network) for network in trusted)
    )


def _revoke(facts: Facts, rule: GroupRule) -> str:
    """Return what to do about a rule; one that nobody here can read may be as it should be."""
    peer = rule.opening.peer
    if isinstance(peer, PrefixList):
        look = f"aws ec2 get-managed-prefix-list-entries --prefix-list-id {peer}"
        return f"{look}; are all of them trusted?"
    if isinstance(peer, UnknownSource):
        return f"aws ec2 describe-security-group-rules --security-group-rule-ids {rule.rule_id}"
    if facts.terms.manages_groups and rule.managed_by(facts.terms.stack):
        return SYNC
    return (
        f"aws ec2 revoke-security-group-ingress --group-id {rule.opening.group_id} "
        f"--security-group-rule-ids {rule.rule_id}"
    )
