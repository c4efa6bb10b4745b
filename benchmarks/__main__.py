"""Measure everything side by side, in one run: `python -m benchmarks`, inside the sandbox.

Raw rows and pictures go to build/benchmarks, and the page is printed. Those of a full run that came
to its end are copied to docs/benchmarks, and docs/benchmarks.md is written from them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import FILE as MACHINE_FILE
from benchmarks.machine import Machine
from benchmarks.page import draw, page, tell
from benchmarks.sections import SECTIONS
from local import sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.report import Section

ROOT = Path(__file__).parents[1]
DOCS, KEPT, SCRATCH = ROOT / "docs", ROOT / "docs" / "benchmarks", ROOT / "build" / "benchmarks"


def main(arguments: Sequence[str]) -> int:
    """Measure, keep, and write or print; return 1 where a section failed."""
    asked = _parser().parse_args(arguments)
    if asked.page:
        _write(SECTIONS, Machine.load_from(KEPT))
        return 0
    if not sandbox.inside():
        sys.stderr.write(f"benchmarks: needs network namespaces: {sandbox.why_not() or __doc__}\n")
        return 1
    sections = [each for each in SECTIONS if not asked.only or each.name in asked.only]
    machine = Machine.here()
    failed = _measure(sections, machine, quick=asked.quick)
    reports = tell([each for each in sections if each.name not in failed], SCRATCH)
    draw(reports, SCRATCH)
    print(page(reports, machine))
    if failed:
        sys.stderr.write(f"benchmarks: failed: {', '.join(failed)}; their errors stand above\n")
        return 1
    if not asked.quick and not asked.only:
        KEPT.mkdir(exist_ok=True)
        for name in (MACHINE_FILE, *(f"{each.name}.csv" for each in sections)):
            shutil.copy(SCRATCH / name, KEPT)
        _write(sections, machine)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: two minutes")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="SECTION",
        choices=[each.name for each in SECTIONS],
        help=f"measure these alone: {', '.join(each.name for each in SECTIONS)}",
    )
    parser.add_argument(
        "--page", action="store_true", help="measure nothing: write the page anew from kept rows"
    )
    return parser


def _measure(sections: Sequence[Section], machine: Machine, *, quick: bool) -> list[str]:
    """Measure one section after the other; return the names of those that failed.

    What the others measured in half an hour is kept.
    """
    failed = []
    for number, section in enumerate(sections, 1):
        print(f"[{number}/{len(sections)}] {section.name} ...", end=" ", flush=True)
        machine.load[section.name], began = os.getloadavg()[0], time.monotonic()
        try:
            section.measure(quick=quick).save(SCRATCH)
        except Exception:  # noqa: BLE001 - printed, counted, and the run fails
            traceback.print_exc()
            failed.append(section.name)
        machine.seconds[section.name] = round(time.monotonic() - began, 1)
        print(f"{machine.seconds[section.name]:.0f} s", flush=True)
    machine.save(SCRATCH)
    return failed


def _write(sections: Sequence[Section], machine: Machine) -> None:
    reports = tell(sections, KEPT)
    draw(reports, KEPT)
    (DOCS / "benchmarks.md").write_text(page(reports, machine))
    print(f"written: {DOCS / 'benchmarks.md'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
