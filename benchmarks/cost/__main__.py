"""Write docs/cost.md and its picture anew: `python -m benchmarks.cost`."""

from __future__ import annotations

from pathlib import Path

from benchmarks import figures
from benchmarks.cost.page import Page

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Write both."""
    page = Page()
    (DOCS / "cost.md").write_text(page.text())
    figures.save(page.picture(), DOCS / "benchmarks")
    print(f"written: {DOCS / 'cost.md'}")


if __name__ == "__main__":
    main()
