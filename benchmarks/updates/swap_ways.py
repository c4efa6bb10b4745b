"""The ways to give one port another target while traffic goes on, each as texts for the tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.agent import run_as_carried
from benchmarks.updates.rule_sets import ANEW, least_change, least_table
from tests.integration.gateway.lab import NODE_PORTS, A, B, forward, payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.gateway.lab import Document, Gateway

RULES = 100
MOVED = 6379  # the listen port whose target changes
STEADY = tuple(range(6380, 6390))  # listen ports whose targets stay
ENDS = (A, B)  # the moved port leads to each in turn

OURS_NFT, OURS_IPTABLES = "ours, nftables", "ours, iptables"


class Way(NamedTuple):
    """How the first rule set comes into force, and how one follows the other."""

    name: str
    backend: str  # of the agent, where it is ours
    install: Callable[[Gateway], object]
    change: Callable[[Gateway, int], object]  # the how manieth, from 1
    seconds: float = 4.0  # to go on for; ours longer, because a whole apply takes longer


def rule_set(number: int) -> list[Document]:
    """Return all forwards after so many changes."""
    served = [
        forward(port, f"{A}:{end}") for port, end in zip(STEADY, NODE_PORTS[1:], strict=False)
    ]
    rest = [forward(10_000 + n, f"{A}:20000") for n in range(RULES - 1 - len(served))]
    return [forward(MOVED, ENDS[number % 2]), *served, *rest]


def _apply(lab: Gateway, number: int = 0) -> object:
    return lab.apply(payload(1 + number, *rule_set(number)))


def _install_ours(lab: Gateway) -> object:
    run_as_carried(lab)
    return _apply(lab)


def _nft(lab: Gateway, text: str) -> object:
    return lab.nat.run("nft", "-f", "-", text=text)


def _whole_table(lab: Gateway, number: int = 0) -> object:
    return _nft(lab, (ANEW if number else "") + least_table(rule_set(number)))


def _element(lab: Gateway, number: int) -> object:
    return _nft(lab, least_change(MOVED, ENDS[number % 2]))


def _rules(number: int, chain: str) -> list[str]:
    return [
        f"-A {chain} -p tcp --dport {each['listen']} -j DNAT --to-destination {address}:{port}"
        for each in rule_set(number)
        for address, port in each["targets"]
    ]


def _restore(lab: Gateway, number: int = 0) -> object:
    """Write our own chain anew, in one transaction; what leads to it stays."""
    lines = ["*nat", ":LEAST - [0:0]", *_rules(number, "LEAST")]
    if number == 0:
        lines += ["-A PREROUTING -d 192.0.2.1 -j LEAST", "-A POSTROUTING -j MASQUERADE"]
    text = "\n".join([*lines, "COMMIT", ""])
    return lab.nat.run("iptables-restore", "--noflush", text=text)


def _calls(lab: Gateway, lines: list[str]) -> object:
    return lab.nat.run("sh", text="set -e\n" + "\n".join(f"iptables -t nat {x}" for x in lines))


def _install_calls(lab: Gateway) -> object:
    return _calls(lab, [*_rules(0, "PREROUTING"), "-A POSTROUTING -j MASQUERADE"])


def _one_rule(verb: str, number: int) -> str:
    target = ENDS[number % 2]
    return f"{verb} PREROUTING -p tcp --dport {MOVED} -j DNAT --to-destination {target}:6379"


def _delete_and_add(lab: Gateway, number: int) -> object:
    return _calls(lab, [_one_rule("-D", number - 1), _one_rule("-A", number)])


def _flush_and_add(lab: Gateway, number: int) -> object:
    return _calls(lab, ["-F PREROUTING", *_rules(number, "PREROUTING")])


WAYS = (
    Way(OURS_NFT, "nftables", _install_ours, _apply, 12.0),
    Way(OURS_IPTABLES, "iptables", _install_ours, _apply, 12.0),
    Way("nft -f, delete and add one element", "", _whole_table, _element),
    Way("nft -f, delete and add the table", "", _whole_table, _whole_table),
    Way("iptables-restore, one chain", "", _restore, _restore),
    Way("iptables -D, then -A", "", _install_calls, _delete_and_add),
    Way("the guide: flush, then one iptables call a rule", "", _install_calls, _flush_and_add),
)
