"""What CloudFormation asks by the stack's two custom resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cachegate.answers import detach_answer
from cachegate.detach import detach
from cachegate.errors import CachegateError, ConfigurationError
from cachegate.metrics import Metric
from cachegate.nat_network import check_network
from cachegate.planning.nat_network import read_asked
from cachegate.withdraw import withdraw

if TYPE_CHECKING:
    from cachegate.entry import Outlet
    from cachegate.wired import Wired

NAT_NETWORK = "Custom::CachegateNatNetwork"  # the other custom resource asks for a first pass
NETWORK_ID = "cachegate-nat-network"


class Respond(Protocol):
    """Tells CloudFormation the end of a request; raises InvocationError where it cannot."""

    def __call__(
        self, event: dict[str, Any], *, failure: str | None = None, physical_id: str = ...
    ) -> None:
        """Send success, or the sentence with which the request failed."""
        ...


@dataclass(frozen=True, slots=True)
class StackEvents:
    """Answers them; a wrong setting, which came in place of the wiring, is an answer too."""

    wired: Wired | ConfigurationError
    outlet: Outlet
    respond: Respond

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """Answer one request, and return whether it succeeded."""
        checked = event.get("ResourceType") == NAT_NETWORK
        failure = self._on_nat_network(event) if checked else self._on_stack(event)
        return {"ok": failure is None}

    def _on_stack(self, event: dict[str, Any]) -> str | None:
        """Ask for a first pass, or take the agents off; return what is wrong.

        A wrong setting fails the deployment with its sentence. Anything else is answered by success
        and raised: a stack must always be deletable, and the schedule makes the pass that could not
        be asked for.
        """
        request, failure = event["RequestType"], None
        try:
            if isinstance(self.wired, ConfigurationError):
                failure = None if request == "Delete" else str(self.wired)
            elif request == "Delete":
                self._leave(self.wired)
            else:
                self.wired.adapters.rechecks.ask(f"stack event {request}")
                self._give_up_groups(event, self.wired)
                # NotVerifiedAlarm and GuardSilentAlarm are made next, and would call the silence
                # before a first pass overdue.
                self.outlet.count({Metric.VERIFIED_AGE: 0.0, Metric.FINDINGS_OPEN: 0.0})
        finally:
            self.respond(event, failure=failure)
        return failure

    def _give_up_groups(self, event: dict[str, Any], wired: Wired) -> None:
        """Take our rules away where an update turns their management off.

        Later nobody could: CloudFormation takes the permission when the update is complete, and
        then cannot delete a group of NAT instances that rules on caches still name.
        """
        former = event.get("OldResourceProperties", {}).get("ManageGroups")
        if former != "true" or wired.settings.manage_groups:
            return
        withdrawn = withdraw(wired.adapters, wired.settings)
        logger = self.outlet.logger
        log = logger.error if withdrawn.left else logger.info
        log("groups given up", rules_removed=withdrawn.removed, rules_still_there=withdrawn.left)

    def _leave(self, wired: Wired) -> None:
        """Take off what the stack put onto what outlives it; what stays is logged."""
        adapters, settings = wired
        logger = self.outlet.logger
        try:
            detached = detach_answer(detach(adapters, settings, for_good=True))
            log = logger.info if detached["ok"] else logger.error
            log("stack deletion", detached=detached)
        finally:
            if settings.release_address and settings.address is not None:
                try:
                    adapters.addresses.release(settings.address)
                    logger.info("address given back", address=settings.address)
                except CachegateError:
                    logger.exception("address not given back", address=settings.address)

    def _on_nat_network(self, event: dict[str, Any]) -> str | None:
        """Return why NAT instances must not be made where they are asked for, None where they may.

        What cannot be seen is refused with the reason: no instance is made on a guess. There is
        nothing to delete.
        """
        failure: str | None = "the check broke off; the function's log says where"
        try:
            failure = None if event["RequestType"] == "Delete" else self._refusal(event)
        finally:
            self.respond(event, failure=failure, physical_id=NETWORK_ID)
        self.outlet.logger.info("nat network", request=event["RequestType"], refused=failure)
        return failure

    def _refusal(self, event: dict[str, Any]) -> str | None:
        try:
            if isinstance(self.wired, ConfigurationError):
                raise self.wired
            asked = read_asked(event.get("ResourceProperties"))
            verdict = check_network(self.wired.adapters.subnets, asked)
        except CachegateError as error:
            return str(error)
        for warning in verdict.warnings:
            self.outlet.logger.warning("nat network", warning=warning)
        return "; ".join(verdict.refusals) or None
