"""How an embedded world is asked through its socket."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_cli.deployed import Deployed
from cachegate_cli.functions import GUARD, InvokeError
from cachegate_cli.local import Local, socket_path
from cachegate_cli.options import functions_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replying(path: Path, reply: bytes) -> Iterator[list[Any]]:
    """Answer one request on a socket, and note it."""
    seen: list[Any] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(1)

        def answer() -> None:
            wire, _ = listening.accept()
            with wire, wire.makefile("rb") as lines:
                seen.append(json.loads(lines.readline()))
                wire.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield seen
        thread.join()


def test_one_line_is_asked_and_one_answered(tmp_path: Path) -> None:
    path = tmp_path / "door"
    with replying(path, b'{"answer": {"ok": true}}\n') as seen:
        assert Local(path).invoke({"action": "sweep"}, GUARD) == {"ok": True}
    assert seen == [{"function": "GuardFunctionName", "event": {"action": "sweep"}}]


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (b'{"failed": "the function broke"}\n', "the function broke"),
        (b'{"answer": 1}\n', "gave no answer"),
        (b"", "ended before it answered"),
        (b'{"answer": {"ok"', "ended before it answered"),
    ],
)
def test_anything_but_an_answer_is_told(tmp_path: Path, reply: bytes, says: str) -> None:
    path = tmp_path / "door"
    with replying(path, reply), pytest.raises(InvokeError, match=says):
        Local(path).invoke({"action": "plan"})


def test_a_world_that_does_not_run_is_told_with_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(InvokeError, match="make local"):
        Local(tmp_path / "none").invoke({"action": "plan"})
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "dead"))
    with pytest.raises(InvokeError, match="make local"):
        Local(tmp_path / "dead").invoke({"action": "plan"})


def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvokeError, match="cannot be asked"):
        Local(tmp_path / ("x" * 200)).invoke({"action": "plan"})


def test_the_socket_is_where_the_world_makes_it() -> None:
    assert str(socket_path({"CACHEGATE_LOCAL": "/run/w"})) == "/run/w"
    assert str(socket_path({"XDG_CACHE_HOME": "/c"})) == "/c/cachegate/local.sock"
    assert str(socket_path({})).endswith("/.cache/cachegate/local.sock")


def test_local_is_chosen_by_the_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CACHEGATE_LOCAL", raising=False)
    assert not isinstance(functions_of("x", None, None, local=False), Local)
    assert isinstance(functions_of("x", None, None, local=True), Local)
    monkeypatch.setenv("CACHEGATE_LOCAL", "/run/w")
    assert functions_of("x", None, None, local=False) == Local(
        socket_path({"CACHEGATE_LOCAL": "/run/w"})
    )


def test_who_has_no_region_is_told_of_a_world_that_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    path = tmp_path / "door"
    monkeypatch.setenv("CACHEGATE_LOCAL", str(path))
    with pytest.raises(InvokeError, match=r"AWS_REGION$"):
        Deployed("cachegate").invoke({})
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(1)
        with pytest.raises(InvokeError, match=r"an embedded world runs .*: --local asks that"):
            Deployed("cachegate").invoke({})
