"""What is said of a client: its gaps, what is found wrong with it, and how the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients import page
from tests.clients.cases import FAIL_OVER, KILLED, RETURNED, STEADY
from tests.clients.matrix import Tried
from tests.clients.programs import PROGRAMS, Program
from tests.clients.running import Report, of_lines
from tests.clients.stage import CLUSTER, GROUP, TLS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.cases import Case
    from tests.clients.stage import Cache

BY_NAME = {program.name: program for program in PROGRAMS}
REDIS_PY, REDIS_CLI = BY_NAME["redis-py"], BY_NAME["redis-cli"]
WELL = Report(ok=900, longest_ms=40)
FAILED = Report(ok=900, errors=2, texts=((5.0, "ConnectionError: `refused`"),), longest_ms=300)
SILENT = Report(ok=300, longest_ms=9000, silent_ms=9000)
HUNG = Report(ok=300, hung=True, longest_ms=9000, silent_ms=9000)
DIED = Report(died="ImportError: no such module")


def test_the_longest_gap_of_a_shell_reaches_to_the_end_where_it_never_came_back() -> None:
    lines = ["hello", "ready", "10.00 1 1", "10.10 2 2", "10.90 3 Error: refused"]

    report = of_lines(lines, 14.1, hung=False)

    assert (report.ok, report.errors) == (2, 1)
    assert (report.longest_ms, report.longest_at, report.silent_ms) == (4000, 10.1, 4000)
    assert report.first_error == "Error: refused"


def test_a_shell_without_a_good_answer_has_no_gap() -> None:
    report = of_lines(["10.00 1 Error: refused"], 14.0, hung=True)

    assert (report.ok, report.errors, report.longest_ms, report.hung) == (0, 1, 0, True)


@pytest.mark.parametrize(
    ("case", "cache", "program", "report", "fine"),
    [
        (STEADY, GROUP, REDIS_PY, WELL, True),
        (STEADY, GROUP, REDIS_PY, FAILED, False),
        (STEADY, GROUP, REDIS_PY, DIED, False),
        (FAIL_OVER, TLS, REDIS_PY, FAILED, False),
        (FAIL_OVER, GROUP, REDIS_PY, FAILED, True),  # READONLY, until the port leads elsewhere
        (FAIL_OVER, GROUP, REDIS_PY, SILENT, False),
        (KILLED, TLS, REDIS_PY, FAILED, True),
        (KILLED, TLS, REDIS_PY, HUNG, False),
        (KILLED, TLS, REDIS_CLI, HUNG, True),  # it waits for a dead node as long as TCP does
        (RETURNED, TLS, REDIS_PY, SILENT, False),
        (RETURNED, CLUSTER, REDIS_PY, SILENT, True),  # its map has the former address
        (RETURNED, CLUSTER, REDIS_PY, WELL, False),
    ],
)
def test_a_report_that_is_not_what_the_page_says_is_found(
    case: Case, cache: Cache, program: Program, report: Report, *, fine: bool
) -> None:
    assert (Tried(cache, case, program, report).complaints() == []) is fine


def test_the_page_has_a_row_for_each_client_and_its_first_error() -> None:
    tried = [Tried(TLS, STEADY, REDIS_PY, WELL), Tried(TLS, KILLED, REDIS_PY, FAILED),
             Tried(TLS, STEADY, REDIS_CLI, HUNG)]  # fmt: skip

    text = page.report(tried, [REDIS_PY])

    assert "| client | steady use | killed primary |" in text
    assert "| redis-py | 900 / 0 / 40 ms | 900 / 2 / 300 ms |" in text
    assert "| redis-cli | **hung** |  |" in text
    assert "- redis-py, killed primary: `ConnectionError: 'refused'`" in text


def test_only_what_is_between_the_markers_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "clients.md"
    first, last = page.begin("carts"), page.end("carts")
    path.write_text(f"before\n{first}\nold\n{last}\nafter\n")

    page.put("carts", "new", path)

    assert path.read_text() == f"before\n{first}\nnew\n{last}\nafter\n"


def test_a_page_without_markers_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "clients.md"
    path.write_text("all by hand\n")

    with pytest.raises(ValueError, match="no markers"):
        page.put("carts", "new", path)

    assert path.read_text() == "all by hand\n"
