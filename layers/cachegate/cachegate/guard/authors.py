"""Who added or changed each rule, as far as events told: kept until its rule is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.guard.describe import read_author

if TYPE_CHECKING:
    from cachegate.domain.revocation import Author
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
