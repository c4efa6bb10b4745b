"""Whether security groups let packets through, from clients to caches and back. Pure.

Whoever added a rule: what counts is what is open. A group is that of the interface that takes the
packets in, or sends them on, where an instance has several.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from cachegate.domain.check import Check, Unanswered
from cachegate.domain.finding import Path
from cachegate.domain.group_rules import Direction
from cachegate.domain.ingress import GroupReference
from cachegate.domain.traffic import ALL, TCP, Traffic
from cachegate.planning.checks.facts import SYNC, TRUST, Report
from cachegate.planning.checks.openings import Open, authorize, maybe, open_at
from cachegate.planning.group_rules import EVERYWHERE
from cachegate.planning.own_path import command
from cachegate.planning.text import few, listing, ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.domain.cache import Cache, NatInstance
    from cachegate.domain.forward import Target
    from cachegate.domain.group_rules import GroupRule
    from cachegate.domain.ledger import Lease
    from cachegate.domain.machine import Card
    from cachegate.planning.checks.facts import Facts

NAMED = 3
HTTPS = 443
UNREACHABLE, TOO_LARGE, ANY = 3, 4, -1  # ICMP's type and code; EC2's word for all of them


def nat_ingress(facts: Facts) -> Iterator[Check]:
    """Check that each trusted network reaches each listen port in use on each NAT instance."""
    leases = _living(facts)
    for instance, card in _outer(facts, "nat-ingress"):
        if isinstance(card, Check):
            yield card
            continue
        if isinstance(leases, Unanswered):
            yield facts.unknown("nat-ingress", instance.instance_id, leases.why, SYNC)
            continue
        if not facts.terms.sources:
            says = "TrustedCidrs is empty: there is nobody to let in"
            yield facts.unknown("nat-ingress", instance.instance_id, says, TRUST)
            continue
        listens = sorted(lease.listen for lease in leases)
        rules = facts.rules_of(card.groups, Direction.INGRESS)
        if isinstance(rules, Unanswered):
            yield _unseen(facts, "nat-ingress", instance.instance_id, rules, card.groups)
            continue
        opened = {listen: open_at(rules, listen) for listen in listens}
        shut = {
            source: [listen for listen in listens if not opened[listen].to(source)]
            for source in facts.terms.sources
        }
        lacking = {source: found for source, found in shut.items() if found}
        unread = [n for found in lacking.values() for each in found for n in opened[each].unread]
        subject = instance.instance_id
        if not lacking:
            says = f"rules of {listing(card.groups)} admit clients to tcp {ports(listens)}"
            yield facts.passed("nat-ingress", subject, says)
            continue
        source, closed = next(iter(lacking.items()))
        says = (
            f"no rule of {listing(card.groups)} admits {few(list(lacking), NAMED)} to tcp "
            f"{ports(closed)}{maybe(unread)}"
        )
        fix = _open(facts, card.groups, "ingress", ports(closed).split(", ")[0], source)
        yield (facts.unknown if unread else facts.failed)("nat-ingress", subject, says, fix)


def nat_egress(facts: Facts) -> Iterator[Check]:
    """Check that each NAT instance may send to each target."""
    leases = _living(facts)
    for instance, cards in _sending(facts, "nat-egress"):
        if isinstance(cards, Check):
            yield cards
            continue
        if isinstance(leases, Unanswered):
            yield facts.unknown("nat-egress", instance.instance_id, leases.why, SYNC)
            continue
        groups = _groups(cards)
        rules = facts.rules_of(groups, Direction.EGRESS)
        if isinstance(rules, Unanswered):
            yield _unseen(facts, "nat-egress", instance.instance_id, rules, groups)
            continue
        yield _egress(facts, instance, leases, groups, rules)


def _egress(
    facts: Facts,
    instance: NatInstance,
    leases: list[Lease],
    groups: list[str],
    rules: list[GroupRule],
) -> Check:
    subject, caches = instance.instance_id, {cache.name: cache for cache in facts.caches}
    shut: list[tuple[Target, Cache | None]] = []
    unread: list[str] = []
    for lease in leases:
        for target in lease.targets:
            opened = open_at(rules, target.port)
            cache = caches.get(lease.cache)
            if not opened.to(IPv4Network(target.address), cache.groups if cache else ()):
                shut.append((target, cache))
                unread += opened.unread
                # Of a cache that AWS does not show now it is not known which groups it has.
                unread += () if cache and cache.groups else opened.groups
    if not shut:
        says = f"rules of {listing(groups)} allow connections to all targets"
        return facts.passed("nat-egress", subject, says)
    target, cache = min(shut, key=lambda each: (each[0].address, each[0].port))
    named = few(sorted({str(each) for each, _ in shut}), NAMED)
    says = f"no rule of {listing(groups)} allows connections to {named}{maybe(unread)}"
    fix = _open(facts, groups, "egress", str(target.port), _peer(facts, target, cache))
    return (facts.unknown if unread else facts.failed)("nat-egress", subject, says, fix)


def _peer(facts: Facts, target: Target, cache: Cache | None) -> IPv4Network | GroupReference:
    """Return what a target is to a group: a cache's group holds its next node too."""
    if cache is not None and cache.groups and cache.vpc_id == facts.vpc:
        return GroupReference(min(cache.groups))
    return IPv4Network(target.address)


