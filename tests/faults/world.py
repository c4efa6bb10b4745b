"""The whole pass in a world of values: real handler, planner, adapters and agent, fake AWS."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError

import cachegate.aws.gateways
import cachegate.prepare
import cachegate.sync
from cachegate.actions import Actions
from cachegate.aws.addresses import Ec2Addresses
from cachegate.aws.asking import ask
from cachegate.aws.caches import CacheInventory
from cachegate.aws.events import EventBus
from cachegate.aws.gateways import SsmGateways
from cachegate.aws.group_rules import Ec2GroupRules
from cachegate.aws.guarded_caches import GuardedCaches
from cachegate.aws.ledger_body import unpack
from cachegate.aws.ledgers import DynamoLedgers, _read
from cachegate.aws.machines import Ec2Machines
from cachegate.aws.network import Ec2Network
from cachegate.aws.notifications import CacheNotifications
from cachegate.aws.rechecks import SqsRechecks
from cachegate.aws.subnets import Ec2Subnets
from cachegate.domain.policy import Policy
from cachegate.errors import CachegateError
from cachegate.planning.plan import make_plan
from cachegate.protocols import Adapters
from cachegate.settings import SyncSettings
from tests.faults import clients, post
from tests.faults.clock import Clock, Parallel
from tests.faults.commands import Command, Commands
from tests.faults.invocation import Dead, Faults
from tests.faults.machine import Machine, agent_in_memory
from tests.faults.post import Post
from tests.faults.table import Table
from tests.faults.truth import VPC, Truth
from tests.faults.watch import ViolationError, Watch
from tests.function import CONTEXT, module, started

if TYPE_CHECKING:
    import pytest

    from cachegate.domain.cache import Observation
    from cachegate.domain.ledger import Ledger
    from cachegate.domain.plan import Plan

STACK = "gate"
OWNER = "arn:aws:cloudformation:eu-west-1:123456789012:stack/gate/1"
POLICY = Policy(stack=STACK, sources=(IPv4Network("203.0.113.0/24"),))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:gate"
SCHEDULE = 300.0  # seconds


class Bus:
    """The event bus; it takes everything, unless a fault is waiting."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.taken = 0

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        fault = self._faults.call("put_events")
        if fault == "refused":
            refusal = {"ErrorCode": "ThrottlingException", "ErrorMessage": "as the fault says"}
            return {"FailedEntryCount": len(Entries), "Entries": [refusal] * len(Entries)}
        self.taken += len(Entries)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}] * len(Entries)}


