"""`make demo`: caches stay reachable at one address, and a rule that is too wide is revoked.

Deploys our own template into the embedded world, where it makes two NAT instances; exposes three
caches through them, replaces a node while a client outside holds connections to all of them, and
counts what it noticed. Then the NAT instance that has the address dies (demo_failover.py), and
somebody opens the caches' security group to the world (demo_guard.py).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from local import demo_failover, demo_guard, demo_plan, nodes, sandbox, scene
from local.client import Client
from local.dns import ResolverError
from local.namespaces import HostCommandError
from local.nat_world import WorldError
from local.nodes import NodeError
from local.vpc import CLIENT
from local.world import World

REPLACED = "sessions-002"
LOOK_S = 1.0  # how long the held connections run before and after the replacement


@dataclass
class Story:
    """What is told, and since when."""

    console: Console
    began: float = field(default_factory=time.monotonic)
    claims: list[tuple[str, bool]] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Say what has happened, with the seconds since the beginning."""
        seconds = time.monotonic() - self.began
        self.console.print(f"{seconds:5.1f} s  {text}", highlight=False, soft_wrap=True)

    def claim(self, text: str, *, true: bool) -> None:
        """Note something that the demo promises, and whether it came true."""
        self.claims.append((text, true))

    def end(self) -> int:
        """Say how it ended and return the exit code."""
        for text, true in self.claims:
            mark = "[green]yes[/]" if true else "[bold red]NO[/]"
            self.console.print(f"   {mark}  {text}", highlight=False, soft_wrap=True)
        good = bool(self.claims) and all(true for _, true in self.claims)
        seconds = time.monotonic() - self.began
        word = "Done" if good else "[bold red]FAILED[/]"
        self.console.print(
            f"{word} in {seconds:.0f} s; the embedded world is gone again.", highlight=False
        )
        return 0 if good else 1


def play(world: World, story: Story) -> None:
    """Play the story in a new world."""
    scene.create_caches(world)
    story.tell(f"three caches run in a VPC: {scene.CACHES}")
    scene.add_web_server(world)
    stack = scene.deploy(world, GuardMode="enforce")
    public = stack.outputs["Address"]
    forwards = world.wait_until(lambda: scene.forwarded(world), what="a verified pass")
    made = "as sam build made it" if stack.artefacts.built else "with its functions' sources"
    story.tell(f"template.yaml is deployed {made}; it made two NAT instances, and a pass is "
               "verified on both")  # fmt: skip
    world.aws.client("elasticache").modify_replication_group(
        ReplicationGroupId="sessions", NotificationTopicStatus="active",
        NotificationTopicArn=stack.outputs["NotificationTopicArn"],
    )  # fmt: skip
    nodes = {f["listen"]: engine_of(f) for f in forwards if f["kind"] == "node"}
    answers = Client(
        world.client, public, nodes | {f["listen"]: engine_of(f) for f in forwards}
    ).who()
    story.tell(f"a client at {CLIENT} asks who answers at each listen port of {public}:")
    story.console.print(table_of(forwards, answers, public))
    reached = [f["listen"] for f in forwards if answers[f["listen"]] in addresses_of(f)]
    story.claim(
        f"all {len(nodes)} nodes, the primary and the readers answer at listen ports of their own",
        true=len(nodes) == scene.NODES and len(reached) == len(forwards) == scene.NODES + 2,
    )
    port = next(f["listen"] for f in forwards if f["node"] == f"{REPLACED}/0001")
    client = Client(world.client, public, nodes)
    replace(world, story, client, f"{public}:{port}")
    demo_failover.play(world, story, client, stack.outputs)
    demo_guard.play(world, story)
    story.console.print()


def replace(world: World, story: Story, client: Client, place: str) -> None:
    """Replace the node at a public address and port under held connections, and count."""
    port = int(place.rpartition(":")[2])
    with client:
        story.tell("the client holds a connection to every node, and sends a request every 20 ms")
        time.sleep(LOOK_S)
        old = world.node(REPLACED).address
        new = str(world.replace_node(REPLACED))
        replaced_at = time.monotonic()
        story.tell(f"AWS replaces {REPLACED}: {old} is gone, the same name now leads to {new}")
        story.tell("ElastiCache says so to the group's notification topic, which is the stack's")
        world.wait_until(lambda: client.who()[port] == new, what=f"{new} at {place}")
        story.tell(f"{place} leads to {new}")
        time.sleep(LOOK_S)
    held = client.report[port]
    others = [row for each, row in client.report.items() if each != port]
    errors = sum(len(row["errors"]) for row in others)
    requests = sum(row["answered"] for row in others)
    longest = max(row["longest_ms"] for row in others)
    seconds = held["changed_at"] - replaced_at
    kept = {f["key"]: f["listen"] for f in scene.forwarded(world)}[f"sessions/{REPLACED}/0001"]
    story.claim(
        f"the new node answers at the same public address {place}, "
        f"{seconds:.1f} s after the replacement",
        true=held["last_by"] == new and kept == port,
    )
    story.claim(
        f"the client's {len(others)} other connections never noticed: {requests} requests, "
        f"{errors} errors, longest wait {longest:.0f} ms",
        true=errors == 0 and requests > 0,
    )


def engine_of(forward: dict[str, Any]) -> str:
    """Return which protocol the nodes of a forward speak."""
    return "memcached" if forward["engine"] == "memcached" else "redis"


def addresses_of(forward: dict[str, Any]) -> list[str]:
    """Return the private addresses that a forward leads to."""
    return [target.rsplit(":", 1)[0] for target in forward["targets"]]


def table_of(forwards: list[dict[str, Any]], answers: dict[int, str], public: str) -> Table:
    """Return every forward, and who answered there."""
    table = Table("connect to", "cache", "which is", "answered by")
    for forward in forwards:
        listen, role = forward["listen"], forward["role"]
        what = forward["node"] or f"its {forward['kind']}"
        what += f", {role}" if role else ""
        table.add_row(f"{public}:{listen}", forward["cache"], what, answers[listen])
    return table


def main() -> int:
    """Play the demo in the sandbox; without one, show what would be done."""
    console = Console()
    if not sandbox.inside():
        missing = nodes.missing()
        reason = f"{' and '.join(missing)} not installed" if missing else sandbox.why_not()
        if reason is None:
            sandbox.enter([sys.executable, "-m", "local.demo"])
        console.print(
            f"No traffic here: {reason}. This is what a first pass would do.", soft_wrap=True
        )
        demo_plan.show(console)
        return 0
    story = Story(console)
    console.print(
        "AWS and the VPC are stand-ins on this machine. The template, the functions, the agent, "
        "the kernel and the caches are real.\n",
        highlight=False,
        soft_wrap=True,
    )
    try:
        with World() as world:
            play(world, story)
    except (WorldError, NodeError, ResolverError, HostCommandError) as error:
        story.claim(f"the demo came to its end: {error}", true=False)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
