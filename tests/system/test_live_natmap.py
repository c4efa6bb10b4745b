"""A program that runs on while AWS replaces nodes: its natmap finds their new addresses itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cachegate.client import Natmap

if TYPE_CHECKING:
    import pytest

    from local.world import World

OUTSIDE = str(Path(__file__).with_name("outside.py"))
REPLACED = "sessions-0001-001"


def test_a_program_outside_follows_a_replaced_node_without_being_started_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create_replication_group("sessions", shards=3, replicas=1, cluster_mode=True)
    world.deploy()
    assert world.invoke({"action": "sync"})["ok"]
    for name, value in world.aws.environment.items():
        monkeypatch.setenv(name, value)
    natmap = Natmap.live("sessions", stack="cachegate")  # asks the stack as a person's program
    old = str(world.node(REPLACED).address)
    outer = natmap((old, 6379))
    told = tmp_path / "described.json"
    told.write_text(json.dumps(world.invoke({"action": "describe"})))

    with world.client.start(
        sys.executable, OUTSIDE, str(told), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        answers = program.stdout

        def writes(key: str) -> str:
            print(key, file=program.stdin, flush=True)
            return str(answers.readline())

        try:
            assert [writes(key) for key in "abc"] == ["wrote a\n", "wrote b\n", "wrote c\n"]

            new = str(world.replace_node(REPLACED))  # it was primary: the other one is now
            assert world.invoke({"action": "sync"})["ok"]
            told.write_text(json.dumps(world.invoke({"action": "describe"})))
            assert writes("b") == "wrote b\n"  # a slot of this shard
            world.fail_over("sessions", to=REPLACED)

            assert writes("b") == "wrote b\n"  # the other one answered MOVED to the new address
            natmap._not_before = 0.0  # the first look was less than five seconds ago
            assert natmap((new, 6379)) == outer
            assert new != old
        finally:
            program.kill()
