"""Security groups as packet filters: what nftables on the VPC's router makes of EC2's rules.

Groups allow and never deny, an interface has the rules of all its groups, and answers to what was
admitted pass (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html). A rule
that names a group admits the private addresses of the interfaces that have it
(https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html). The VPC's resolver and
the metadata service are reached whatever groups say, and cache nodes reach each other: AWS asks for
no rule that would admit replicas or the cluster bus.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from local.aws_server import backend
from local.prefix_lists import prefix_list
from local.vpc import NODE_SUBNETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from local.vpc import Vpc

_TABLE = "security_groups"


@dataclass(slots=True)
class GroupFilter:
    """What the router was last told: nothing, until groups are to be enforced."""

    vpc: Vpc
    enforced: bool = False
    _table: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enforce(self) -> None:
        """Let groups admit and refuse from now on."""
        self.enforced = True
        self.follow()

    def follow(self) -> None:
        """Compare with what EC2 shows now, and change what differs in one transaction.

        Called after each call that changes anything on EC2, before its answer leaves.
        """
        if not self.enforced:
            return
        with self._lock:
            machines = [
                each
                for each in list(backend("ec2").enis.values())
                if IPv4Address(each.private_ip_address) in self.vpc.hosts
            ]
            wanted = render(machines)
            if wanted != self._table:
                text = f"table ip {_TABLE}\ndelete table ip {_TABLE}\n{wanted}"
                self.vpc.router.run("nft", "-f", "-", text=text)
                self._table = wanted


def render(interfaces: Sequence[Any]) -> str:
    """Return the table that enforces the groups of these interfaces (moto's)."""
    members: dict[str, list[str]] = {}
    for each in list(backend("ec2").enis.values()):
        for group in each.group_set:
            members.setdefault(group.id, []).append(each.private_ip_address)
    chains, inward, outward = [], [], []
    for each in interfaces:
        address, name = each.private_ip_address, each.id.replace("-", "_")
        rules = [rule for group in each.group_set for rule in group.ingress_rules]
        chains.append(_chain(f"to_{name}", "saddr", rules, members))
        rules = [rule for group in each.group_set for rule in group.egress_rules]
        chains.append(_chain(f"from_{name}", "daddr", rules, members))
        inward.append(f"{address} : jump to_{name}")
        outward.append(f"{address} : jump from_{name}")
    nodes = f"{{ {', '.join(map(str, NODE_SUBNETS))} }}"
    lines = [
        *chains,
        "  chain forward {",
        "    type filter hook forward priority filter + 1",
        "    ct state established,related accept",
        '    iifname "aws1" accept',
        '    oifname "aws1" accept',
        f"    ip saddr {nodes} ip daddr {nodes} accept",
        *([f"    ip saddr vmap {{ {', '.join(outward)} }}"] if outward else []),
        *([f"    ip daddr vmap {{ {', '.join(inward)} }}"] if inward else []),
        "  }",
    ]
    return "\n".join([f"table ip {_TABLE} {{", *lines, "}"])


def _chain(name: str, peer: str, rules: Iterable[Any], members: dict[str, list[str]]) -> str:
    """Return a chain from which what is admitted returns, and all else does not."""
    admitted = [f"    {match}return" for rule in rules for match in _matches(rule, peer, members)]
    return "\n".join([f"  chain {name} {{", *sorted(set(admitted)), "    drop", "  }"])


def _matches(rule: Any, peer: str, members: dict[str, list[str]]) -> Iterator[str]:
    """Yield what a rule matches; nothing where it is not about IPv4, or nobody has its group."""
    kind, source = rule.source
    match kind:
        case "CidrIpv4":
            peers = [source]
        case "ReferencedGroupId":
            peers = sorted(members.get(source, []))
        case "PrefixListId":
            found = prefix_list(backend("ec2"), source)
            peers = [each["Cidr"] for each in found.entries.get(found.version, [])]
        case _:
            peers = []
    ports = "" if rule.from_port is None else f"dport {rule.from_port}-{rule.to_port} "
    protocol = {
        "-1": "",
        "tcp": f"tcp {ports}",
        "udp": f"udp {ports}",
        "icmp": _icmp(rule),
    }.get(rule.ip_protocol, f"meta l4proto {rule.ip_protocol} ")
    if peers:
        yield f"ip {peer} {{ {', '.join(peers)} }} {protocol}"


def _icmp(rule: Any) -> str:
    """Return what an ICMP rule matches: it has type and code in the place of ports, -1 for all."""
    kind, code = (-1 if each is None else int(each) for each in (rule.from_port, rule.to_port))
    if kind == -1:
        return "meta l4proto icmp "
    return f"icmp type {kind} " + (f"icmp code {code} " if code != -1 else "")
