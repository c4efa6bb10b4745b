"""Network namespaces wired together: the wires of the embedded world and of the agent's tests."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Interface
    from types import TracebackType


# What `ip netns exec` starts has its mounts for itself. Nothing listens at the loopback address, so
# that nobody answers for names is known at once.
_OWN_NAMES = """
set -e
mount -t tmpfs names /run/netns
printf '%s' "$1" > /run/netns/hosts
echo 'nameserver 127.0.0.1' > /run/netns/resolv.conf
for file in hosts resolv.conf; do mount --bind /run/netns/$file /etc/$file; done
umount /run/netns
shift
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Host:
    """One network namespace: a machine with its own interfaces, firewall and sockets."""

    name: str
    # Its hosts file, and no name server; None: it has the sandbox's own files.
    names: dict[str, str] | None = field(default=None, compare=False)

    def command(self, *argv: str) -> list[str]:
        """Return the command line that runs argv on this host."""
        there = ["ip", "netns", "exec", self.name]
        if self.names is None:
            return [*there, *argv]
        lines = [f"{address} {name}\n" for name, address in self.names.items()]
        text = "".join(["127.0.0.1 localhost\n", *lines])
        return [*there, "sh", "-c", _OWN_NAMES, "sh", text, *argv]

    def name_hosts(self, names: Mapping[str, object]) -> None:
        """Let programs that start here from now on find these names at these addresses."""
        if self.names is None:
            raise ValueError(f"{self.name} has no hosts file of its own")
        self.names.clear()
        self.names.update({name: str(address) for name, address in names.items()})

    def run(
        self,
        *argv: str,
        text: str | None = None,
        check: bool = True,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its output; raise with its stderr where it fails."""
        done = subprocess.run(
            self.command(*argv),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=env,
        )
        if check and done.returncode != 0:
            raise HostCommandError(self.name, argv, done)
        return done

    def start(
        self,
        *argv: str,
        stdout: int | IO[Any] = subprocess.DEVNULL,
        stderr: int | IO[Any] = subprocess.DEVNULL,
        stdin: int | IO[Any] = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a program that goes on beside us; the caller ends it."""
        return subprocess.Popen(
            self.command(*argv), stdout=stdout, stderr=stderr, stdin=stdin, text=True, env=env
        )

    def sysctl(self, name: str, value: int) -> None:
        """Set a kernel parameter of this host."""
        self.run("sysctl", "-qw", f"{name}={value}")


class HostCommandError(RuntimeError):
    """A command on a host failed: holds what it said."""

    def __init__(
        self, host: str, argv: Sequence[str], done: subprocess.CompletedProcess[str]
    ) -> None:
        """Keep the output, so that a failed test shows it."""
        super().__init__(f"{host}: {' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
        self.done = done


@dataclass(slots=True)
class Lab:
    """A set of hosts whose names share a prefix; leaving it removes them all."""

    prefix: str
    hosts: list[Host] = field(default_factory=list)
    links: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove every host, with its interfaces and rules."""
        while self.hosts:
            ip("netns", "del", self.hosts.pop().name)

    def host(self, name: str, names: dict[str, str] | None = None) -> Host:
        """Add a host with a loopback interface and no link to anything."""
        host = Host(f"{self.prefix}-{name}", names)
        ip("netns", "add", host.name)
        self.hosts.append(host)
        ip("-n", host.name, "link", "set", "lo", "up")
        return host

    def remove(self, host: Host) -> None:
        """Take one host away, as a terminated machine goes."""
        self.hosts.remove(host)
        ip("netns", "del", host.name)

    def link(
        self, left: Host, left_at: IPv4Interface, right: Host, right_at: IPv4Interface
    ) -> None:
        """Join two hosts by a cable, with one address at each end."""
        self.links += 1
        # Interface names are unique per host only by this counter, and at most 15 characters.
        ends = ((left, f"v{self.links}a", left_at), (right, f"v{self.links}b", right_at))
        ip("link", "add", ends[0][1], "netns", left.name, "type", "veth",
           "peer", "name", ends[1][1], "netns", right.name)  # fmt: skip
        for host, device, address in ends:
            ip("-n", host.name, "addr", "add", str(address), "dev", device)
            ip("-n", host.name, "link", "set", device, "up")

    def route(self, host: Host, destination: str, via: str) -> None:
        """Send what goes to the destination ("default" or a network) through a neighbour."""
        ip("-n", host.name, "route", "replace", destination, "via", via)


def ip(*arguments: str) -> None:
    """Run the ip program; raise with its stderr where it fails."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HostCommandError("ip", arguments, done)
