"""One rule in an alert: what it admits, where, since whose call, and what is to be done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachegate.domain.groups import STACK_TAG
from cachegate.planning.sharing import in_words
from cachegate.planning.text import listing, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachegate.domain.finding import Finding
    from cachegate.domain.groups import SecurityGroup
    from cachegate.domain.ingress import IngressRule
    from cachegate.domain.revocation import Author, Revocation
    from cachegate.errors import CachegateError

MOST = 5  # caches and interfaces of one rule that are named; the rest is counted
LONGEST = 1500  # characters of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One rule, as a person has to hear of it."""

    rule: IngressRule
    group: SecurityGroup
    caches: tuple[str, ...]
    source_class: str
    severity: str
    why: str
    author: Author | None
    public: tuple[str, ...]  # interfaces with public addresses that have the group, in words
    notes: tuple[tuple[str, str], ...] = ()  # more to be said, each under its heading

    @property
    def in_short(self) -> str:
        """Return the rule in half a line."""
        return _line(f"{self.rule.source} to {self.rule.traffic} of {listing(self.caches[:1])}")

    @property
    def paragraph(self) -> str:
        """Return all that is to be said of it."""
        group = self.group
        head = f"{self.rule.rule_id} in {group.group_id} ({group.name}, {group.vpc_id})"
        told = {
            "admits": f"{self.rule.source} ({self.source_class}) to {self.rule.traffic}",
            "caches": _some(self.caches),
            "severity": self.severity,
            "why": self.why,
            "added by": _author(self.author),
            "public with it": _some(self.public),
            "CloudFormation stack": self.rule.tags.get(STACK_TAG) or group.stack or "",
            **dict(self.notes),
        }
        lines = [f"  {name}: {_line(value)}" for name, value in told.items() if value]
        return "\n".join([_line(head), *lines])


def of_finding(finding: Finding, author: Author | None, failure: CachegateError | None) -> Item:
    """Tell of a rule that is there; `failure` is why it could not be revoked."""
    left = f"{failure.code}: {failure}" if failure else finding.reason
    return Item(
        rule=finding.rule,
        group=finding.group,
        caches=finding.caches,
        source_class=finding.judgement.source_class.value,
        severity=finding.severity.value,
        why=finding.judgement.reason,
        author=author,
        public=_public(finding),
        notes=(("failed" if failure else "because", left), ("to do", finding.advice)),
    )


def of_revocation(revocation: Revocation, finding: Finding | None) -> Item:
    """Tell of a rule that is gone; the finding is missing where a former pass revoked it."""
    return Item(
        rule=revocation.rule,
        group=revocation.group,
        caches=revocation.caches,
        source_class=revocation.source_class,
        severity=revocation.severity,
        why=revocation.reason,
        author=revocation.author,
        public=_public(finding) if finding else revocation.evidence,
        notes=(("opened instead", ", ".join(_opened(finding, revocation)) if finding else ""),),
    )


def _opened(finding: Finding, revocation: Revocation) -> Iterator[str]:
    if revocation.carved:
        yield from (f"{traffic} from {finding.rule.source}" for traffic in finding.carved)
    yield from (f"{path.traffic} from {path.source}" for path in finding.paths)


def _public(finding: Finding) -> tuple[str, ...]:
    return tuple(in_words(each) for each in finding.sharing.public)


def _author(author: Author | None) -> str:
    if author is None:
        return "not known: no event told of it"
    when = f" at {moment(author.at)}" if author.at is not None else ""
    return f"{author.who} by {author.event}{when}, event {author.event_id}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST
    return f"{', '.join(names[:MOST])}{f' and {more} more' if more > 0 else ''}"


def _line(text: str) -> str:
    """Write a text in one line, without what a terminal or a mail might take for more."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(printable.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
