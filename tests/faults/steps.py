"""What may happen in a sequence, as data: it shrinks, prints, and plays on the real kernel too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults import post
from tests.faults.truth import BUSY, CONFIGURATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.machine import Machine
    from tests.faults.world import World

LONG_REST = 8 * 86400.0  # longer than the quarantine
NAMES = tuple(CONFIGURATIONS)


@dataclass(frozen=True)
class Change:
    """Something happens to a cache, and an event of it may come."""

    verb: str
    cache: int = 0
    node: int = 0
    choice: int = 0
    event: str = "sent"

    def play(self, world: World) -> None:
        truth, names = world.truth, world.truth.names_of_caches()
        if self.verb == "create":
            name = NAMES[self.cache % len(NAMES)]
        elif names:
            name = names[self.cache % len(names)]
        else:
            return
        verbs: dict[str, Callable[[], bool]] = {
            "replace": lambda: truth.replace(name, self.node, self.choice),
            "swap places": lambda: truth.swap_places(
                name, self.node, names[self.choice % len(names)], self.node
            ),
            "fail over": lambda: truth.fail_over(name, self.choice),
            "add": lambda: truth.add(name, self.choice),
            "remove": lambda: truth.remove(name, self.node),
            "create": lambda: truth.create(name),
            "delete": lambda: truth.delete(name),
            "untag": lambda: truth.tag(name, expose=False),
            "tag": lambda: truth.tag(name, expose=True),
            "work on": lambda: truth.work_on(name, BUSY[self.choice % len(BUSY)]),
        }
        if verbs[self.verb]():
            world.watch.look_everywhere()
            self._tell(world, name)

    def _tell(self, world: World, name: str) -> None:
        body = post.notification("Something", name)
        if self.event == "lost":
            world.faults.met["event lost"] += 1
            return
        if self.event == "early":
            world.faults.met["event before the change is visible"] += 1
            for source in ("clusters", "groups", "tags", "interfaces", "dns"):
                world.views.lags[source] = 45.0
        if self.event == "late":
            world.faults.met["event late"] += 1
        world.post.put(body, 200.0 if self.event == "late" else 0.0)
        if self.event == "doubled":
            world.faults.met["event doubled"] += 1
            world.post.put(body)


@dataclass(frozen=True)
class Lag:
    """A source of answers is so many seconds old from now on."""

    source: str
    seconds: float = 0.0

    def play(self, world: World) -> None:
        world.views.lags[self.source] = self.seconds
        if self.seconds:
            world.faults.met[f"stale: {self.source}"] += 1


@dataclass(frozen=True)
class DnsFault:
    """What DNS does with one name from now on."""

    name: int
    fault: str = ""

    def play(self, world: World) -> None:
        names = sorted(world.truth.now.names)
        if names:
            world.views.names[names[self.name % len(names)]] = self.fault


@dataclass(frozen=True)
class Answer:
    """The next answer of a call has a fault."""

    call: str
    fault: str
    times: int = 1

    def play(self, world: World) -> None:
        world.faults.answers[self.call] += [self.fault] * self.times


@dataclass(frozen=True)
class Ssm:
    """What befalls the next commands to a NAT instance."""

    instance: int
    fate: str
    times: int = 1

    def play(self, world: World) -> None:
        machine = _machine(world, self.instance)
        world.ssm.fates.setdefault(machine.instance_id, []).extend([self.fate] * self.times)


@dataclass(frozen=True)
class Instance:
    """Something happens to a NAT instance."""

    verb: str
    instance: int = 0

    def play(self, world: World) -> None:
        machine = _machine(world, self.instance)
        world.faults.met[f"nat instance: {self.verb}"] += 1
        if self.verb == "stop" and machine.state == "running":
            machine.stop()
            world.tell_state(machine)
        elif self.verb == "start" and machine.state == "stopped":
            machine.start()
            world.tell_state(machine)
        elif self.verb in ("reboot", "reboot without disk") and machine.state == "running":
            self._reboot(world, machine)
        elif self.verb == "replace":
            machine.stop("terminated")
            machine.saved = None
            world.tell_state(machine)
            world.tell_state(world.add_machine())
        elif machine.state == "running":
            self._in_place(machine)
        world.watch.memory_lost()

    def _reboot(self, world: World, machine: Machine) -> None:
        keeps = self.verb == "reboot"
        machine.stop()
        if not keeps:
            machine.verified = 0
        machine.start(keeps=keeps)
        world.tell_state(machine)

    def _in_place(self, machine: Machine) -> None:
        if self.verb == "flush":
            machine.flush()
        elif self.verb == "meddle":
            machine.meddle()
        elif self.verb in ("offline", "online"):
            machine.online = self.verb == "online"
        elif self.verb in ("unregister", "register"):
            machine.registered = self.verb == "register"
        elif self.verb == "timer":
            machine.timer()


@dataclass(frozen=True)
class Ledger:
    """Somebody deletes the ledger of the VPC, or the whole table's content."""

    heartbeats: bool = False

    def play(self, world: World) -> None:
        world.faults.met["ledger lost"] += 1
        world.lose_ledger(heartbeats=self.heartbeats)


@dataclass(frozen=True)
class Crash:
    """The next run of the function dies before this call."""

    call: int

    def play(self, world: World) -> None:
        world.faults.dies_before = self.call


@dataclass(frozen=True)
class Meanwhile:
    """Before this call of the next run something else happens: a second whole pass, a change."""

    call: int
    what: Change | Instance | None = None

    def play(self, world: World) -> None:
        def happen() -> None:
            if self.what is not None:
                self.what.play(world)
            else:
                world.post.put(post.schedule())
            world.deliver()

        world.faults.between = (self.call, happen)


@dataclass(frozen=True)
class Queue:
    """Something happens to messages on their way."""

    verb: str

    def play(self, world: World) -> None:
        queue = world.post
        if self.verb == "junk":
            queue.put('{"source": "aws.elastic')
            queue.put('{"action": "detach"}')
            queue.put(post.event("aws.s3", "Object Created", {"bucket": "x"}))
            queue.put('{"recheck": "vpc-1", "token": "nobody knows it"}')
        elif self.verb == "trigger":
            queue.put(post.notification("Something", "nobody"))
        elif queue.messages:
            world.faults.met[f"queue: {self.verb}"] += 1
            first = queue.messages[0]
            if self.verb == "lose":
                queue.messages.remove(first)
            elif self.verb == "double":
                queue.put(first.body, max(0.0, first.visible_at - world.clock.now))
            elif self.verb == "reorder":
                queue.messages.reverse()


@dataclass(frozen=True)
class Ask:
    """A person asks directly."""

    action: str
    force: bool = False

    def play(self, world: World) -> None:
        force = self.force and self.action != "describe"
        # Who forces goes on without what cannot be asked.
        world.watch.forced = force
        world.watch.memory_lost()
        world.invoke({"action": self.action, **({"force": True} if force else {})})
        world.watch.forced = False


@dataclass(frozen=True)
class Wait:
    """Time goes on, with the schedule and all that is under way."""

    seconds: float = 1.0

    def play(self, world: World) -> None:
        if self.seconds >= LONG_REST:
            world.sleep_through(self.seconds)
        else:
            world.let_time_pass(self.seconds)


Step = (
    Change
    | Lag
    | DnsFault
    | Answer
    | Ssm
    | Instance
    | Ledger
    | Crash
    | Meanwhile
    | Queue
    | Ask
    | Wait
)


def _machine(world: World, place: int) -> Machine:
    machines = world.standing
    return machines[place % len(machines)]
