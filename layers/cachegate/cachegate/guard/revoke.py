"""Carry out one finding: record, open what has to stay open, revoke, read back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachegate.domain.finding import CARVED, EXEMPT
from cachegate.domain.group_rules import MANAGED_TAG, VPC_TAG
from cachegate.domain.ingress import Permission
from cachegate.domain.revocation import Revocation, RevocationState
from cachegate.errors import TransientError
from cachegate.guard.read_back import await_gone, await_shown
from cachegate.planning.managed import unmanaged
from cachegate.planning.sharing import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.finding import Finding, Path
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Author
    from cachegate.guard.protocols import GuardAdapters
    from cachegate.guard.settings import GuardSettings

MOST_EVIDENCE = 20  # interfaces that an undo record names


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What asked for the pass, as far as it says something about rules."""

    triggers: tuple[str, ...] = ()  # ids of events
    authors: Mapping[str, Author] = field(default_factory=dict)  # by rule


@dataclass(frozen=True, slots=True)
class Revoker:
    """Carries out findings, one rule at a time."""

    adapters: GuardAdapters
    settings: GuardSettings
    asked: Asked
    kept: Mapping[str, Revocation]  # by rule: what earlier passes recorded

    def carry_out(self, finding: Finding) -> Revocation:
        """Do what the finding's step says, and return the proved revocation, still to be settled.

        Raise RuleRefusedError where AWS does not take what has to stay open, or TransientError
        where the rule is not as it was judged: then nothing was revoked. Raise NotVerifiedError
        where the rule is still there afterwards, or what has to stay open is not.
        """
        finding = self._as_it_is(finding)
        revocation = self._record_of(finding)
        self.adapters.records.record(revocation)
        for path in finding.paths:
            self._open_path(path)
        self._carve(finding)
        self.adapters.groups.revoke(finding.group.group_id, finding.rule.rule_id)
        return self.prove(revocation)

    def prove(self, revocation: Revocation) -> Revocation:
        """Read back that a recorded rule is gone, and return how the revocation ended."""
        await_gone(self.adapters, revocation.rule.rule_id, self.settings.read_back)
        return replace(revocation, state=RevocationState.REVOKED, revoked_at=self.adapters.clock())

    def _as_it_is(self, finding: Finding) -> Finding:
        """Return the finding with the rule as it is now, to be given back just so.

        Refuse one that was edited or exempted after the look: it keeps its id. Any other tag may
        change: else whoever may tag rules could keep one for ever.
        """
        judged = finding.rule
        for rule in self.adapters.groups.rules([finding.group.group_id]):
            if rule.rule_id == judged.rule_id:
                if _what_decides(rule) != _what_decides(judged):
                    raise TransientError(
                        f"{rule.rule_id} was changed after the look: to be judged anew"
                    )
                now = replace(rule, source=judged.source)  # with the entries of a prefix list
                return replace(finding, judgement=replace(finding.judgement, rule=now))
        # Somebody removed it first: what it kept open beside the caches' ports is closed for good.
        return replace(finding, carved=(), reason="it was gone already when its turn came")

    def _record_of(self, finding: Finding) -> Revocation:
        """Make the undo record; what asked for it first stays in it when a later pass does it."""
        kept = self.kept.get(finding.rule.rule_id)
        sharing = finding.sharing
        evidence = [in_words(each) for each in (*sharing.public, *sharing.others)]
        return Revocation(
            rule=finding.rule,
            group=finding.group,
            caches=finding.caches,
            source_class=finding.judgement.source_class.value,
            severity=finding.severity.value,
            reason=f"{finding.judgement.reason}; {finding.reason}",
            evidence=tuple(dict.fromkeys(evidence))[:MOST_EVIDENCE],
            recorded_at=self.adapters.clock(),
            author=self.asked.authors.get(finding.rule.rule_id) or (kept.author if kept else None),
            triggers=(kept.triggers if kept else ()) or self.asked.triggers,
            carved=bool(finding.carved),
        )

    def _open_path(self, path: Path) -> None:
        """Open a way as sync_forwards would: it takes it over where it manages groups."""
        permission = Permission(
            traffic=path.traffic,
            source=path.admitted,
            description="cachegate: the NAT instance's way to the cache",
            tags={MANAGED_TAG: self.settings.stack, VPC_TAG: path.vpc_id},
        )
        self._open(path.group_id, permission)

    def _carve(self, finding: Finding) -> None:
        """Open the ports beside the caches' as rules of their own, known by their tag."""
        rule = finding.rule
        for traffic in finding.carved:
            permission = Permission(
                traffic=traffic,
                source=rule.source,
                description=rule.description,
                tags={**unmanaged(rule.tags), CARVED: rule.rule_id},
            )
            self._open(finding.group.group_id, permission)

    def _open(self, group_id: str, permission: Permission) -> None:
        opened = self.adapters.groups.open(group_id, permission)
        if opened.rule_id is not None:
            await_shown(self.adapters, opened.rule_id, self.settings.read_back)


def _what_decides(rule: IngressRule) -> tuple[object, ...]:
    return rule.traffic, str(rule.source), rule.tags.get(EXEMPT)
