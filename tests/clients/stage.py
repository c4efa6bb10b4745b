"""The embedded world with the caches of the matrix, and what a person types to reach one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.vpc import CLIENT, STRANGER
from local.world import World
from tests.clients.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from local.namespaces import Host
    from tests.clients.programs import Program

PASSWORD = "a token of sixteen characters or more"  # noqa: S105 - of the world's own caches
COMMAND = Path(sys.executable).parent / "cachegate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One of the caches that clients are tried on."""

    name: str
    memcached: bool = False
    cluster_mode: bool = False
    tls: bool = False

    def create(self, world: World) -> None:
        """Create it."""
        if self.memcached:
            world.create_memcached(self.name, nodes=3)
        elif self.cluster_mode:
            world.create_replication_group(
                self.name, shards=3, replicas=1, cluster_mode=True, tls=self.tls,
                auth=PASSWORD if self.tls else None,
            )  # fmt: skip
        else:
            world.create_replication_group(self.name, replicas=2)

    @property
    def announces_addresses(self) -> bool:
        """Tell whether nodes tell clients of addresses, which change; with TLS it is names."""
        return self.cluster_mode and not self.tls

    def suits(self, program: Program) -> bool:
        """Tell whether a client is for such a cache."""
        return program.memcached == self.memcached


GROUP = Cache(
    name="sessions",
)
CLUSTER = Cache(name="orders", cluster_mode=True)
TLS = Cache(name="carts", cluster_mode=True, tls=True)
MEMCACHED = Cache(name="pages", memcached=True)
CACHES = (GROUP, CLUSTER, TLS, MEMCACHED)


@dataclass(slots=True)
class Stage:
    """A deployed world with these caches; all of its moments are time.monotonic."""

    world: World
    caches: tuple[Cache, ...]
    folder: Path
    events: dict[str, float] = field(default_factory=dict)  # when each began last
    killed: dict[str, str] = field(default_factory=dict)  # cluster ids by cache
    names: frozenset[str] = frozenset()  # of the clients that run
    _places: list[Any] = field(default_factory=list)  # of all forwards, as told last
    _printed: dict[tuple[str, str], str] = field(default_factory=dict)  # since they are so
    _runs: int = 0

    def note(self, what: str) -> None:
        """Note that something happens now."""
        self.events[what] = time.monotonic()

    def sync(self) -> None:
        """Run passes until the NAT instance has proved what the caches are now."""
        self.world.wait_until(self._well, 60, "every forward leads to its node")

    def _well(self) -> bool:
        synced = self.world.invoke({"action": "sync"})
        if not synced["ok"]:
            return False
        described = self.world.invoke({"action": "describe"})
        forwards = [forward for vpc in described["vpcs"] for forward in vpc["forwards"]]
        self._look(forwards)
        return {forward["state"] for forward in forwards} <= {"forwarding", "at_rest"}

    def _look(self, forwards: list[dict[str, Any]]) -> None:
        """Forget what `connect` printed where it would print something else now."""
        places = [
            (f["key"], f["listen"], f["endpoint"], f["targets"], f["state"]) for f in forwards
        ]
        if places != self._places:
            self._places = places
            self._printed.clear()

    def connect(self, cache: Cache, wanted: str) -> str:
        """Return what `cachegate connect` prints for a cache in one format."""
        if (cache.name, wanted) not in self._printed:
            self._printed[cache.name, wanted] = self._connect(cache.name, wanted)
        return self._printed[cache.name, wanted]

    def _connect(self, name: str, wanted: str) -> str:
        command = [str(COMMAND), "connect", name, "--format", wanted]
        environment = dict(os.environ) | self.world.aws.environment
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def host_of(self, cache: Cache, program: Program) -> Host:
        """Return where a client runs: apart where its machine has to know where nodes are."""
        apart = cache.cluster_mode and program.mapped_by_machine
        return self.world.stranger if apart else self.world.client

    @property
    def environment(self) -> dict[str, str]:
        """What the programs find in their environment, as the snippets ask for it."""
        return {"CACHE_PASSWORD": PASSWORD, "CACHE_CA_FILE": str(self.world.ca_file)}

    def prepare(self) -> None:
        """Give the clients' machines what `connect` prints for them.

        Names lead to the NAT instance on the one; on the other, where the kernel maps, they lead to
        the inner addresses, as AWS's own names do anywhere.
        """
        named = [cache for cache in self.caches if cache.tls]
        lines = [line.split() for cache in named
                 for line in self.connect(cache, "hosts").splitlines()]  # fmt: skip
        self.world.client.name_hosts({
            words[1]: words[0] for words in lines if words and not words[0].startswith("#")
        })  # fmt: skip
        groups = [self.world.aws.fleet.groups[cache.name] for cache in named]
        self.world.stranger.name_hosts({
            node.name: node.address for group in groups for node in self.world.nodes_of(group)
        })  # fmt: skip
        for cache in self.caches:
            if cache.cluster_mode:
                self.world.stranger.run("nft", "-f", "-", text=self.connect(cache, "nft"))

    def running(self, tried: Iterable[tuple[Cache, Program]]) -> Running:
        """Return programs made of what `connect` prints now, to be entered."""
        tried = list(tried)
        self.names = frozenset(program.name for _, program in tried)
        self._runs += 1
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        return Running(folder, {
            f"{cache.name} {program.name}": (
                program, self.connect(cache, program.name), self.host_of(cache, program)
            )
            for cache, program in tried
        }, self.environment)  # fmt: skip

    def demonstrate(self, cache: Cache, program: Program) -> str:
        """Run a snippet as it is printed, and return what that prints."""
        path = program.write(self.connect(cache, program.name), self.folder, whole=True)
        host = self.host_of(cache, program)
        environment = dict(os.environ) | self.environment
        return host.run(*program.command(path), timeout=60, env=environment).stdout


@contextmanager
def staged(caches: Sequence[Cache] = CACHES) -> Iterator[Stage]:
    """Deploy a stack for these caches, and end all of it after use."""
    with World() as world, tempfile.TemporaryDirectory(prefix="clients-") as folder:
        for cache in caches:
            cache.create(world)
        world.deploy(parameters={
            "TrustedCidrs": f"{CLIENT}/32,{STRANGER}/32", "EnrolNotifications": "true",
        })  # fmt: skip
        stage = Stage(world, tuple(caches), Path(folder))
        stage.sync()
        yield stage
