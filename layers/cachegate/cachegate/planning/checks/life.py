"""Whether changes are noticed, passes come in time, and resting connections live. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cachegate.domain.cache import CacheKind
from cachegate.domain.check import Check, Unanswered
from cachegate.domain.enrolment import Notices
from cachegate.planning.checks.facts import SYNC
from cachegate.planning.notices import notices_of, topics_of
from cachegate.planning.text import listing, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.cache import Cache
    from cachegate.domain.machine import Card, Machine
    from cachegate.planning.checks.facts import Facts

OVERDUE = 900.0  # seconds; the schedule asks for a pass every five minutes

# How long EC2 tracks a connection that rests, where its interface has no setting: five days, and
# 350 s on instance types of Nitro v6
# (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ConnectionTrackingConfiguration.html).
# Which types those are is a list that grows; generations up to the seventh are older.
USUAL, SHORT = 432_000, 350
OLDER = 7
KEEP_ALIVE = 300  # seconds; what clients are advised to keep connections alive by
# Linux sends its first keep-alive after two hours (tcp_keepalive_time), where a client asks for it.
LINUX_KEEP_ALIVE = 7200


def notifications(facts: Facts) -> Iterator[Check]:
    """Check that AWS announces at the stack's topic what happens to each cache."""
    for cache in facts.caches:
        notices = notices_of(cache, facts.terms.topic)
        if notices is Notices.EVENTBRIDGE:
            says = "EventBridge tells of serverless caches by itself"
            yield facts.passed("notifications", cache.name, says)
        elif notices is Notices.ENROLLED:
            says = "notifications come to the stack's topic, which is active"
            yield facts.passed("notifications", cache.name, says)
        elif notices is Notices.UNKNOWN:
            says = "AWS does not show all its clusters now"
            yield facts.unknown("notifications", cache.name, says, "cachegate doctor, in a minute")
        else:
            says = {
                Notices.INACTIVE: "notifications come to the stack's topic, which AWS has inactive",
                Notices.OTHER_TOPIC: f"notifications go to {listing(topics_of(cache))}",
            }.get(notices, "a cluster has no topic")
            says = f"{says}: a replaced node is noticed by the schedule alone"
            yield facts.failed("notifications", cache.name, says, _enrol(cache, facts.terms.topic))


def _enrol(cache: Cache, topic: str) -> str:
    """Return the request; not --apply-immediately, which applies whatever else is pending too."""
    group = cache.kind is CacheKind.REPLICATION_GROUP
    what = "replication-group --replication-group-id" if group else (
        "cache-cluster --cache-cluster-id"
    )  # fmt: skip
    return (
        f"aws elasticache modify-{what} {cache.name} --notification-topic-arn {topic} "
        "--notification-topic-status active; or deploy with EnrolNotifications=true"
    )


def last_pass(facts: Facts) -> Iterator[Check]:
    """Check that a pass was verified lately, where there are NAT instances to prove it."""
    verified = facts.verified_at
    if not facts.instances:
        return  # of caches there homeless tells; without any the VPC was left
    if isinstance(verified, Unanswered):
        yield facts.unknown("last-pass", facts.vpc, verified.why, "cachegate doctor, in a minute")
    elif not verified:
        yield facts.failed("last-pass", facts.vpc, "no pass has been verified yet", SYNC)
    elif facts.at - verified > OVERDUE:
        says = f"the last verified pass began at {moment(verified)}: see NotVerifiedAlarm"
        yield facts.failed("last-pass", facts.vpc, says, SYNC)
    else:
        says = f"the last verified pass began at {moment(verified)}"
        yield facts.passed("last-pass", facts.vpc, says)


def idle_timeout(facts: Facts) -> Iterator[Check]:
    """Check that EC2 does not forget resting connections long before clients notice."""
    for instance in facts.instances:
        machine = facts.machine(instance)
        if isinstance(machine, Unanswered):
            fix = f"aws ec2 describe-instances --instance-ids {instance.instance_id}"
            yield facts.unknown("idle-timeout", instance.instance_id, machine.why, fix)
            continue
        for card in machine.cards:
            yield _idle(facts, machine, card)


def _idle(facts: Facts, machine: Machine, card: Card) -> Check:
    subject, kind = card.interface_id, machine.kind
    seconds = card.tcp_timeout or (USUAL if is_older(kind) else None)
    longer = (
        f"aws ec2 modify-network-interface-attribute --network-interface-id {subject} "
        f"--connection-tracking-specification TcpEstablishedTimeout={USUAL}; or let clients send "
        f"TCP keep-alive after less than {min(KEEP_ALIVE, card.tcp_timeout or KEEP_ALIVE)} s"
    )
    if seconds is None:
        says = (
            f"it has no setting, and {machine.instance_id} ({kind}) may be of Nitro v6: then EC2 "
            f"forgets a connection that rests for {SHORT} s, and neither end is told"
        )
        return facts.unknown("idle-timeout", subject, says, longer)
    says = f"EC2 tracks a resting connection of {machine.instance_id} there for {seconds} s"
    if seconds <= LINUX_KEEP_ALIVE:
        return facts.failed("idle-timeout", subject, f"{says}, and neither end is told", longer)
    return facts.passed("idle-timeout", subject, f"{says}; keep-alive below 300 s is still wise")


def is_older(kind: str) -> bool:
    """Tell whether an instance type is of a generation that is surely older than Nitro v6."""
    found = re.fullmatch(r"([a-z]+)(\d+)[a-z0-9-]*\..+", kind)
    if found is None:
        return False
    family, generation = found[1], int(found[2])
    return family != "p" and generation <= OLDER
