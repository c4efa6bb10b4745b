"""Updates of the NAT instance's rules: ours, bare nft, iptables-restore, and one call a rule."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.rows import Rows
from tests.integration.gateway.lab import A, B, Document, Gateway, forward, gateway, payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.namespaces import Host

MOST_CALLS = 500  # one iptables process for each of more rules takes minutes

_TABLE = """
table ip bare {{
  map forwards {{ type inet_service : ipv4_addr . inet_service; elements = {{ {elements} }} }}
  chain prerouting {{
    type nat hook prerouting priority dstnat
    fib daddr type local ip protocol tcp dnat ip to tcp dport map @forwards
  }}
  chain postrouting {{ type nat hook postrouting priority srcnat; ct status dnat masquerade; }}
}}
"""


def forwards(count: int, changed: str) -> list[Document]:
    """Return many forwards, the one in the middle with a target of its own.

    The nodes refuse all of them, so that the probe of targets, which is no part of this, is short.
    """
    made = [forward(10_000 + n, f"{A}:{20_000 + n}") for n in range(count)]
    made[count // 2] = forward(10_000 + count // 2, changed)
    return made


def measure(sizes: tuple[int, ...], repetitions: int) -> Rows:
    """Measure every way at every size, interleaved."""
    rows = Rows("updates")
    for repetition in range(repetitions):
        for size in sizes:
            for backend in ("nftables", "iptables"):
                with TemporaryDirectory() as folder, gateway(Path(folder), backend) as lab:
                    _ours(rows, lab, size, repetition)
            with TemporaryDirectory() as folder, gateway(Path(folder), "nftables") as lab:
                _bare(rows, lab.nat, size, repetition)
    return rows


def _ours(rows: Rows, lab: Gateway, size: int, repetition: int) -> None:
    """`elapsed_ms` leaves out the start of Python and the probe; the kernel's part is apart."""
    name = f"agent, {lab.backend}"
    first = lab.apply(payload(1, *forwards(size, A)))["elapsed_ms"]
    change = lab.apply(payload(2, *forwards(size, B)))["elapsed_ms"]
    swap = lab.swap_only(payload(3, *forwards(size, f"{B}:6380"))) * 1000
    rows.add(f"{name}: first apply", size, repetition, first)
    rows.add(f"{name}: apply with one target changed", size, repetition, change)
    rows.add(f"{name}: of that, the kernel's transaction", size, repetition, swap)


def _bare(rows: Rows, nat: Host, size: int, repetition: int) -> None:
    """Measure what a person would type, process included."""
    elements = ", ".join(f"{10_000 + n} : {A} . {20_000 + n}" for n in range(size))
    port = 10_000 + size // 2
    change = (
        f"delete element ip bare forwards {{ {port} }}\n"
        f"add element ip bare forwards {{ {port} : {B} . 6379 }}\n"
    )
    whole = _TABLE.format(elements=elements)
    rule = "-t nat -A PREROUTING -p tcp --dport {port} -j DNAT --to {address}:{target}"
    restore = ["*nat", ":BARE - [0:0]", *(
        f"-A BARE -p tcp --dport {10_000 + n} -j DNAT --to {A}:{20_000 + n}" for n in range(size)
    ), "COMMIT", ""]  # fmt: skip
    ways: dict[str, Callable[[], object]] = {
        "nft -f: whole table": lambda: nat.run("nft", "-f", "-", text=whole),
        "nft -f: one element changed": lambda: nat.run("nft", "-f", "-", text=change),
        "iptables-restore: one chain": lambda: nat.run(
            "iptables-restore", "--noflush", text="\n".join(restore)
        ),
    }
    if size <= MOST_CALLS:
        calls = "\n".join(
            "iptables " + rule.format(port=10_000 + n, address=A, target=20_000 + n)
            for n in range(size)
        )
        ways["the guide: one iptables call a rule"] = lambda: nat.run("sh", text=calls)
    for way, run in ways.items():
        started = time.perf_counter()
        run()
        rows.add(way, size, repetition, (time.perf_counter() - started) * 1000)
