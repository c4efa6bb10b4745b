"""One client of each family, from what `connect` prints, through the kernel: what they lose.

`make test-clients` tries all of them in more cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import nodes, sandbox
from tests.clients.cases import FAIL_OVER, MOVED
from tests.clients.matrix import Matrix, Tried
from tests.clients.programs import FAMILIES, PROGRAMS, Program, why_not
from tests.clients.stage import GROUP, MEMCACHED, TLS, Cache, staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAIRS = [
    pytest.param(cache, program, id=f"{cache.name}-{program.name}")
    for cache in (GROUP, TLS, MEMCACHED)
    for program in PROGRAMS
    if program.name in FAMILIES and cache.suits(program)
]
GROUPS = [each for each in PAIRS if each.values[0] is not MEMCACHED]
CLUSTERS = [each for each in PAIRS if each.values[0] is TLS]
# From the promotion to the primary's port: a notification, a batching window of 2 s, a pass. Then
# the client's own way back.
MOST_MS = 15_000


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    if not sandbox.inside():
        pytest.skip(f"needs network namespaces: {sandbox.why_not() or 'run it by make test'}")
    if nodes.missing():
        pytest.skip(f"needs {' and '.join(nodes.missing())}")
    usable = [each for each in PROGRAMS if each.name in FAMILIES and not why_not(each)]
    with staged((GROUP, TLS, MEMCACHED)) as stage:
        yield Matrix(stage, usable)


@pytest.fixture(scope="module")
def failed_over(matrix: Matrix) -> Sequence[Tried]:
    return matrix.play_one([GROUP, TLS], FAIL_OVER)


@pytest.fixture(scope="module")
def moved(matrix: Matrix) -> Sequence[Tried]:
    return matrix.play_one([TLS], MOVED)


def of(tried: Sequence[Tried], cache: Cache, program: Program) -> Tried:
    """Return what became of one client; skip where it cannot run here."""
    found = [each for each in tried if (each.cache, each.program) == (cache, program)]
    return found[0] if found else pytest.skip(why_not(program))


@pytest.mark.parametrize(("cache", "program"), PAIRS)
def test_what_connect_prints_runs_as_it_stands(
    matrix: Matrix, cache: Cache, program: Program
) -> None:
    if program not in matrix.programs:
        pytest.skip(why_not(program))
    matrix.stage.prepare()

    assert matrix.stage.demonstrate(cache, program).split() == ["hello"]


@pytest.mark.parametrize(("cache", "program"), CLUSTERS)
def test_a_planned_failover_fails_no_request_in_cluster_mode(
    failed_over: Sequence[Tried], cache: Cache, program: Program
) -> None:
    assert of(failed_over, cache, program).complaints() == []


@pytest.mark.parametrize(
    ("cache", "program"), [each for each in GROUPS if each.values[0] is GROUP]
)  # fmt: skip
def test_the_primarys_port_leads_to_the_new_primary_and_clients_come_back(
    matrix: Matrix, failed_over: Sequence[Tried], cache: Cache, program: Program
) -> None:
    tried = of(failed_over, cache, program)
    began = matrix.stage.events[f"{FAIL_OVER.name}: {cache.name}"]

    assert tried.complaints() == []
    assert tried.report.longest_ms < MOST_MS
    assert tried.report.longest_at > began - 1  # it is this failover that was waited for


@pytest.mark.parametrize(("cache", "program"), CLUSTERS)
def test_slots_that_move_fail_no_request(
    moved: Sequence[Tried], cache: Cache, program: Program
) -> None:
    assert of(moved, cache, program).complaints() == []
