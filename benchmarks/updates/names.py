"""The names of the ways in the rows of updates.csv, which measuring and telling share."""

from __future__ import annotations

FIRST, CHANGE = "all forwards", "one target changed"
UPDATES = (FIRST, CHANGE)
BACKENDS = ("nftables", "iptables")
TOOLS = {"nftables": "nft -f", "iptables": "iptables-restore"}

START = "start"  # of Python, until the agent's first line
EMPTY = "an empty process"
PLACES = "places in the kernel's table of connections"
BY_HAND = "nft -f, the least table"
WITH_SETS = "nft -f, the least table with our sets"
RESTORE = "iptables-restore, one chain"
CALLS = "the guide: one iptables call a rule"


def ours(backend: str, update: str, step: str) -> str:
    """Name one step of our agent."""
    return f"ours, {backend}, {update}: {step}"


def same_text(backend: str, update: str) -> str:
    """Name the bare tool, given the very text that our swap gave it."""
    return f"{TOOLS[backend]} of our text, {update}"


def alone(backend: str, step: str) -> str:
    """Name the swap of one target, or the program in it, where nothing else of a run was done."""
    return f"our swap alone, {backend}, {CHANGE}: {step}"


def other(way: str, update: str) -> str:
    """Name what somebody does without us."""
    return f"{way}, {update}"


def size_of_text(way: str) -> str:
    """Name the length of a text that makes the whole table."""
    return f"kB of text, {way}"
