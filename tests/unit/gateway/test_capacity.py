"""What the agent tells of its instance's capacity, and that nothing fails where it cannot."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_agent import capacity

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
DEFAULT = "ens5\t00000000\t0100000A\t0003\t0\t0\t512\t00000000\t0\t0\t0\n"
# As the driver prints them: among counters of its own.
STATISTICS = """NIC statistics:
     tx_timeout: 0
     bw_in_allowance_exceeded: 3
     bw_out_allowance_exceeded: 18446744073709551615
     pps_allowance_exceeded: 0
     conntrack_allowance_exceeded: 7
     linklocal_allowance_exceeded: 1
     conntrack_allowance_available: 136812
     queue_0_tx_cnt: 368940
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An EC2 instance: a routing table, and a program beside that asks the driver."""
    (tmp_path / "route").write_text(HEAD + DEFAULT)
    monkeypatch.setattr(capacity, "ROUTES", tmp_path / "route")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    settings = {"netfilter/nf_conntrack_count": 12, "netfilter/nf_conntrack_max": 65536}
    monkeypatch.setattr(capacity, "setting", lambda name: settings[name])
    ethtool(tmp_path, STATISTICS)
    return tmp_path


def ethtool(folder: Path, says: str, *, ending: str = "") -> None:
    program = folder / "ethtool"
    (folder / "says").write_bytes(says.encode("latin-1"))
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\ncat {folder}/says\n{ending}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_the_kernels_table_and_the_allowances_of_ec2_are_told(machine: Path) -> None:
    assert capacity.figures() == {
        "conntrack": {"used": 12, "limit": 65536},
        "allowances": {
            "conntrack_allowance_available": 136812,
            "conntrack_allowance_exceeded": 7,
            "bw_in_allowance_exceeded": 3,
            "bw_out_allowance_exceeded": 18446744073709551615,
            "pps_allowance_exceeded": 0,
        },
    }
    assert (machine / "asked").read_text() == "-S ens5\n"


@pytest.mark.parametrize(
    ("rows", "interface"),
    [
        ("", ""),
        ("ens5\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n", ""),  # a subnet
        ("ens5\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n", ""),  # half of all
        (DEFAULT.replace("0003", "0002"), ""),  # not up
        (DEFAULT + "ens6\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "ens6"),
        ("ens6\t00000000\t0100000A\t0003\t0\t0\t1024\t00000000\t0\t0\t0\n" + DEFAULT, "ens5"),
        ("ens5\t00000000\n", ""),
        ("ens5\tzz\t0100000A\t0003\t0\t0\t512\t00000000\t0\t0\t0\n", ""),
    ],
)
def test_the_driver_of_the_best_default_route_is_asked(
    machine: Path, rows: str, interface: str
) -> None:
    (machine / "route").write_text(HEAD + rows)

    told = capacity.figures()

    asked = machine / "asked"
    assert (asked.read_text() if asked.exists() else "") == (interface and f"-S {interface}\n")
    assert ("allowances" in told) == bool(interface)


@pytest.mark.parametrize(
    "says",
    [
        "",
        "no stats available\n",
        "NIC statistics:\n     rx_queue_0_packets: 12\n",  # another driver
        "     conntrack_allowance_exceeded: -1\n",
        "     conntrack_allowance_exceeded: \xb2\n",
        "     conntrack_allowance_exceeded: " + "9" * 5000 + "\n",
        "     conntrack_allowance_exceeded: 0x7\n",
        "     conntrack_allowance_exceeded\n",
    ],
)
def test_what_a_driver_does_not_tell_well_is_left_out(machine: Path, says: str) -> None:
    ethtool(machine, says)

    assert capacity.figures() == {"conntrack": {"used": 12, "limit": 65536}}


def test_an_older_driver_tells_what_it_knows(machine: Path) -> None:
    ethtool(machine, "     conntrack_allowance_exceeded: 4\n")

    assert capacity.figures()["allowances"] == {"conntrack_allowance_exceeded": 4}


def test_a_driver_that_does_not_answer_is_not_waited_for(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "SECONDS", 0.05)
    ethtool(machine, STATISTICS, ending="exec sleep 5")

    assert "allowances" not in capacity.figures()


@pytest.mark.parametrize("missing", ["ethtool", "route"])
def test_a_machine_without_program_or_routes_tells_the_rest(
    machine: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    (machine / missing).unlink()
    monkeypatch.setenv("PATH", str(machine))

    assert capacity.figures() == {"conntrack": {"used": 12, "limit": 65536}}


@pytest.mark.parametrize(("used", "limit"), [(-1, -1), (12, 0), (-1, 65536)])
def test_a_kernel_without_a_table_or_without_a_limit_tells_none(
    machine: Path, monkeypatch: pytest.MonkeyPatch, used: int, limit: int
) -> None:
    found: dict[str, Any] = {
        "netfilter/nf_conntrack_count": used,
        "netfilter/nf_conntrack_max": limit,
    }
    monkeypatch.setattr(capacity, "setting", lambda name: found[name])

    assert set(capacity.figures()) == {"allowances"}
    assert (machine / "asked").exists()
