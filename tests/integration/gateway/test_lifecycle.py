"""From the first apply to the removal: what is remembered, repaired, restored and taken away."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.gateway.lab import STRANGER, A, B, forward, packed, payload, unstamped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.gateway.lab import Gateway

# What another administrator may have on the same instance, in every place that we use too.
THEIRS = """
table inet theirs {
    set friends { type ipv4_addr; elements = { 198.51.100.7 } }
    chain in { type filter hook input priority filter; policy accept; tcp dport 9999 drop; }
    chain fw { type filter hook forward priority filter; policy accept; counter; }
}
table ip nearly_cachegate {
    chain pre { type nat hook prerouting priority dstnat; policy accept; }
}
"""
# With all built-in chains, because iptables makes those that it needs, and never takes them away.
THEIR_IPTABLES = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:THEIRS - [0:0]
-A INPUT -p tcp --dport 9998 -j DROP
-A FORWARD -j THEIRS
-A THEIRS -s 198.51.100.9/32 -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 8081 -j DNAT --to-destination 10.0.2.10:6379
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p udp --dport 53 -j CT --notrack
COMMIT
"""


def ruleset(gateway: Gateway) -> str:
    """Return all rules of the instance, without handles, counters and stamps."""
    listing = gateway.nat.run("nft", "list", "ruleset").stdout
    return unstamped(re.sub(r"packets \d+ bytes \d+", "", listing))


def test_the_same_rule_set_again_changes_nothing(gateway: Gateway) -> None:
    document = payload(1, forward(6379, A))

    assert gateway.apply(document)["changed"] is True
    assert gateway.apply(document)["changed"] is False


def test_the_same_rule_set_again_mends_what_somebody_changed(gateway: Gateway) -> None:
    document = payload(1, forward(6379, A), forward(6380, A, B, kind="readers"))
    gateway.apply(document)
    gateway.nat.run("nft", "flush", "ruleset")

    assert gateway.apply(document)["changed"] is True
    assert gateway.ask(6379) == "A"


OTHERWISE = (
    ("nftables_text.py", "tcp sport @answering drop", "tcp sport @answering accept"),
    ("nftables_text.py", '"flags timeout; gc-interval 1d;"', '""'),
    ("iptables_chains.py", "--ctstate RELATED -j ACCEPT", "--ctstate RELATED -j DROP"),
)


def handles(gateway: Gateway) -> list[str]:
    """Return the kernel's numbers of all tables: one that is deleted and made again has another."""
    listing = gateway.nat.run("nft", "-a", "list", "ruleset").stdout
    return re.findall(r"^table .* # handle \d+$", listing, re.MULTILINE)


def another_version(gateway: Gateway) -> Path:
    """Return an agent that writes as many rules and sets as this one, in other words."""
    folder = gateway.folder / "other"
    shutil.copytree(gateway.program.parent, folder)
    for file, words, otherwise in OTHERWISE:
        path = folder / "cachegate_agent" / file
        assert words in path.read_text()
        path.write_text(path.read_text().replace(words, otherwise))
    return folder / gateway.program.name


def test_rules_that_another_version_of_the_agent_wrote_are_written_anew(gateway: Gateway) -> None:
    document = payload(1, forward(6379, A), forward(6380, A, B, kind="readers"))
    now, gateway.program = gateway.program, another_version(gateway)
    gateway.apply(document)
    gateway.program, before, hooks = now, ruleset(gateway), handles(gateway)

    assert gateway.apply(document)["changed"] is True

    after = ruleset(gateway)
    assert after != before
    assert hooks
    assert handles(gateway) == hooks  # packets met rules all the time
    assert gateway.ask(6379) == "A"
    assert {gateway.ask(6380) for _ in range(2)} == {"A", "B"}
    gateway.nat.run("nft", "flush", "ruleset")
    gateway.apply(document)
    assert ruleset(gateway) == after


def test_an_older_generation_and_another_content_are_refused(gateway: Gateway) -> None:
    gateway.apply(payload(5, forward(6379, A)))

    late = gateway.agent("apply", payload(4, forward(6379, B)))
    other = gateway.agent("apply", payload(5, forward(6379, B)))

    assert (late.code, late.error) == (2, "stale_generation")
    assert (other.code, other.error) == (2, "stale_generation")
    assert gateway.ask(6379) == "A"


