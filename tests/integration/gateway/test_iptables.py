"""What only the iptables back-end has to hold: on both kinds of iptables, beside other programs."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local import sandbox
from tests.integration.gateway import lab
from tests.integration.gateway.lab import STRANGER, A, B, forward, payload, unstamped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.gateway.lab import Gateway

KINDS = {"nf_tables": "nft", "legacy": "legacy"}
HERE = Path(__file__).parent

OTHERS = """\
*mangle
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.0.0.0/8 -o v1b -j MASQUERADE
-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.2.10:6379
COMMIT
*filter
:DOCKER-USER - [0:0]
:FORWARD DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "not -j CACHEGATE-INPUT" -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
-A DOCKER-USER -j RETURN
COMMIT
"""


@pytest.fixture(params=KINDS)
def gateway(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gateway]:
    """The lab, on a system whose `iptables` is of one kind or the other."""
    if not sandbox.inside():
        pytest.skip("needs the sandbox: python -m local.sandbox python -m pytest ...")
    if shutil.which(f"iptables-{KINDS[request.param]}") is None:
        pytest.skip(f"this system has no iptables of the kind {request.param}")
    monkeypatch.setenv("PATH", system_with(request.param, tmp_path, monkeypatch))
    with lab.gateway(tmp_path, "iptables") as running:
        yield running


def system_with(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a PATH on which `iptables` is of this kind."""
    programs = folder / kind
    programs.mkdir()
    for suffix in ("", "-save", "-restore"):
        real = shutil.which(f"iptables-{KINDS[kind]}{suffix}")
        assert real is not None
        (programs / f"iptables{suffix}").symlink_to(real)
    # Other runs on this machine must not wait for ours.
    monkeypatch.setenv("XTABLES_LOCKFILE", str(folder / "lock"))
    return f"{programs}:{os.environ['PATH']}"


def saved(gateway: Gateway) -> list[str]:
    """Return the rules, chains and policies of all programs, without counters."""
    lines = gateway.nat.run("iptables-save").stdout.splitlines()
    kept = [line.partition(" [")[0] for line in lines if line[:1] in ":-"]
    return sorted(kept, key=lambda line: line.split()[:2])  # within a chain, order counts


def others(gateway: Gateway) -> list[str]:
    """Return what is not ours, built-in chains without a policy of somebody's aside."""
    ours = ("-A CACHEGATE", ":CACHEGATE")
    return [
        line
        for line in saved(gateway)
        if not line.startswith(ours) and "-j CACHEGATE" not in line.rpartition('"')[2]
        if not (line.startswith(":") and line.endswith(" ACCEPT"))
    ]


def ours(gateway: Gateway) -> list[str]:
    """Return every line that names a chain of ours."""
    return [line for line in saved(gateway) if "CACHEGATE" in line and "not -j" not in line]


def test_a_firewall_that_rejects_all_forwarding_does_not_stop_ours(gateway: Gateway) -> None:
    gateway.nat.run("iptables-restore", text=OTHERS)

    gateway.apply(payload(1, forward(6379, A)))

    assert gateway.ask(6379) == "A"
    assert gateway.ask(6379, source=STRANGER) == "ConnectionRefusedError"


def test_the_rules_of_other_programs_are_left_as_they_are(gateway: Gateway) -> None:
    gateway.nat.run("iptables-restore", text=OTHERS)
    before = others(gateway)

    for document in (payload(1, forward(6379, A)), payload(2, forward(6380, B))):
        gateway.apply(document)
        assert others(gateway) == before
    assert gateway.agent("remove").code == 0

    assert others(gateway) == before


def test_remove_leaves_no_chain_and_no_jump(gateway: Gateway) -> None:
    targets = [forward(6379 + place, f"10.0.1.{place + 1}") for place in range(100)]
    gateway.apply(payload(1, *targets))
    assert ours(gateway)

    assert gateway.agent("remove").answer["changed"]

    assert ours(gateway) == []


