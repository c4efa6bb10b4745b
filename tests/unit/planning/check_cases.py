"""What each check of `doctor` is shown, and what it says of it and of what to do."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from cachegate.domain.address import ElasticIp
from cachegate.domain.cache import CacheKind, Health
from cachegate.domain.check import Check, Unanswered
from cachegate.domain.group_rules import Direction
from cachegate.domain.groups import Interface
from cachegate.domain.ingress import GroupReference, PrefixList, UnknownSource
from cachegate.domain.ledger import Withheld
from cachegate.domain.plan import Problem
from cachegate.domain.routes import Route
from cachegate.planning.checks import encryption, life, narrow, on_instance, place, ways
from cachegate.planning.nat_network import Ground
from tests.unit.planning.sound import (
    CACHE_GROUP,
    CARD,
    CART,
    CLIENTS,
    EVERYWHERE,
    LEASE,
    LEDGER,
    NAT,
    NAT_GROUP,
    NOW,
    REPORT,
    SOUND,
    SUBNET,
    TOPIC,
    VPC,
    beside,
    but,
    cards,
    cart,
    ingress,
    rule,
    silent,
    stopped,
    told,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachegate.planning.checks.facts import Facts

    Checker = Callable[[Facts], Iterator[Check]]

DENIED = Unanswered("DescribeX: UnauthorizedOperation: no")
OTHER = IPv4Network("81.2.70.0/24")  # on the Internet, and not trusted
SECOND = replace(
    CARD,
    interface_id="eni-2",
    index=1,
    groups=("sg-inner",),
    addresses=frozenset({IPv4Address("10.0.1.10")}),
    public_address=None,
    elastic=False,
)
assert isinstance(SOUND.ground, Ground)
GROUND = SOUND.ground
(TABLE,) = GROUND.tables


def peered(*ways: Problem) -> Facts:
    return but(caches=(replace(CART, vpc_id="vpc-far"),), ways=ways)


def lacking(code: str) -> Problem:
    return Problem(code=code, cache="cart", message="no active peering connection", forwarded=True)


def routed(*routes: Route, alone: bool = False) -> Facts:
    """Other routes in the main table, or in one that the NAT instance's subnet alone names."""
    table = replace(TABLE, routes=routes)
    if alone:
        table = replace(table, main=False, subnet_ids=frozenset({SUBNET}))
    return but(ground=replace(GROUND, tables=(table,)))


def holding(*interfaces: Interface) -> Facts:
    return but(ground=replace(GROUND, interfaces={SUBNET: interfaces}))


def a_caches() -> Interface:
    return Interface(
        interface_id="eni-9",
        groups=frozenset(),
        addresses=frozenset(),
        description="ElastiCache cart",
        requester="amazon-elasticache",
        requester_managed=True,
    )


def held(address: ElasticIp | Unanswered | None) -> Facts:
    return but(terms=replace(SOUND.terms, allocation="eipalloc-1"), address=address)


def with_holder(instance: str | None) -> Facts:
    return held(
        ElasticIp(
            allocation_id="eipalloc-1", address=IPv4Address("203.0.113.9"), instance_id=instance
        )
    )


def notified(kind: CacheKind = CacheKind.CLUSTER, **changes: object) -> Facts:
    notices = replace(CART.notified[0], **changes)  # type: ignore[arg-type]
    return cart(kind=kind, notified=(notices,))


def two_cards(senders: list[str] | None, **said: object) -> Facts:
    """An instance that clients reach by its first interface, and that sends by its second."""
    inner = rule(7, "sg-inner", Direction.EGRESS, ("tcp", 6379, 6379), GroupReference(CACHE_GROUP))
    admits = rule(
        8, CACHE_GROUP, Direction.INGRESS, ("tcp", 6379, 6379), GroupReference("sg-inner")
    )
    facts = replace(cards(CARD, SECOND), rules=(*without(4, 5).rules, inner, admits))  # type: ignore[misc]
    return replace(facts, replies=told(senders=senders, **said).replies)


