"""Verbs of the embedded world: what AWS, a person or bad luck does to NAT instances.

Each happens at once, and EC2 tells of it as it does on AWS, unless `told` is false: an event that
is lost on its way. Machines are network namespaces; what EC2 says of public addresses comes true on
the wire (public_addresses.py).
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import event_bus, ssm
from local.aws_server import backend
from local.cache_world import CacheWorld
from local.caches import ACCOUNT, REGION
from local.ssm_agent import ManagedInstance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.group_filter import GroupFilter
    from local.metadata import Metadata
    from local.namespaces import Host
    from local.vpc import Vpc

_FIRST = IPv4Address("10.0.0.10")
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html
_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "stopping": 64, "stopped": 80}
# Whose python3 is a program, as on an instance, and no version manager's script that looks for one.
PATH = os.pathsep.join((str(Path(sys.executable).resolve().parent), os.environ["PATH"]))
_BROKEN = "#!/bin/sh\necho 'out of order' >&2\nexit 1\n"


class WorldError(RuntimeError):
    """Something that was waited for or invoked did not come true."""


@dataclass(slots=True, kw_only=True)
class NatInstance:
    """A NAT instance: its machine, its addresses, and its SSM agent."""

    instance_id: str
    host: Host
    private_address: IPv4Address
    managed: ManagedInstance
    hung: bool = False

    @property
    def public_address(self) -> IPv4Address:
        """The address that EC2 shows now; raise WorldError where there is none."""
        address = self.shape.public_ip
        if address is None:
            raise WorldError(f"{self.instance_id} has no public address now")
        return IPv4Address(address)

    @property
    def shape(self) -> Any:
        """The instance in moto."""
        return backend("ec2").get_instance(self.instance_id)

    @property
    def connected(self) -> bool:
        """Whether its SSM agent reaches AWS: by its public address, since the VPC has no endpoints.

        One of those that EC2 ended is not in moto's list of networks any more.
        """
        shape = self.shape
        return not self.hung and shape.is_running() and shape.public_ip is not None


@dataclass(slots=True)
class NatWorld(CacheWorld):
    """The NAT instances, with what EC2 and Systems Manager know of them."""

    nats: list[NatInstance] = field(default_factory=list)  # those that are not terminated
    folder: Path = field(init=False)
    vpc: Vpc = field(init=False)
    groups: GroupFilter = field(init=False)
    metadata: Metadata = field(init=False)
    # A tenth of the time: the shortest delivery timeout that SSM takes, 30 s, passes in 3 s.
    commands: ssm.RunCommand = field(default_factory=lambda: ssm.RunCommand(seconds=0.1))
    machines: int = 0

    @property
    def nat(self) -> NatInstance:
        """The first NAT instance."""
        return self.nats[0]

    # -- creation ---------------------------------------------------------------------------------

    def add_nat_instance(
        self, tags: Mapping[str, str], *, registers_after_s: float = 0.0
    ) -> NatInstance:
        """Run a NAT instance with a public address of Amazon's.

        Its SSM agent is online at once, or registers some seconds later.
        """
        private = _FIRST + self.machines
        instance_id = self.network.run_instance(private, None, tags, assigned=True)
        return self.boot(instance_id, registers_after_s=registers_after_s)

    def boot(self, instance_id: str, *, registers_after_s: float = 0.0) -> NatInstance:
        """Start the machine of an instance that EC2 runs."""
        private = IPv4Address(backend("ec2").get_instance(instance_id).private_ip)
        environment = {
            "PATH": PATH,
            "CACHEGATE_STATE_DIR": str(self.folder / instance_id),
        }
        host = self._machine(private)
        nat = NatInstance(
            instance_id=instance_id, host=host, private_address=private,
            managed=ManagedInstance(instance_id, host, environment),
        )  # fmt: skip
        nat.managed.connected = lambda: nat.connected
        self.metadata.instances[private] = instance_id
        self.nats.append(nat)
        self.groups.follow()
        _after(registers_after_s, self._register, nat)
        return nat

    def boot_new(self, *, registers_after_s: float = 1.0) -> None:
        """Start the machines of instances that Auto Scaling groups have launched."""
        known = {each.instance_id for each in self.nats}
        for instance in backend("ec2").all_instances():
            of_group = getattr(instance, "autoscaling_group", None) is not None
            if of_group and instance.is_running() and instance.id not in known:
                nat = self.boot(instance.id, registers_after_s=registers_after_s)
                for state in ("pending", "running"):
                    self._say(nat, state, told=True)

    def launch_missing(self) -> list[NatInstance]:
        """Let Auto Scaling groups notice what has ended, as they do within minutes on AWS.

        Returns the NAT instances that they launch in its place.
        https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html
        """
        groups, before = backend("autoscaling"), list(self.nats)
        members = [each.instance for group in groups.autoscaling_groups.values()
                   for each in group.instance_states]  # fmt: skip
        groups.notify_terminate_instances([each.id for each in members if not each.is_running()])
        self.boot_new()
        return [each for each in self.nats if each not in before]

    def _machine(self, private: IPv4Address) -> Host:
        self.machines += 1
        return self.vpc.add_nat_instance(f"nat{self.machines}", private)

    def _register(self, nat: NatInstance) -> None:
        self.commands.instances[nat.instance_id] = nat.managed

    # -- the Elastic IP ---------------------------------------------------------------------------

    def allocate_address(self) -> tuple[str, IPv4Address]:
        """Allocate an Elastic IP that nobody has yet; return its allocation id and the address."""
        made = self.aws.client("ec2").allocate_address(Domain="vpc")
        return made["AllocationId"], IPv4Address(made["PublicIp"])

    def holder(self, allocation_id: str) -> str | None:
        """Return the instance that has an Elastic IP, as EC2 shows it now."""
        (address,) = backend("ec2").address_by_allocation([allocation_id])
        return address.instance_id or None

    # -- what happens to NAT instances ------------------------------------------------------------

    def stop(self, nat: NatInstance, *, told: bool = True) -> None:
        """Stop an instance: its machine is off, its disk and its Elastic IP stay."""
        self._enter(nat, "stopping", told=told)
        self._power_off(nat)
        nat.shape.stop()
        self._say(nat, "stopped", told=told)
        self.groups.follow()

    def start(self, nat: NatInstance, *, told: bool = True) -> None:
        """Start a stopped instance: nothing of its kernel's state is there any more."""
        self._enter(nat, "pending", told=told)
        nat.host = nat.managed.host = self._machine(nat.private_address)
        nat.shape.start()
        nat.managed.online = True
        self._say(nat, "running", told=told)
        self.groups.follow()

    def terminate(self, nat: NatInstance, *, told: bool = True, lasts_s: float = 0.5) -> None:
        """Terminate an instance: it is dead at once, its end and that of its addresses follow."""
        self._enter(nat, "shutting-down", told=told)
        self._power_off(nat)
        self.nats.remove(nat)
        _after(lasts_s, self._end, nat, told)

    def _end(self, nat: NatInstance, told: bool) -> None:  # noqa: FBT001  a thread's argument
        if nat.instance_id in self._known():
            nat.shape.terminate()
            self._say(nat, "terminated", told=told)
            self.groups.follow()

    @staticmethod
    def _known() -> set[str]:
        """Return the instances of moto: none once the world has ended."""
        return {each.id for each in backend("ec2").all_instances()}

    def replace_by_group(
        self, nat: NatInstance, *, after_s: float, registers_after_s: float, told: bool = True
    ) -> None:
        """Let its Auto Scaling group end an instance and run another, with the same tags.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html
        """
        tags = {each["key"]: each["value"] for each in nat.shape.get_tags()}
        self.terminate(nat, told=told)
        _after(after_s, self._launch, tags, registers_after_s, told)

    def _launch(self, tags: Mapping[str, str], registers_after_s: float, told: bool) -> None:  # noqa: FBT001
        nat = self.add_nat_instance(tags, registers_after_s=registers_after_s)
        for state in ("pending", "running"):
            self._say(nat, state, told=told)

    def hang(self, nat: NatInstance) -> None:
        """Let a machine do nothing any more: EC2 and, at first, SSM go on as if it were well."""
        nat.hung = True
        self.vpc.silence(nat.private_address)

    def wake(self, nat: NatInstance) -> None:
        """Let it go on where it stopped."""
        self.vpc.end_silence(nat.private_address)
        nat.hung = False
        nat.managed.online = True

    def impair(self, nat: NatInstance) -> None:
        """Let EC2's status check of the instance fail."""
        self.aws.moods.instance_checks[nat.instance_id] = "impaired"

    def heal(self, nat: NatInstance) -> None:
        """Let it pass again."""
        del self.aws.moods.instance_checks[nat.instance_id]

    def break_tools(self, nat: NatInstance) -> None:
        """Let every program that changes packet rules fail, so that no rule set can be proved."""
        folder = self.folder / f"broken-{nat.instance_id}"
        folder.mkdir()
        for name in ("nft", "iptables", "iptables-save", "iptables-restore"):
            (folder / name).write_text(_BROKEN)
            (folder / name).chmod(0o755)
        path = f"{folder}{os.pathsep}{PATH}"
        nat.managed.environment = {**nat.managed.environment, "PATH": path}

    def mend_tools(self, nat: NatInstance) -> None:
        """Let them work again."""
        nat.managed.environment = {**nat.managed.environment, "PATH": PATH}

    def _power_off(self, nat: NatInstance) -> None:
        nat.managed.online = False
        if nat.hung:
            self.wake(nat)
            nat.managed.online = False
        self.vpc.cut(nat.private_address)
        self.vpc.remove_host(nat.private_address)

    def _enter(self, nat: NatInstance, state: str, *, told: bool) -> None:
        shape = nat.shape
        shape._state.name, shape._state.code = state, _CODES[state]  # noqa: SLF001  moto's
        self._say(nat, state, told=told)

    def _say(self, nat: NatInstance, state: str, *, told: bool) -> None:
        """Let EC2 tell of a new state.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
        """
        if told:
            arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{nat.instance_id}"
            detail = {"instance-id": nat.instance_id, "state": state}
            event_bus.emit(
                event_bus.event("aws.ec2", "EC2 Instance State-change Notification", detail, [arn])
            )


def _after(seconds: float, do: Any, *arguments: Any) -> None:
    """Do something now, or in the background when some seconds are over."""
    if not seconds:
        do(*arguments)
        return
    timer = threading.Timer(seconds, do, arguments)
    timer.daemon = True
    timer.start()