def test_remove_leaves_the_kernel_as_it_was(gateway: Gateway) -> None:
    """Legacy iptables cannot unload a table; nf_tables can, and so this leaves not even that."""
    if "legacy" in gateway.nat.run("iptables", "--version").stdout:
        pytest.skip("a table of legacy iptables stays until the next boot")
    gateway.nat.run("iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
    gateway.nat.run("iptables", "-P", "FORWARD", "DROP")
    gateway.nat.run("iptables", "-P", "INPUT", "ACCEPT")  # empty, and there before us
    before = gateway.nat.run("nft", "-s", "list", "ruleset").stdout
    gateway.apply(payload(1, forward(6379, A)))

    gateway.agent("remove")

    assert gateway.nat.run("nft", "-s", "list", "ruleset").stdout == before


@pytest.mark.parametrize(
    "damage",
    [
        ("-F", "FORWARD"),
        ("-F", "INPUT"),
        ("-t", "nat", "-F", "PREROUTING"),
        ("-t", "nat", "-F", "POSTROUTING"),
        ("-t", "raw", "-F", "OUTPUT"),
        ("-I", "FORWARD", "1", "-j", "DROP"),
        ("-t", "nat", "-A", "PREROUTING", "-j", "CACHEGATE-ADMIT"),
        ("-F", "CACHEGATE-IDENTITY"),
        ("-t", "nat", "-D", "CACHEGATE-TARGET", "1"),
        ("-D", "CACHEGATE-LIVE", "1"),
        ("-A", "CACHEGATE-LIVE", "-p", "tcp", "-j", "ACCEPT"),
        ("-N", "CACHEGATE-MINE"),
    ],
    ids=" ".join,
)
def test_damage_is_drift_and_is_repaired(gateway: Gateway, damage: tuple[str, ...]) -> None:
    gateway.apply(payload(1, forward(6379, A), forward(6380)))
    whole = unstamped("\n".join(ours(gateway)))
    assert not gateway.agent("inspect").answer["drift"]

    gateway.nat.run("iptables", *damage)

    assert gateway.agent("inspect").answer["drift"]
    assert gateway.agent("repair").answer["changed"]
    assert not gateway.agent("inspect").answer["drift"]
    assert unstamped("\n".join(ours(gateway))) == whole
    assert gateway.ask(6379) == "A"


def test_readers_take_turns(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A, f"{A}:7000", B, kind="readers")))

    assert Counter(gateway.ask(6379) for _ in range(12)) == {"A": 8, "B": 4}


def test_what_is_written_reads_back_whatever_it_is(gateway: Gateway) -> None:
    done = gateway.nat.run(
        sys.executable, str(HERE / "iptables_round_trip.py"), "40", check=False, timeout=120
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_chains_in_the_other_kind_of_iptables_are_refused_and_removed(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    first = [kind for kind in KINDS if (tmp_path / kind).exists()]
    (second,) = set(KINDS) - set(first)
    here = os.environ["PATH"]
    monkeypatch.setenv("PATH", system_with(second, tmp_path, monkeypatch))

    refused = gateway.agent("apply", payload(2, forward(6379, B)))
    gateway.agent("remove")
    applied = gateway.agent("apply", payload(2, forward(6379, B)))

    assert (refused.code, refused.error) == (2, "backend_unavailable")
    assert "other kind" in refused.answer["error"]["message"]
    assert applied.code == 0
    assert gateway.ask(6379) == "B"
    monkeypatch.setenv("PATH", here)
    assert ours(gateway) == []


def test_a_lock_that_another_program_holds_is_waited_for(gateway: Gateway, tmp_path: Path) -> None:
    holder = gateway.nat.start("flock", str(tmp_path / "lock"), "sleep", "1")

    gateway.apply(payload(1, forward(6379, A)))

    holder.wait()
    assert gateway.ask(6379) == "A"