def test_another_owner_is_refused_unless_it_adopts(gateway: Gateway) -> None:
    gateway.apply(payload(5, forward(6379, A)))

    stranger = gateway.agent("apply", payload(6, forward(6379, B), owner="other"))
    wrong = gateway.agent("apply", payload(6, forward(6379, B), owner="other", adopt="third"))
    heir = payload(6, forward(6379, B), owner="other", adopt="stack-under-test")

    assert (stranger.code, stranger.error) == (2, "foreign_owner")
    assert (wrong.code, wrong.error) == (2, "foreign_owner")
    assert gateway.ask(6379) == "A"
    gateway.apply(heir)
    assert gateway.ask(6379) == "B"
    assert gateway.agent("apply", payload(7, forward(6379, A))).error == "foreign_owner"


@pytest.mark.parametrize("loss", ["deleted", "corrupted"])
def test_the_kernel_remembers_owner_and_generation_when_the_file_does_not(
    gateway: Gateway, loss: str
) -> None:
    gateway.apply(payload(5, forward(6379, A)))
    file = gateway.folder / "state" / "state.json"
    file.write_text("{") if loss == "corrupted" else file.unlink()

    assert gateway.agent("apply", payload(4, forward(6379, B))).error == "stale_generation"
    assert gateway.agent("apply", payload(6, owner="other")).error == "foreign_owner"
    gateway.apply(payload(6, forward(6379, B)))
    assert gateway.ask(6379) == "B"


DAMAGE = {
    "everything flushed": "nft flush ruleset",
    "a set emptied": "nft flush set ip cachegate sources",
    "a rule lost": "nft flush chain ip cachegate postrouting",
    "a rule added": "nft insert rule ip cachegate translate drop",
    "a chain added": "nft add chain ip cachegate more",
    "an element changed": "nft delete element ip cachegate live { 6379 . 10.0.1.10 . 6379 }",
    "the identity lost": "nft flush chain ip cachegate identity",
    "a readers chain bent": "nft flush chain ip cachegate readers-6380",
    "nat flushed": "iptables -t nat -F",
    "filter flushed": "iptables -F",
    "a jump lost": "iptables -D FORWARD 1",
    "another stamp asked for": (
        "nft flush chain ip cachegate forward ; add rule ip cachegate forward ct mark & 0x1e00 =="
        " 0x1c00 accept ; add rule ip cachegate forward ct mark & 0x1000 == 0x1000 ct status dnat"
        " ct direction original goto guard"
    ),
    "another stamp let through": (
        "iptables -R CACHEGATE-FORWARD 1 -m connmark --mark 0x1c00/0x1e00"
        " -m conntrack --ctstate DNAT -j ACCEPT"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_repair_mends(gateway: Gateway, damage: str) -> None:
    strangers = {"nftables": "iptables", "iptables": "ip cachegate"}[gateway.backend]
    if strangers in DAMAGE[damage]:
        pytest.skip("there is nothing of the kind in this back-end")
    document = payload(1, forward(6379, A), forward(6380, A, B, kind="readers"), forward(6381))
    gateway.apply(document)
    whole = ruleset(gateway)
    gateway.nat.run(*DAMAGE[damage].split())
    assert gateway.agent("inspect").answer["drift"] is True

    repaired = gateway.agent("repair")
    again = gateway.agent("repair")

    assert (repaired.code, repaired.answer["changed"]) == (0, True)
    assert again.answer["changed"] is False
    assert sorted(ruleset(gateway).split()) == sorted(whole.split())
    assert gateway.agent("inspect").answer["drift"] is False
    assert [gateway.ask(port) for port in (6379, 6381)] == ["A", "ConnectionRefusedError"]


@pytest.mark.parametrize("action", ["repair", "restore", "remove", "inspect"])
def test_where_nothing_was_applied_there_is_nothing_to_do(gateway: Gateway, action: str) -> None:
    ended = gateway.agent(action)

    assert (ended.code, ended.answer["generation"]) == (0, 0)
    assert ruleset(gateway) == ""


def test_restore_brings_the_rules_back_after_a_boot(gateway: Gateway) -> None:
    gateway.apply(payload(7, forward(6379, A)))
    gateway.nat.run("nft", "flush", "ruleset")

    ended = gateway.agent("restore")

    assert (ended.code, ended.answer["generation"]) == (0, 7)
    assert ended.seconds < 2
    assert gateway.ask(6379) == "A"


def test_restore_refuses_the_rules_of_another_instance(gateway: Gateway) -> None:
    gateway.nat.run("ip", "addr", "add", "169.254.169.254/32", "dev", "lo")
    with metadata(gateway, "i-0123456789abcdef0"):
        gateway.apply(payload(7, forward(6379, A)))
    gateway.nat.run("nft", "flush", "ruleset")

    state = gateway.folder / "state" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"boot": "the one before"}))

    with metadata(gateway, "i-0fedcba9876543210"):
        other = gateway.agent("restore")
        timer = gateway.agent("repair")
    with metadata(gateway, "i-0123456789abcdef0"):
        same = gateway.agent("restore")

    assert (other.code, other.error) == (2, "foreign_owner")
    assert (timer.code, timer.error) == (2, "foreign_owner")
    assert same.code == 0
    assert gateway.ask(6379) == "A"


