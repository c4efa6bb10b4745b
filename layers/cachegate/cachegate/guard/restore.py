"""Give back what a revocation took: the rule with its description and tags, and nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cachegate.domain.finding import CARVED, EXEMPT, Step
from cachegate.domain.ingress import Permission
from cachegate.domain.revocation import RevocationState
from cachegate.errors import InvocationError, RuleRefusedError
from cachegate.guard.exempt import put_tag, refuse_ended
from cachegate.guard.look import look, open_lists
from cachegate.guard.read_back import await_gone, await_seen
from cachegate.planning.carving import holds
from cachegate.planning.findings import find
from cachegate.planning.managed import unmanaged

if TYPE_CHECKING:
    from cachegate.domain.finding import Exemption, Finding
    from cachegate.domain.ingress import IngressRule, Opened
    from cachegate.domain.revocation import Revocation
    from cachegate.guard.protocols import GuardAdapters
    from cachegate.guard.settings import GuardSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was given back."""

    revocation: Revocation
    existed: bool  # the same rule was there already
    closed: tuple[str, ...]  # rules that were carved out of it, taken away again
    unpublished: tuple[str, ...] = ()  # why its event was not taken


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
        again at once (`force` restores all the same); RuleRefusedError where AWS does not take it;
        NotVerifiedError where EC2 does not show it.
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
        # Without our own tags: sync_forwards would take it away again as one that it need not keep.
        wanted = replace(revocation.rule, tags=unmanaged(revocation.rule.tags))
        if exemption is not None:
            refuse_ended(self.adapters, exemption)
            wanted = replace(wanted, tags={**wanted.tags, EXEMPT: str(exemption)})
        # A rule that was proved to be gone is shown late, where it is shown.
        besides = "" if revocation.state is RevocationState.PENDING else rule_id
        there, existed = self._same(wanted, besides), True
        if there is None:
            self._refuse_in_vain(wanted, force=force)
            existed = self._open(wanted).existed  # somebody may have been quicker
            there = self._await_same(wanted, besides)
        if exemption is not None and there.tags.get(EXEMPT) != str(exemption):
            there = put_tag(self.adapters, there, exemption, self.settings.read_back)
        closed = self._close_carved(wanted)
        return Restored(
            revocation=self._settle(revocation, there.rule_id), existed=existed, closed=closed
        )

    def _settle(self, revocation: Revocation, restored_as: str) -> Revocation:
        """Write down that the rule is back, once."""
        if restored_as in {revocation.rule.rule_id, revocation.restored_as}:
            return revocation  # it never went: the pass that recorded it broke off; or known
        done = replace(
            revocation,
            state=RevocationState.RESTORED,
            restored_at=self.adapters.clock(),
            restored_as=restored_as,
        )
        self.adapters.records.settle(done)
        return done

    def _revocation(self, rule_id: str) -> Revocation:
        for each in self.adapters.records.load().revocations:
            if each.rule.rule_id == rule_id:
                return each
        raise InvocationError(f"no revocation of a rule {rule_id!r} is recorded: see `findings`")

    def _same(self, wanted: IngressRule, besides: str) -> IngressRule | None:
        """Return another rule of the group that admits just this, if there is one."""
        key = (wanted.traffic, str(wanted.source))
        for each in self.adapters.groups.rules([wanted.group_id or ""]):
            if (each.traffic, str(each.source)) == key and each.rule_id != besides:
                return each
        return None

    def _refuse_in_vain(self, wanted: IngressRule, *, force: bool) -> None:
        """Refuse a rule that the next pass would take away again, with what else it would take."""
        if force or not self.settings.enforces:
            return
        view = look(self.adapters).view
        before = self._acting(find(view, self.settings.policy))
        opened = open_lists([wanted], self.adapters.groups)
        after = find(replace(view, rules=(*view.rules, *opened)), self.settings.policy)
        driven_out = self._acting(after) - before
        fresh = [each for each in after if each.rule.rule_id in driven_out]
        if fresh:
            told = "; ".join(f"{each.rule.rule_id}: {each.judgement.reason}" for each in fresh)
            raise InvocationError(
                f"the next pass would revoke again at once: {told}. Give an exemption with it "
                "(owner, expires and reason), or force it"
            )

    def _acting(self, findings: tuple[Finding, ...]) -> set[str]:
        return {each.rule.rule_id for each in findings if each.step.acts or each.step is Step.WAIT}

    def _open(self, wanted: IngressRule) -> Opened:
        permission = Permission(
            traffic=wanted.traffic,
            source=wanted.source,
            description=wanted.description,
            tags=wanted.tags,
        )
        return self.adapters.groups.open(wanted.group_id or "", permission)

    def _await_same(self, wanted: IngressRule, besides: str) -> IngressRule:
        return await_seen(
            self.adapters,
            lambda: self._same(wanted, besides),
            self.settings.read_back,
            f"EC2 does not show the rule {wanted.rule_id} given back",
        )

    def _close_carved(self, wanted: IngressRule) -> tuple[str, ...]:
        """Take away what was opened in place of the rule: it holds all of that again."""
        rules = self.adapters.groups.rules([wanted.group_id or ""])
        pieces = [
            each
            for each in rules
            # Whoever may tag rules must not choose what goes: only what the rule admits anyway.
            if each.tags.get(CARVED) == wanted.rule_id
            and str(each.source) == str(wanted.source)
            and holds(wanted.traffic, each.traffic)
        ]
        for piece in pieces:
            self.adapters.groups.revoke(wanted.group_id or "", piece.rule_id)
            await_gone(self.adapters, piece.rule_id, self.settings.read_back)
        return tuple(piece.rule_id for piece in pieces)
