"""A real Redis cluster on loopback that announces names which no client can resolve.

Its nodes know each other by address, so slots move and roles change as they do anywhere; clients
hear inner names, in CLUSTER SLOTS as in MOVED and ASK, and reach nothing under those.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import redis
from redis.crc import key_slot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOPBACK = "127.0.0.1"
SHARDS = 3
SLOTS = 16384
WITHIN_S = 30.0


@dataclass(slots=True, kw_only=True)
class Node:
    """A redis-server, and the name that it announces."""

    number: int
    port: int
    bus: int
    process: subprocess.Popen[bytes]
    client: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        self.client = redis.Redis(LOOPBACK, self.port, decode_responses=True, socket_timeout=5)

    @property
    def inner(self) -> str:
        return f"node{self.number}.cache.invalid"

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER MYID"))

    def is_primary(self) -> bool:
        return bool(self.client.role()[0] == "master")

    def cluster(self, *arguments: object) -> None:
        self.ask("CLUSTER", *map(str, arguments))

    def ask(self, *command: str) -> Any:
        return self.client.execute_command(*command)  # type: ignore[no-untyped-call]


class Cluster:
    """Three shards, a replica of the first one, and a node that has no slots yet."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [_start(number, folder) for number in range(1, SHARDS + 3)]
        self.shards, self.replica, self.spare = self.nodes[:SHARDS], self.nodes[3], self.nodes[4]
        for node in self.nodes:
            _until(f"node {node.number} answers", partial(_answers, node))
        for index, node in enumerate(self.shards):
            first, last = index * SLOTS // SHARDS, (index + 1) * SLOTS // SHARDS - 1
            node.cluster("ADDSLOTSRANGE", first, last)
        for one, other in itertools.combinations(self.nodes, 2):  # gossip alone takes ten seconds
            one.cluster("MEET", LOOPBACK, other.port, other.bus)
        for node in self.nodes:
            _until("all nodes know each other's names", partial(self._complete, node))
        self.replica.cluster("REPLICATE", self.shards[0].id)
        _until("the replica follows", self._in_step)

    @property
    def natmap(self) -> dict[str, tuple[str, int]]:
        return {f"{node.inner}:{node.port}": (LOOPBACK, node.port) for node in self.nodes}

    def owner(self, key: str) -> Node:
        """Return the primary that was given the key's slot when the cluster was made."""
        first = self.shards[key_slot(key.encode()) * SHARDS // SLOTS]
        return first if first.is_primary() else self.replica

    def other(self, key: str) -> Node:
        """Return a primary that has other slots."""
        last = self.shards[-1]
        return last if self.owner(key) is not last else self.shards[1]

    def begin_move(self, key: str, target: Node) -> None:
        """Let the owner of an absent key answer ASK for it."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target.cluster("SETSLOT", slot, "IMPORTING", source.id)
        source.cluster("SETSLOT", slot, "MIGRATING", target.id)

    def end_move(self, key: str, target: Node) -> None:
        """Give the key's slot to another node: its owner answers MOVED from now on."""
        slot, new = key_slot(key.encode()), target.id
        for node in (target, *(each for each in self.nodes if each.is_primary())):
            node.cluster("SETSLOT", slot, "NODE", new)

    def fail_over(self) -> None:
        """Let primary and replica of the first shard change places."""
        pair = (self.shards[0], self.replica)
        old, new = pair if pair[0].is_primary() else pair[::-1]
        new.cluster("FAILOVER", "TAKEOVER")  # votes may fail where two failovers follow at once
        _until("the replica is primary", lambda: new.is_primary() and not old.is_primary())
        _until("the new replica follows", self._in_step)

    def stop(self) -> None:
        for node in self.nodes:
            node.client.close()
            node.process.kill()
            node.process.wait()

    def _complete(self, node: Node) -> bool:
        known = str(node.ask("CLUSTER SHARDS"))
        state = node.ask("CLUSTER INFO")
        names = all(each.inner in known for each in self.nodes)
        return names and state["cluster_state"] == "ok"

    def _in_step(self) -> bool:
        follower = next((n for n in (self.shards[0], self.replica) if not n.is_primary()), None)
        if follower is None or follower.client.info("replication")["master_link_status"] != "up":
            return False
        told = (str(node.ask("CLUSTER SLOTS")) for node in self.nodes)
        return all(follower.inner in slots for slots in told)


def _start(number: int, folder: Path) -> Node:
    with socket.socket() as one, socket.socket() as two:  # both at once, so that they differ
        one.bind((LOOPBACK, 0))
        two.bind((LOOPBACK, 0))
        port, bus = one.getsockname()[1], two.getsockname()[1]
    home = folder / f"node{number}"
    home.mkdir()
    options = {
        "port": port, "cluster-port": bus, "bind": LOOPBACK, "dir": home, "save": "",
        "cluster-enabled": "yes", "cluster-announce-hostname": f"node{number}.cache.invalid",
        "cluster-preferred-endpoint-type": "hostname", "cluster-node-timeout": 1000,
        "repl-diskless-sync-delay": 0, "repl-ping-replica-period": 1,
        "cluster-allow-replica-migration": "no",
    }  # fmt: skip
    command = ["redis-server"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    return Node(number=number, port=port, bus=bus, process=process)


def _answers(node: Node) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(node.client.ping())
    return False


def _until(what: str, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
        time.sleep(0.05)
