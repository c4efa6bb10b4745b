"""Direct invocation: one action, one answer in JSON. docs/invocation.md has every field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.answers import detach_answer, outcome, sync_answer
from cachegate.checkup import CheckUp, describe_check
from cachegate.describe import (
    describe_change,
    describe_enrolment,
    describe_explanation,
    describe_problem,
    describe_proposal,
    describe_vpc,
)
from cachegate.describe_nat import (
    describe_address_outlook,
    describe_rule_outlook,
)
from cachegate.detach import detach
from cachegate.errors import CachegateError, InvocationError
from cachegate.planning.explain import explain, explain_address
from cachegate.planning.holder import nobody
from cachegate.planning.release import release
from cachegate.sync import sync
from cachegate.view import Lookout

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.answers import Answer
    from cachegate.domain.ledger import Ledger
    from cachegate.planning.explain import Whereabouts
    from cachegate.propose import Proposed
    from cachegate.protocols import Adapters, Record
    from cachegate.results import SyncResult
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True)
class Actions:
    """What a person or the command-line tool may ask of sync_forwards."""

    adapters: Adapters
    settings: SyncSettings
    report: Callable[[SyncResult], None]  # where a pass is logged and counted

    @property
    def _lookout(self) -> Lookout:
        return Lookout(self.adapters, self.settings)

    def answer(self, event: object) -> Answer:
        """Do what the event asks; an error of ours becomes an answer, any other one is raised."""
        try:
            if not isinstance(event, Mapping):
                raise InvocationError('an invocation is an object such as {"action": "describe"}')
            return self._answer(event)
        except CachegateError as error:
            return {"ok": False, "error": {"code": error.code, "message": str(error)}}

    def _answer(self, event: Mapping[str, Any]) -> Answer:
        actions = {
            "plan": (self._plan, {"force"}),
            "sync": (self._sync, {"force"}),
            "describe": (self._describe, set[str]()),
            "explain": (self._explain, {"listen", "vpc"}),
            "release": (self._release, {"listen", "vpc"}),
            "move": (self._move, {"instance"}),
            "detach": (self._detach, set[str]()),
            "doctor": (self._doctor, {"probe"}),
        }
        name = event.get("action")
        if not isinstance(name, str) or name not in actions:
            raise InvocationError(f"unknown action {name!r}: one of {', '.join(actions)}")
        action, fields = actions[name]
        unknown = set(event) - fields - {"action"}
        if unknown:
            raise InvocationError(f"{name} takes no field {', '.join(sorted(unknown))}")
        return action(event)

    def _plan(self, event: Mapping[str, Any]) -> Answer:
        view = self._lookout.view(force=_flag(event, "force"))
        return {
            **outcome(view.errors),
            "vpcs": [
                {
                    "vpc": vpc_id,
                    "generation": p.plan.ledger.generation,
                    "changes": [describe_change(c) for c in p.plan.changes],
                    "address": describe_address_outlook(view.outlooks[vpc_id].address),
                    "groups": describe_rule_outlook(view.outlooks[vpc_id].rules),
                    "notifications": [describe_enrolment(e) for e in view.enrolments[vpc_id]],
                    "detached": p.before.detached,
                }
                for vpc_id, p in view.prepared.items()
            ],
            "proposals": _proposals(view.proposed),
            "problems": [describe_problem(problem) for problem in self._lookout.problems(view)],
        }

    def _sync(self, event: Mapping[str, Any]) -> Answer:
        force = _flag(event, "force")
        result = sync(self.adapters, self.settings, force=force, attach=True)
        self.report(result)
        return sync_answer(result)

    def _describe(self, _event: Mapping[str, Any]) -> Answer:
        view = self._lookout.view()
        return {
            **outcome(view.errors),
            "stack": self.settings.stack,
            "at": view.seen.at,
            "vpcs": [
                describe_vpc(
                    view.seen.observations[vpc_id],
                    p.plan,
                    view.seen.instances_in(vpc_id),
                    view.outlooks[vpc_id],
                )
                | {"notifications": [describe_enrolment(e) for e in view.enrolments[vpc_id]]}
                for vpc_id, p in view.prepared.items()
            ],
            "proposals": _proposals(view.proposed),
            "not_forwarded": [
                describe_problem(problem) for problem in self._lookout.problems(view)
            ],
        }

    def _explain(self, event: Mapping[str, Any]) -> Answer:
        listen = _listen(event)
        at = self.adapters.clock()
        found = self._holding(listen, event.get("vpc"))
        return {
            "ok": True,
            "listen": listen,
            "forwards": [
                describe_explanation(
                    vpc_id, explain(record.ledger, listen, at), self._whereabouts(record.ledger, at)
                )
                for vpc_id, record in found.items()
            ],
        }

    def _whereabouts(self, ledger: Ledger, at: float) -> Whereabouts | None:
        """Return why the address is where it is; None where the stack holds none in the VPC."""
        if ledger.holding is None or not self.settings.holds_address_in(ledger.vpc_id):
            return None
        return explain_address(ledger.holding, at)

    def _release(self, event: Mapping[str, Any]) -> Answer:
        listen = _listen(event)
        found = self._holding(listen, event.get("vpc"))
        if len(found) > 1:
            raise InvocationError(f"{', '.join(found)} all have {listen}: name one as vpc")
        ((vpc_id, record),) = found.items()
        released = release(record.ledger, listen, self.adapters.clock())
        self.adapters.ledgers.save(released, record.version)
        return {"ok": True, "vpc": vpc_id, "listen": listen, "generation": released.generation}

    def _move(self, event: Mapping[str, Any]) -> Answer:
        """Run a pass in the address's VPC that moves the address where a person wants it."""
        instance_id, vpc_id = event.get("instance"), self.settings.address_vpc
        if not isinstance(instance_id, str) or not instance_id:
            raise InvocationError(f"instance is the id of a NAT instance, not {instance_id!r}")
        if self.settings.address is None or vpc_id is None:
            raise InvocationError("this stack holds no address: deploy it with ElasticIp")
        result = sync(self.adapters, self.settings, only=frozenset({vpc_id}), holder=instance_id)
        self.report(result)
        answer = sync_answer(result)
        why = next((vpc.not_held_by(instance_id) for vpc in result.vpcs), f"{vpc_id} is not known")
        if why is None:
            return answer
        message = f"{instance_id} does not hold the address: {why}"
        return answer | {"ok": False, "error": {"code": "not_moved", "message": message}}

    def _detach(self, _event: Mapping[str, Any]) -> Answer:
        return detach_answer(detach(self.adapters, self.settings))

    def _doctor(self, event: Mapping[str, Any]) -> Answer:
        """Say what is in order and what is not; `ok` says only that it could look."""
        probe = _flag(event, "probe")
        at = self.adapters.clock()
        checks = CheckUp(self.adapters, self.settings).look(probe=probe)
        return {
            "ok": True,
            "stack": self.settings.stack,
            "at": at,
            "probe": probe,
            "checks": [describe_check(each) for each in checks],
        }

    def _holding(self, listen: int, vpc: str | None) -> dict[str, Record]:
        """Return the ledgers in which a key has the listen port; raise where none has it."""
        found: dict[str, Record] = {}
        used: set[int] = set()
        for vpc_id in sorted(self.adapters.ledgers.vpc_ids()):
            record = self.adapters.ledgers.load(vpc_id) if vpc in (None, vpc_id) else None
            leases = record.ledger.leases.values() if record else ()
            used |= {lease.listen for lease in leases}
            if record and any(lease.listen == listen for lease in leases):
                found[vpc_id] = record
        if not found:
            raise nobody(listen, used)
        return found


def _proposals(proposed: Proposed) -> list[Answer] | None:
    """Return them; None where nobody looked."""
    if proposed.proposals is None:
        return None
    return [describe_proposal(proposal) for proposal in proposed.proposals]


def _flag(event: Mapping[str, Any], name: str) -> bool:
    value = event.get(name, False)
    if not isinstance(value, bool):
        raise InvocationError(f"{name} is true or false, not {value!r}")
    return value


def _listen(event: Mapping[str, Any]) -> int:
    value = event.get("listen")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise InvocationError(f"listen is a port from 1 to 65535, not {value!r}")
    return value