def resting() -> Facts:
    """One more listen port, which nobody needs to reach: it is at rest."""
    rest = replace(LEASE, key="old/old/0001", cache="old", listen=6400, resting_since=0.0)
    return but(ledger=replace(LEDGER, leases={**LEDGER.leases, rest.key: rest}))


def withheld() -> Facts:
    ledger = replace(LEDGER, withheld={"cart": Withheld(since=0.0, reason="cart lets clients in")})
    return replace(cart(tls=False, auth=False), ledger=ledger)


def wide(**changes: object) -> Facts:
    """A cache in the clear, and trusted networks that are wider than the knob."""
    facts = cart(tls=False, **changes)
    return replace(facts, terms=replace(SOUND.terms, sources=(IPv4Network("81.2.0.0/16"),)))


def nobody() -> Facts:
    """A stack without trusted networks, as the template's default has it."""
    return replace(told(sources=[]), terms=replace(SOUND.terms, sources=()))


def managed(facts: Facts) -> Facts:
    return replace(facts, terms=replace(facts.terms, manages_groups=True))


PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
CASES: list[tuple[str, Checker, Facts, str, str, str]] = [
    # name, check, facts, state, what it says, what the fix says
    ("in a VPC", place.platform, SOUND, PASS, VPC, ""),
    ("VPC not told", place.platform, cart(vpc_id=None), UNKNOWN, "did not answer", "cachegate d"),
    ("same VPC", place.nat_instance, SOUND, PASS, NAT, ""),
    ("peered", place.nat_instance, peered(), PASS, "leads to vpc-far", ""),
    ("no address yet", place.nat_instance, replace(peered(), ledger=None), UNKNOWN, "no routes",
     "cachegate sync"),
    ("no way", place.nat_instance, peered(lacking("no_peering")), FAIL, "no active", "peer"),
    ("way unseen", place.nat_instance, peered(lacking("peering_unknown")), UNKNOWN, "", "doctor"),
    ("runs", place.running, SOUND, PASS, "running", ""),
    ("stopped", place.running, stopped(), FAIL, "stopped", f"start-instances --instance-ids {NAT}"),
    ("stopping", place.running,
     but(instances=(replace(SOUND.instances[0], state="stopping"),), replies={}), FAIL, "stopping",
     f"once it is stopped: aws ec2 start-instances --instance-ids {NAT}"),
    ("pending", place.running,
     but(instances=(replace(SOUND.instances[0], state="pending"),), replies={}), UNKNOWN, "about",
     "cachegate doctor, in a minute"),
    ("checks not asked", place.running,
     but(instances=(replace(SOUND.instances[0], health=Health.UNKNOWN),)), PASS, "not asked", ""),
    ("checks unknown", place.running,
     replace(with_holder(NAT), instances=(replace(SOUND.instances[0], health=Health.UNKNOWN),)),
     UNKNOWN, "not ended", "describe-instance-status"),
    ("ill", place.running,
     but(instances=(replace(SOUND.instances[0], health=Health.IMPAIRED),)), FAIL, "status",
     "reboot"),
    ("public", place.public_subnet, SOUND, PASS, "rtb-1", ""),
    ("no route", place.public_subnet, routed(alone=True), FAIL, "no route",
     "create-route --route-table-id rtb-1"),
    ("black hole", place.public_subnet,
     routed(Route(destination=EVERYWHERE, target="igw-1", active=False), alone=True), FAIL, "",
     "replace-route --route-table-id rtb-1"),
    ("by a NAT gateway", place.public_subnet,
     routed(Route(destination=EVERYWHERE, target="nat-1"), alone=True), FAIL, "",
     "create-route-table --vpc-id vpc-1"),
    ("with the caches' subnet", place.public_subnet,
     but(ground=replace(GROUND, tables=(
         replace(TABLE, routes=(), main=False, subnet_ids=frozenset({SUBNET, "subnet-cache"})),))),
     FAIL, "no route", "create-route-table"),
    ("main table", place.public_subnet, routed(), FAIL, "no route", "create-route-table"),
    ("routes denied", place.public_subnet, but(ground=DENIED), UNKNOWN, "Unauth", "route-tables"),
    ("subnet gone", place.public_subnet, but(ground=replace(GROUND, subnets={})), UNKNOWN, "",
     "describe-route-tables"),
    ("machine unseen", place.public_subnet, but(machines=DENIED), UNKNOWN, "Unauth", "describe-i"),
    ("no cards", place.public_subnet, cards(), UNKNOWN, "no interface", "describe-instances"),
    ("empty subnet", place.own_subnet, SOUND, PASS, "no cache node", ""),
    ("cache nodes", place.own_subnet, holding(a_caches()), FAIL, "ElastiCache cart", "subnet"),
    ("denied", place.own_subnet, but(ground=DENIED), UNKNOWN, "Unauth", "network-interfaces"),
    ("elastic", place.elastic_ip, SOUND, PASS, "203.0.113.73", ""),
    ("assigned", place.elastic_ip, cards(replace(CARD, elastic=False)), FAIL, "no Elastic IP",
     "associate-address"),
    ("no address", place.elastic_ip, cards(replace(CARD, public_address=None)), FAIL, "no public",
     "associate-address"),
    ("no address, two interfaces", place.elastic_ip,
     cards(replace(CARD, public_address=None), SECOND), FAIL, "no public",
     "associate-address --network-interface-id eni-1"),
    ("denied", place.elastic_ip, but(machines=DENIED), UNKNOWN, "Unauth", "associate-address"),
    ("gone", place.elastic_ip, but(machines={}), UNKNOWN, "does not show", "associate-address"),
    ("held", place.elastic_ip, with_holder(NAT), PASS, NAT, ""),
    ("held by another", place.elastic_ip, with_holder("i-web"), FAIL, "i-web", "cachegate move"),
    ("held by nobody", place.elastic_ip, with_holder(None), FAIL, "nobody", "cachegate move"),
    ("released", place.elastic_ip, held(None), FAIL, "does not show", "ElasticIp"),
    ("holder unknown", place.elastic_ip, held(DENIED), UNKNOWN, "Unauth", "describe-addresses"),
    ("online", on_instance.ssm_online, SOUND, PASS, "came through", ""),
    ("offline", on_instance.ssm_online, silent("ConnectionLost", unreached=True), FAIL,
     "ConnectionLost", "restart amazon-ssm-agent"),
    ("SSM silent", on_instance.ssm_online, silent("SSM does not tell"), UNKNOWN, "tell", "role"),
    ("not running", on_instance.ssm_online, stopped(), UNKNOWN, "stopped", "start-instances"),
    ("current", on_instance.agent, SOUND, PASS, "agent", ""),
    ("older", on_instance.agent, told(installed=False), FAIL, "another agent", "cachegate sync"),
    ("does not say", on_instance.agent, told(installed=None), UNKNOWN, "older", "cachegate sync"),
    ("no answer", on_instance.agent, silent("exit 1"), UNKNOWN, "exit 1", "ssm-online"),
    ("passes on", on_instance.forwarding, SOUND, PASS, "ip_forward", ""),
    ("off", on_instance.forwarding,
     told(warnings=["net.ipv4.ip_forward is 0: this instance forwards nothing"]), FAIL, "is 0",
     "sysctl -w net.ipv4.ip_forward=1"),
    ("nothing saved", on_instance.forwarding, told(owner=""), UNKNOWN, "did not look", "sync"),
    ("no warnings told", on_instance.forwarding, told(warnings=None), UNKNOWN, "not look", "sync"),
    ("no answer", on_instance.forwarding, silent(), UNKNOWN, "timed out", "ssm-online"),
    ("nothing stops", on_instance.other_rules, SOUND, PASS, "no other table", ""),
    ("native", on_instance.other_rules,
     told(warnings=["nftables: inet fw forward may stop what we forward"]), FAIL, "inet fw", "nft"),
    ("iptables", on_instance.other_rules,
     told(warnings=["iptables: -P FORWARD DROP stops what we forward"]), FAIL, "DROP", "iptables"),
    ("taken", on_instance.other_rules, told(warnings=["port 6379 is ours; passed over: -A X"]),
     FAIL, "passed over", "take the rule away"),
    ("other warning", on_instance.other_rules, told(warnings=["something else"]), PASS, "", ""),
    ("nothing saved", on_instance.other_rules, told(owner=""), UNKNOWN, "did not look", "sync"),
    ("no answer", on_instance.other_rules, silent(), UNKNOWN, "timed out", "ssm-online"),
    ("as the ledger", on_instance.rule_set, SOUND, PASS, "generation 7", ""),
    ("behind", on_instance.rule_set, told(generation=6), FAIL, "generation 6", "cachegate sync"),
    ("differs", on_instance.rule_set, told(digest="x"), FAIL, "content differs", "cachegate sync"),
    ("detached", on_instance.rule_set, but(ledger=replace(LEDGER, detached=True)), FAIL,
     "detached", "cachegate sync"),
    ("no ledger", on_instance.rule_set, but(ledger=None), UNKNOWN, "no ledger", "cachegate sync"),
    ("ledger denied", on_instance.rule_set, but(ledger=DENIED), UNKNOWN, "Unauth", "sync"),
    ("no answer", on_instance.rule_set, silent(), UNKNOWN, "timed out", "ssm-online"),
    ("as applied", on_instance.masquerade, SOUND, PASS, "masquerading", ""),
    ("drift", on_instance.masquerade, told(drift=True), FAIL, "differs", "cachegate sync"),
    ("nothing", on_instance.masquerade, told(generation=0), FAIL, "no rule set", "cachegate sync"),
    ("does not say", on_instance.masquerade, told(drift=None), UNKNOWN, "not say", "sync"),
    ("no answer", on_instance.masquerade, silent(), UNKNOWN, "timed out", "ssm-online"),
    ("room", on_instance.conntrack, SOUND, PASS, "10 of 131072", ""),
    ("full", on_instance.conntrack, told(conntrack={"used": 91, "limit": 100}), FAIL, "91 of 100",
     "nf_conntrack_max"),
    ("nearly full", on_instance.conntrack, told(conntrack={"used": 90_000, "limit": 100_000}), FAIL,
     "90000", "nf_conntrack_max"),
    ("large and full", on_instance.conntrack,
     told(conntrack={"used": 250_000, "limit": 262_144}), FAIL, "250000", "_max=524288"),
    ("small", on_instance.conntrack, told(conntrack={"used": 0, "limit": 8192}), FAIL, "8192", ""),
    ("not told", on_instance.conntrack, told(conntrack=None), UNKNOWN, "no table", "sync"),
    ("allowed", on_instance.allowance, SOUND, PASS, "50000 more", ""),
    ("used up", on_instance.allowance,
     told(allowances={"conntrack_allowance_available": 3, "conntrack_allowance_exceeded": 12}),
     FAIL, "dropped 12", "larger instance type"),
    ("not told", on_instance.allowance, told(allowances={}), UNKNOWN, "does not tell", "ethtool"),
    ("answers", on_instance.targets, SOUND, PASS, "10.0.1.5:6379 answers i-nat", ""),
    ("dead", on_instance.targets, told(unreachable=[6379]), FAIL, "does not answer", "describe-e"),
    ("of other rules", on_instance.targets, told(generation=6), UNKNOWN, "another", "rule-set"),
    ("nothing saved", on_instance.targets, told(owner=""), UNKNOWN, "another", "rule-set"),
    ("not told", on_instance.targets, told(unreachable=None), UNKNOWN, "another", "rule-set"),
    ("no ledger", on_instance.targets, but(ledger=None), UNKNOWN, "no ledger", "sync"),
    ("no answer", on_instance.targets, silent(), UNKNOWN, "timed out", "ssm-online"),
    ("open", ways.nat_ingress, SOUND, PASS, "rules of sg-nat admit clients to tcp 6379", ""),
    ("by a wider rule", ways.nat_ingress, beside(ingress(9, EVERYWHERE), instead_of=1), PASS, "",
     ""),
    ("by two halves", ways.nat_ingress,
     beside(*(ingress(9 + i, half) for i, half in enumerate(CLIENTS[0].subnets())), instead_of=1),
     PASS, "", ""),
    ("a port at rest", ways.nat_ingress, resting(), PASS, "tcp 6379", ""),
    ("shut for one", ways.nat_ingress, without(2), FAIL, "admits 198.18.7.0/24 to tcp 6379",
     ("authorize-security-group-ingress --group-id sg-nat --ip-permissions "
     "'IpProtocol=tcp,FromPort=6379,ToPort=6379,IpRanges=[{CidrIp=198.18.7.0/24}]'")),
    ("shut, with the caches' group too", ways.nat_ingress,
     replace(without(2), machines=cards(replace(CARD, groups=(CACHE_GROUP, NAT_GROUP))).machines),
     FAIL, "no rule of", "--group-id sg-nat --ip-permissions"),
    ("shut, with the caches' group alone", ways.nat_ingress,
     cards(replace(CARD, groups=(CACHE_GROUP,))), FAIL, "no rule of", "GROUP is one of its own"),
    ("another port", ways.nat_ingress, beside(ingress(9, CLIENTS[0], 6380, 6400), instead_of=1),
     FAIL, "6379", "authorize"),
    ("managed", ways.nat_ingress, managed(without(2)), FAIL, "no rule of",
     "cachegate sync; where that opens nothing: aws ec2 authorize-security-group-ingress"),
    ("a list may", ways.nat_ingress, beside(ingress(9, PrefixList(list_id="pl-1")), instead_of=1),
     UNKNOWN, "pl-1 may", "authorize"),
    ("rules denied", ways.nat_ingress, but(rules=DENIED), UNKNOWN, "Unauth", "group-rules"),
    ("ledger denied", ways.nat_ingress, but(ledger=DENIED), UNKNOWN, "Unauth", "sync"),
    ("no ledger", ways.nat_ingress, but(ledger=None), UNKNOWN, "no ledger", "sync"),
    ("nobody trusted", ways.nat_ingress, nobody(), UNKNOWN, "is empty", "TrustedCidrs"),
    ("no card", ways.nat_ingress, cards(), UNKNOWN, "no interface", "describe-instances"),
    ("out", ways.nat_egress, SOUND, PASS, "all targets", ""),
    ("groups unseen", ways.nat_egress, cart(groups=frozenset()), UNKNOWN, "sg-cache may", ""),
    ("not out to any group", ways.nat_egress,
     replace(without(4), caches=cart(groups=frozenset()).caches), FAIL, "10.0.1.5", "10.0.1.5/32"),
    ("out anywhere", ways.nat_egress,
     beside(rule(9, NAT_GROUP, Direction.EGRESS, ("-1", None, None), EVERYWHERE), instead_of=4),
     PASS, "", ""),
    ("not out", ways.nat_egress, without(4), FAIL, "10.0.1.5:6379",
     ("authorize-security-group-egress --group-id sg-nat --ip-permissions "
     "'IpProtocol=tcp,FromPort=6379,ToPort=6379,UserIdGroupPairs=[{GroupId=sg-cache}]'")),
    ("not out of the VPC", ways.nat_egress,
     replace(without(4), caches=cart(vpc_id="vpc-far").caches), FAIL, "10.0.1.5:6379",
     "'IpProtocol=tcp,FromPort=6379,ToPort=6379,IpRanges=[{CidrIp=10.0.1.5/32}]'"),
    ("by the one that sends", ways.nat_egress, two_cards(["10.0.1.10"]), PASS, "sg-inner", ""),
    ("not by the first", ways.nat_egress, two_cards(["10.0.0.10"]), FAIL, "sg-nat", "authorize"),
    ("which one sends", ways.nat_egress, two_cards(None), UNKNOWN, "not known", "describe-in"),
    ("ledger denied", ways.nat_egress, but(ledger=DENIED), UNKNOWN, "Unauth", "sync"),
    ("rules denied", ways.nat_egress, but(rules=DENIED), UNKNOWN, "Unauth", "group-rules"),
    ("lets in", ways.cache_ingress, SOUND, PASS, "sg-cache admit the NAT instances", ""),
    ("by address", ways.cache_ingress,
     beside(rule(9, CACHE_GROUP, Direction.INGRESS, ("tcp", 6379, 6379),
                 IPv4Network("10.0.0.0/24")), instead_of=5), PASS, "", ""),
    ("lets nobody in", ways.cache_ingress, without(5), FAIL, "no rule of sg-cache admits i-nat",
     ("authorize-security-group-ingress --group-id sg-cache --protocol tcp --port 6379 "
     "--source-group sg-nat")),
    ("not the caches' group", ways.cache_ingress, cards(replace(CARD, groups=(CACHE_GROUP,))), FAIL,
     "no rule of", "--port 6379 --cidr 10.0.0.10/32"),
    ("the one that sends", ways.cache_ingress, two_cards(["10.0.1.10"]), PASS, "", ""),
    ("not the first", ways.cache_ingress, two_cards(["10.0.0.10"]), FAIL, "", "--source-group"),
    ("one of two that send, and it answers", ways.cache_ingress,
     two_cards(["10.0.0.10", "10.0.1.10"]), PASS, "", ""),
    ("one of two that send", ways.cache_ingress,
     two_cards(["10.0.0.10", "10.0.1.10"], unreachable=[6379]), UNKNOWN, "eni-1 of i-nat",
     "--source-group sg-nat"),
    ("which one", ways.cache_ingress, two_cards(None), UNKNOWN, "not known", "describe-in"),
    ("groups unseen", ways.cache_ingress, cart(groups=frozenset()), UNKNOWN, "not show", "doctor"),
    ("ledger denied", ways.cache_ingress, but(ledger=DENIED), UNKNOWN, "Unauth", "sync"),
    ("no port yet", ways.cache_ingress, but(ledger=replace(LEDGER, leases={})), UNKNOWN,
     "leads to it yet", "sync"),
    ("rules denied", ways.cache_ingress, but(rules=DENIED), UNKNOWN, "Unauth", "group-rules"),
    ("443", ways.https_out, SOUND, PASS, "443", ""),
    ("no 443", ways.https_out, without(3), FAIL, "no rule of sg-nat", "CidrIp=0.0.0.0/0"),
    ("443 to endpoints", ways.https_out,
     beside(rule(9, NAT_GROUP, Direction.EGRESS, ("tcp", 443, 443), IPv4Network("10.0.0.0/16")),
            instead_of=3), PASS, "some networks only", ""),
    ("443 to some, and no answer", ways.https_out,
     replace(beside(rule(9, NAT_GROUP, Direction.EGRESS, ("tcp", 443, 443),
                         IPv4Network("10.0.0.0/16")), instead_of=3),
             replies=silent("ThrottlingException").replies), UNKNOWN, "maybe not", "authorize"),
    ("443 to some, and offline", ways.https_out,
     replace(beside(rule(9, NAT_GROUP, Direction.EGRESS, ("tcp", 443, 443),
                         IPv4Network("10.0.0.0/16")), instead_of=3),
             replies=silent(unreached=True).replies), UNKNOWN, "maybe not", "authorize"),
    ("rules denied", ways.https_out, but(rules=DENIED), UNKNOWN, "Unauth", "group-rules"),
    ("told of size", ways.path_mtu, SOUND, PASS, "ICMP 3, 4", ""),
    ("all ICMP", ways.path_mtu,
     beside(rule(9, NAT_GROUP, Direction.INGRESS, ("icmp", None, None), EVERYWHERE, icmp=(-1, -1)),
            instead_of=6), PASS, "", ""),
    ("all", ways.path_mtu,
     beside(rule(9, NAT_GROUP, Direction.INGRESS, ("-1", None, None), EVERYWHERE), instead_of=6),
     PASS, "", ""),
    ("echo only", ways.path_mtu,
     beside(rule(9, NAT_GROUP, Direction.INGRESS, ("icmp", 8, -1), EVERYWHERE, icmp=(8, -1)),
            instead_of=6), UNKNOWN, "no rule for ICMP", "FromPort=3,ToPort=4"),
    ("another code", ways.path_mtu,
     beside(rule(9, NAT_GROUP, Direction.INGRESS, ("icmp", 3, 1), EVERYWHERE, icmp=(3, 1)),
            instead_of=6), UNKNOWN, "no rule for ICMP", "FromPort=3,ToPort=4"),
    ("no ICMP", ways.path_mtu, without(6), UNKNOWN, "below 1,500", "--group-id sg-nat"),
    ("rules denied", ways.path_mtu, but(rules=DENIED), UNKNOWN, "Unauth", "group-rules"),
    ("older type", life.idle_timeout, SOUND, PASS, "432000 s", ""),
    ("set long", life.idle_timeout, cards(replace(CARD, tcp_timeout=86400), kind="m8i.large"), PASS,
     "86400 s", ""),
    ("set short", life.idle_timeout, cards(replace(CARD, tcp_timeout=200)), FAIL, "200 s",
     "less than 200 s"),
    ("newest", life.idle_timeout, cards(CARD, kind="m8i.large"), UNKNOWN, "350 s",
     ("--network-interface-id eni-1 --connection-tracking-specification "
     "TcpEstablishedTimeout=432000")),
    ("denied", life.idle_timeout, but(machines=DENIED), UNKNOWN, "Unauth", "describe-instances"),
    ("enrolled", life.notifications, SOUND, PASS, "stack's topic", ""),
    ("serverless", life.notifications, cart(kind=CacheKind.SERVERLESS), PASS, "EventBridge", ""),
    ("group", life.notifications, notified(CacheKind.REPLICATION_GROUP, topic=None), FAIL,
     "no topic", "modify-replication-group --replication-group-id cart"),
    ("inactive", life.notifications, notified(topic_active=False), FAIL, "inactive",
     f"modify-cache-cluster --cache-cluster-id cart --notification-topic-arn {TOPIC}"),
    ("elsewhere", life.notifications, notified(topic="arn:theirs"), FAIL, "arn:theirs", "modify-c"),
    ("none", life.notifications, notified(topic=None), FAIL, "no topic", "modify-cache-cluster"),
    ("unseen", life.notifications, cart(notified=()), UNKNOWN, "not show", "cachegate doctor"),
    ("lately", life.last_pass, SOUND, PASS, "1970-01-12", ""),
    ("overdue", life.last_pass, but(verified_at=NOW - 901), FAIL, "NotVerified", "cachegate sync"),
    ("never", life.last_pass, but(verified_at=0.0), FAIL, "no pass", "cachegate sync"),
    ("denied", life.last_pass, but(verified_at=DENIED), UNKNOWN, "Unauth", "cachegate doctor"),
    ("as asked", narrow.sources, SOUND, PASS, "nobody else", ""),
    ("more", narrow.sources, told(sources=[*REPORT["sources"], "0.0.0.0/0"]), FAIL, "0.0.0.0/0",
     "cachegate sync"),
    ("nobody", narrow.sources, nobody(), FAIL, "admits nobody", "TrustedCidrs"),
    ("less", narrow.sources, told(sources=[]), FAIL, "does not admit", "cachegate sync"),
    ("no answer", narrow.sources, silent(), UNKNOWN, "timed out", "ssm-online"),
    ("narrow", narrow.wide_ingress, SOUND, PASS, "only trusted", ""),
    ("everybody", narrow.wide_ingress, beside(ingress(9, EVERYWHERE, 6000, 7000)), FAIL,
     "0.0.0.0/0 (sgr-9)",
     "revoke-security-group-ingress --group-id sg-nat --security-group-rule-ids sgr-9"),
    ("others", narrow.wide_ingress, beside(ingress(9, OTHER)), FAIL, str(OTHER), "revoke"),
    ("IPv6", narrow.wide_ingress, beside(ingress(9, IPv6Network("::/0"))), FAIL, "::/0", "revoke"),
    ("at another port", narrow.wide_ingress, beside(ingress(9, EVERYWHERE, 80)), PASS, "", ""),
    ("the VPC", narrow.wide_ingress, beside(ingress(9, IPv4Network("10.0.0.0/8"))), PASS, "", ""),
    ("a VPC of public addresses", narrow.wide_ingress,
     replace(beside(ingress(9, OTHER)), ledger=replace(LEDGER, targets_within=(OTHER,))), PASS, "",
     ""),
    ("a part", narrow.wide_ingress, beside(ingress(9, IPv4Network("81.2.69.7/32"))), PASS, "", ""),
    ("a list", narrow.wide_ingress, beside(ingress(9, PrefixList(list_id="pl-1"))), UNKNOWN, "pl-1",
     "get-managed-prefix-list-entries --prefix-list-id pl-1"),
    ("a new kind", narrow.wide_ingress, beside(ingress(9, UnknownSource("a source of EC2"))),
     UNKNOWN, "a source", "describe-security-group-rules --security-group-rule-ids sgr-9"),
    ("ours", narrow.wide_ingress,
     managed(beside(replace(ingress(9, OTHER), tags={"cachegate:managed": "gate"}))), FAIL,
     str(OTHER), "cachegate sync"),
    ("ledger denied", narrow.wide_ingress, but(ledger=DENIED), UNKNOWN, "Unauth", "sync"),
    ("rules denied", narrow.wide_ingress, but(rules=DENIED), UNKNOWN, "Unauth", "group-rules"),
    ("machine denied", narrow.wide_ingress, but(machines=DENIED), UNKNOWN, "Unauth", "group-rules"),
    ("TLS alone", encryption.tls, SOUND, PASS, "TLS alone, with AUTH", ""),
    ("withheld", encryption.tls, withheld(), FAIL, "not forwarded: cart lets", "make it anew"),
    ("wide", encryption.tls, wide(auth=False), FAIL, "no TLS, and no AUTH", "make it anew"),
    ("wide with AUTH", encryption.tls, wide(), FAIL, "but AUTH: whoever is on the way", "anew"),
    ("group", encryption.tls, wide(kind=CacheKind.REPLICATION_GROUP), FAIL, "read along",
     "modify-replication-group --replication-group-id cart --transit-encryption-enabled"),
    ("optional", encryption.tls,
     replace(wide(), caches=cart(kind=CacheKind.REPLICATION_GROUP, tls_optional=True).caches), FAIL,
     "may leave out", "--transit-encryption-mode required"),
    ("accepted", encryption.tls, wide(plaintext_accepted=True), PASS, "accepted by its tag", ""),
    ("narrow networks", encryption.tls, cart(tls=False), FAIL, "can read along", "make it anew"),
    ("not described", encryption.tls, cart(described=False), UNKNOWN, "not describe", "doctor"),
    ("shut", narrow.ssh, SOUND, PASS, "port 22", ""),
    ("trusted", narrow.ssh, beside(ingress(9, CLIENTS[0], 22)), PASS, "", ""),
    ("SSH networks", narrow.ssh,
     replace(beside(ingress(9, OTHER, 22)), terms=replace(SOUND.terms, ssh_sources=(OTHER,))),
     PASS, "", ""),
    ("everybody", narrow.ssh, beside(ingress(9, EVERYWHERE, 22)), FAIL, "port 22", "sgr-9"),
    ("all ports", narrow.ssh,
     beside(rule(9, NAT_GROUP, Direction.INGRESS, ("-1", None, None), OTHER)), FAIL, "81.2.70",
     "revoke-security-group-ingress"),
    ("by the second", narrow.ssh,
     replace(cards(CARD, SECOND), rules=(rule(9, "sg-inner", Direction.INGRESS, ("tcp", 22, 22),
                                              EVERYWHERE),)), FAIL, "sg-inner", "sgr-9"),
    ("rules denied", narrow.ssh, but(rules=DENIED), UNKNOWN, "Unauth", "group-rules"),
]  # fmt: skip
