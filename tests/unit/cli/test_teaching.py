"""What `--help`, `--version` and completion say."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from cachegate_cli.main import app
from cachegate_cli.teaching import EXAMPLES, EXIT_CODES, exit_codes
from tests.unit.cli.asked import Asked, run

COMMANDS = [name for name in EXAMPLES if name]


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_codes(command: str) -> None:
    ended = run(Asked(), *command.split(), "--help", COLUMNS="100", TERM="dumb")
    assert ended.exit_code == 0
    assert words(exit_codes(command)) in words(ended.output)
    assert ended.output.count("Exit codes") == 1
    assert "<bool>" not in ended.output
    assert EXAMPLES[command][0].split("  ")[0] in words(ended.output)


@pytest.mark.parametrize(
    "example", [line.split("  ")[0] for lines in EXAMPLES.values() for line in lines]
)
def test_every_example_is_a_command_that_there_is(example: str) -> None:
    line = example.partition("|")[2] if "cachegate judge" in example and "|" in example else example
    line = line.partition(" && ")[0].partition(" | ")[0].partition(" > ")[0]
    parts = [part for part in shlex.split(line) if "=" not in part]
    assert parts[0] == "cachegate"
    asked = Asked([{"ok": True}])
    # These need a file, an end, or a whole answer.
    if {"judge", "watch", "doctor", "connect"} & {*parts}:
        parts = [*parts, "--help"]
    ended = run(asked, *parts[1:], *(["--json"] if "--help" not in parts else []))
    assert ended.exit_code == 0, ended.output


def test_the_first_help_groups_the_commands_and_names_the_exit_codes() -> None:
    text = words(run(Asked(), "--help", COLUMNS="100").output)
    assert "<bool>" not in text
    for told in ("status", "Change something", "Ingress that is too wide", words(EXIT_CODES)):
        assert told in text


def test_the_page_names_every_command_and_every_exit_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    names = [*typer.main.get_command(app).commands, "guard plan", "guard sweep"]  # type: ignore[attr-defined]
    assert [name for name in names if f"`{name}" not in page and name != "guard"] == []
    assert [code for code in ("0", "1", "2", "130") if f"\n| {code} | " not in page] == []


def test_the_version_is_that_of_the_package() -> None:
    ended = run(Asked(), "--version")
    assert (ended.exit_code, ended.stdout) == (0, f"cachegate {version('cachegate')}\n")


def test_a_command_that_is_misspelt_is_guessed_and_ends_with_2() -> None:
    ended = run(Asked(), "statsu")
    assert ended.exit_code == 2
    assert "status" in ended.output


def test_an_option_before_the_command_is_told_where_it_belongs() -> None:
    ended = run(Asked(), "--local", "status")
    assert ended.exit_code == 2
    assert "--local stands behind the command" in words(ended.output)


@pytest.mark.parametrize(
    ("typed", "number", "completed"),
    [("cachegate st", 1, "status"), ("cachegate connect x --format red", 4, "redis-py")],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_commands_and_formats_without_asking_aws(
    shell: str, typed: str, number: int, completed: str
) -> None:
    command = Path(sys.executable).with_name("cachegate")
    done = subprocess.run(
        [command], capture_output=True, text=True, check=False,
        env={"_CACHEGATE_COMPLETE": f"complete_{shell}", "COMP_WORDS": typed,
             "COMP_CWORD": str(number), "_TYPER_COMPLETE_ARGS": typed,
             "_TYPER_COMPLETE_FISH_ACTION": "get-args", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert completed in done.stdout, done.stderr
