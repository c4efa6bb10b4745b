"""The embedded world: AWS, a VPC and its caches on one machine, for the demo and the system tests.

Everything lives inside `python -m local.sandbox`. What happens to the caches is in cache_world.py.
"""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import moto.ssm.urls

from local import artefacts, deploy, ec2, event_bus, ssm, stack_resources, topics, trail
from local.aws_server import AwsServer, extend
from local.deploy import Stack
from local.dns import Resolver, release_resolver, use_resolver
from local.group_filter import GroupFilter
from local.metadata import Metadata
from local.namespaces import Lab
from local.nat_world import NatWorld, WorldError
from local.network import Network
from local.nodes import Servers
from local.public_addresses import PublicAddresses
from local.tls import Authority
from local.vpc import CLIENT, Vpc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from local.namespaces import Host

PARAMETERS = {"TrustedCidrs": f"{CLIENT}/32"}
# The waits of the template's own defaults are minutes; here the same steps take seconds.
SETTINGS = {
    "CACHEGATE_AGREEMENT": "1",
    "CACHEGATE_BRAKE_AGREEMENT": "3",
    "CACHEGATE_REVISIT": "2",
    "CACHEGATE_DISAGREEMENT_RECHECK": "1",
    "CACHEGATE_RECHECK": "1",
    "CACHEGATE_RETRY": "0.5",  # then 1.5 and 4.5; SQS counts whole seconds, so 1, 2 and 5
    "CACHEGATE_READ_BACK": "2",
    "CACHEGATE_TAKEOVER": "1",
    "CACHEGATE_TAKEOVER_REST": "5",
    "CACHEGATE_FENCE": "10",
}
# Batching windows that are too long to wait for, in seconds; what they do, they do here too.
WINDOWS = {"GuardIngress": 1.0}
# For tests that say nothing of windows, and would spend much of their time in one of 2 s.
SHORT_WINDOWS = WINDOWS | {"SyncForwards": 0.2}


@dataclass(slots=True)
class World(NatWorld):
    """Enter it, deploy, create caches, and let things happen to them."""

    settings: Mapping[str, str] = field(default_factory=lambda: dict(SETTINGS))
    windows: Mapping[str, float] = field(default_factory=lambda: dict(WINDOWS))
    stack: Stack | None = None
    resolver: Resolver = field(init=False)
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self.folder = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="world-")))
            self.vpc = opening.enter_context(Vpc(Lab("world")))
            self.servers = Servers(self.vpc, self.folder)
            self.authority = Authority(self.folder)
            opening.callback(self.servers.close)
            for part in (deploy, event_bus, stack_resources, topics):
                part.register()
            ssm.Responses.run_command = self.commands
            extend(moto.ssm.urls, ssm.Responses)
            public = PublicAddresses(paths=self.vpc)
            self.aws = opening.enter_context(AwsServer(public=public))
            self.aws.gate.recorder = self.trail
            self.resolver = opening.enter_context(Resolver(self.aws.fleet))
            use_resolver(self.folder)
            opening.callback(release_resolver)
            self.metadata = opening.enter_context(Metadata())
            self.network = Network(self.aws)
            self.network.create()
            self.groups = GroupFilter(self.vpc)
            ec2.Responses.changed = self.groups.follow
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    # -- who is there -----------------------------------------------------------------------------

    @property
    def client(self) -> Host:
        """The trusted machine outside."""
        return self.vpc.client

    @property
    def stranger(self) -> Host:
        """A machine outside that nobody trusts."""
        return self.vpc.stranger

    # -- the stack --------------------------------------------------------------------------------

    def deploy(
        self,
        name: str = "cachegate",
        parameters: Mapping[str, str] | None = None,
        found: artefacts.Artefacts | None = None,
    ) -> Stack:
        """Deploy the template, with these parameters over the usual ones.

        The first deployment brings a NAT instance with its tag where there is none yet, unless the
        stack makes its own: their machines start here, and register some seconds later.
        """
        if not self.nats and (parameters or {}).get("NatInstances") != "create":
            self.add_nat_instance({"cachegate:nat": name})
        self.stack = Stack(
            aws=self.aws, artefacts=found or artefacts.find(), folder=self.folder, name=name,
            parameters=PARAMETERS | dict(parameters or {}), settings=self.settings,
            windows=self.windows,
        )  # fmt: skip
        self._open.callback(self.stack.stop)
        self.stack.create()
        self.boot_new()
        return self.stack

    def invoke(self, payload: Mapping[str, Any], function: str = "SyncForwards") -> Any:
        """Invoke a function by its logical id and return its result; raise where it failed."""
        if self.stack is None:
            raise WorldError("nothing is deployed")
        answer = self.aws.client("lambda").invoke(
            FunctionName=self.stack.functions[function].name,
            Payload=json.dumps(payload).encode(),
        )
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise WorldError(f"{function} failed: {result}")
        return result

    def tick(self) -> int:
        """Fire every schedule once."""
        return event_bus.tick()

    def emit(self, event: dict[str, Any]) -> None:
        """Let a service of AWS put an event on the bus."""
        event_bus.emit(event)

    def start_trail(self) -> None:
        """Let CloudTrail log, so that EventBridge hears of calls that change something."""
        trail.start(self.aws)

    def stop_trail(self) -> None:
        """Let CloudTrail's trail log no more."""
        trail.stop(self.aws)

    def published(self, logical_id: str = "AlarmTopic") -> list[topics.Published]:
        """Return what a topic of the stack took so far: what subscribers are sent."""
        if self.stack is None:
            raise WorldError("nothing is deployed")
        return topics.published(self.stack.physical_ids[logical_id])

    def trigger(self, body: str = "{}", queue: str = "SyncQueueUrl") -> None:
        """Send a queue of the stack, named by its output, a message: look again."""
        if self.stack is None:
            raise WorldError("nothing is deployed")
        url = self.stack.outputs[queue]
        self.aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    def troubles(self, most: int = 10) -> str:
        """Return the last lines that are neither INFO nor metrics, and the calls denied."""
        lines = self._log()
        noise = ('"level":"INFO"', '{"_aws":')
        logged = [line for line in lines if not any(each in line for each in noise)]
        denied = sorted({f"denied: {call.action}" for call in self.aws.gate.denied})
        return "\n".join([*logged[-most:], *denied])

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Return the lines with this message that functions have logged so far, parsed."""
        wanted = f'"message":"{message}"'
        return [json.loads(line) for line in self._log() if wanted in line]

    def _log(self) -> list[str]:
        """Return the lines of all functions of the stack, those of one environment in order."""
        functions = self.stack.functions.values() if self.stack else ()
        names = tuple(f"{function.name}-" for function in functions)
        files = [path for path in sorted(self.folder.glob("*.log")) if path.name.startswith(names)]
        return [line for path in files for line in path.read_text().splitlines()]

    def wait_until(self, true: Callable[[], Any], within_s: float = 20, what: str = "") -> Any:
        """Ask until the answer is true and return it; raise WorldError when time is up."""
        deadline = time.monotonic() + within_s
        while not (answer := true()):
            if time.monotonic() > deadline:
                raise WorldError(f"not within {within_s} s: {what or true}\n{self.troubles()}")
            time.sleep(0.05)
        return answer
