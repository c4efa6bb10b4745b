"""The VPC as network namespaces: Internet gateway, NAT instances, cache nodes, and clients outside.

    client, stranger -- internet -- igw -- router -- NAT instance, cache nodes
                                           |-- peering -- router of a peered VPC -- cache nodes
                                           |
                 AWS: the sandbox's own network, with the VPC's resolver and instance metadata

The Internet gateway translates Elastic IPs one to one and without state, as AWS does: a NAT
instance only ever sees its private address. A cache node has a route to its VPC and no further, so
it cannot answer a client whose address the NAT instance left in the packet. The router forwards
what a machine sends from its own address and nothing else: every instance here has EC2's
source/destination check on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING, Self

from local.namespaces import Host, Lab, ip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

CIDR = IPv4Network("10.0.0.0/16")
RESOLVER = IPv4Address("10.0.0.2")  # AWS: the base of the VPC's range plus two
METADATA = IPv4Address("169.254.169.254")
CLIENT = IPv4Address("198.51.100.27")
STRANGER = IPv4Address("192.0.2.66")
NODE_SUBNETS = (IPv4Network("10.0.1.0/24"), IPv4Network("10.0.2.0/24"))

# Every link inside the VPC has this address at its router's end, and hosts route through it: a /32
# each keeps the addresses free of any layout, as an Elastic network interface does.
_ROUTER = IPv4Interface("169.254.0.1/32")
_AWS_LINK = ("aws0", "aws1")
_PEER_LINK = ("aws2", "aws3")
# The peering connection. AWS has no such hop: a packet over one keeps both its addresses.
_OUR_END, _PEERS_END = IPv4Interface("100.64.2.1/30"), IPv4Interface("100.64.2.2/30")

_INTERNET_GATEWAY = """
table ip igw {
  map arriving { type ipv4_addr : ipv4_addr; }
  map leaving { type ipv4_addr : ipv4_addr; }
  chain from_internet {
    type filter hook prerouting priority raw
    iifname "wan" ip daddr set ip daddr map @arriving accept
    iifname "wan" drop
  }
  chain to_internet {
    type filter hook postrouting priority raw
    oifname "wan" ip saddr set ip saddr map @leaving accept
    oifname "wan" drop
  }
}
"""

_ROUTER_RULES = """
table ip router {
  set own { type ifname . ipv4_addr; }
  set silent { type ipv4_addr; }
  chain forward {
    type filter hook forward priority filter
    iifname "n*" iifname . ip saddr != @own drop
    ip saddr @silent drop
    ip daddr @silent drop
  }
}
"""


@dataclass(slots=True)
class Vpc:
    """The namespaces and the links between them; leaving it removes them all."""

    lab: Lab
    internet: Host = field(init=False)
    gateway: Host = field(init=False)
    router: Host = field(init=False)
    client: Host = field(init=False)
    stranger: Host = field(init=False)
    peers: dict[IPv4Network, Host] = field(default_factory=dict)  # routers of peered VPCs
    hosts: dict[IPv4Address, Host] = field(default_factory=dict)
    arriving: dict[IPv4Address, IPv4Address] = field(default_factory=dict)  # public to private
    leaving: dict[IPv4Address, IPv4Address] = field(default_factory=dict)  # private to public
    linked: bool = False

    def __enter__(self) -> Self:
        try:
            self._wire()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove every host, and the link to AWS at once: a removed namespace takes its time."""
        if self.linked:
            ip("link", "del", _AWS_LINK[0])
            self.linked = False
        if self.peers:
            ip("link", "del", _PEER_LINK[0])
            self.peers.clear()
        self.hosts.clear()
        self.lab.close()

    def _wire(self) -> None:
        self.internet, self.gateway, self.router = map(self.lab.host, ("internet", "igw", "router"))
        ip("link", "add", _AWS_LINK[0], "type", "veth",
           "peer", "name", _AWS_LINK[1], "netns", self.router.name)  # fmt: skip
        self.linked = True
        self._link_aws()
        for host in (self.internet, self.gateway, self.router):
            host.sysctl("net.ipv4.ip_forward", 1)
        # What is sent to a private address, or to a public one that is nobody's, vanishes.
        ip("-n", self.internet.name, "route", "add", "blackhole", "default")
        self.client = self._outside("client", CLIENT)
        self.stranger = self._outside("stranger", STRANGER)
        self._link_gateway()

    def _link_aws(self) -> None:
        """Make the sandbox's own network AWS: reachable from the VPC at AWS's own addresses."""
        here, there = _AWS_LINK
        ip("-n", self.router.name, "addr", "add", str(_ROUTER), "dev", there)
        ip("-n", self.router.name, "link", "set", there, "up")
        for address in (RESOLVER, METADATA):
            ip("addr", "add", f"{address}/32", "dev", here)
        ip("link", "set", here, "up")
        ip("route", "add", str(_ROUTER.ip), "dev", here, "scope", "link", "src", str(RESOLVER))
        ip("route", "add", str(CIDR), "via", str(_ROUTER.ip), "src", str(RESOLVER))
        for address in (RESOLVER, METADATA):
            ip("-n", self.router.name, "route", "add", f"{address}/32", "dev", there)

    def _outside(self, name: str, address: IPv4Address) -> Host:
        """Add a machine somewhere on the Internet: no name of AWS's resolver is known there."""
        host = self.lab.host(name, names={})
        network = IPv4Network(f"{address}/24", strict=False)
        neighbour = network.network_address + 1
        self.lab.link(
            host, IPv4Interface(f"{address}/24"), self.internet, IPv4Interface(f"{neighbour}/24")
        )
        self.lab.route(host, "default", str(neighbour))
        return host

    def _link_gateway(self) -> None:
        wan, gateway = IPv4Interface("100.64.0.1/30"), self.gateway.name
        ip("link", "add", "wan", "netns", gateway, "type", "veth",
           "peer", "name", "wan", "netns", self.internet.name)  # fmt: skip
        ip("-n", self.internet.name, "addr", "add", str(wan), "dev", "wan")
        ip("-n", gateway, "addr", "add", f"{wan.ip + 1}/30", "dev", "wan")
        for host in (self.internet.name, gateway):
            ip("-n", host, "link", "set", "wan", "up")
        self.lab.route(self.gateway, "default", str(wan.ip))
        inside = IPv4Interface("100.64.1.1/30")
        self.lab.link(self.gateway, inside, self.router, IPv4Interface(f"{inside.ip + 1}/30"))
        self.lab.route(self.gateway, str(CIDR), str(inside.ip + 1))
        self.lab.route(self.router, "default", str(inside.ip))
        # What is sent to an address that nobody holds vanishes; a VPC answers with no ICMP error.
        ip("-n", self.router.name, "route", "add", "blackhole", str(CIDR))
        self.gateway.run("nft", "-f", "-", text=_INTERNET_GATEWAY)
        self.router.run("nft", "-f", "-", text=_ROUTER_RULES)

    def peer(self, cidr: IPv4Network) -> None:
        """Add a second VPC behind a peering connection, over which no route leads yet."""
        router = self.lab.host("peer")
        router.sysctl("net.ipv4.ip_forward", 1)
        here, there = _PEER_LINK
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", router.name)
        ip("-n", router.name, "addr", "add", str(_ROUTER), "dev", there)
        ip("-n", router.name, "link", "set", there, "up")
        ip("link", "set", here, "up")
        resolver = cidr.network_address + 2
        ip("addr", "add", f"{resolver}/32", "dev", here)
        ip("route", "add", str(cidr), "via", str(_ROUTER.ip), "dev", here, "onlink",
           "src", str(resolver))  # fmt: skip
        ip("-n", router.name, "route", "add", f"{resolver}/32", "dev", there)
        ip("-n", router.name, "route", "add", "blackhole", "default")
        self.lab.link(self.router, _OUR_END, router, _PEERS_END)
        self.peers[cidr] = router

    def lead_to_peer(self, cidr: IPv4Network) -> None:
        """Route what our VPC sends to a peered one over the peering connection."""
        self.lab.route(self.router, str(cidr), str(_PEERS_END.ip))

    def lead_back(self, cidr: IPv4Network) -> None:
        """Route what a peered VPC sends to ours over the peering connection."""
        self.lab.route(self.peers[cidr], str(CIDR), str(_OUR_END.ip))

    def _router_at(self, address: IPv4Address) -> Host:
        return next((peer for cidr, peer in self.peers.items() if address in cidr), self.router)

    def add_host(self, name: str, address: IPv4Address) -> Host:
        """Start a machine in a subnet that has no route to the Internet: a cache node."""
        host, router = self.lab.host(name), self._router_at(address)
        self.lab.links += 1
        device = f"n{self.lab.links}"
        ip("link", "add", device, "netns", router.name, "type", "veth",
           "peer", "name", "ens5", "netns", host.name)  # fmt: skip
        ip("-n", host.name, "addr", "add", f"{address}/32", "dev", "ens5")
        ip("-n", host.name, "link", "set", "ens5", "up")
        ip("-n", host.name, "route", "add", str(_ROUTER.ip), "dev", "ens5", "scope", "link")
        # In a peered VPC its router alone knows how far it goes, as a route table does.
        reach = str(CIDR) if router is self.router else "default"
        self.lab.route(host, reach, str(_ROUTER.ip))
        ip("-n", router.name, "addr", "add", str(_ROUTER), "dev", device)
        ip("-n", router.name, "link", "set", device, "up")
        ip("-n", router.name, "route", "add", f"{address}/32", "dev", device)
        if router is self.router:
            router.run("nft", f"add element ip router own {{ {device} . {address} }}")
        self.hosts[address] = host
        return host

    def add_nat_instance(self, name: str, private: IPv4Address) -> Host:
        """Start a machine in the public subnet, ready to forward packets."""
        host = self.add_host(name, private)
        self.lab.route(host, "default", str(_ROUTER.ip))
        host.sysctl("net.ipv4.ip_forward", 1)
        return host

    def lead(self, ways: Mapping[IPv4Address, IPv4Address | None]) -> None:
        """Let each public address lead to this private one from now on, or to nobody.

        All of it comes true at once: no packet meets an address between two places. A private
        address has one public one, the last that was led to it.
        """
        before = (dict(self.arriving), dict(self.leaving))
        for public, private in ways.items():
            former = self.arriving.pop(public, None)
            if former is not None and self.leaving.get(former) == public:
                del self.leaving[former]
            if private is not None:
                self.lab.route(self.internet, f"{public}/32", "100.64.0.2")
                self.arriving[public] = private
        for public, private in ways.items():
            if private is not None:
                self.leaving[private] = public
        after = (self.arriving, self.leaving)
        commands = [
            f"{verb} element ip igw {name} {{ {key} : {value} }}"
            for verb, old, new in (("delete", before, after), ("add", after, before))
            for name, mine, other in zip(("arriving", "leaving"), old, new, strict=True)
            for key, value in mine.items()
            if other.get(key) != value
        ]
        if commands:
            self.gateway.run("nft", "-f", "-", text="\n".join(commands))

    def silence(self, address: IPv4Address) -> None:
        """Let nothing from or to a machine pass, as where it hangs; its connections stay."""
        self.router.run("nft", f"add element ip router silent {{ {address} }}")

    def end_silence(self, address: IPv4Address) -> None:
        """Let its packets pass again."""
        self.router.run("nft", f"delete element ip router silent {{ {address} }}")

    def cut(self, address: IPv4Address) -> None:
        """Pull a machine's cable: what is sent to it vanishes, and it can say no goodbye."""
        ip("-n", self._router_at(address).name, "route", "del", f"{address}/32")
        ip("-n", self.hosts[address].name, "link", "set", "ens5", "down")

    def remove_host(self, address: IPv4Address) -> None:
        """Terminate a machine; the caller has cut it off and ended its programs."""
        self.lab.remove(self.hosts.pop(address))
