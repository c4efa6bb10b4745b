"""What other programs' rules would do to the packets that we forward. Only reads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Set

SECONDS = 20

# A rule that ends every packet of some interface, or of all: what stock firewalls put last. One
# that picks out some packets is its owner's wish and none of our business.
_CATCH_ALL = re.compile(
    r"-A FORWARD(?: !? ?-[io] \S+)*(?: -m comment --comment (?:\"[^\"]*\"|\S+))?"
    r" -j (?:DROP|REJECT)(?: --reject-with \S+)?"
)
_NATIVE_END = re.compile(r"\b(?:drop|reject)\b")
_REDIRECTED = re.compile(r"--dport (\d+)(?::(\d+))?\b.* -j (?:DNAT|REDIRECT)\b")


class Verdicts(NamedTuple):
    """Who stops forwarded packets: iptables rules, which ours can come before, or others."""

    iptables: List[str]
    others: List[str]


def verdicts() -> Verdicts:
    """Find the base chains of others that end forwarded packets."""
    iptables: List[str] = []
    others: List[str] = []
    for program in iptables_programs("filter"):
        iptables += [
            f"{program}: {rule}"
            for rule in _output(program, "-w", "-S", "FORWARD").splitlines()
            if rule == "-P FORWARD DROP" or _CATCH_ALL.fullmatch(rule)
        ]
    for chain in _base_chains():
        if chain["hook"] == "forward" and not _is_of_iptables(chain):
            place = (chain["family"], chain["table"], chain["name"])
            listing = _output("nft", "list", "chain", *place)
            if chain["policy"] == "drop" or _NATIVE_END.search(listing):
                others.append(f"nftables: {' '.join(place)}")
    return Verdicts(iptables, others)


def redirected(ports: Set[int]) -> Dict[int, str]:
    """Return which of these ports an iptables rule of another program translates too."""
    found: Dict[int, str] = {}
    for program in iptables_programs("nat"):
        for rule in _output(program, "-w", "-t", "nat", "-S").splitlines():
            match = _REDIRECTED.search(rule)
            if match and not rule.startswith("-A CACHEGATE"):
                first, last = int(match[1]), int(match[2] or match[1])
                found.update({port: rule for port in ports if first <= port <= last})
    return found


def iptables_programs(table: str) -> Iterator[str]:
    """Yield the programs whose version of this table exists.

    Asking about a table that does not exist would create it, so the kernel is asked first.
    """
    if shutil.which("iptables-legacy") and table in _legacy_tables():
        yield "iptables-legacy"
    if any(chain["table"] == table for chain in _base_chains() if _is_of_iptables(chain)):
        for program in ("iptables-nft", "iptables"):
            if shutil.which(program):
                yield program
                return


def _legacy_tables() -> List[str]:
    try:
        return Path("/proc/net/ip_tables_names").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


@cache
def _base_chains() -> List[Dict[str, Any]]:
    """List the chains of all other tables that hang on a hook, but not their rules.

    Rules of other programs may be such that this nft cannot print them, or crashes.
    """
    if shutil.which("nft") is None:
        return []
    try:
        objects = json.loads(_output("nft", "-j", "list", "chains") or "{}").get("nftables", [])
    except json.JSONDecodeError:
        return []
    chains = [item["chain"] for item in objects if "chain" in item]
    return [
        chain
        for chain in chains
        if "hook" in chain
        and chain["family"] in ("ip", "inet")
        and not chain["table"].startswith("cachegate")
    ]


def _is_of_iptables(chain: Dict[str, Any]) -> bool:
    """Tell whether iptables-nft made this chain: its tables and chains have fixed names."""
    return (
        chain["family"] == "ip"
        and chain["table"] in ("raw", "mangle", "nat", "filter", "security")
        and chain["name"].isupper()
    )


def _output(*command: str) -> str:
    """Return what a program prints, nothing where it cannot say: this is advice, not a decision."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
