"""The command `connect`: what it asks, prints, and ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cachegate_cli.connect import command
from cachegate_cli.connect.formats import FORMATS
from cachegate_cli.invoke import InvokeError
from cachegate_cli.main import app
from tests.unit.cli.connect.samples import ANSWERS, PUBLIC, answer

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Let the stack answer with a replication group, and return what it was asked."""
    return _answering(monkeypatch, ANSWERS["group"])


def _answering(monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def tell(*arguments: Any) -> dict[str, Any]:
        calls.append(arguments)
        return told

    monkeypatch.setattr(command, "invoke", tell)
    return calls


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["connect", *arguments])


def test_it_asks_once_and_prints_the_table(asked: list[tuple[Any, ...]]) -> None:
    ended = _run("sessions", "--stack", "other")

    assert ended.exit_code == 0
    assert ended.stdout.startswith("sessions: valkey")
    assert asked == [("other", {"action": "describe"})]


def test_a_format_goes_into_a_file(asked: list[tuple[Any, ...]], tmp_path: Path) -> None:
    out = tmp_path / "client.py"

    ended = _run("sessions", "-f", "redis-py", "--out", str(out), "--user", "app")

    assert (ended.exit_code, ended.stdout) == (0, "")
    assert 'os.environ.get("CACHE_USER", "app")' in out.read_text()


def test_a_file_that_cannot_be_written_is_one_line(
    asked: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    ended = _run("sessions", "--out", str(tmp_path))

    assert ended.exit_code == 2
    assert ended.stderr == f"cachegate: '{tmp_path}': Is a directory\n"


def test_what_programs_read_has_its_notes_beside_it(asked: list[tuple[Any, ...]]) -> None:
    ended = _run("sessions", "-f", "url")

    assert ended.stdout == f"redis://{PUBLIC}:6390\n"
    assert "cachegate: note: No TLS" in ended.stderr


def test_an_unknown_format_is_one_line_with_the_known_ones_and_nothing_is_asked(
    asked: list[tuple[Any, ...]],
) -> None:
    ended = _run("sessions", "-f", "cobol")

    assert (ended.exit_code, asked) == (2, [])
    assert (
        ended.stderr == f"cachegate: there is no format 'cobol'; there are {', '.join(FORMATS)}\n"
    )


def test_a_format_for_another_engine_is_one_line_with_those_that_serve(
    asked: list[tuple[Any, ...]],
) -> None:
    ended = _run("sessions", "-f", "pymemcache")

    assert ended.exit_code == 2
    assert ended.stderr.startswith("cachegate: sessions is valkey, for which pymemcache is none;")


def test_an_unknown_cache_is_one_line_with_the_known_ones(asked: list[tuple[Any, ...]]) -> None:
    ended = _run("carts")

    assert ended.exit_code == 1
    assert "knows no cache carts; it forwards sessions" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_cache_that_is_withheld_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forwards = [
        each | {"state": "withheld", "targets": []}
        for each in ANSWERS["standalone"]["vpcs"][0]["forwards"]
    ]
    told = answer(forwards) | {
        "not_forwarded": [
            {
                "cache": "sessions",
                "code": "plaintext_withheld",
                "message": "it speaks without TLS and AUTH",
                "forwarded": False,
            }
        ]
    }
    _answering(monkeypatch, told)

    ended = _run("sessions")

    assert ended.exit_code == 1
    assert ended.stderr == (
        "cachegate: nothing leads to sessions now: it speaks without TLS and AUTH\n"
    )


def test_a_cache_whose_facts_aws_did_not_tell_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    forwards = ANSWERS["standalone"]["vpcs"][0]["forwards"]
    unknown = {"kind": None, "cluster_mode": None, "tls": None, "auth": None, "engine": "unknown"}
    _answering(monkeypatch, answer(forwards, **unknown))

    ended = _run("sessions")

    assert ended.exit_code == 1
    assert "ask again" in ended.stderr


def test_a_name_that_is_none_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    forwards = ANSWERS["standalone"]["vpcs"][0]["forwards"]
    _answering(monkeypatch, answer([forwards[0] | {"endpoint": "a\n0.0.0.0 bank.example:6379"}]))

    ended = _run("sessions", "-f", "hosts")

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1


def test_another_nat_instance_is_chosen_by_its_address(asked: list[tuple[Any, ...]]) -> None:
    ended = _run("sessions", "--via", "192.0.2.1")

    assert ended.exit_code == 1
    assert f"192.0.2.1 is none of sessions's addresses: {PUBLIC}" in ended.stderr


def test_what_the_function_refuses_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, {"ok": False, "error": {"code": "try_again", "message": "throttled"}})

    ended = _run("sessions")

    assert (ended.exit_code, ended.stderr) == (1, "cachegate: throttled\n")


def test_a_function_that_cannot_be_asked_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> dict[str, Any]:
        raise InvokeError("no stack")

    monkeypatch.setattr(command, "invoke", fail)

    ended = _run("sessions")

    assert (ended.exit_code, ended.stderr) == (2, "cachegate: no stack\n")


def test_the_list_needs_no_stack_and_no_cache(asked: list[tuple[Any, ...]]) -> None:
    ended = _run("--list")

    assert (ended.exit_code, asked) == (0, [])
    assert [line.split()[0] for line in ended.stdout.splitlines()] == list(FORMATS)
