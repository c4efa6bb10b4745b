"""The embedded world that a person plays with: its beginning, its shell and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cachegate.client.connection import connection_of
from local import sandbox, scene
from local.artefacts import ROOT
from local.dns import ResolverError
from local.door import Door
from local.namespaces import HostCommandError
from local.nat_world import WorldError
from local.nodes import NodeError
from local.verbs import Happenings
from local.vpc import CLIENT
from local.world import World

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from local.deploy import Stack

ORDERS, PASSWORD = "orders", "open-sesame"
TICK_S = 30.0  # between two rounds of the schedules, which are a minute and five on AWS
INTERRUPTED = 130
_RC = r"""
PS1='\[\e[36m\]client outside AWS\[\e[0m\] \w \$ '
unset HISTFILE
"""
_WORLD = """#!/bin/sh
exec '{python}' '{program}' "$@"
"""


def play(listening: socket.socket, folder: Path, command: str | None) -> int:
    """Start the world, let a shell run on the client's machine, and end the world with it."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        with ExitStack() as running:
            opened = running.enter_context(Door(listening))
            world = running.enter_context(World())
            stack = _start(world, console)
            opened.open(stack, Happenings(world))
            running.enter_context(_Clock(world))
            console.print(_welcome(stack, scene.forwarded(world), typed=_typed(command)))
            code = _shell(world, folder, command)
        console.print("The embedded world is gone again.")
    except KeyboardInterrupt:
        console.print("Interrupted; the embedded world is gone again.")
        return INTERRUPTED
    except (WorldError, NodeError, ResolverError, HostCommandError) as error:
        console.print(f"The embedded world failed: {error}", style="red", markup=False)
        return 2
    return code


def _interrupt(*_: object) -> None:
    """End, and let nobody who is impatient disturb the tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _start(world: World, console: Console) -> Stack:
    """Deploy, and wait until a pass is verified."""
    began = time.monotonic()
    with console.status("") as status:
        for step in _steps(world):
            text = f"{time.monotonic() - began:5.1f} s  {step}"
            if console.is_terminal:
                status.update(text)
            else:
                console.print(text)
    if world.stack is None:
        raise WorldError("nothing is deployed")
    console.print(f"The embedded world runs, after {time.monotonic() - began:.0f} s.")
    return world.stack


def _steps(world: World) -> Iterator[str]:
    """Begin one step after the other, and say first which."""
    yield f"starting three caches in a VPC: {scene.CACHES}"
    scene.create_caches(world)
    scene.add_web_server(world)
    yield f"starting {ORDERS}, a cluster of 3 shards with a replica each, with TLS and AUTH"
    world.create_replication_group(
        ORDERS, shards=3, replicas=1, cluster_mode=True, tls=True, auth=PASSWORD
    )
    yield "deploying template.yaml, which makes two NAT instances"
    world.start_trail()
    # Changes are noticed within seconds, and the guard takes away what `world open` adds.
    scene.deploy(world, EnrolNotifications="true", GuardMode="enforce")
    yield "waiting until a pass is verified on both NAT instances"
    world.wait_until(lambda: scene.forwarded(world), within_s=90, what="a verified pass")
    world.tick()  # and with it the guard's first pass
    described = world.invoke({"action": "describe"})
    world.client.name_hosts(connection_of(described, ORDERS).hosts)


class _Clock:
    """Lets the schedules fire while a person looks on."""

    def __init__(self, world: World) -> None:
        self._world, self._stop = world, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            self._world.tick()


def _shell(world: World, folder: Path, command: str | None) -> int:
    """Run the shell; of one that a person typed into, no exit code is of interest."""
    if command is not None:
        return _run(world, folder, "-c", command)
    if not _typed(command):
        return _run(world, folder, "-s")
    rc = folder / "bashrc"
    rc.write_text(_RC)
    # It is for what runs in the shell; were it ignored here, it would be there, too.
    signal.signal(signal.SIGINT, lambda *_: None)
    _run(world, folder, "--rcfile", str(rc), "-i")
    return 0


def _typed(command: str | None) -> bool:
    """Tell whether a person types the commands."""
    return command is None and sys.stdin.isatty()


def _run(world: World, folder: Path, *arguments: str) -> int:
    process = subprocess.Popen(
        world.client.command("bash", *arguments), env=_environment(folder, world.ca_file)
    )
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()


def _environment(folder: Path, ca_file: Path) -> dict[str, str]:
    """Return what the client's machine has in its environment: our commands, and the door."""
    programs = folder / "bin"
    programs.mkdir()
    world = programs / "world"
    program = ROOT / "local" / "world_command.py"
    world.write_text(_WORLD.format(python=sys.executable, program=program))
    world.chmod(0o755)
    path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))
    left = {key: value for key, value in os.environ.items() if key != sandbox.INSIDE}
    # What `cachegate connect` has programs read, and `doctor` too.
    return left | {"PATH": path, "CACHE_CA_FILE": str(ca_file), "CACHE_PASSWORD": PASSWORD}


def _welcome(stack: Stack, forwards: list[dict[str, Any]], *, typed: bool) -> str:
    """Say what is where, and what to type."""
    public = stack.outputs["Address"]
    port = forwards[0]["listen"]
    lines = [
        f"You are on {CLIENT}, a client outside AWS.",
        f"{public} is the NAT instances' address:",
        *(f"  {cache:10}{ports}" for cache, ports in _ports(forwards)),
        f"For {ORDERS}, CACHE_PASSWORD, CACHE_CA_FILE and lines of /etc/hosts are set here.",
    ]
    if not typed:
        return "\n".join(lines)
    tries = (
        (f"redis-cli -h {public} -p {port} ping", ""),
        ("cachegate status", "what is forwarded"),
        (f"cachegate connect {ORDERS} --format redis-py | python", "a program that connects"),
        ("cachegate doctor --probe", "what is in order"),
        ("world replace sessions-002", "AWS replaces a node"),
        ("world", "what else may happen"),
    )
    width = max(len(command) for command, _ in tries)
    lines += ["Try:", *(f"  {command:{width}}  {about}".rstrip() for command, about in tries)]
    return "\n".join(
        [*lines, "exit or Ctrl-D ends it. From another terminal: cachegate status --local"]
    )


def _ports(forwards: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield each cache with its listen ports."""
    for cache, theirs in groupby(forwards, key=lambda each: each["cache"]):
        first, *others = (str(each["listen"]) for each in theirs)
        yield cache, "-".join([first, *others[-1:]])
