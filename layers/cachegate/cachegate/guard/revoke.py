"""Carry out one finding: record, open what has to stay open, revoke, read back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cachegate.domain.finding import CARVED, MANAGED
from cachegate.domain.ingress import GroupReference, ipv4_network
from cachegate.domain.revocation import Revocation, RevocationState
from cachegate.errors import NotVerifiedError
from cachegate.guard.protocols import Permission
from cachegate.planning.sharing import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.domain.finding import Finding, Path
    from cachegate.domain.revocation import Author
    from cachegate.guard.protocols import GuardAdapters
    from cachegate.guard.settings import GuardSettings

POLL = 0.5  # seconds between two looks whether a rule is gone
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

    def carry_out(self, finding: Finding) -> Revocation:
        """Do what the finding's step says, and return the proved revocation.

        Raise RuleRefusedError where AWS does not take what has to stay open: then nothing was
        revoked. Raise NotVerifiedError where the rule is still there afterwards.
        """
        revocation = self._record_of(finding)
        self.adapters.records.record(revocation)
        for path in finding.paths:
            self._open_path(path)
        self._carve(finding)
        self.adapters.groups.revoke(finding.group.group_id, finding.rule.rule_id)
        return self.settle(revocation)

    def settle(self, revocation: Revocation) -> Revocation:
        """Read back that a recorded rule is gone, and write that down."""
        rule_id = revocation.rule.rule_id
        await_gone(self.adapters, rule_id, self.settings.read_back)
        done = replace(revocation, state=RevocationState.REVOKED, revoked_at=self.adapters.clock())
        self.adapters.records.settle(done)
        return done

    def _record_of(self, finding: Finding) -> Revocation:
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
            author=self.asked.authors.get(finding.rule.rule_id),
            triggers=self.asked.triggers,
            carved=bool(finding.carved),
        )

    def _open_path(self, path: Path) -> None:
        source = path.source
        permission = Permission(
            traffic=path.traffic,
            source=GroupReference(source) if source.startswith("sg-") else ipv4_network(source),
            description="cachegate: the NAT instance's way to the cache",
            tags={MANAGED: self.settings.stack},
        )
        self.adapters.groups.open(path.group_id, permission)

    def _carve(self, finding: Finding) -> None:
        """Open the ports beside the caches' as rules of their own, known by their tag."""
        rule = finding.rule
        for traffic in finding.carved:
            permission = Permission(
                traffic=traffic,
                source=rule.source,
                description=rule.description,
                tags={**rule.tags, CARVED: rule.rule_id},
            )
            self.adapters.groups.open(finding.group.group_id, permission)


def await_gone(adapters: GuardAdapters, rule_id: str, within: float) -> None:
    """Wait until EC2 does not show a rule any more; raise NotVerifiedError where it goes on.

    A success of the call proves nothing: in a default VPC a mismatch is no error, and what EC2
    shows may lag behind
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html).
    """
    ends = adapters.clock() + within
    while adapters.groups.present([rule_id]):
        if adapters.clock() >= ends:
            raise NotVerifiedError(f"EC2 still shows the rule {rule_id} that was revoked")
        adapters.sleep(POLL)