@dataclass
class World:
    """One stack with its queue and its NAT instances, in one VPC."""

    clock: Clock = field(default_factory=Clock)
    truth: Truth = field(init=False)
    faults: Faults = field(init=False)
    machines: dict[str, Machine] = field(default_factory=dict)
    passes: int = 0
    invocations: int = 0
    next_schedule: float = 0.0

    current: ClassVar[World]

    def __post_init__(self) -> None:
        World.current = self
        Parallel.clock = self.clock
        self.truth = Truth(self.clock)
        self.faults = Faults(self.clock)
        self.views = clients.Views(self.truth)
        self.watch = Watch(self.truth, self.machines, POLICY.quarantine)
        self.table = Table(self.faults, self._written)
        self.post = Post(self.clock, self.faults)
        self.bus = Bus(self.faults)
        self.ssm = Commands(self.clock, self.faults, self.machines, self._command_failed)
        self.next_schedule = self.clock.now + SCHEDULE
        tokens = itertools.count(1)
        ledgers = DynamoLedgers(self.table, "table", lambda: self.clock.now)  # type: ignore[arg-type]
        aws: Any = clients
        self.actions = Actions(
            Adapters(
                inventory=CacheInventory(
                    aws.elasticache(self.views, self.faults),
                    aws.tagging(self.views, self.faults),
                    aws.ec2(self.views, self.faults, self.machines, STACK),
                ),
                caches=GuardedCaches(aws, aws, aws, STACK),  # only where groups are managed
                network=Ec2Network(aws.ec2(self.views, self.faults, self.machines, STACK)),
                resolver=lambda _instances: clients.Dns(self.views, self.faults),
                ledgers=ledgers,
                gateways=SsmGateways(self.ssm, "document", self._remaining),  # type: ignore[arg-type]
                rechecks=SqsRechecks(self.post, "queue"),  # type: ignore[arg-type]
                bus=EventBus(self.bus),  # type: ignore[arg-type]
                notifications=CacheNotifications(aws, aws, TOPIC),  # nothing is enrolled
                addresses=Ec2Addresses(aws, aws),  # the stack holds none
                group_rules=Ec2GroupRules(aws),  # and manages no groups
                subnets=Ec2Subnets(aws),  # nothing is peered
                machines=Ec2Machines(aws).machines,  # nobody asks for a check-up
                ask=ask,
                clock=lambda: self.clock.now,
                new_token=lambda: f"token-{next(tokens)}",
            ),
            SyncSettings(
                stack=STACK,
                owner=OWNER,
                table="table",
                document="document",
                queue_url="queue",
                topic=TOPIC,
                policy=POLICY,
                peered={},
            ),
            module().report,
        )
        module().wired = self.actions

    def add_machine(self) -> Machine:
        number = len(self.machines)
        machine = Machine(
            instance_id=f"i-{number:08x}",
            private=IPv4Address("10.0.0.10") + number,
            reaches=lambda address: any(a == address for a, _ in self.truth.now.owners),
            changed=self.watch.look,
        )
        self.machines[machine.instance_id] = machine
        return machine

    @property
    def standing(self) -> list[Machine]:
        """The NAT instances that are not terminated."""
        return [m for m in self.machines.values() if m.state != "terminated"]

    # -- the function -----------------------------------------------------------------------------

    def invoke(self, event: dict[str, Any]) -> Any:
        """Run the function once; None where it died or raised."""
        self.invocations += 1
        invocation = self.faults.begin()
        try:
            return module().handler(event, CONTEXT)
        except Dead:
            return None
        except BaseExceptionGroup as group:
            self._only_known(group)
            return None
        except (ClientError, CachegateError):
            return None
        except ViolationError:
            raise
        except Exception as error:
            raise ViolationError(f"the function raised {error!r}") from error
        finally:
            self.passes += invocation.seen is not None
            self.faults.end()

    def _only_known(self, group: BaseExceptionGroup[Any]) -> None:
        """Raise what was not made to happen: a violation by itself, else the group without it."""
        for error in group.exceptions:
            if isinstance(error, ViolationError):
                raise error
        _, unknown = group.split((Dead, ClientError))
        if unknown is not None:
            raise unknown

    def _remaining(self) -> float:
        return self.faults.current.ends - self.clock.now

    def deliver(self) -> bool:
        """Let the poller hand over what is there; False where there is nothing."""
        batch = self.post.receive()
        if not batch:
            return False
        met, wrong = self.faults.met.total(), self.something_is_wrong
        passes, old = self.passes, all(map(self._is_of_an_old_chain, batch))
        answer = self.invoke({"Records": [post.record(message) for message in batch]})
        back = (
            {message.message_id for message in batch}
            if answer is None
            else {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        )
        if old and self.passes > passes and self.faults.met.total() == met:
            raise ViolationError("a re-check of an old chain cost a pass")
        if back and not wrong and self.faults.met.total() == met and not self.something_is_wrong:
            raise ViolationError("a pass failed although nothing was wrong")
        self.post.done(batch, back)
        return True

    def _is_of_an_old_chain(self, message: post.Message) -> bool:
        heartbeat = self.table.items.get((VPC, "heartbeat"))
        live = heartbeat["token"]["S"] if heartbeat else ""
        return message.is_recheck and json.loads(message.body)["token"] != live

    @property
    def something_is_wrong(self) -> bool:
        """Tell whether a pass may fail because of something that was done to the world."""
        return self.ssm.under_way > 0 or any(
            not (m.online and m.registered) for m in self.machines.values() if m.state == "running"
        )

    def let_time_pass(self, seconds: float) -> None:
        """Let the schedule, the queue, the timers and all that is under way go on."""
        ends = self.clock.now + seconds
        while True:
            moment = min(self.post.due, self.next_schedule, self.clock.due)
            if moment > ends:
                break
            self.clock.until(max(moment, self.clock.now))
            self.pulse()
        self.clock.until(ends)
        if seconds >= 30:
            self.tick_timers()

    def next_moment(self) -> None:
        """Let time go on to the next thing that happens, the timers with it."""
        moment = min(self.post.due, self.next_schedule, self.clock.due)
        self.clock.until(max(moment, self.clock.now))
        self.pulse()
        self.tick_timers()

    def sleep_through(self, seconds: float) -> None:
        """Let a long time pass without any pass: the function does not run, messages expire."""
        self.clock.sleep(seconds)
        self.post.messages.clear()
        self.next_schedule = self.clock.now

    def pulse(self) -> None:
        """Do what is due now: fire the schedule, hand over what the queue has."""
        if self.clock.now >= self.next_schedule:
            self.next_schedule = self.clock.now + SCHEDULE
            self.post.put(post.schedule())
        self.deliver()

    def tick_timers(self) -> None:
        for machine in self.standing:
            machine.timer()

    # -- what is told -----------------------------------------------------------------------------

    def _command_failed(self, command: Command) -> None:
        detail = {"instance-id": command.instance_id, "status": command.status}
        title = "EC2 Command Invocation Status-change Notification"
        self.post.put(post.event("aws.ssm", title, detail))

    def tell_state(self, machine: Machine) -> None:
        detail = {"instance-id": machine.instance_id, "state": machine.state}
        self.post.put(post.event("aws.ec2", "EC2 Instance State-change Notification", detail))

    def _written(self, item: dict[str, Any]) -> None:
        if item["vpc"]["S"] != VPC:
            return
        seen = self.faults.current.seen if self.faults.running else None
        if item["part"]["S"] == "ledger":
            self.watch.recorded(unpack(item["body"]["B"]), seen)
        else:
            self.watch.beaten(_read(item), seen)

    def planned(self, before: Ledger, seen: Observation, *more: Any, **options: Any) -> Plan:
        self.faults.current.seen = seen
        return make_plan(before, seen, *more, **options)

    def lose_ledger(self, *, heartbeats: bool) -> None:
        for vpc_id, part in list(self.table.items):
            if part == "ledger" or heartbeats:
                del self.table.items[vpc_id, part]
        self.watch.ledger_lost()


def prepare(patch: pytest.MonkeyPatch) -> None:
    """Put the fake clock, the kernel in memory and the quiet logger in place."""
    app = started(patch)
    patch.setattr(app, "wired", None)
    for level in ("info", "warning", "error", "exception"):
        patch.setattr(app.logger, level, lambda *_, **__: None)
    patch.setattr(app.metrics, "flush_metrics", app.metrics.clear_metrics)
    agent_in_memory(patch)
    patch.setattr(cachegate.sync, "ThreadPoolExecutor", Parallel)
    patch.setattr(cachegate.aws.gateways, "ThreadPoolExecutor", Parallel)
    patch.setattr(cachegate.aws.gateways, "time", SimpleNamespace(sleep=_sleep))
    patch.setattr(cachegate.prepare, "make_plan", _plan)


def _sleep(seconds: float) -> None:
    World.current.clock.sleep(seconds)


def _plan(*arguments: Any, **options: Any) -> Plan:
    return World.current.planned(*arguments, **options)
