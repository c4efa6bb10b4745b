"""Plays sequences of tests/faults in the embedded world: real kernel, real agent, built function.

What a step means here is the same as there; only durations are shorter. Steps that this world has
no verb for are left out: docs/faults.md lists them, each with its reason.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachegate.aws.ledger_body import unpack
from tests.faults import fleet_view, post, steps
from tests.faults.truth import CONFIGURATIONS

if TYPE_CHECKING:
    from cachegate.domain.ledger import Ledger
    from local.fleet import Fleet
    from local.world import World
    from tests.faults.sequences import Stage
    from tests.faults.steps import Step
    from tests.system.probing import Prober

# A second of the model, as long as one of the settings that the test gives the functions: those
# have 1/120 of the template's minutes.
SECOND = 1 / 200
LONGEST_WAIT = 0.5  # seconds here; two passes may agree by then
# Shorter than CACHEGATE_REVISIT there: what older answers may do is in docs/faults.md.
LONGEST_LAG = 0.5
AGENT = Path(__file__).parents[2] / "gateway" / "agent.py"


@dataclass
class Replay:
    """One deployed world in which one sequence after the other is played."""

    world: World
    prober: Prober
    played: int = 0
    left_out: int = 0
    late: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)  # of living keys, never to change
    fresh: set[str] = field(default_factory=set)  # addresses with a new tenant since the last pass
    windows: int = 0  # answers of another cache's node that no design could have prevented

    @property
    def fleet(self) -> Fleet:
        return self.world.aws.fleet

    @property
    def names(self) -> list[str]:
        return fleet_view.names(self.fleet)

    # -- one sequence -----------------------------------------------------------------------------

    def play(self, stage: Stage, sequence: list[Step]) -> None:
        for name in stage.caches:
            self.create(name)
        for step in sequence:
            done = self._step(step)
            self.played += done
            self.left_out += not done
        self._calm()
        self._come_right(sequence)

    def _step(self, step: Step) -> bool:  # noqa: C901, PLR0911 - one case for each kind of step
        """Play one step; return whether this world can."""
        match step:
            case steps.Change():
                return self._change(step)
            case steps.DnsFault():
                return self._dns(step)
            case steps.Lag(source="dns"):
                self.world.resolver.lag_s = min(step.seconds * SECOND, LONGEST_LAG)
            case steps.Ssm():
                return self._fate(step.fate)
            case steps.Instance():
                return self._instance(step)
            case steps.Ledger():
                self._lose_ledger(heartbeats=step.heartbeats)
            case steps.Meanwhile(what=None):
                self.world.trigger(post.schedule())
                time.sleep(0.2)
                self.world.trigger(post.schedule())
            case steps.Queue():
                return self._queue(step.verb)
            case steps.Ask():
                more = {"force": True} if step.force else {}
                self.world.invoke({"action": step.action, **more})
            case steps.Wait(seconds=seconds) if seconds < steps.LONG_REST:
                self._wait(seconds)
            case _:
                return False
        return True

    # -- what happens to caches -------------------------------------------------------------------

    def create(self, name: str) -> bool:
        what, size = CONFIGURATIONS[name]
        if name in self.names:
            return False
        plain = fleet_view.EXPOSED
        if what == "group":
            self.world.create_replication_group(name, replicas=size - 1, tags=plain)
        elif what == "cluster mode":
            self.world.create_replication_group(
                name, replicas=0, shards=size, cluster_mode=True, tags=plain
            )
        elif what == "memcached":
            self.world.create_memcached(name, nodes=size, tags=plain)
        else:
            self.world.create_cluster(name, tags=plain)
        return True

    def _change(self, step: steps.Change) -> bool:
        names = self.names
        before = self._owners()
        if step.verb == "create":
            done, name = True, steps.NAMES[step.cache % len(steps.NAMES)]
            self.create(name)
        elif names:
            name = names[step.cache % len(names)]
            done = self._happen(step, name)
        else:
            return False
        after = self._owners()
        self.fresh |= {a for a, owner in after.items() if before.get(a) != owner}
        if done:
            self._tell(step.event, name)
        return done

    def _happen(self, step: steps.Change, name: str) -> bool:
        world, group = self.world, self.fleet.groups.get(name)
        nodes = fleet_view.nodes(self.fleet, name)
        node = nodes[step.node % len(nodes)]
        replicas = [n for n in nodes if group and n[0] not in group.primaries.values()]
        sharded = bool(group and group.cluster_mode)
        if step.verb == "replace":
            world.replace_node(*node)
        elif step.verb == "fail over" and replicas and not sharded:
            world.fail_over(name, replicas[step.choice % len(replicas)][0])
        elif (
            step.verb == "add" and not sharded and len(nodes) < 5 and name not in ("cart", "users")
        ):
            world.add_node(name)
        elif step.verb == "remove" and len(nodes) > 1 and (replicas or not group):
            world.remove_node(*(replicas or nodes)[step.node % len(replicas or nodes)])
        elif step.verb == "delete" and len(self.names) > 1:
            world.delete_cache(name)
        elif step.verb in ("untag", "tag"):
            fleet_view.tag(self.fleet, name, expose=step.verb == "tag")
        elif step.verb == "work on":
            self.fleet.set_status(name, "modifying")
        else:
            return False
        return True

    def _tell(self, event: str, name: str) -> None:
        body = post.notification("Something", name)
        if event == "late":
            self.late.append(body)
        if event == "early":
            self.world.resolver.lag_s = LONGEST_LAG
        for _ in range({"sent": 1, "early": 1, "doubled": 2}.get(event, 0)):
            self.world.trigger(body)

    # -- faults -----------------------------------------------------------------------------------

    def _dns(self, step: steps.DnsFault) -> bool:
        resolver = self.world.resolver
        names = sorted(self.fleet.zones[-1][1])
        name = names[step.name % len(names)]
        if step.fault == "fails":
            resolver.faults[name] = "servfail"
        elif step.fault == "outside the VPC":
            from ipaddress import IPv4Address

            resolver.lies[name] = (IPv4Address("198.51.100.27"),)  # the client itself
        elif step.fault == "flaps":
            resolver.flap, resolver.lag_s = True, LONGEST_LAG
        else:
            resolver.faults.pop(name, None)
            resolver.lies.pop(name, None)
        return True

    def _fate(self, fate: str) -> bool:
        delivery = self.world.nat.managed.delivery
        if fate in ("undelivered", "undeliverable"):
            delivery.lost = 1
        elif fate in ("late", "very late"):
            delivery.late = 1
        elif fate.startswith("doubled"):
            delivery.doubled = 1
        else:
            return False
        return True

    def _instance(self, step: steps.Instance) -> bool:
        nat, verb = self.world.nat, step.verb
        # In the model a command has run to its end, or not at all; here one that came twice, or
        # whose rules are seen before they are saved, may still be at work.
        if nat.managed.online:
            nat.managed.finish()
        if verb in ("flush", "meddle", "reboot", "reboot without disk"):
            nat.host.run("nft", "flush", "ruleset")
        if verb == "reboot":
            nat.host.run(sys.executable, str(AGENT), "restore", env=nat.managed.environment)
        elif verb == "reboot without disk":
            folder = nat.managed.environment["CACHEGATE_STATE_DIR"]
            subprocess.run(["rm", "-rf", folder], check=True)
        elif verb == "timer":
            nat.host.run(sys.executable, str(AGENT), "repair", env=nat.managed.environment)
        elif verb in ("offline", "online"):
            nat.managed.online = verb == "online"
        elif verb not in ("flush", "meddle"):
            return False
        return True

    def _lose_ledger(self, *, heartbeats: bool) -> None:
        for item in self._items():
            if heartbeats or item["part"]["S"] == "ledger":
                key = {name: item[name] for name in ("vpc", "part")}
                self._db.delete_item(TableName=self._table, Key=key)

    def _queue(self, verb: str) -> bool:
        world = self.world
        if verb == "junk":
            world.trigger('{"source": "aws.elastic')
            world.trigger('{"recheck": "vpc-1", "token": "nobody knows it"}')
        elif verb in ("trigger", "double"):
            world.trigger(post.notification("Something", "nobody"))
        else:
            return False
        return True

    def _wait(self, seconds: float) -> None:
        late, self.late = self.late, []
        for body in late:
            self.world.trigger(body)
        time.sleep(min(seconds * SECOND, LONGEST_WAIT))
        self.world.nat.managed.release_late()
        self.nobody_is_misled()

    # -- what must be so --------------------------------------------------------------------------

    def _calm(self) -> None:
        world = self.world
        world.resolver.faults.clear()
        world.resolver.lies.clear()
        world.resolver.flap, world.resolver.lag_s = False, 0.0
        delivery = world.nat.managed.delivery
        delivery.lost = delivery.late = delivery.doubled = 0
        world.nat.managed.online = True
        world.nat.managed.release_late()
        for name in self.names:
            self.fleet.set_status(name, "available")

    def _come_right(self, sequence: list[Step], within_s: float = 60.0) -> None:
        """Wait until every listen port leads to its own node, by nothing but triggers."""
        ends, again = time.monotonic() + within_s, 0.0
        while reason := self._whats_wrong():
            now = time.monotonic()
            if now > ends:
                told = "\n".join(map(repr, sequence))
                raise AssertionError(f"{reason}\n{told}\n{self.world.troubles()}")
            if now > again:
                again = now + 5.0
                self.world.tick()
            time.sleep(0.05)
        self.fresh.clear()
        self._ports_stay()

    def _ports_stay(self) -> None:
        ledger = self.ledger()
        assert ledger is not None
        living = {key: x.listen for key, x in ledger.leases.items() if x.resting_since is None}
        for key, listen in living.items():
            assert self.ports.setdefault(key, listen) == listen, f"{key} moved"
        self.ports = living

    def _whats_wrong(self) -> str:
        ledger = self.ledger()
        if ledger is None:
            return "there is no ledger"
        expected = fleet_view.expected(self.fleet)
        for key, addresses in expected.items():
            lease = ledger.leases.get(key)
            if lease is None or {target.address for target in lease.targets} != addresses:
                return f"{key} is recorded at {lease and lease.targets}, and is at {addresses}"
        answers = self.ask(ledger)
        for key, lease in ledger.leases.items():
            said = answers[lease.listen]
            right = {str(address) for address in expected.get(key, ())}
            if said not in (right or {"ConnectionRefusedError", "ConnectionResetError"}):
                return f"{lease.listen} of {key} answers {said}, not {right or 'refused'}"
        return ""

    def nobody_is_misled(self) -> None:
        """No port may show another cache, but for an address that changed hands a moment ago."""
        ledger = self.ledger()
        if ledger is None:
            return
        owners = self._owners()
        answers = self.ask(ledger)
        for lease in ledger.leases.values():
            said = answers[lease.listen]
            owner = owners.get(said, lease.cache)
            if owner != lease.cache:
                assert said in self.fresh, f"{lease.listen} of {lease.key} shows {owner}"
                self.windows += 1

    def ask(self, ledger: Ledger) -> dict[int, str]:
        """Connect to every listen port from outside; return which node answers."""
        engines = {
            lease.listen: "memcached" if lease.cache == "memo" else "redis"
            for lease in ledger.leases.values()
        }
        return self.prober.ask(self.world.nat.public_address, engines)

    def _owners(self) -> dict[str, str]:
        return {
            str(address): name
            for name in self.names
            for address in fleet_view.addresses(self.fleet, name).values()
        }

    def ledger(self) -> Ledger | None:
        bodies = [item["body"]["B"] for item in self._items() if item["part"]["S"] == "ledger"]
        return unpack(bodies[0]) if bodies else None

    def _items(self) -> list[Any]:
        found: list[Any] = self._db.scan(TableName=self._table, ConsistentRead=True)["Items"]
        return found

    @property
    def _db(self) -> Any:
        return self.world.aws.client("dynamodb")

    @property
    def _table(self) -> str:
        assert self.world.stack is not None
        return self.world.stack.outputs["LedgerTableName"]
