"""Have the NAT instances of a VPC prove its rule set: looked at where it was proved, else sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.errors import LedgerConflictError, NotVerifiedError
from cachegate.push import InstanceResult, is_outdated, judge, still_proved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cachegate.domain.agent import Reply
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Adapters, Heartbeat

LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """What asks the agents of one stack."""

    adapters: Adapters
    owner: str  # the stack's id, as agents record it

    def prove(
        self, ledger: Ledger, payload: str, running: list[str], former: Heartbeat
    ) -> tuple[InstanceResult, ...]:
        """Have every running instance prove the rule set; it is sent only where that is needed."""
        known = set(former.proved) if former.generation == ledger.generation else set()
        asked = [instance_id for instance_id in running if instance_id in known]
        new = [instance_id for instance_id in running if instance_id not in known]
        # At the same time: an instance that does not answer must not keep a new one waiting.
        with ThreadPoolExecutor(max_workers=1) as beside:
            looking = beside.submit(self._look, asked)
            replies = dict(self._send(new, payload))
            looks = looking.result()
        proved = {i: seen for i, look in looks.items() if (seen := still_proved(look, ledger))}
        # What cannot be delivered now would only make the pass wait a second time.
        proved |= {i: judge(look, ledger) for i, look in looks.items() if look.unreached}
        replies |= self._send([i for i in asked if i not in proved], payload)
        if replies:
            self._take_back(ledger.vpc_id, running)
            self._overtake(ledger, replies)
        for instance_id, reply in replies.items():
            outdated = instance_id in looks and is_outdated(looks[instance_id])
            proved[instance_id] = replace(judge(reply, ledger), outdated=outdated)
        return tuple(proved[instance_id] for instance_id in running)

    def _look(self, instance_ids: Sequence[str]) -> Mapping[str, Reply]:
        """Ask what holds; from the last port on, for a page with hardly a forward."""
        if not instance_ids:
            return {}
        return self.adapters.gateways.run(instance_ids, "inspect", start=LAST_PORT)

    def _send(self, instance_ids: Sequence[str], payload: str) -> Mapping[str, Reply]:
        return self.adapters.gateways.run(instance_ids, "apply", payload) if instance_ids else {}

    def _take_back(self, vpc_id: str, running: list[str]) -> None:
        """Take the rules off again where somebody detached while this pass pushed them.

        Raise LedgerConflictError then: the next look finds the VPC detached.
        """
        record = self.adapters.ledgers.load(vpc_id)
        if record is None or not record.ledger.detached:
            return
        replies = self.adapters.gateways.run(running, "remove")
        still = [f"{i}: {reply.failure}" for i, reply in replies.items() if reply.failure]
        if still:
            raise NotVerifiedError(
                f"{vpc_id} was detached meanwhile, and what this pass pushed is still on "
                f"{'; '.join(still)}: detach again"
            )
        raise LedgerConflictError(f"{vpc_id} was detached while this pass pushed")

    def _overtake(self, ledger: Ledger, replies: Mapping[str, Reply]) -> None:
        """Count on from what an instance holds of a ledger that was lost, or of its younger self.

        It would refuse every rule set of the younger count. Raise LedgerConflictError where the
        count was raised: the next try pushes it. Where another pass recorded more meanwhile, it is
        this one that is late, and the refusal is right.
        """
        stale = sorted(i for i, reply in replies.items() if reply.refused("stale_generation"))
        record = self.adapters.ledgers.load(ledger.vpc_id) if stale else None
        if record is None or record.ledger != ledger:
            return
        looks = self.adapters.gateways.run(stale, "inspect", start=LAST_PORT)
        reports = [look.report for look in looks.values() if look.report and not look.failure]
        own = [r["generation"] for r in reports if r.get("owner") == self.owner]
        held = max(own, default=0)
        if held >= ledger.generation:
            self.adapters.ledgers.save(replace(ledger, generation=held + 1), record.version)
            raise LedgerConflictError(
                f"an agent of {ledger.vpc_id} holds generation {held} of a former ledger"
            )