def cache_ingress(facts: Facts) -> Iterator[Check]:
    """Check that each cache lets each NAT instance in that runs."""
    leases = _living(facts)
    if not facts.instances:
        return  # told by homeless
    for cache in sorted(facts.caches, key=lambda cache: cache.name):
        rules = facts.rules_of(cache.groups, Direction.INGRESS)
        if isinstance(rules, Unanswered):
            yield _unseen(facts, "cache-ingress", cache.name, rules, sorted(cache.groups))
        elif not cache.groups:
            says = "AWS does not show its security groups now"
            yield facts.unknown("cache-ingress", cache.name, says, "cachegate doctor, in a minute")
        elif isinstance(leases, Unanswered):
            yield facts.unknown("cache-ingress", cache.name, leases.why, SYNC)
        elif wanted := {
            t.port for each in leases if each.cache == cache.name for t in each.targets
        }:
            yield _cache(facts, cache, sorted(wanted), rules)
        else:
            says = "no listen port leads to it yet, so which ports it needs is not known"
            yield facts.unknown("cache-ingress", cache.name, says, SYNC)


def _cache(facts: Facts, cache: Cache, wanted: list[int], rules: list[GroupRule]) -> Check:
    doubt: Check | None = None
    groups = listing(sorted(cache.groups))
    for instance, cards in _sending(facts, "cache-ingress"):
        if isinstance(cards, Check):
            doubt = facts.unknown("cache-ingress", cache.name, cards.says, str(cards.fix))
            continue
        for port in wanted:
            opened = open_at(rules, port)
            shut = [card for card in cards if not _lets_in(facts, instance, card, opened)]
            if not shut or (len(shut) < len(cards) and _answers(facts, instance, cache)):
                continue
            # Which of several interfaces sends to this cache, nobody tells.
            which = f"{shut[0].interface_id} of " if len(shut) < len(cards) else ""
            says = (
                f"no rule of {groups} admits {which}{instance.instance_id} to tcp "
                f"{port}{maybe(opened.unread)}"
            )
            here = _own_group(facts, shut[0].groups) if cache.vpc_id == facts.vpc else None
            path = Path(
                group_id=min(cache.groups),
                traffic=Traffic(TCP, port, port),
                source=here or str(_addresses(facts, instance, shut[0])[0]),
                vpc_id=facts.vpc,
            )
            state = facts.unknown if opened.unread or which else facts.failed
            return state("cache-ingress", cache.name, says, _fix(facts, command(path)))
    says = f"rules of {groups} admit the NAT instances to tcp {ports(wanted)}"
    return doubt or facts.passed("cache-ingress", cache.name, says)


