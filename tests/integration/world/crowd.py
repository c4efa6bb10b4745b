"""A Region full of random security groups: who has them, which ports count, and what they admit."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from local import makers
from local.aws_server import backend
from local.caches import Options
from local.network import SUBNET_GROUP, Network

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from local.aws_server import AwsServer

STACK = "gate"
ROOM = IPv4Network("10.0.128.0/17")  # for more interfaces than the usual subnets hold
MOST_GROUPS = 5  # of one interface, EC2's default quota
USUAL = frozenset({6379, 6380, 11211})
LOAD_BALANCER = makers.Maker(
    description="ELB app/web/50dc6c495c0c9188", requester="amazon-elb", attached_to="amazon-elb"
)
# Who has a group besides caches. "anothers": it belongs to another account, and is shared.
USES = {"shared": 45, "exclusive": 30, "doubtful": 12, "anothers": 8, "cacheless": 5}
ENGINES = ("redis", "valkey", "memcached", "serverless")
PORTS = (None, None, None, 7000, 6400, 11300, 443)  # None: the engine's own

WIDE = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/2", "51.0.0.0/8", "172.0.0.0/8", "8.0.0.0/7",
        "::/0", "2000::/3", "2001::/16", "2a00::/12", "2a05:d000::/32",
        "::ffff:0:0/96", "2002::/16")  # fmt: skip
CROWD = ("52.0.0.0/9", "54.128.0.0/9", "60.64.0.0/10", "62.0.0.0/10", "64.192.0.0/11",
         "66.0.0.0/11", "70.16.0.0/12", "2600:1f00::/33", "2600:8000::/33",
         "2607:4000::/34")  # fmt: skip
SPILL = ("172.16.0.0/11", "192.168.0.0/15", "100.0.0.0/9")
NARROW = ("203.0.113.7/32", "51.1.0.0/24", "8.8.8.0/29", "54.200.0.0/16", "2600:1f18::/48",
          "2a05:d018::1/128", "10.0.0.0/8", "192.168.0.0/16", "100.64.0.0/10", "172.16.0.0/12",
          "fc00::/7", "fe80::/10", "::ffff:10.0.0.0/104", "240.0.0.0/4")  # fmt: skip
# Entries of managed lists, and whether a rule that names the list may go.
LISTS = {
    "everything": (["0.0.0.0/1", "128.0.0.0/1"], True),
    "half": (["203.0.113.0/24", "128.0.0.0/2"], True),
    "everything-6": (["::/0"], True),
    "offices": (["203.0.113.0/24", "198.51.100.7/32"], False),
    "inside": (["10.0.0.0/8"], False),
    "empty": ([], False),
    "secret": (["0.0.0.0/0"], False),  # nobody lets us read it
}
HOLDING = "web-team|2999-12-31|the migration"
EXEMPTIONS = (HOLDING, "web-team|2020-01-31|it is over", "please leave it", "||", "a|2999-13-31|b")
DESCRIPTIONS = ("", "", "office", " spaces  inside and around ", "do not delete!", "a" * 255,
                "cachegate:exempt web-team|2999-12-31|no tag", "0.0.0.0/0 [temporary]")  # fmt: skip


@dataclass(slots=True)
class Crowd:
    """The groups of one Region, by id; the same at each call for the same chance."""

    aws: AwsServer
    chance: random.Random
    network: Network = field(init=False)
    uses: dict[str, str] = field(default_factory=dict)
    ports: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(lambda: {*USUAL}))
    lists: dict[str, bool] = field(default_factory=dict)  # by id, whether its rules may go
    ec2: Any = field(init=False)
    _free: Iterator[IPv4Address] = field(init=False)

    def __post_init__(self) -> None:
        self.network = Network(self.aws)
        self.network.create()
        self._free = iter(ROOM.hosts())
        next(self._free)
        self.ec2 = self.aws.client("ec2")
        made = self.ec2.create_subnet(VpcId=self.network.vpc_id, CidrBlock=str(ROOM))
        self.network.subnets[ROOM] = made["Subnet"]["SubnetId"]

    def fill(self, size: int) -> None:
        """Make so many groups with rules, those who have them, and two that every VPC has."""
        nat = {"cachegate:nat": STACK}
        self.network.run_instance(IPv4Address("10.0.0.10"), IPv4Address("203.0.113.73"), nat)
        self._make_lists()
        uses = self.chance.choices(list(USES), list(USES.values()), k=size - 1)
        for number, use in enumerate(uses):
            name = f"g{number:04}"
            group = backend("ec2").create_security_group(name, "d", self.network.vpc_id)
            self.uses[group.id] = use
        self.uses[self.network.default_group] = "shared"
        self._make_caches()
        self._make_others()
        for group_id in self.uses:
            self._admit(group_id)
        for group_id in self._of("anothers"):
            self.network.give_away(group_id)

    def may_change(self, group_id: str) -> bool:
        """Tell whether a rule of the group may go at all."""
        return self.uses.get(group_id) == "shared"

    def _of(self, *uses: str) -> list[str]:
        return [group_id for group_id, use in self.uses.items() if use in uses]

    def _bunches(self, group_ids: Sequence[str]) -> Iterator[list[str]]:
        """Yield all groups in bunches that one interface may have."""
        rest = list(group_ids)
        self.chance.shuffle(rest)
        while rest:
            size = self.chance.randint(1, MOST_GROUPS)
            yield rest[:size]
            rest = rest[size:]

    # -- who has the groups -----------------------------------------------------------------------

    def _make_caches(self) -> None:
        """Let every group but the cacheless have a cache, and a third of them another one."""
        having = [group_id for group_id, use in self.uses.items() if use != "cacheless"]
        again = self.chance.sample(having, len(having) // 3)
        for number, groups in enumerate([*self._bunches(having), *self._bunches(again)]):
            self._make_cache(f"c{number:04}", groups)

    def _make_cache(self, name: str, groups: list[str]) -> None:
        engine, address = self.chance.choice(ENGINES), next(self._free)
        port = None if engine == "serverless" else self.chance.choice(PORTS)
        tags = {"cachegate:expose": "true"} if self.chance.random() < 0.2 else {}
        options = Options(
            engine="valkey" if engine == "serverless" else engine, tags=tags, port=port,
            security_groups=tuple(groups), subnet_group=SUBNET_GROUP,
        )  # fmt: skip
        if engine == "serverless":
            self.aws.fleet.create_serverless(name, [address], self.network.cache_subnets, options)
            self.network.add_interface(address, name, groups, makers.SERVERLESS)
        else:
            self.aws.fleet.create_cluster(name, [address], options)
            self.network.add_interface(address, name, groups)
        for group_id in groups:
            self.ports[group_id].add(options.listens_on)

    def _make_others(self) -> None:
        """Let instances, people, functions and load balancers share groups; strangers blur some."""
        for number, groups in enumerate(self._bunches(self._of("shared", "anothers"))):
            if number < 5:
                public = IPv4Address("203.0.113.100") + number
                self.network.run_instance(IPv4Address("10.0.0.20") + number, public, {}, groups)
            elif number % 3:
                maker = makers.FUNCTION if number % 3 == 1 else LOAD_BALANCER
                public = IPv4Address("198.51.100.1") + number % 200
                self.network.place_interface(maker, groups, next(self._free), public)
            else:
                self.ec2.create_network_interface(
                    SubnetId=self.network.subnets[ROOM], Groups=groups,
                    PrivateIpAddress=str(next(self._free)), Description="ElastiCache, or so I say",
                )  # fmt: skip
        for groups in self._bunches(self._of("doubtful")):
            self.network.place_interface(makers.UNKNOWN, groups, next(self._free))

    # -- what they admit --------------------------------------------------------------------------

    def _make_lists(self) -> None:
        for name, (entries, may_go) in LISTS.items():
            made = self.ec2.create_managed_prefix_list(
                PrefixListName=name, MaxEntries=2, Entries=[{"Cidr": each} for each in entries],
                AddressFamily="IPv6" if name.endswith("6") else "IPv4",
            )  # fmt: skip
            self.lists[made["PrefixList"]["PrefixListId"]] = may_go
            if name == "secret":
                self.aws.moods.unreadable.add(made["PrefixList"]["PrefixListId"])
        for each in self.ec2.describe_managed_prefix_lists()["PrefixLists"]:
            if each["OwnerId"] == "AWS" and each["PrefixListName"].endswith((".s3", ".dynamodb")):
                self.lists[each["PrefixListId"]] = False

    def _admit(self, group_id: str) -> None:
        """Give a group up to seven rules; half of the groups have some with tags."""
        count = self.chance.randint(0, 7)
        asked = [self._permission(group_id) for _ in range(count)]
        plain = list({_admits(each): each for each in asked}.values())
        tagged = plain[: len(plain) // 2] if self.chance.random() < 0.5 else []
        plain = plain[len(tagged) :]
        if plain:
            self.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=plain)
        if tagged:
            tags = [{"Key": "team", "Value": "a = b/c+d@e: _."}]
            if self.chance.random() < 0.7:
                exempt = self.chance.choice(EXEMPTIONS)
                tags.append({"Key": "cachegate:exempt", "Value": exempt})
            self.ec2.authorize_security_group_ingress(
                GroupId=group_id, IpPermissions=tagged,
                TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}],
            )  # fmt: skip

    def _permission(self, group_id: str) -> dict[str, Any]:
        place, source = self._source(group_id)
        description = self.chance.choice(DESCRIPTIONS)
        written = {"Description": description} if description else {}
        return self._traffic(group_id) | {place: [source | written]}

    def _source(self, group_id: str) -> tuple[str, dict[str, str]]:
        kind = self.chance.random()
        if kind < 0.1:
            return "PrefixListIds", {"PrefixListId": self.chance.choice(list(self.lists))}
        if kind < 0.2:
            known = (group_id, self.network.nat_group, self.network.cache_group, *self.uses)
            return "UserIdGroupPairs", {"GroupId": self.chance.choice(known[:40])}
        cidr = self.chance.choice(
            self.chance.choices((WIDE, CROWD, SPILL, NARROW), (5, 5, 1, 4))[0]
        )
        return ("Ipv6Ranges", {"CidrIpv6": cidr}) if ":" in cidr else ("IpRanges", {"CidrIp": cidr})

    def _traffic(self, group_id: str) -> dict[str, Any]:
        port = self.chance.choice(sorted(self.ports[group_id]))
        protocol, first, last = self.chance.choice((
            ("-1", None, None), ("-1", None, None),
            ("tcp", port, port), ("tcp", port, port), ("tcp", port, port),
            ("tcp", port - 100, port + 100), ("tcp", 0, 65535), ("tcp", port, 65535),
            ("tcp", 22, 22), ("tcp", 443, 443), ("tcp", 8000, 9000), ("tcp", 6381, 6399),
            ("udp", port, port), ("udp", 0, 65535), ("icmp", -1, -1), ("icmp", 8, -1),
            ("icmpv6", -1, -1), ("47", None, None), ("132", port, port),
        ))  # fmt: skip
        ports = {} if first is None else {"FromPort": first, "ToPort": last}
        return {"IpProtocol": protocol, **ports}


def _admits(permission: dict[str, Any]) -> str:
    """Return what EC2 tells rules apart by: descriptions do not count."""
    sources = [value for value in permission.values() if isinstance(value, list)]
    kind, value = next(pair for pair in sources[0][0].items() if pair[0] != "Description")
    ports = (permission.get(key) for key in ("IpProtocol", "FromPort", "ToPort"))
    return f"{[*ports]} {kind} {value}"
