"""The one message that people get of a pass: what was revoked, what is open, what to do. Pure.

It is plain text for a phone: the first line says the most important, and a rule is one paragraph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.finding import Severity, Step
from cachegate.domain.judgement import Verdict
from cachegate.guard.advice import AFTERMATH, NEW_ID
from cachegate.guard.alert_item import of_finding, of_revocation
from cachegate.guard.commands import exempt_command, restore_command, revoke_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachegate.domain.finding import Finding
    from cachegate.guard.alert_item import Item
    from cachegate.guard.results import SweepResult
    from cachegate.guard.settings import GuardSettings

# SNS takes 256 KB, and a paragraph has some 4 KB at worst
# (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
MOST = 20  # rules that are named; the rest is counted
LONGEST_SUBJECT = 100  # characters, of SNS
RUNBOOK = "Runbook: docs/runbook.md#a-mail-of-the-guard"

_GRAVEST_FIRST = [severity.value for severity in reversed(Severity)]


@dataclass(frozen=True, slots=True)
class Alert:
    """A message to people."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class _Section:
    """Rules of which the same is to be said."""

    one: str  # of a single rule, after its number
    many: str
    items: Sequence[Item]
    urgent: bool = False  # comes before what is done
    by_hand: bool = False  # a person may revoke it, and nobody else will
    excused: bool = False  # somebody answers for it

    @property
    def title(self) -> str:
        return f"{len(self.items)} {self.one if len(self.items) == 1 else self.many}"


def alert_of(result: SweepResult, settings: GuardSettings) -> Alert | None:
    """Return what people have to hear of a pass; None where there is nothing that is new."""
    done, open_now = _revoked(result), [each for each in _open(result) if each.items]
    urgent = [section for section in open_now if section.urgent]
    sections = [*urgent, *([done] if done.items else []), *(s for s in open_now if not s.urgent)]
    if not sections:
        return None
    everything = sorted((item for s in sections for item in s.items), key=_order)
    headline = "; ".join(section.title for section in sections)
    gravest = "" if len(everything) == 1 else ", the gravest"
    where = f"cachegate stack {settings.stack}, mode {settings.mode.value}"
    in_short = f"{headline}{gravest}: {everything[0].in_short}"
    parts = [f"{in_short}\n{where}", *_paragraphs(sections, everything)]
    if done.items:
        parts += _of_revoking(done, result, settings)
    if unexcused := [section for section in open_now if not section.excused]:
        parts += _of_open(unexcused, result, settings)
    subject = f"{_sender(settings)}: {in_short}"
    return Alert(subject=subject[:LONGEST_SUBJECT], text="\n\n".join([*parts, RUNBOOK]) + "\n")


def _sender(settings: GuardSettings) -> str:
    """Return whose message it is: a lock screen has no room to say the same twice."""
    stack = settings.stack
    return stack if "cachegate" in stack.lower() else f"cachegate {stack}"


def _revoked(result: SweepResult) -> _Section:
    by_rule = {finding.rule.rule_id: finding for finding in result.findings}
    items = [of_revocation(each, by_rule.get(each.rule.rule_id)) for each in result.revoked]
    return _Section("ingress rule revoked", "ingress rules revoked", sorted(items, key=_order))


def _open(result: SweepResult) -> Iterator[_Section]:
    """Yield the rules that are too wide and still there, as far as that is new."""
    standing = {finding.rule.rule_id for finding in result.standing}  # of thousands, perhaps
    fresh = [finding for finding in result.fresh if finding.rule.rule_id in standing]
    failed = [each for each in fresh if each.rule.rule_id in result.failures]
    refused = [each for each in fresh if each.step is Step.REFUSE]
    left = [
        each
        for each in fresh
        if (each.step.acts or each.step is Step.WAIT) and each.rule.rule_id not in result.failures
    ]
    yield _Section(
        "ingress rule could not be revoked and is OPEN",
        "ingress rules could not be revoked and are OPEN",
        _items(failed, result),
        urgent=True,
    )
    yield _Section(
        "ingress rule is OPEN and needs you",
        "ingress rules are OPEN and need you",
        _items(refused, result),
        urgent=True,
    )
    if result.enforces:
        one, many = "is OPEN until a later pass", "are OPEN until a later pass"
    else:
        one, many = "is OPEN (enforce would revoke it)", "are OPEN (enforce would revoke them)"
    yield _Section(
        f"ingress rule {one}",
        f"ingress rules {many}",
        _items(left, result),
        by_hand=not result.enforces,
    )
    # Also where an exempted rule was edited: it keeps its tag.
    excused = [
        each
        for each in fresh
        if each.step is Step.EXEMPT and each.judgement.verdict is Verdict.REVOKE
    ]
    yield _Section(
        "ingress rule is OPEN by an exemption",
        "ingress rules are OPEN by exemptions",
        _items(excused, result),
        excused=True,
    )


def _items(findings: Sequence[Finding], result: SweepResult) -> list[Item]:
    items = [
        of_finding(
            finding,
            result.authors.get(finding.rule.rule_id),
            result.failures.get(finding.rule.rule_id),
        )
        for finding in findings
    ]
    return sorted(items, key=_order)


def _order(item: Item) -> int:
    return _GRAVEST_FIRST.index(item.severity)


def _paragraphs(sections: Sequence[_Section], everything: Sequence[Item]) -> Iterator[str]:
    """Yield the gravest rules under the title of their section, and how many are not named."""
    named = everything[:MOST]
    for section in sections:
        paragraphs = [item.paragraph for item in section.items if item in named]
        # A title of the only section would say the first line again.
        titles = [section.title.upper()] if len(sections) > 1 else []
        if paragraphs:
            yield "\n\n".join([*titles, *paragraphs])
    more = len(everything) - len(named)
    if more:
        yield f"and {more} more, which the actions `findings` and `plan` name"


def _of_revoking(section: _Section, result: SweepResult, settings: GuardSettings) -> Iterator[str]:
    command = restore_command(settings, section.items[0].rule.rule_id, result.ended_at)
    yield (
        f"TO GIVE {_it(section)} BACK, say who answers for it, until when and why:\n"
        f"{command}\n{NEW_ID}"
    )
    yield f"CONNECTIONS\n{AFTERMATH}"


def _of_open(
    sections: Sequence[_Section], result: SweepResult, settings: GuardSettings
) -> Iterator[str]:
    for section in sections:
        if section.by_hand:
            command = revoke_command(settings, section.items[0].rule)
            yield f"TO REVOKE {_it(section)} (by hand, and nothing gives it back):\n{command}"
    first = sections[0]
    command = exempt_command(settings, first.items[0].rule.rule_id, result.ended_at)
    yield f"TO LEAVE {_it(first)}, say who answers for it, until when and why:\n{command}"


def _it(section: _Section) -> str:
    """Name what a command is about: it has the id of the section's first rule."""
    return "IT" if len(section.items) == 1 else "A RULE (here the first one)"
