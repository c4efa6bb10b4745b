"""What the agents say: whether they are there, and whether anything keeps packets from going on.

Pure. The words of the agent's warnings are its own (preflight.py); a test holds both together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.capacity import TRACKING_EXCEEDED, Capacity
from cachegate.domain.check import Check, Unanswered
from cachegate.planning.checks.facts import SYNC
from cachegate.planning.checks.place import start
from cachegate.planning.text import few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachegate.domain.cache import NatInstance
    from cachegate.domain.ledger import Lease
    from cachegate.planning.checks.facts import Facts, Report

NAMED = 3
FORWARDING_OFF = "net.ipv4.ip_forward is 0"
STOPPING, TAKING = (
    (" may stop what we forward", " stops what we forward"),
    " is ours; passed over: ",
)
NEARLY_FULL, FEW_FLOWS = 90.0, 16384  # percent in use; entries, as the agent has it
AVAILABLE = "conntrack_allowance_available"
FEW_LEFT = 1000  # connections more that EC2 would track

NOT_LOOKED = "no rule set is saved there, so the agent did not look"

SWITCH_ON = (
    "on the instance: sudo sysctl -w net.ipv4.ip_forward=1; and put that line into /etc/sysctl.d, "
    "so that it stays"
)
ROOM = 131072  # entries; what the user data of a stack's own NAT instances sets


def ssm_online(facts: Facts) -> Iterator[Check]:
    """Check that Systems Manager reaches each NAT instance."""
    for instance in facts.instances:
        subject, reply = instance.instance_id, facts.replies.get(instance.instance_id)
        look = (
            "let its role have what SSM's agent needs and the way out to 443 be open, then on the "
            "instance: sudo systemctl restart amazon-ssm-agent"
        )
        if reply is None:
            says = f"the instance is {instance.state}"
            yield facts.unknown("ssm-online", subject, says, start(instance))
        elif reply.unreached:
            yield facts.failed("ssm-online", subject, reply.failure or "not reached", look)
        elif reply.failure is not None and reply.report is None:
            yield facts.unknown("ssm-online", subject, reply.failure, look)
        else:
            yield facts.passed("ssm-online", subject, "a command came through")


def agent(facts: Facts) -> Iterator[Check]:
    """Check that the agent that came with the stack answers, and is installed."""
    for instance, report in _reports(facts, "agent"):
        if isinstance(report, Check):
            yield report
        elif report.said.get("installed") is False:
            says = "another agent than the stack's is installed there, or a part of it lacks"
            yield facts.failed("agent", instance.instance_id, says, SYNC)
        elif report.said.get("installed") is True:
            says = "the stack's agent answers, and nothing older is installed"
            yield facts.passed("agent", instance.instance_id, says)
        else:
            says = "it does not say whether it is installed: it is older than this check"
            yield facts.unknown("agent", instance.instance_id, says, SYNC)


def forwarding(facts: Facts) -> Iterator[Check]:
    """Check that the kernel passes packets on."""
    for instance, report in _reports(facts, "forwarding"):
        if isinstance(report, Check):
            yield report
        elif any(each.startswith(FORWARDING_OFF) for each in report.warnings):
            says = f"{FORWARDING_OFF}: it forwards nothing"
            yield facts.failed("forwarding", instance.instance_id, says, SWITCH_ON)
        elif not report.looked("warnings"):
            yield facts.unknown("forwarding", instance.instance_id, NOT_LOOKED, SYNC)
        else:
            yield facts.passed("forwarding", instance.instance_id, "net.ipv4.ip_forward is 1")


def other_rules(facts: Facts) -> Iterator[Check]:
    """Check that no other program's rules stop, or take, what is forwarded."""
    for instance, report in _reports(facts, "other-rules"):
        if isinstance(report, Check):
            yield report
            continue
        found = list(filter(stops, report.warnings))
        subject = instance.instance_id
        if found:
            fix = (
                "on the instance: let that chain accept what comes from the cache's port and goes "
                "to it (sudo nft list ruleset, sudo iptables -S), or take the rule away"
            )
            yield facts.failed("other-rules", subject, few(found, NAMED), fix)
        elif not report.looked("warnings"):
            yield facts.unknown("other-rules", subject, NOT_LOOKED, SYNC)
        else:
            yield facts.passed("other-rules", subject, "no other table stops what is forwarded")


def stops(warning: str) -> bool:
    """Tell whether the agent warns of other rules that keep packets from being forwarded."""
    return warning.endswith(STOPPING) or TAKING in warning


def rule_set(facts: Facts) -> Iterator[Check]:
    """Check that the rule set of the ledger is the one that was applied."""
    for instance, report in _reports(facts, "rule-set"):
        if isinstance(report, Check):
            yield report
            continue
        subject, ledger = instance.instance_id, facts.known_ledger
        if isinstance(ledger, Unanswered):
            yield facts.unknown("rule-set", subject, ledger.why, SYNC)
        elif ledger.detached:
            says = "the stack is detached: no agent forwards anything until a sync"
            yield facts.failed("rule-set", subject, says, SYNC)
        elif not report.holds(ledger):
            says = (
                f"it has generation {report.said.get('generation')}, the ledger "
                f"{ledger.generation}, or their content differs"
            )
            yield facts.failed("rule-set", subject, says, SYNC)
        else:
            says = f"generation {ledger.generation}, {len(ledger.leases)} listen ports"
            yield facts.passed("rule-set", subject, says)


