"""Measure everything side by side, in one run: `python -m benchmarks`, inside the sandbox.

Raw rows and pictures go to build/benchmarks, and the page to build/benchmarks.md. Those of a full
run that came to its end are kept in docs/benchmarks and docs/benchmarks.md instead.
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
from benchmarks.page import QUICK, draw, page, tell
from benchmarks.sections import SECTIONS
from benchmarks.terminal import goals
from local import sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.report import Report, Section

ROOT = Path(__file__).parents[1]
KEPT, SCRATCH = ROOT / "docs" / "benchmarks", ROOT / "build" / "benchmarks"


def main(arguments: Sequence[str]) -> int:
    """Measure, keep and write; return 1 where a section failed."""
    asked = _parser().parse_args(arguments)
    if asked.page:
        _write(tell(SECTIONS, KEPT), Machine.load_from(KEPT), KEPT)
        return 0
    if not sandbox.inside():
        sys.stderr.write(f"benchmarks: needs network namespaces: {sandbox.why_not() or __doc__}\n")
        return 1
    sections = [each for each in SECTIONS if not asked.only or each.name in asked.only]
    machine = Machine.here()
    machine.quick = asked.quick
    failed = _measure(sections, machine)
    reports = tell([each for each in sections if each.name not in failed], SCRATCH)
    if any(report.goals for report in reports):
        print(goals(reports))
    if asked.quick:
        print(f"\n{QUICK.replace('*', '')}")
    folder = SCRATCH
    if not (failed or asked.quick or asked.only):
        folder = KEPT
        KEPT.mkdir(exist_ok=True)
        for name in (MACHINE_FILE, *(f"{each.name}.csv" for each in sections)):
            shutil.copy(SCRATCH / name, KEPT)
    _write(reports, machine, folder)
    if failed:
        sys.stderr.write(f"benchmarks: failed: {', '.join(failed)}; their errors stand above\n")
    return 1 if failed else 0


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


def _measure(sections: Sequence[Section], machine: Machine) -> list[str]:
    """Measure one section after the other; return the names of those that failed.

    What the others measured in half an hour is kept.
    """
    failed = []
    wide = max(len(section.name) for section in sections)
    print("benchmarks: section by section, with a dot after each repetition")
    for number, section in enumerate(sections, 1):
        print(f"{number:2}/{len(sections)} {section.name:{wide}} ", end=" ", flush=True)
        machine.load[section.name], began = os.getloadavg()[0], time.monotonic()
        try:
            section.measure(quick=machine.quick).save(SCRATCH)
        except Exception:  # noqa: BLE001 - printed, counted, and the run fails
            print()
            traceback.print_exc()
            failed.append(section.name)
        machine.seconds[section.name] = round(time.monotonic() - began, 1)
        print(f"{machine.seconds[section.name]:.0f} s", flush=True)
    print(f"All together {sum(machine.seconds.values()):.0f} s.")
    machine.save(SCRATCH)
    return failed


def _write(reports: Sequence[Report], machine: Machine, folder: Path) -> None:
    """Write the pictures into a folder, and the page beside it."""
    draw(reports, folder)
    written = folder.parent / "benchmarks.md"
    written.write_text(page(reports, machine))
    print(f"The page: {written}\nIts pictures and raw rows: {folder}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
