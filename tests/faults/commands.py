"""Systems Manager: commands on their way to NAT instances, and everything that befalls them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cachegate.aws.invocation import LONGEST_OUTPUT
from tests.faults.clients import Paginator
from tests.faults.invocation import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.faults.clock import Clock
    from tests.faults.invocation import Faults
    from tests.faults.machine import Machine

LOOK = 0.05  # seconds that one look at a command takes
FOR_APPLY = frozenset(
    {"late", "very late", "doubled", "doubled late", "killed before swap", "killed before save"}
)
DELIVERY = 1.0  # seconds until a healthy instance has run a command


@dataclass
class Command:
    """One command on one instance."""

    command_id: str
    instance_id: str
    action: str
    arguments: tuple[str, ...]
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    output: str = ""
    invisible: int = 0  # how many looks find nothing yet
    payload: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in {"Success", "Failed", "TimedOut", "Cancelled"}


@dataclass
class Commands:
    """Run Command as the product uses it: one instance a command."""

    clock: Clock
    faults: Faults
    machines: Mapping[str, Machine]
    failed: Callable[[Command], None]  # told of each command that did not succeed
    sent: dict[str, Command] = field(default_factory=dict)
    fates: dict[str, list[str]] = field(default_factory=dict)  # by instance, one a command
    under_way: int = 0  # commands and doubles that will still run

    # -- the client -------------------------------------------------------------------------------

    def get_paginator(self, operation: str) -> Paginator:
        return Paginator(self.faults, operation, "InstanceInformationList", self._information)

    def _information(self, Filters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N803
        asked = [self.machines[i] for i in Filters[0]["Values"] if i in self.machines]
        return [
            {"InstanceId": m.instance_id, "PingStatus": "Online" if m.online else "ConnectionLost"}
            for m in asked
            if m.registered
        ]

    def send_command(self, **request: Any) -> dict[str, Any]:
        self.faults.call("send_command")
        (instance_id,) = request["InstanceIds"]
        parameters = request["Parameters"]
        fate = self._fate(instance_id, parameters["Action"][0])
        if fate == "rejected":
            raise refusal("ThrottlingException", "SendCommand")
        machine = self.machines[instance_id]
        if fate == "unknown instance" or machine.state != "running" or not machine.registered:
            raise refusal("InvalidInstanceId", "SendCommand")
        command = Command(
            command_id=f"command-{len(self.sent)}",
            instance_id=instance_id,
            action=parameters["Action"][0],
            arguments=_arguments(parameters),
            payload=parameters.get("Payload", [None])[0],
            invisible={"appears late": 3, "never appears": 10_000}.get(fate, 0),
        )
        self.sent[command.command_id] = command
        self._travel(command, machine, fate)
        return {"Command": {"CommandId": command.command_id}}

    def _fate(self, instance_id: str, action: str) -> str:
        """Return what befalls this command; what would leave an `inspect` as it is waits."""
        waiting = self.fates.get(instance_id)
        if not waiting or (action == "inspect" and waiting[0] in FOR_APPLY):
            return ""
        self.faults.met[f"ssm: {waiting[0]}"] += 1
        return waiting.pop(0)

    def get_command_invocation(self, *, CommandId: str, InstanceId: str) -> Any:  # noqa: N803
        self.faults.call("get_command_invocation")
        self.clock.sleep(LOOK)
        command = self.sent[CommandId]
        if command.invisible > 0:
            command.invisible -= 1
            raise refusal("InvocationDoesNotExist", "GetCommandInvocation")
        return {
            "Status": command.status,
            "StatusDetails": command.details,
            "ResponseCode": command.code,
            "StandardOutputContent": command.output,
            "StandardErrorContent": "",
        }

    # -- the way ----------------------------------------------------------------------------------

    def _travel(self, command: Command, machine: Machine, fate: str) -> None:
        timeout = 30.0
        if fate == "undelivered" or not machine.online:
            self._later(timeout, lambda: self._end(command, "TimedOut", "DeliveryTimedOut"))
        elif fate == "undeliverable":
            self._later(5.0, lambda: self._end(command, "Failed", "Undeliverable"))
        elif fate in ("late", "very late"):
            # The agent has fetched it and is busy: it runs when nobody waits any more.
            command.status = command.details = "InProgress"
            self._run_later(command, machine, 70.0 if fate == "late" else 400.0, fate)
        else:
            self._run_later(command, machine, DELIVERY, fate)
            if fate == "doubled":
                self._run_later(command, machine, 2 * DELIVERY, "")
            if fate == "doubled late":
                self._run_later(command, machine, 300.0, "")

    def _run_later(self, command: Command, machine: Machine, delay: float, fate: str) -> None:
        boot = machine.boot

        def run() -> None:
            if machine.state == "running" and machine.boot == boot:
                self._run(command, machine, fate)

        self._later(delay, run)

    def _later(self, delay: float, happen: Callable[[], None]) -> None:
        self.under_way += 1

        def arrive() -> None:
            self.under_way -= 1
            happen()

        self.clock.at(self.clock.now + delay, arrive)

    def _run(self, command: Command, machine: Machine, fate: str) -> None:
        if fate.startswith("killed before "):
            machine.killed_before = fate.removeprefix("killed before ")
        ended = machine.run(command.action, *command.arguments)
        machine.killed_before = ""
        if command.ended:
            return  # the first end is what SSM shows
        command.code, command.output = ended.code, ended.output
        if fate == "cut off":
            command.output = "x" * LONGEST_OUTPUT
        if fate == "garbled":
            command.output = command.output[: len(command.output) // 2]
        good = ended.code == 0
        self._end(command, *(("Success", "Success") if good else ("Failed", "Failed")))

    def _end(self, command: Command, status: str, details: str) -> None:
        if command.ended:
            return
        command.status, command.details = status, details
        if status != "Success":
            self.failed(command)


def _arguments(parameters: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the agent's arguments as the document makes them of a command's parameters."""
    arguments: tuple[str, ...] = ("--from", parameters.get("From", ["0"])[0])
    if "Payload" in parameters:
        arguments += ("--payload", parameters["Payload"][0])
    return arguments