def masquerade(facts: Facts) -> Iterator[Check]:
    """Check that the kernel holds the whole rule set, of which masquerading is a part."""
    for instance, report in _reports(facts, "masquerade"):
        subject = instance.instance_id
        if isinstance(report, Check):
            yield report
        elif _holds_nothing(report):
            says = "no rule set is applied there, and with it no masquerading"
            yield facts.failed("masquerade", subject, says, SYNC)
        elif report.said.get("drift") is False:
            says = "the kernel holds the rule set as it was applied, with its masquerading"
            yield facts.passed("masquerade", subject, says)
        elif report.said.get("drift") is True:
            says = "the kernel differs from the rule set that was applied: somebody changed it"
            yield facts.failed("masquerade", subject, says, SYNC)
        else:
            says = "the agent does not say whether the kernel differs"
            yield facts.unknown("masquerade", subject, says, SYNC)


def conntrack(facts: Facts) -> Iterator[Check]:
    """Check that the kernel's table of connections has room."""
    for instance, report in _reports(facts, "conntrack"):
        if isinstance(report, Check):
            yield report
            continue
        subject, table = instance.instance_id, Capacity.read(report.said).conntrack
        if table is None:
            says = "the kernel has no table of connections yet, or the agent does not tell"
            yield facts.unknown("conntrack", subject, says, SYNC)
        elif table.limit < FEW_FLOWS or table.percent >= NEARLY_FULL:
            says = f"{table.used} of {table.limit} entries are in use"
            yield facts.failed("conntrack", subject, says, _make_room(table.limit))
        else:
            says = f"{table.used} of {table.limit} entries are in use"
            yield facts.passed("conntrack", subject, says)


def _make_room(limit: int) -> str:
    return (
        f"on the instance: sudo sysctl -w net.netfilter.nf_conntrack_max={max(ROOM, 2 * limit)}; "
        "and put that line into /etc/sysctl.d, so that it stays"
    )


def allowance(facts: Facts) -> Iterator[Check]:
    """Check that EC2, which tracks connections too, would track more of them."""
    for instance, report in _reports(facts, "conntrack-allowance"):
        if isinstance(report, Check):
            yield report
            continue
        subject, told = instance.instance_id, Capacity.read(report.said).allowances
        left, dropped = told.get(AVAILABLE), told.get(TRACKING_EXCEEDED, 0)
        larger = (
            "a larger instance type (for a stack's own NAT instances NatInstanceType), or shorter "
            "idle times: see idle-timeout"
        )
        if left is None:
            says = "EC2's network driver does not tell how many connections it would track"
            fix = "on the instance: sudo dnf install ethtool, and an image with the driver ena 2.8"
            yield facts.unknown("conntrack-allowance", subject, says, fix)
        elif left < FEW_LEFT:
            says = f"EC2 would track {left} more connections; it dropped {dropped} packets so far"
            yield facts.failed("conntrack-allowance", subject, says, larger)
        else:
            says = f"EC2 would track {left} more connections; it dropped {dropped} packets so far"
            yield facts.passed("conntrack-allowance", subject, says)


def targets(facts: Facts) -> Iterator[Check]:
    """Check from each NAT instance that each target answers a connection; only where asked for."""
    ledger = facts.known_ledger
    for instance, report in _reports(facts, "target"):
        subject = instance.instance_id
        if isinstance(report, Check):
            yield report
        elif isinstance(ledger, Unanswered):
            yield facts.unknown("target", subject, ledger.why, SYNC)
        elif not report.probed(ledger):
            says = "it has another rule set than the ledger, so it did not try the same targets"
            yield facts.unknown("target", subject, says, "see the check rule-set")
        else:
            leading = [lease for lease in ledger.leases.values() if ledger.leads_to(lease)]
            for lease in sorted(leading, key=lambda lease: lease.listen):
                yield _target(facts, instance, report, lease)


def _target(facts: Facts, instance: NatInstance, report: Report, lease: Lease) -> Check:
    where = few(list(map(str, lease.targets)), NAMED)
    if lease.listen not in report.unreachable:
        says = f"{where} answers {instance.instance_id}"
        return facts.passed("target", lease.key, says)
    says = f"{where} does not answer {instance.instance_id} within 2 s"
    fix = (
        "see the checks cache-ingress and nat-egress; where both pass, the node is down: "
        "aws elasticache describe-events --duration 60"
    )
    return facts.failed("target", lease.key, says, fix)


def _reports(facts: Facts, check: str) -> Iterator[tuple[NatInstance, Report | Check]]:
    """Yield what each agent reports; where there is no report, the check is unknown."""
    for instance in facts.instances:
        report = facts.report(instance)
        if isinstance(report, Unanswered):
            reply = facts.replies.get(instance.instance_id)
            fix = "see the check ssm-online" if reply is not None else start(instance)
            yield instance, facts.unknown(check, instance.instance_id, report.why, fix)
        else:
            yield instance, report


def _holds_nothing(report: Report) -> bool:
    generation = report.said.get("generation")
    return generation is None or generation == 0
