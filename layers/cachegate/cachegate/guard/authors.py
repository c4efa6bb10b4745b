"""Who added or changed each rule, as far as events told: kept until its rule is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachegate.domain.revocation import RevocationState
from cachegate.guard.describe import read_author

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cachegate.domain.revocation import Author, Revocation
    from cachegate.guard.protocols import Book


def known_authors(book: Book) -> dict[str, Author]:
    """Return the authors of rules that former passes learned of, by rule.

    The event comes once, and the rule may go much later: it waited, or the mode was observe.
    """
    return {
        finding["rule"]: read_author(finding["added_by"])
        for findings in book.findings.values()
        for finding in findings
        if finding["added_by"] is not None
    }


def late_authors(book: Book, told: Mapping[str, Author]) -> Iterator[Revocation]:
    """Yield the records of rules that went before anybody said whose they were, with the author.

    The trail is minutes late at times, and the schedule or another event may be quicker.
    """
    for each in book.revocations:
        author = told.get(each.rule.rule_id)
        if author and each.author is None and each.state is not RevocationState.PENDING:
            yield replace(each, author=author)
