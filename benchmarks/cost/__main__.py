"""Write docs/cost.md and its picture anew: `python -m benchmarks.cost`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import figures
from benchmarks.cost.page import Page
from benchmarks.cost.usage import NotMeasuredError

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Write both; end with an error where nothing was measured."""
    try:
        page = Page()
    except NotMeasuredError as error:
        sys.exit(f"cost: {error}")
    (DOCS / "cost.md").write_text(page.text())
    figures.save(page.picture(), DOCS / "benchmarks")
    print(f"written: {DOCS / 'cost.md'}")


if __name__ == "__main__":
    main()
