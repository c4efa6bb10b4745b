"""What `plan` and `describe` look at: all that a pass would, and nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.plan import Problem
from cachegate.enrol import look
from cachegate.errors import CachegateError
from cachegate.observe import survey
from cachegate.outlook import Foresight
from cachegate.peering import peering_problems
from cachegate.planning.enrolment import problems
from cachegate.prepare import prepare
from cachegate.propose import look_at_groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachegate.domain.enrolment import Enrolment
    from cachegate.domain.ledger import Ledger
    from cachegate.observe import Survey
    from cachegate.outlook import Outlook
    from cachegate.prepare import Prepared
    from cachegate.propose import Proposed
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What `plan` and `describe` look at; all but what was seen is by VPC."""

    seen: Survey
    prepared: Mapping[str, Prepared]
    failed: Mapping[str, CachegateError]  # VPCs that cannot be planned now
    enrolments: Mapping[str, tuple[Enrolment, ...]]
    proposed: Proposed
    outlooks: Mapping[str, Outlook]

    @property
    def errors(self) -> list[CachegateError]:
        """Return what failed, and what AWS did not answer of address and groups."""
        unanswered = (error for outlook in self.outlooks.values() for error in outlook.errors)
        return [*self.failed.values(), *unanswered]


@dataclass(frozen=True, slots=True)
class Lookout:
    """What looks for one stack."""

    adapters: Adapters
    settings: SyncSettings

    def view(self, *, force: bool = False) -> View:
        """Look at all that a pass would; nothing is changed, and nothing asked for."""
        seen = survey(self.adapters, self.settings)
        prepared, failed = self._prepare(seen, force=force)
        ledgers = {vpc_id: p.plan.ledger for vpc_id, p in prepared.items()}
        return View(
            seen=seen,
            prepared=prepared,
            failed=failed,
            enrolments=self._look(seen, ledgers),
            proposed=look_at_groups(self.adapters, self.settings, seen, ledgers),
            outlooks=self._foresee(seen, prepared),
        )

    def _prepare(
        self, seen: Survey, *, force: bool
    ) -> tuple[dict[str, Prepared], dict[str, CachegateError]]:
        """Plan for each VPC; one that cannot be planned now does not hide the others."""
        prepared, failed = {}, {}
        for vpc_id in seen.observations:
            try:
                prepared[vpc_id] = prepare(self.adapters, self.settings, vpc_id, seen, force=force)
            except CachegateError as error:
                failed[vpc_id] = error
        return prepared, failed

    def _foresee(self, seen: Survey, prepared: Mapping[str, Prepared]) -> dict[str, Outlook]:
        """Look at address and security groups of each VPC; nothing is changed."""
        foresight = Foresight(adapters=self.adapters, settings=self.settings)
        return {
            vpc_id: foresight.look(
                p,
                seen.instances_in(vpc_id),
                seen.observations[vpc_id],
            )
            for vpc_id, p in prepared.items()
        }

    def _look(
        self, seen: Survey, ledgers: Mapping[str, Ledger]
    ) -> dict[str, tuple[Enrolment, ...]]:
        """Decide about the caches' notifications in each VPC; nothing is asked for."""
        return {
            vpc_id: look(self.adapters, self.settings, seen.observations[vpc_id], ledger)
            for vpc_id, ledger in ledgers.items()
        }

    def problems(self, view: View) -> Iterator[Problem]:
        """Yield why caches are not forwarded, and what is wrong with those that are."""
        yield from view.seen.problems
        for planned in view.prepared.values():
            yield from planned.plan.problems
        for decisions in view.enrolments.values():
            yield from problems(decisions)
        for vpc_id, p in view.prepared.items():
            yield from peering_problems(self.adapters, view.seen, vpc_id, p.plan.ledger)
        for outlook in view.outlooks.values():
            yield from outlook.problems
        for vpc_id, error in view.failed.items():
            for cache in view.seen.observations[vpc_id].caches:
                message = f"{cache.name}: {error}"
                yield Problem(code=error.code, cache=cache.name, message=message)
        yield from view.proposed.problems
