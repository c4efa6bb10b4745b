"""The command `cachegate` as people run it: a process of its own, through AWS's API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.test_story import settle

if TYPE_CHECKING:
    from local.world import World

COMMAND = str(Path(sys.executable).with_name("cachegate"))


def environment(world: World) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if name != "CACHEGATE_LOCAL"}
    return bare | world.aws.environment | {"COLUMNS": "100"}


def run(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], env=environment(world), capture_output=True, text=True, check=False
    )


def test_a_person_sees_plans_syncs_and_asks_why_by_the_command(world: World) -> None:
    world.create_replication_group("sessions", replicas=1)
    world.create_cluster("cart")
    world.deploy()
    assert run(world, "sync").returncode == 0
    settle(world)  # else a pass of its own may find the change before the command does
    member = "sessions-002"
    before, after = world.node(member).address, world.replace_node(member)

    planned = run(world, "plan")
    assert planned.returncode == 0, planned.stderr
    moved = next(line for line in planned.stdout.splitlines() if f"{member}/0001" in line)
    assert moved.startswith("~ ")
    assert f"{before}:6379 → {after}:6379" in moved

    synced = run(world, "sync")
    assert synced.returncode == 0, synced.stderr
    assert moved in synced.stdout
    assert "verified" in synced.stdout.splitlines()[0]

    status = run(world, "status")
    assert (status.returncode, status.stderr) == (0, "")
    row = next(line for line in status.stdout.splitlines() if f"{member}/0001" in line)
    port = row.split()[0]
    assert row.split()[1:5] == [f"{member}/0001", "replica", f"{after}:6379", "✓"]
    assert max(map(len, status.stdout.splitlines())) <= 100

    explained = run(world, "explain", port)
    assert explained.returncode == 0
    assert explained.stdout.startswith(f"{port} leads to {after}:6379 in vpc-")
    assert json.loads(run(world, "explain", port, "--json").stdout)["listen"] == int(port)

    assert "✓ nothing to change" in run(world, "plan").stdout

    nobody = run(world, "explain", "9")
    assert nobody.returncode == 1
    assert nobody.stderr.startswith(
        "cachegate: no forward has the listen port 9; those in use are 63"
    )

    other = run(world, "status", "--stack", "other")
    assert other.returncode == 2
    assert other.stderr.startswith("cachegate: there is no stack other in this account")
    assert other.stderr.count("\n") == 1

    guard = run(world, "guard", "plan")
    assert guard.returncode == 0, guard.stderr
    assert guard.stdout.startswith("mode observe")
    watched_until_interrupted(world, member)


def watched_until_interrupted(world: World, member: str) -> None:
    """Watch while a node is replaced, then press Ctrl-C."""
    with subprocess.Popen(
        [COMMAND, "watch", "--every", "1"], env=environment(world), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as watching:  # fmt: skip
        assert watching.stdout is not None
        try:
            assert "listen ports forwarding" in watching.stdout.readline()
            before, after = world.node(member).address, world.replace_node(member)
            world.trigger()
            lines = [watching.stdout.readline()]
            ends = time.monotonic() + 60
            while f"{before}:6379 → {after}:6379" not in lines[-1] and time.monotonic() < ends:
                lines.append(watching.stdout.readline())
            assert f"{before}:6379 → {after}:6379" in lines[-1], lines
            watching.send_signal(signal.SIGINT)
            assert watching.wait(30) == 130
        finally:
            watching.kill()
