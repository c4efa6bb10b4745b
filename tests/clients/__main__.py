"""Every client in every case: `python -m tests.clients [CACHE...]`, inside the sandbox.

It writes what it measured of each cache into docs/clients.md. Without names it tries all of them.
Exit codes: 0 all came out as the page says, 1 not, or it cannot run here, 2 usage.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from local import nodes, sandbox
from tests.clients import page
from tests.clients.cases import CASES
from tests.clients.matrix import Matrix
from tests.clients.programs import PROGRAMS, why_not
from tests.clients.stage import CACHES, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.clients.programs import Program
    from tests.clients.stage import Cache


def main(arguments: list[str]) -> int:
    """Try, print, and write the page."""
    known = {cache.name: cache for cache in CACHES}
    if unknown := set(arguments) - set(known):
        sys.stderr.write(f"clients: no cache {' '.join(sorted(unknown))}\n{__doc__}")
        return 2
    reason = _why_not_here()
    if reason:
        sys.stderr.write(f"clients: {reason}\n")
        return 1
    wanted = [known[name] for name in arguments] or list(CACHES)
    programs = []
    for program in PROGRAMS:
        if why := why_not(program):
            sys.stderr.write(f"clients: without {program.name}: {why}\n")
        else:
            programs.append(program)
    return _try(wanted, programs)


def _why_not_here() -> str | None:
    if not sandbox.inside():
        return f"needs network namespaces: {sandbox.why_not() or 'run it by make test-clients'}"
    if nodes.missing():
        return f"needs {' and '.join(nodes.missing())}"
    return None


def _try(caches: Sequence[Cache], programs: Sequence[Program]) -> int:
    complaints: list[str] = []
    with staged(caches) as stage:
        for cache in caches:
            matrix = Matrix(stage, [each for each in programs if cache.suits(each)])
            for case in CASES:
                if case.fits(cache):
                    print(f"{cache.name}: {case.name}", flush=True)
                    for tried in matrix.play_one([cache], case):
                        print(f"  {tried.program.name}: {page.cell(tried)}", flush=True)
            page.put(cache.name, page.report(matrix.tried, matrix.programs))
            complaints += [line for tried in matrix.tried for line in tried.complaints()]
    sys.stderr.write("".join(f"clients: {line}\n" for line in complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
