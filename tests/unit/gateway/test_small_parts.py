"""The parts of the agent that need no kernel: reports, names, probes, the lock and the state."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import struct
import subprocess
import sys
import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.planning.checks.on_instance import FORWARDING_OFF, stops
from cachegate_agent import foreign, preflight, probe, report, resolve, state, tell
from cachegate_agent.conntrack import End
from cachegate_agent.errors import Failed, Refused
from cachegate_agent.rules import Forward, Rules, Target

if TYPE_CHECKING:
    from pathlib import Path


def unpacked(line: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(line)))
    return document


def test_a_compact_report_names_fewer_unreachable_ports_where_all_do_not_fit() -> None:
    # Squares compress badly, as a real list of ports does not.
    ports = [number * number % 64_997 for number in range(20_000)]

    line = report.fitted({"unreachable": ports, "warnings": ["w"]}, compact=True)

    cut = unpacked(line)
    assert len(line) <= report.LIMIT
    assert 0 < len(cut["unreachable"]) < len(ports)
    assert cut["warnings"][0] == "w"
    assert "more ports are unreachable" in cut["warnings"][1]


@pytest.mark.parametrize("compact", [True, False])
def test_a_page_names_the_listen_port_of_the_next(compact: bool) -> None:  # noqa: FBT001
    forwards = [{"listen": port, "key": f"{port * port}" * 9} for port in range(1, 5000)]

    line = report.page({"forwards": forwards}, 7, compact=compact)
    page = unpacked(line) if compact else json.loads(line)

    assert page["forwards"][0]["listen"] == 7
    if compact:
        assert len(line) <= report.LIMIT
        assert page["next"] == page["forwards"][-1]["listen"] + 1
    else:
        assert page["next"] is None


def test_names_that_fail_are_left_out() -> None:
    found = resolve.resolve({"schema": 1, "names": ["127.0.0.1", "no-such-name.invalid", "a..b"]})

    assert found == {"127.0.0.1": ["127.0.0.1"]}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"schema": 2, "names": []},
        {"schema": 1, "names": "a"},
        {"schema": 1, "names": [1]},
        {"schema": 1, "names": [""]},
        {"schema": 1, "names": ["é"]},
        {"schema": 1, "names": ["a"], "more": 1},
        {"schema": 1, "names": ["a"] * 1001},
    ],
)
def test_what_is_no_list_of_names_is_malformed(document: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        resolve.resolve(document)

    assert caught.value.code == "malformed"


def test_a_look_up_that_hangs_holds_up_neither_the_others_nor_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(name: str, *_: object) -> list[tuple[object, ...]]:
        if name == "slow":
            time.sleep(3)
        return [(0, 0, 0, "", ("10.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(resolve, "SECONDS", 0.2)
    started = time.monotonic()

    found = resolve.resolve({"schema": 1, "names": ["quick", "slow"]})

    assert found == {"quick": ["10.0.0.1"]}
    assert time.monotonic() - started < 2


def rules(*targets: tuple[Target, ...]) -> Rules:
    forwards = tuple(Forward(port, "readers", "", some) for port, some in enumerate(targets, 1))
    return Rules("stack", 1, "d", (), (), forwards)


def test_a_probe_finds_the_ports_of_which_a_target_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        good, bad = (
            Target(IPv4Address("127.0.0.1"), each.getsockname()[1]) for each in (server, unused)
        )

        assert probe.unreachable(rules((good,), (bad,), (), (good, bad))) == [2, 4]


def test_a_probe_of_many_silent_targets_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.4)
    monkeypatch.setattr(probe, "AT_ONCE", 2)
    # TEST-NET-1 is routed nowhere; where there is no route at all, connecting fails at once.
    silent = [(Target(IPv4Address("192.0.2.1"), port),) for port in range(1, 8)]
    started = time.monotonic()

    assert probe.unreachable(rules(*silent)) == [1, 2, 3, 4, 5, 6, 7]
    assert time.monotonic() - started < 2


def test_the_syn_that_tells_has_a_correct_checksum() -> None:
    source = End(IPv4Address("203.0.113.5"), 6379)
    packet = tell._segment(source, End(IPv4Address("198.51.100.7"), 40_000))

    tcp = packet[20:]
    pseudo = packet[12:20] + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp))
    total = sum(struct.unpack(f"!{len(pseudo + tcp) // 2}H", pseudo + tcp))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)

    assert total == 0xFFFF
    assert struct.unpack("!HH", tcp[:4]) == (6379, 40_000)
    assert tcp[13] == tell.SYN


HOLD = (
    "import sys, time; sys.path.insert(0, 'gateway')\nfrom pathlib import Path\n"
    """
from cachegate_agent.state import State
with State(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
)


def test_one_action_waits_for_another(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), "0.3"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    started = time.monotonic()

    with state.State(tmp_path).locked():
        waited = time.monotonic() - started

    assert 0.1 < waited < 5
    holder.communicate()


def test_waiting_for_another_action_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LOCK_SECONDS", 0.1)

    with (
        state.State(tmp_path).locked(),
        pytest.raises(Failed, match="another action"),
        state.State(tmp_path).locked(),
    ):
        pass


def test_a_lock_that_was_removed_meanwhile_is_not_taken_for_the_lock(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with state.State(folder).locked():
        state.State(folder).remove()
        with state.State(folder).locked():
            assert (folder / "lock").exists()


def test_nothing_saved_is_nothing_and_rubbish_is_an_error(tmp_path: Path) -> None:
    kept = state.State(tmp_path)
    assert kept.load() is None

    for rubbish in (b"", b"{", b"[]", b"{}", b'{"document": {}}', b"\xff"):
        (tmp_path / "state.json").write_bytes(rubbish)
        with pytest.raises(Failed) as caught:
            kept.load()
        assert caught.value.code == "state_unusable"


def test_the_addresses_that_targets_are_reached_from_are_found_without_sending() -> None:
    targets = (Target(IPv4Address("127.0.0.1"), 9), Target(IPv4Address("127.0.0.2"), 9))
    forwards = tuple(
        Forward(6379 + index, "node", str(index), (target,)) for index, target in enumerate(targets)
    )
    rules = Rules("stack", 1, "digest", (), (), forwards)

    assert probe.senders(rules) == ["127.0.0.1"]


class Backend:
    """A back-end that can be used, or says why not."""

    def __init__(self, name: str, problem: str = "") -> None:
        self.name, self.problem = name, problem

    def why_not(self) -> str:
        return self.problem


def test_the_check_up_knows_the_words_of_the_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are for people; so whoever changes them has to change what is read from them."""
    verdicts = foreign.Verdicts(["iptables: -P FORWARD DROP"], ["nftables: inet fw forward"])
    monkeypatch.setattr(foreign, "verdicts", lambda: verdicts)
    monkeypatch.setattr(preflight, "Nftables", lambda: Backend("nftables"))
    monkeypatch.setattr(preflight, "Iptables", lambda: Backend("iptables", "not installed"))
    monkeypatch.setattr(foreign, "redirected", lambda ports: dict.fromkeys(ports, "-A X"))
    monkeypatch.setattr(preflight, "setting", lambda _name: 0)
    forward = Forward(6379, "node", "a/a/0001", (Target(IPv4Address("10.0.1.5"), 6379),))

    chosen = preflight.choose().warnings
    found = preflight.warnings(Rules("stack", 1, "digest", (), (), (forward,)))

    assert {stops(warning) for warning in chosen} == {True}
    assert len(chosen) == 2
    (off, *others) = found
    assert off.startswith(FORWARDING_OFF)
    assert [stops(warning) for warning in others if "6379" in warning] == [True]
