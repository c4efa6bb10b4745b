"""A run keeps what was measured, whatever else failed, and writes the page when all was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as run
from benchmarks.machine import FILE, Machine
from local import sandbox
from tests.unit.benchmarks.sections import broken, machine, section

if TYPE_CHECKING:
    from pathlib import Path


class Place:
    """The folders of a run."""

    def __init__(self, root: Path) -> None:
        self.docs, self.scratch = root / "docs", root / "build" / "benchmarks"
        self.kept, self.page = self.docs / "benchmarks", self.docs / "benchmarks.md"
        self.scratch_page = self.scratch.parent / "benchmarks.md"
        self.docs.mkdir()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A run of two sections, on a machine that needs no looking at."""
    there = Place(tmp_path)
    monkeypatch.setattr(run, "KEPT", there.kept)
    monkeypatch.setattr(run, "SCRATCH", there.scratch)
    monkeypatch.setattr(run, "SECTIONS", (section("one"), section("two")))
    monkeypatch.setattr(sandbox, "inside", lambda: True)
    monkeypatch.setattr(Machine, "here", machine)
    return there


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*")}


def test_a_full_run_keeps_rows_and_pictures_and_writes_the_page(place: Place) -> None:
    assert run.main([]) == 0

    assert names(place.kept) == {FILE, "one.csv", "two.csv", "one.svg", "two.svg"}
    assert "full ![a bar](benchmarks/one.svg)" in place.page.read_text()


@pytest.mark.parametrize("arguments", [["--quick"], ["--only", "one"], ["--only", "one", "two"]])
def test_less_than_a_full_run_is_not_kept_and_the_last_lines_say_where_its_page_is(
    place: Place, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(arguments) == 0

    assert names(place.docs) == set()
    assert "## Title: one" in place.scratch_page.read_text()
    *_, page, pictures = capsys.readouterr().out.splitlines()
    assert page.endswith(str(place.scratch_page))
    assert pictures.endswith(str(place.scratch))


def test_a_quick_run_says_that_its_figures_are_for_a_look_only(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    run.main(["--quick"])
    assert "for a look only" in capsys.readouterr().out
    assert "for a look only" in place.scratch_page.read_text()

    run.main([])
    assert "for a look only" not in capsys.readouterr().out + place.page.read_text()


def test_each_section_is_shown_with_its_time_and_all_of_them_together(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    del place
    run.main([])

    said = capsys.readouterr().out
    assert "\n 1/2 one  0 s\n 2/2 two  0 s\nAll together 0 s.\n" in said


def test_only_what_was_asked_for_is_measured_and_told(place: Place) -> None:
    assert run.main(["--only", "two", "--quick"]) == 0

    assert names(place.scratch) == {FILE, "two.csv", "two.svg"}
    said = place.scratch_page.read_text()
    assert "quick ![a bar]" in said
    assert "Title: one" not in said


def test_an_unknown_section_is_refused_before_anything_is_measured(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        run.main(["--only", "three"])

    assert refused.value.code == 2
    assert "three" in capsys.readouterr().err
    assert not place.scratch.exists()


def test_a_section_that_fails_loses_nothing_of_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "SECTIONS", (section("one"), broken("bad"), section("two")))

    assert run.main([]) == 1

    said = capsys.readouterr()
    assert names(place.scratch) == {FILE, "one.csv", "two.csv", "one.svg", "two.svg"}
    page = place.scratch_page.read_text()
    assert "## Title: one" in page
    assert "## Title: two" in page
    assert "RuntimeError: bad broke" in said.err
    assert "failed: bad;" in said.err
    assert names(place.docs) == set()


def test_the_page_is_written_again_from_kept_rows_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run.main([])
    before = place.page.read_text()
    place.page.unlink()
    (place.kept / "one.svg").unlink()
    # Nothing may be measured, nor the sandbox be needed, nor the machine looked at.
    monkeypatch.setattr(sandbox, "inside", lambda: False)
    monkeypatch.setattr(Machine, "here", lambda: pytest.fail("looked at the machine"))
    monkeypatch.setattr(
        run, "SECTIONS", tuple(broken(each.name) for each in (section("one"), section("two")))
    )

    assert run.main(["--page"]) == 0

    assert place.page.read_text() == before
    assert capsys.readouterr().err == ""
    assert (place.kept / "one.svg").exists()


def test_outside_of_the_sandbox_it_says_why_and_measures_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sandbox, "inside", lambda: False)
    monkeypatch.setattr(sandbox, "why_not", lambda: "the kernel says no")

    assert run.main([]) == 1

    assert "the kernel says no" in capsys.readouterr().err
    assert not place.scratch.exists()