def test_an_apply_makes_the_rule_set_the_new_instances_own(gateway: Gateway) -> None:
    gateway.nat.run("ip", "addr", "add", "169.254.169.254/32", "dev", "lo")
    with metadata(gateway, "i-0123456789abcdef0"):
        gateway.apply(payload(7, forward(6379, A)))

    with metadata(gateway, "i-0fedcba9876543210"):
        gateway.apply(payload(7, forward(6379, A)))
        restored = gateway.agent("restore")

    assert restored.code == 0


class metadata:  # noqa: N801 - reads as the statement it is used in
    """The instance metadata service, as far as it tells the instance id."""

    def __init__(self, gateway: Gateway, instance: str) -> None:
        self._gateway, self._instance = gateway, instance

    def __enter__(self) -> None:
        self._process = self._gateway.start(self._gateway.nat, "metadata.py", self._instance)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "READY\n"

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def test_every_action_leaves_other_programs_rules_alone(gateway: Gateway) -> None:
    gateway.nat.run("nft", "-f", "-", text=THEIRS)
    gateway.nat.run("iptables-restore", text=THEIR_IPTABLES)
    before = ruleset(gateway)
    document = payload(1, forward(6379, A), forward(6380, A, B, kind="readers"))

    gateway.apply(document)
    gateway.apply(payload(2, forward(6379, B)))
    for action in ("inspect", "repair", "restore"):
        assert gateway.agent(action).code == 0
    gateway.agent("render", document)
    gateway.agent("apply", payload(1))
    with_us = ruleset(gateway)
    gateway.agent("remove")

    missing = [line for line in before.splitlines() if line not in with_us.splitlines()]
    assert not missing
    assert ruleset(gateway) == before


