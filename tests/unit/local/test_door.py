"""The door answers one request a connection, refuses what is none, and is there once."""

from __future__ import annotations

import json
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_cli.functions import GUARD, InvokeError
from cachegate_cli.local import Local, socket_path
from local import door
from local.door import Door, DoorError, RefusedError, listen, where
from local.lambda_runtime import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Function:
    """Answers with what it was sent, or fails."""

    name: str
    both: threading.Barrier | None = None

    def invoke(self, payload: bytes) -> Outcome:
        if self.both is not None:
            self.both.wait(10)
        if b"fail" in payload:
            return Outcome(b'{"errorMessage": "out of order"}', failed=True)
        return Outcome(json.dumps({"ok": True, "sent": json.loads(payload)}).encode())


@dataclass
class Stack:
    name: str = "cachegate"
    outputs: dict[str, str] = field(
        default_factory=lambda: {
            "SyncFunctionName": "s-1",
            "GuardFunctionName": "g-1",
            "Other": "x",
        }
    )
    functions: dict[str, Any] = field(
        default_factory=lambda: {"SyncForwards": Function("s-1"), "GuardIngress": Function("g-1")}
    )


def happen(verb: str, of: str) -> str:
    if verb == "refuse":
        raise RefusedError("not today")
    return f"{verb} of {of or 'nothing'}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cachegate" / "local.sock"


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture
def opened(path: Path, stack: Any) -> Iterator[Door]:
    with Door(listen(path)) as made:
        made.open(stack, happen)
        yield made


def sent(path: Path, line: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(10)
        wire.connect(str(path))
        wire.sendall(line)
        wire.shutdown(socket.SHUT_WR)
        with wire.makefile("rb") as lines:
            answer: dict[str, Any] = json.loads(lines.readline())
    return answer


def test_the_cli_and_the_world_mean_the_same_socket(tmp_path: Path) -> None:
    for environment in (
        {},
        {"XDG_CACHE_HOME": str(tmp_path)},
        {"CACHEGATE_LOCAL": str(tmp_path / "w.sock"), "XDG_CACHE_HOME": "/elsewhere"},
    ):
        assert where(environment) == socket_path(environment)


def test_the_cli_asks_each_function_through_it(path: Path, opened: Door) -> None:
    assert Local(path).invoke({"action": "plan"})["sent"] == {"action": "plan"}
    assert Local(path).invoke({"action": "sweep"}, GUARD)["sent"] == {"action": "sweep"}


def test_a_failed_function_is_told_with_its_words(path: Path, opened: Door) -> None:
    with pytest.raises(InvokeError, match=r"s-1 failed: .*out of order"):
        Local(path).invoke({"action": "fail"})


def test_two_are_served_at_once(path: Path, opened: Door, stack: Stack) -> None:
    stack.functions["SyncForwards"].both = threading.Barrier(2)  # broken where one waits alone

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(Local(path).invoke, [{"action": "a"}, {"action": "b"}]))

    assert [each["sent"]["action"] for each in answers] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "one line"),
        (b'{"function": "SyncFunctionName", "event": {}}', "one line"),
        (b"nonsense\n", "no JSON"),
        (b"\xff\xfe\n", "no JSON"),
        (b"[" * 100_000 + b"\n", "no JSON"),
        (b"[1]\n", "no JSON object"),
        (b"{}\n", "a request is"),
        (b'{"function": "SyncFunctionName"}\n', "a request is"),
        (b'{"function": "SyncFunctionName", "event": []}\n', "a request is"),
        (b'{"function": ["x"], "event": {}}\n', "a request is"),
        (b'{"verb": "replace", "of": 7}\n', "a request is"),
        (b'{"function": "Other", "event": {}}\n', "no function in an output Other"),
        (b'{"function": "NoSuch", "event": {}}\n', "no function in an output NoSuch"),
        (b'{"verb": "refuse"}\n', "not today"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(
    path: Path, opened: Door, line: bytes, why: str
) -> None:
    assert why in sent(path, line)["failed"]
    assert sent(path, b'{"verb": "kill", "of": "a"}\n') == {"done": "kill of a"}


def test_a_request_without_end_is_refused_at_the_size_that_lambda_takes(
    path: Path, opened: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LONGEST", 1000)
    assert "at most 1000 bytes" in sent(path, b"x" * 1001)["failed"]


def test_who_leaves_without_the_answer_harms_nobody(path: Path, opened: Door) -> None:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(path))
        wire.sendall(b'{"function": "SyncFunctionName", "event": {}}\n')

    assert Local(path).invoke({})["ok"]


def test_before_the_world_runs_it_asks_for_patience(path: Path) -> None:
    with Door(listen(path)), pytest.raises(InvokeError, match="is starting"):
        Local(path).invoke({})


def test_a_second_world_is_refused_and_told_both_ways_out(path: Path, opened: Door) -> None:
    with pytest.raises(DoorError, match=r"runs already \(.*local.sock\).*CACHEGATE_LOCAL="):
        listen(path)
    assert Local(path).invoke({})["ok"]


def test_the_socket_of_a_killed_world_is_taken_away(path: Path) -> None:
    listen(path).close()  # it stays in the folder

    listen(path).close()


def test_a_file_that_is_no_socket_stays(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("mine")

    with pytest.raises(DoorError, match="CACHEGATE_LOCAL names another path"):
        listen(path)

    assert path.read_text() == "mine"


def test_a_path_that_is_too_long_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DoorError, match="no socket can be made"):
        listen(tmp_path / ("x" * 120) / "local.sock")


def test_only_its_own_user_gets_in(path: Path) -> None:
    listen(path).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
