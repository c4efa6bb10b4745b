"""Which packets an ingress rule lets in, by protocol and port, apart from where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from cachegate.errors import InvalidRuleError

ALL, ICMP, TCP, UDP, ICMPV6 = -1, 1, 6, 17, 58  # IANA's numbers; -1 is EC2's word for all
LAST_PORT = 65535

# EC2 knows the first four by name and wants all others as numbers; templates spell more of them.
_NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
_NUMBERS = {name: number for number, name in _NAMES.items()} | {
    "all": ALL,
    "ipv6-icmp": ICMPV6,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "sctp": 132,
}
_WITH_PORTS = frozenset({TCP, UDP})


@dataclass(frozen=True, slots=True)
class Traffic:
    """A protocol, and for TCP and UDP the ports from first to last.

    No other protocol has ports: what ICMP rules keep in their place are types and codes, and
    EC2 ignores them for the rest
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html).
    """

    protocol: int
    first: int | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        if not -1 <= self.protocol <= 255:
            raise InvalidRuleError(f"there is no protocol {self.protocol}")
        if self.protocol not in _WITH_PORTS:
            if self.first is not None or self.last is not None:
                raise InvalidRuleError(f"protocol {self.protocol} has no ports")
        elif (
            self.first is None or self.last is None or not 0 <= self.first <= self.last <= LAST_PORT
        ):
            raise InvalidRuleError(f"there is no port range {self.first}-{self.last}")

    @classmethod
    def of(cls, protocol: str | int, from_port: int | None, to_port: int | None) -> Traffic:
        """Read a protocol and its bounds as EC2 and templates write them.

        A bound that is missing, or -1, bounds nothing.
        """
        number = protocol_number(protocol)
        if number not in _WITH_PORTS:
            return cls(number)
        return cls(
            number,
            0 if from_port is None or from_port == -1 else from_port,
            LAST_PORT if to_port is None or to_port == -1 else to_port,
        )

    @property
    def all_ports(self) -> bool:
        """Tell whether it has ports and lets all of them in."""
        return self.protocol == ALL or (self.first == 0 and self.last == LAST_PORT)

    @property
    def protocol_name(self) -> str:
        """Return the protocol as EC2 writes it: tcp, udp, icmp, icmpv6, -1 or the number."""
        return _NAMES.get(self.protocol) or str(self.protocol)

    def __str__(self) -> str:
        if self.protocol == ALL:
            return "every protocol and port"
        if self.protocol in _WITH_PORTS and self.all_ports:
            return f"every {self.protocol_name} port"
        if self.first is None:
            return _NAMES.get(self.protocol) or f"protocol {self.protocol}"
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol_name} {ports}"


def protocol_number(protocol: str | int) -> int:
    """Return the number of a protocol given by name or number, in any case."""
    text = str(protocol).lower()
    known = _NUMBERS.get(text)
    if known is not None:
        return known
    if text == "-1" or (text.isascii() and text.isdigit() and len(text) <= 3):
        return int(text)
    raise InvalidRuleError(f"there is no protocol {text[:40]!a}")
