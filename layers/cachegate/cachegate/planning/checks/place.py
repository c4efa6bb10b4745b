"""Where caches and NAT instances are, and whether clients can reach the NAT instances. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.domain.cache import Health
from cachegate.domain.check import Check, CheckState, Unanswered
from cachegate.domain.routes import table_of
from cachegate.planning.checks.facts import SYNC
from cachegate.planning.group_rules import EVERYWHERE
from cachegate.planning.nat_network import leads_outside, named
from cachegate.planning.sharing import is_a_caches
from cachegate.planning.text import few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cachegate.domain.cache import Cache, NatInstance
    from cachegate.domain.machine import Machine
    from cachegate.domain.plan import Problem
    from cachegate.domain.routes import RouteTable
    from cachegate.planning.checks.facts import Facts

NAMED = 3
TAG_ONE = (
    "aws ec2 create-tags --resources INSTANCE --tags Key=cachegate:nat,Value={stack}; or deploy "
    "with NatInstances=create"
)
# Problems of caches that no VPC of ours serves, with the check that each belongs to and its fix.
_HOMELESS = {
    "no_vpc": ("platform", "make it anew in a VPC: aws elasticache create-snapshot, then restore"),
    "no_nat_instance": ("nat-instance", TAG_ONE),
}


def homeless(problems: Iterable[Problem], stack: str) -> Iterator[Check]:
    """Yield the exposed caches that are outside any VPC, or have no NAT instance in theirs."""
    for each in problems:
        if each.code in _HOMELESS:
            check, fix = _HOMELESS[each.code]
            yield Check(
                check=check,
                subject=each.cache,
                state=CheckState.FAIL,
                says=each.message,
                fix=fix.format(stack=stack),
            )


def platform(facts: Facts) -> Iterator[Check]:
    """Check that each cache is in a VPC; those outside any are told apart (homeless)."""
    for cache in facts.caches:
        if cache.vpc_id is None:
            says = f"AWS did not answer for {cache.name}, so its VPC is not known"
            yield facts.unknown("platform", cache.name, says, "cachegate doctor, in a minute")
        else:
            yield facts.passed("platform", cache.name, f"in {cache.vpc_id}")


def nat_instance(facts: Facts) -> Iterator[Check]:
    """Check that each cache has a NAT instance in its VPC, or a way to one in a peered VPC."""
    lacking = {problem.cache: problem for problem in facts.ways}
    ids = sorted(each.instance_id for each in facts.instances)
    for cache in facts.caches:
        if not ids:
            continue  # told by homeless
        if cache.vpc_id in {None, facts.vpc}:
            yield facts.passed("nat-instance", cache.name, f"{few(ids, NAMED)} in {facts.vpc}")
        elif cache.name not in lacking and not _led_to(facts, cache):
            says = f"no listen port leads to {cache.vpc_id} yet, so no routes there were looked for"
            yield facts.unknown("nat-instance", cache.name, says, SYNC)
        elif cache.name not in lacking:
            says = f"{few(ids, NAMED)} in {facts.vpc}, which leads to {cache.vpc_id}"
            yield facts.passed("nat-instance", cache.name, says)
        else:
            way = lacking[cache.name]
            unseen = way.code == "peering_unknown"
            state = CheckState.UNKNOWN if unseen else CheckState.FAIL
            fix = (
                "cachegate doctor, in a minute" if unseen else "as said: peer the VPCs, add routes"
            )
            yield facts.line("nat-instance", cache.name, state, way.message, fix)


def _led_to(facts: Facts, cache: Cache) -> bool:
    """Tell whether addresses of a cache are known, for which routes are looked for."""
    ledger = facts.known_ledger
    if isinstance(ledger, Unanswered):
        return False
    return any(each.targets for each in ledger.leases.values() if each.cache == cache.name)


def running(facts: Facts) -> Iterator[Check]:
    """Check that each NAT instance runs, and that EC2's checks of it do not fail."""
    for instance in facts.instances:
        subject = instance.instance_id
        if instance.state == "pending":
            yield facts.unknown("running", subject, "it is about to run", start(instance))
        elif instance.state != "running":
            yield facts.failed("running", subject, f"it is {instance.state}", start(instance))
        elif instance.health is Health.IMPAIRED:
            says = "running, and EC2's status checks fail"
            fix = f"aws ec2 reboot-instances --instance-ids {subject}"
            yield facts.failed("running", subject, says, fix)
        elif instance.health is Health.OK:
            yield facts.passed("running", subject, "running, and EC2's status checks pass")
        elif facts.terms.allocation is None:
            says = "running; without an Elastic IP of the stack EC2's status checks are not asked"
            yield facts.passed("running", subject, says)
        else:
            says = "running, and EC2's status checks have not ended, or are not shown"
            fix = f"aws ec2 describe-instance-status --instance-ids {subject}"
            yield facts.unknown("running", subject, says, fix)


def start(instance: NatInstance) -> str:
    """Return how an instance comes to run; EC2 starts none that is not stopped yet."""
    if instance.state == "pending":
        return "cachegate doctor, in a minute"
    when = "" if instance.state == "stopped" else "once it is stopped: "
    return f"{when}aws ec2 start-instances --instance-ids {instance.instance_id}"


