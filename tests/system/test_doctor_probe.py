"""`cachegate doctor --probe` from a client's machine, through the door of a running world."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from local import scene
from local.door import Door, listen
from local.verbs import Happenings

if TYPE_CHECKING:
    from pathlib import Path

    from local.namespaces import Host
    from local.world import World

CLI = (sys.executable, "-c", "from cachegate_cli.main import app; app()")


def doctor(host: Host, path: Path) -> list[dict[str, Any]]:
    """Run it on a host, and return its probes of listen ports."""
    # A machine outside has no name server, and asks the world through the file system.
    command = ("env", f"CACHEGATE_LOCAL={path}", *CLI, "doctor", "--probe", "--json")
    done = host.run(*command, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return [each for each in json.loads(done.stdout) if each["check"] == "listen-port"]


def world_says(host: Host, path: Path, *words: str) -> tuple[int, str]:
    program = scene.__file__.replace("scene.py", "world_command.py")
    done = host.run("env", f"CACHEGATE_LOCAL={path}", sys.executable, program, *words, check=False)
    return done.returncode, done.stdout + done.stderr


def test_it_tells_from_here_who_is_to_blame(world: World, tmp_path: Path) -> None:
    scene.create_caches(world)
    path = tmp_path / "local.sock"
    with Door(listen(path)) as opened:
        stack = scene.deploy(world)
        public = stack.outputs["Address"]
        opened.open(stack, Happenings(world))
        world.wait_until(lambda: scene.forwarded(world), 60, "a verified pass")

        probes = doctor(world.client, path)
        assert [each["state"] for each in probes] == ["pass"] * 8, probes

        # A node that dies is its own fault; its neighbours pass.
        code, said = world_says(world.client, path, "kill", "pages/0002")
        assert (code, said.startswith("the machine of pages/0002 is dead")) == (0, True)
        (ill,) = (each for each in doctor(world.client, path) if each["state"] != "pass")
        assert ill["says"].startswith("pages/0002: ")
        assert "cache-ingress" in ill["fix"]

        # Somebody who is not trusted hears that, and nothing of nodes.
        (ill,) = doctor(world.stranger, path)
        assert (ill["state"], ill["subject"]) == ("fail", public)
        assert "this machine is 192.0.2.66, and TrustedCidrs has 198.51.100.27/32" in ill["says"]

        code, said = world_says(world.client, path, "replace", "pages/0002")
        assert (code, "leads to a new machine" in said) == (0, True)
        for words in (("replace", "pages/7"), ("failover", "cart"), ("nonsense",)):
            code, said = world_says(world.client, path, *words)
            assert (code, said.startswith("world: ")) == (1, True), said
        assert world_says(world.client, path, "failover", "sessions") == (
            0, "sessions-002 is the primary of sessions now\n",
        )  # fmt: skip
        assert world_says(world.client, path, "add", "pages")[0] == 0