def _lets_in(facts: Facts, instance: NatInstance, card: Card, opened: Open) -> bool:
    return all(opened.to(each, card.groups) for each in _addresses(facts, instance, card))


def _answers(facts: Facts, instance: NatInstance, cache: Cache) -> bool:
    """Tell whether all targets of a cache answered an instance, as far as the agent tried them."""
    ledger, report = facts.known_ledger, facts.report(instance)
    if isinstance(ledger, Unanswered) or isinstance(report, Unanswered):
        return False
    leases = [each for each in ledger.leases.values() if each.cache == cache.name]
    return (
        report.probed(ledger)
        and any(map(ledger.leads_to, leases))
        and report.unreachable.isdisjoint(each.listen for each in leases)
    )


def https_out(facts: Facts) -> Iterator[Check]:
    """Check that Systems Manager, by which rule sets come, can be reached."""
    for instance, card in _outer(facts, "ssm-egress"):
        if isinstance(card, Check):
            yield card
            continue
        rules = facts.rules_of(card.groups, Direction.EGRESS)
        subject = instance.instance_id
        if isinstance(rules, Unanswered):
            yield _unseen(facts, "ssm-egress", subject, rules, card.groups)
            continue
        opened = open_at(rules, HTTPS)
        reply = facts.replies.get(subject)
        if opened.to(EVERYWHERE):
            says = f"rules of {listing(card.groups)} allow connections to tcp 443"
            yield facts.passed("ssm-egress", subject, says)
            continue
        fix = _open(facts, card.groups, "egress", str(HTTPS), EVERYWHERE)
        if not (opened.networks or opened.groups or opened.unread):
            says = (
                f"no rule of {listing(card.groups)} allows connections to tcp 443: no new "
                "connection to SSM"
            )
            yield facts.failed("ssm-egress", subject, says, fix)
        elif reply is not None and reply.report is not None:
            # As where Systems Manager has endpoints in the VPC.
            says = "tcp 443 is allowed to some networks only, and Systems Manager reaches it"
            yield facts.passed("ssm-egress", subject, says)
        else:
            says = "tcp 443 is allowed to some networks only, maybe not to Systems Manager"
            yield facts.unknown("ssm-egress", subject, says, fix)


def path_mtu(facts: Facts) -> Iterator[Check]:
    """Check that routers can tell that a packet is too large for them.

    Nothing here clamps the size of segments. Both ends keep to what the other one announces, which
    is enough for a path of 1,500 bytes; a router with less (a tunnel, PPPoE) has to tell. Whether
    EC2 passes that on without a rule is told both ways: once AWS asked for a rule
    (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html), now it names network
    ACLs alone (https://docs.aws.amazon.com/vpc/latest/userguide/path_mtu_discovery.html).
    """
    for instance, card in _outer(facts, "path-mtu"):
        if isinstance(card, Check):
            yield card
            continue
        rules = facts.rules_of(card.groups, Direction.INGRESS)
        subject = instance.instance_id
        if isinstance(rules, Unanswered):
            yield _unseen(facts, "path-mtu", subject, rules, card.groups)
        elif any(each.opening.peer == EVERYWHERE and tells_of_size(each) for each in rules):
            says = "routers may tell it that a packet is too large for them (ICMP 3, 4)"
            yield facts.passed("path-mtu", subject, says)
        else:
            says = (
                f"{listing(card.groups)} have no rule for ICMP fragmentation needed (3, 4): over a "
                "path below 1,500 bytes (tunnel, PPPoE) large answers may never arrive"
            )
            fix = (
                "aws ec2 authorize-security-group-ingress --group-id "
                f"{_own_group(facts, card.groups) or 'GROUP'} --ip-permissions "
                "'IpProtocol=icmp,FromPort=3,ToPort=4,IpRanges=[{CidrIp=0.0.0.0/0}]'"
            )
            yield facts.unknown("path-mtu", subject, says, fix)