def public_subnet(facts: Facts) -> Iterator[Check]:
    """Check that the subnet that clients reach a NAT instance in leads to an Internet gateway."""
    for instance, subnet_id in _subnets(facts, "public-subnet"):
        if isinstance(subnet_id, Check):
            yield subnet_id
            continue
        ground = facts.ground
        subnet = None if isinstance(ground, Unanswered) else ground.subnets.get(subnet_id)
        table = None if isinstance(ground, Unanswered) or subnet is None else table_of(
            subnet, ground.tables
        )  # fmt: skip
        subject = instance.instance_id
        if table is None:
            why = ground.why if isinstance(ground, Unanswered) else "EC2 does not show it"
            says = f"where {subnet_id} leads is not known: {why}"
            fix = f"aws ec2 describe-route-tables --filters Name=vpc-id,Values={facts.vpc}"
            yield facts.unknown("public-subnet", subject, says, fix)
        elif leads_outside(table):
            says = f"{subnet_id} leads to an Internet gateway by {table.table_id}"
            yield facts.passed("public-subnet", subject, says)
        else:
            says = f"{table.table_id} of {subnet_id} has no route to an Internet gateway that works"
            yield facts.failed("public-subnet", subject, says, _lead_out(facts, table, subnet_id))


def _lead_out(facts: Facts, table: RouteTable, subnet_id: str) -> str:
    """Return how a subnet comes to be public, and no other one, nor loses its way."""
    default = next((each for each in table.routes if each.destination == EVERYWHERE), None)
    gateway = f"IGW is the Internet gateway attached to {facts.vpc}"
    ours = {each for _, each in _subnets(facts, "public-subnet") if isinstance(each, str)}
    alone = not table.main and table.subnet_ids <= ours
    if not alone or (default is not None and default.active):
        return (
            f"aws ec2 create-route-table --vpc-id {facts.vpc}; then create-route from 0.0.0.0/0 to "
            f"IGW in it, and associate-route-table with {subnet_id}, or "
            f"replace-route-table-association where it names one: other subnets may need "
            f"{table.table_id} as it is; {gateway}"
        )
    word = "create" if default is None else "replace"
    return (
        f"aws ec2 {word}-route --route-table-id {table.table_id} --destination-cidr-block "
        f"{EVERYWHERE} --gateway-id IGW; {gateway}"
    )


def own_subnet(facts: Facts) -> Iterator[Check]:
    """Check that the public subnet holds no cache node: caches belong into private ones."""
    for instance, subnet_id in _subnets(facts, "own-subnet"):
        if isinstance(subnet_id, Check):
            yield subnet_id
            continue
        subject = instance.instance_id
        if isinstance(facts.ground, Unanswered):
            says = f"what is in {subnet_id} is not known: {facts.ground.why}"
            fix = f"aws ec2 describe-network-interfaces --filters Name=subnet-id,Values={subnet_id}"
            yield facts.unknown("own-subnet", subject, says, fix)
            continue
        found = facts.ground.interfaces.get(subnet_id, ())
        caches = [named(each) for each in found if is_a_caches(each)]
        if caches:
            says = f"{subnet_id} also holds cache nodes: {few(caches, NAMED)}"
            fix = "make a public subnet that holds none, and the NAT instance there"
            yield facts.failed("own-subnet", subject, says, fix)
        else:
            yield facts.passed("own-subnet", subject, f"{subnet_id} holds no cache node")


def elastic_ip(facts: Facts) -> Iterator[Check]:
    """Check that clients have an address that stays: an Elastic IP."""
    if facts.terms.allocation is not None:
        yield _held(facts, facts.terms.allocation)
        return
    for instance in facts.instances:
        subject, machine = instance.instance_id, facts.machine(instance)
        card = None if isinstance(machine, Unanswered) else machine.outer
        give = f"aws ec2 associate-address {_whom(instance, machine)} --allocation-id ALLOCATION"
        if isinstance(machine, Unanswered):
            yield facts.unknown("elastic-ip", subject, machine.why, give)
        elif card is None or card.public_address is None:
            yield facts.failed("elastic-ip", subject, "it has no public address", give)
        elif card.elastic:
            yield facts.passed("elastic-ip", subject, f"{card.public_address} is an Elastic IP")
        else:
            says = f"{card.public_address} is no Elastic IP: it changes when the instance stops"
            yield facts.failed("elastic-ip", subject, says, give)


def _whom(instance: NatInstance, machine: Machine | Unanswered) -> str:
    """Name who is to have an address: EC2 takes no instance that has several interfaces."""
    if not isinstance(machine, Unanswered) and len(machine.cards) > 1 and machine.outer:
        return f"--network-interface-id {machine.outer.interface_id}"
    return f"--instance-id {instance.instance_id}"


def _held(facts: Facts, allocation: str) -> Check:
    """Check the one address that the stack moves between its NAT instances."""
    address, ids = facts.address, {each.instance_id for each in facts.instances}
    if isinstance(address, Unanswered):
        fix = f"aws ec2 describe-addresses --allocation-ids {allocation}"
        return facts.unknown("elastic-ip", allocation, address.why, fix)
    if address is None:
        fix = "deploy with ElasticIp=create, or another allocation id"
        return facts.failed("elastic-ip", allocation, "EC2 does not show this address", fix)
    if address.instance_id in ids:
        says = f"{address.address} is with {address.instance_id}"
        return facts.passed("elastic-ip", allocation, says)
    where = address.instance_id or address.interface_id or "nobody"
    says = f"{address.address} is with {where}, which is no NAT instance of the stack here"
    return facts.failed("elastic-ip", allocation, says, "cachegate move INSTANCE")


def _subnets(facts: Facts, check: str) -> Iterator[tuple[NatInstance, str | Check]]:
    """Yield the subnet that clients reach each NAT instance in, or that it is not known."""
    for instance in facts.instances:
        machine = facts.machine(instance)
        card = None if isinstance(machine, Unanswered) else machine.outer
        if card is not None:
            yield instance, card.subnet_id
            continue
        why = machine.why if isinstance(machine, Unanswered) else "EC2 shows no interface of it"
        fix = f"aws ec2 describe-instances --instance-ids {instance.instance_id}"
        yield instance, facts.unknown(check, instance.instance_id, why, fix)
