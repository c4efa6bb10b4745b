"""Give back what a revocation took: the rule with its description and tags, and nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.finding import CARVED, EXEMPT, Step
from cachegate.domain.revocation import RevocationState
from cachegate.errors import InvocationError, NotVerifiedError, RuleRefusedError
from cachegate.guard.look import look, open_lists
from cachegate.guard.protocols import Permission
from cachegate.guard.revoke import POLL, await_gone
from cachegate.planning.findings import find

if TYPE_CHECKING:
    from cachegate.domain.finding import Exemption, Finding
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Revocation
    from cachegate.guard.protocols import GuardAdapters
    from cachegate.guard.settings import GuardSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was given back."""

    revocation: Revocation
    existed: bool  # the same rule was there already
    closed: tuple[str, ...]  # rules that were carved out of it, taken away again


@dataclass(frozen=True, slots=True)
class Restorer:
    """Gives rules back, each at most once."""

    adapters: GuardAdapters
    settings: GuardSettings

    def restore(
        self, rule_id: str, exemption: Exemption | None = None, *, force: bool = False
    ) -> Restored:
        """Give back one rule, with an exemption where one is given.

        Raise InvocationError where there is no such revocation, or where the guard would revoke it
        again at once (`force` restores all the same); RuleRefusedError where AWS does not take it.
        """
        if not self.settings.may_restore:
            raise InvocationError(
                "this stack may not add rules: deploy it with AllowRestore=true, or "
                "GuardMode=enforce"
            )
        revocation = self._revocation(rule_id)
        group_id = revocation.group.group_id
        if group_id not in self.adapters.groups.groups([group_id]):
            raise RuleRefusedError(
                f"the group {group_id} is gone: its record in {self.settings.table} has the rule"
            )
        wanted = revocation.rule
        if exemption is not None:
            wanted = replace(wanted, tags={**wanted.tags, EXEMPT: str(exemption)})
        there = self._same(wanted)
        if there is None:
            self._refuse_in_vain(wanted, force=force)
            restored_as, existed = self._open(wanted), False
        else:
            restored_as, existed = there.rule_id, True
            if exemption is not None:
                self.adapters.groups.tag(restored_as, EXEMPT, str(exemption))
        closed = self._close_carved(wanted)
        done = replace(
            revocation,
            state=RevocationState.RESTORED,
            restored_at=self.adapters.clock(),
            restored_as=restored_as,
        )
        self.adapters.records.settle(done)
        return Restored(revocation=done, existed=existed, closed=closed)

    def _revocation(self, rule_id: str) -> Revocation:
        for each in self.adapters.records.load().revocations:
            if each.rule.rule_id == rule_id:
                return each
        raise InvocationError(f"no revocation of a rule {rule_id!r} is recorded: see `findings`")

    def _same(self, wanted: IngressRule) -> IngressRule | None:
        """Return the rule of the group that admits just this, if there is one."""
        key = (wanted.traffic, str(wanted.source))
        rules = self.adapters.groups.rules([wanted.group_id or ""])
        return next((each for each in rules if (each.traffic, str(each.source)) == key), None)

    def _refuse_in_vain(self, wanted: IngressRule, *, force: bool) -> None:
        """Refuse a rule that the next pass would take away again, with what else it would take."""
        if force or not self.settings.enforces:
            return
        view = look(self.adapters).view
        before = self._acting(find(view, self.settings.policy))
        opened = open_lists([wanted], self.adapters.groups)
        after = find(replace(view, rules=(*view.rules, *opened)), self.settings.policy)
        fresh = [each for each in after if each.rule.rule_id in self._acting(after) - before]
        if fresh:
            told = "; ".join(f"{each.rule.rule_id}: {each.judgement.reason}" for each in fresh)
            raise InvocationError(
                f"the next pass would revoke again at once: {told}. Give an exemption with it "
                '("exempt": {"owner", "expires", "reason"}), or "force": true'
            )

    def _acting(self, findings: tuple[Finding, ...]) -> set[str]:
        return {each.rule.rule_id for each in findings if each.step.acts or each.step is Step.WAIT}

    def _open(self, wanted: IngressRule) -> str:
        permission = Permission(
            traffic=wanted.traffic,
            source=wanted.source,
            description=wanted.description,
            tags=wanted.tags,
        )
        opened = self.adapters.groups.open(wanted.group_id or "", permission)
        same = None if opened.rule_id else self._same(wanted)  # somebody was quicker
        rule_id = opened.rule_id or (same.rule_id if same else "")
        ends = self.adapters.clock() + self.settings.read_back
        while not self.adapters.groups.present([rule_id]):
            if self.adapters.clock() >= ends:
                raise NotVerifiedError(f"EC2 does not show the restored rule {rule_id}")
            self.adapters.sleep(POLL)
        return rule_id

    def _close_carved(self, wanted: IngressRule) -> tuple[str, ...]:
        """Take away what was opened in place of the rule: it holds all of that again."""
        rules = self.adapters.groups.rules([wanted.group_id or ""])
        pieces = [each for each in rules if each.tags.get(CARVED) == wanted.rule_id]
        for piece in pieces:
            self.adapters.groups.revoke(wanted.group_id or "", piece.rule_id)
            await_gone(self.adapters, piece.rule_id, self.settings.read_back)
        return tuple(piece.rule_id for piece in pieces)
