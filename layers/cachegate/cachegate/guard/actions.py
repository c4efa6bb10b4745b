"""Direct invocation of the guard: one action, one answer in JSON. docs/invocation.md has each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.errors import CachegateError, InvocationError, NotVerifiedError
from cachegate.guard.advice import AFTERMATH, NEW_ID
from cachegate.guard.answer_size import fitted
from cachegate.guard.authors import known_authors
from cachegate.guard.describe import describe_finding, describe_revocation, describe_rule
from cachegate.guard.exempt import exempt
from cachegate.guard.look import look
from cachegate.guard.restore import Restorer
from cachegate.guard.revoke import Asked
from cachegate.guard.sweep import sweep
from cachegate.planning.exemption import make_exemption
from cachegate.planning.findings import find
from cachegate.planning.text import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cachegate.domain.finding import Exemption, Finding
    from cachegate.domain.revocation import Author
    from cachegate.guard.look import Looked
    from cachegate.guard.protocols import GuardAdapters
    from cachegate.guard.restore import Restored
    from cachegate.guard.results import SweepResult
    from cachegate.guard.settings import GuardSettings

Answer = dict[str, Any]

EXCUSE = ("owner", "expires", "reason")  # the parts of an exemption
CUT = {"findings": "left_out", "revocations": "revocations_left_out"}  # the lists without end


@dataclass(frozen=True, slots=True)
class GuardActions:
    """What a person or the command-line tool may ask of guard_ingress."""

    adapters: GuardAdapters
    settings: GuardSettings
    report: Callable[[SweepResult], SweepResult]  # where a pass is told, logged and counted
    report_restored: Callable[[Restored], None]  # the same of a rule that was given back

    def answer(self, event: object) -> Answer:
        """Do what the event asks; an error of ours becomes an answer, any other one is raised."""
        try:
            if not isinstance(event, Mapping):
                raise InvocationError('an invocation is an object such as {"action": "findings"}')
            return self._answer(event)
        except CachegateError as error:
            return refusal(error)

    def _answer(self, event: Mapping[str, Any]) -> Answer:
        actions = {
            "plan": (self._plan, set[str]()),
            "sweep": (self._sweep, set[str]()),
            "findings": (self._findings, {"group"}),
            "restore": (self._restore, {"rule", "exempt", "force"}),
            "exempt": (self._exempt, {"rule", *EXCUSE}),
        }
        name = event.get("action")
        if not isinstance(name, str) or name not in actions:
            raise InvocationError(f"unknown action {name!a}: one of {', '.join(actions)}")
        action, fields = actions[name]
        _refuse_others(event, fields | {"action"}, name)
        answer = action(event)
        return fitted(answer, CUT)

    def _plan(self, _event: Mapping[str, Any]) -> Answer:
        looked = look(self.adapters)
        findings = find(looked.view, self.settings.policy)
        return {
            "ok": True,
            **self._seen(looked),
            "findings": _described(findings, known_authors(looked.book)),
        }

    def _sweep(self, _event: Mapping[str, Any]) -> Answer:
        result = sweep(self.adapters, self.settings, Asked(), self.report)
        answer: Answer = {
            "ok": not result.failures,
            **self._seen(result.looked),
            "revoked": [describe_revocation(each) for each in result.revoked],
            "findings": _described(result.standing, result.authors),
            "failures": {
                rule_id: {"code": error.code, "message": str(error)}
                for rule_id, error in result.failures.items()
            },
        }
        if result.revoked:
            answer["aftermath"] = AFTERMATH
        if result.failures:
            left = ", ".join(result.failures)
            answer["error"] = {
                "code": NotVerifiedError.code,
                "message": f"not every rule that should go is gone: {left}; see `failures`",
            }
        return answer

    def _findings(self, event: Mapping[str, Any]) -> Answer:
        group = _text(event, "group", optional=True)
        if group and not group.startswith("sg-"):  # by a name nothing is found, as if all were well
            raise InvocationError(f"{group[:40]!a} is no id of a security group, as sg-0123abcd")
        book = self.adapters.records.load()
        last = book.sweep
        return {
            "ok": True,
            "mode": self.settings.mode.value,
            "swept": moment(last.at) if last else None,
            "trail": last.trail if last else "unknown",
            "findings": [
                finding
                for group_id, findings in sorted(book.findings.items())
                if group in {"", group_id}
                for finding in findings
            ],
            "left_out": sum(n for group_id, n in book.left_out.items() if group in {"", group_id}),
            "revocations": [
                describe_revocation(each)
                for each in sorted(book.revocations, key=lambda each: -each.recorded_at)
                if group in {"", each.group.group_id}
            ],
        }

    def _restore(self, event: Mapping[str, Any]) -> Answer:
        excuse, force = event.get("exempt"), event.get("force", False)
        if not isinstance(force, bool):
            raise InvocationError("force is true or false")
        if excuse is not None and not isinstance(excuse, Mapping):
            raise InvocationError("exempt is an object with owner, expires and reason")
        _refuse_others(excuse or {}, EXCUSE, "exempt")
        restored = Restorer(self.adapters, self.settings).restore(
            _text(event, "rule"),
            None if excuse is None else _exemption(excuse),
            force=force,
        )
        self.report_restored(restored)
        answer = {
            "ok": True,
            "restored": describe_revocation(restored.revocation),
            "existed": restored.existed,
            "closed": list(restored.closed),
        }
        return answer | ({"note": NEW_ID} if restored.revocation.restored_as else {})

    def _exempt(self, event: Mapping[str, Any]) -> Answer:
        rule = exempt(
            self.adapters, _text(event, "rule"), _exemption(event), self.settings.read_back
        )
        return {"ok": True, "exempted": describe_rule(rule) | {"tags": dict(rule.tags)}}

    def _seen(self, looked: Looked) -> Answer:
        return {
            "mode": self.settings.mode.value,
            "trail": looked.trail.value,
            "groups": {
                group_id: {"name": group.name, "vpc": group.vpc_id, "stack": group.stack}
                | {
                    "shared": looked.view.sharing[group_id].use.value,
                    "why": looked.view.sharing[group_id].reason,
                }
                for group_id, group in sorted(looked.view.groups.items())
            },
            "unseen_groups": list(looked.unseen),
        }


def refusal(error: CachegateError) -> Answer:
    """Return the answer to what could not be done."""
    return {"ok": False, "error": {"code": error.code, "message": str(error)}}


def _described(findings: Iterable[Finding], authors: Mapping[str, Author]) -> list[dict[str, Any]]:
    return [describe_finding(each, authors.get(each.rule.rule_id)) for each in findings]


def _exemption(fields: Mapping[str, Any]) -> Exemption:
    return make_exemption(*(_text(fields, name) for name in EXCUSE))


def _refuse_others(fields: Mapping[str, Any], known: Iterable[str], name: str) -> None:
    unknown = sorted(map(ascii, set(fields) - set(known)))
    if unknown:
        raise InvocationError(f"{name} takes no field {', '.join(unknown)}")


def _text(fields: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or not (value.strip() or optional):
        raise InvocationError(
            f"{name} is a text" if optional else f"{name} is missing, or is no text"
        )
    text = value.strip()
    if not text.isprintable():  # it comes back in answers, logs, tags and alerts
        raise InvocationError(f"{name} is one line of characters that can be printed")
    return text