def tells_of_size(rule: GroupRule) -> bool:
    """Tell whether a rule lets in what says that a packet is too large."""
    if rule.opening.traffic.protocol == ALL:
        return True
    kind, code = rule.icmp or (None, None)
    return kind == ANY or (kind == UNREACHABLE and code in {TOO_LARGE, ANY})


def _living(facts: Facts) -> list[Lease] | Unanswered:
    """Return the listen ports in use, where they are known: those at rest lead nowhere."""
    ledger = facts.known_ledger
    if isinstance(ledger, Unanswered):
        return ledger
    return [lease for lease in ledger.leases.values() if lease.resting_since is None]


def _outer(facts: Facts, check: str) -> Iterator[tuple[NatInstance, Card | Check]]:
    """Yield the interface that clients reach on each NAT instance, or that it is not known."""
    for instance in facts.instances:
        machine = facts.machine(instance)
        card = None if isinstance(machine, Unanswered) else machine.outer
        if card is not None:
            yield instance, card
        else:
            why = machine.why if isinstance(machine, Unanswered) else "EC2 shows no interface of it"
            yield instance, _unclear(facts, check, instance, why)


def _sending(facts: Facts, check: str) -> Iterator[tuple[NatInstance, tuple[Card, ...] | Check]]:
    """Yield the interfaces that send to caches on each NAT instance, or that they are not known."""
    for instance in facts.instances:
        machine, report = facts.machine(instance), facts.report(instance)
        if isinstance(machine, Unanswered):
            yield instance, _unclear(facts, check, instance, machine.why)
            continue
        senders = report.senders if isinstance(report, Report) else None
        cards = machine.sending(senders)
        if cards:
            yield instance, cards
        else:
            why = "which of its interfaces sends is not known: its agent does not tell"
            yield instance, _unclear(facts, check, instance, why)


def _addresses(facts: Facts, instance: NatInstance, card: Card) -> list[IPv4Network]:
    """Return the addresses that a NAT instance sends from by an interface."""
    report = facts.report(instance)
    told = (report.senders if isinstance(report, Report) else None) or frozenset()
    return [IPv4Network(each) for each in sorted(told & card.addresses or card.addresses)]


def _unclear(facts: Facts, check: str, instance: NatInstance, why: str) -> Check:
    fix = f"aws ec2 describe-instances --instance-ids {instance.instance_id}"
    return facts.unknown(check, instance.instance_id, why, fix)


def _unseen(
    facts: Facts, check: str, subject: str, why: Unanswered, groups: Iterable[str]
) -> Check:
    ids = ",".join(groups)
    fix = f"aws ec2 describe-security-group-rules --filters Name=group-id,Values={ids}"
    return facts.unknown(check, subject, why.why, fix)


def _own_group(facts: Facts, groups: Iterable[str]) -> str | None:
    """Return a group that no cache has: what is opened on it, or for it, is not theirs too."""
    theirs = frozenset[str]().union(*(cache.groups for cache in facts.caches))
    return next((each for each in groups if each not in theirs), None)


def _open(
    facts: Facts,
    groups: Iterable[str],
    direction: str,
    port: str,
    peer: IPv4Network | GroupReference,
) -> str:
    """Return how a NAT instance's groups come to let something through."""
    own = _own_group(facts, groups)
    line = authorize(own or "GROUP", direction, port, peer)
    return _fix(facts, line if own else f"{line}; GROUP is one of its own, which no cache has")


def _fix(facts: Facts, by_hand: str) -> str:
    """Return who opens what lacks: a pass where the stack manages groups, but not every group."""
    return f"{SYNC}; where that opens nothing: {by_hand}" if facts.terms.manages_groups else by_hand


def _groups(cards: Iterable[Card]) -> list[str]:
    return sorted({group for card in cards for group in card.groups})