def test_remove_leaves_no_trace_and_tells_who_was_connected(gateway: Gateway) -> None:
    gateway.apply(payload(3, forward(6379, A), forward(6380, A, B, kind="readers")))
    waiting = gateway.client.start(
        "python3", "-c",
        "import socket; w = socket.create_connection(('192.0.2.1', 6379))\n"
        "print('in', flush=True)\n"
        "try: w.recv(1)\nexcept OSError as e: print(type(e).__name__)",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "in\n"

    ended = gateway.agent("remove")

    assert (ended.code, ended.answer["generation"], ended.answer["forwards"]) == (0, 3, 0)
    assert ended.answer["flows_told"] == 1
    assert waiting.communicate(timeout=5)[0] == "ConnectionResetError\n"
    left = ruleset(gateway)
    assert "cachegate" not in left.lower()
    assert not (gateway.folder / "state").exists()
    assert gateway.agent("remove").code == 0


def test_a_changed_back_end_takes_the_other_ones_rules_away(gateway: Gateway) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    other = {"nftables": "iptables", "iptables": "nftables"}[gateway.backend]
    ours, theirs = {"nftables": ("table ip cachegate", "CACHEGATE")}.get(
        gateway.backend, ("CACHEGATE", "table ip cachegate")
    )
    assert ours in ruleset(gateway)

    gateway.backend = other
    report = gateway.apply(payload(2, forward(6379, A)))

    assert report["backend"] == other
    assert ours not in ruleset(gateway)
    assert theirs in ruleset(gateway)
    assert gateway.ask(6379) == "A"


def test_inspect_counts_connections_and_pages(gateway: Gateway) -> None:
    forwards = [forward(port, A) for port in (6379, 6380, 6381)]
    gateway.apply(payload(4, *forwards))
    waiting = gateway.client.start(
        "python3", "-c",
        "import socket, time; w = [socket.create_connection(('192.0.2.1', 6380)) for _ in '12'];"
        "print('in', flush=True); time.sleep(30)",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    gateway.processes.append(waiting)
    assert waiting.stdout is not None
    waiting.stdout.readline()

    dead = [*forwards, forward(6382, "10.0.1.77")]
    gateway.apply(payload(5, *dead))
    whole = gateway.agent("inspect").answer
    part = gateway.agent("inspect", None, "--from", "6380").answer

    assert whole["owner"] == "stack-under-test"
    assert (whole["generation"], whole["drift"], whole["next"]) == (5, False, None)
    assert [item["connections"] for item in whole["forwards"]] == [0, 2, 0, 0]
    assert [item["listen"] for item in part["forwards"]] == [6380, 6381, 6382]
    assert whole["unreachable"] == part["unreachable"] == [6382]
    assert whole["installed"] is True  # where nothing can be installed, nothing is missing
    assert {key: whole["forwards"][0][key] for key in forwards[0]} == forwards[0]


def test_compact_pages_fit_what_ssm_returns_and_join_to_the_whole(gateway: Gateway) -> None:
    forwards = [
        forward(10_000 + index, f"10.0.{index % 250}.{index % 241}") for index in range(2000)
    ]
    gateway.apply(payload(4, *forwards[:1]))
    # Only what was saved is paged here: the kernel need not hold 2,000 for that.
    saved = json.loads((gateway.folder / "state" / "state.json").read_text())
    (gateway.folder / "state" / "state.json").write_text(
        json.dumps(saved | {"document": payload(4, *forwards)})
    )

    joined, first = [], 0
    while first is not None:
        line = gateway.agent("inspect", None, "--compact", "--from", str(first)).output.strip()
        assert len(line) <= 20_000
        page = json.loads(gzip.decompress(base64.b64decode(line)))
        joined += page["forwards"]
        first = page["next"]

    assert [item["listen"] for item in joined] == [item["listen"] for item in forwards]


def test_unreachable_targets_are_reported_and_no_failure(gateway: Gateway) -> None:
    document = payload(
        1, forward(6379, A), forward(6380, "10.0.1.77"), forward(6381, f"{B}:1"), forward(6382)
    )

    ended = gateway.agent("apply", document)

    assert (ended.code, ended.answer["unreachable"]) == (0, [6380, 6381])
    assert ended.answer["elapsed_ms"] < 1000
    assert ended.seconds < 4


def test_an_apply_killed_at_any_moment_leaves_a_rule_set_that_repair_completes(
    gateway: Gateway,
) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    (gateway.folder / "next").write_text(packed(payload(2, forward(6379, B))))

    for milliseconds in range(20, 140, 15):
        process = gateway.nat.start(
            "timeout", "-s", "KILL", f"{milliseconds / 1000}", "env",
            f"CACHEGATE_STATE_DIR={gateway.folder / 'state'}",
            f"CACHEGATE_BACKEND={gateway.backend}",
            "python3", "gateway/agent.py", "apply", "--payload-file", str(gateway.folder / "next"),
        )  # fmt: skip
        process.wait(timeout=10)
        assert gateway.ask(6379) in {"A", "B"}
        ended = gateway.agent("repair")
        assert ended.code == 0
        assert gateway.ask(6379) == {1: "A", 2: "B"}[ended.answer["generation"]]

    gateway.apply(payload(2, forward(6379, B)))
    assert gateway.ask(6379) == "B"


def test_a_kernel_that_refuses_leaves_the_last_good_rule_set(
    gateway: Gateway, tmp_path: Path
) -> None:
    gateway.apply(payload(1, forward(6379, A)))
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("nft", "iptables-restore"):
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout
        tool = tools / name
        # Lists as ever, and accepts no change.
        tool.write_text(
            f"#!/bin/sh\n"
            f'case "$*" in *list*|*version*) exec {real.strip()} "$@";; esac\n'
            "echo 'no such thing' >&2; exit 1\n"
        )
        tool.chmod(0o755)
    before = ruleset(gateway)

    path = gateway.folder / "payload"
    path.write_text(packed(payload(2, forward(6379, B))))
    ended = gateway.agent_raw(
        "apply", "--payload-file", str(path),
        env={"PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip

    assert (ended.code, ended.error) == (1, "kernel_refused")
    assert ruleset(gateway) == before
    assert gateway.agent("inspect").answer["generation"] == 1
    assert gateway.ask(6379, source=STRANGER) == "ConnectionRefusedError"


def test_a_state_directory_that_cannot_be_written_changes_nothing(gateway: Gateway) -> None:
    (gateway.folder / "state").write_text("in the way")

    ended = gateway.agent("apply", payload(1, forward(6379, A)))

    assert (ended.code, ended.error) == (1, "state_unusable")
    assert ruleset(gateway) == ""
