"""The programs in docs/client-helper.md, run as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.client.described import description, forward

if TYPE_CHECKING:
    from tests.integration.client.cluster import Cluster
    from tests.integration.client.servers import Nodes

PAGE = (Path(__file__).parents[3] / "docs" / "client-helper.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def documented(
    cluster: Cluster, nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let there be what the page has its programs find: two files, and a stack in AWS."""
    (tmp_path / "natmap.json").write_text(json.dumps(cluster.natmap))
    names = re.findall(r'"(objects[^"]*\.example)", (\d+)', PAGE)
    pairs = zip(names, nodes.outer, strict=True)
    objects = {f"{host}:{port}": outer for (host, port), outer in pairs}
    (tmp_path / "objects.json").write_text(json.dumps(objects))
    monkeypatch.chdir(tmp_path)

    forwards = [
        forward(each.port, endpoint=f"{each.inner}:{each.port}", public_addresses=["127.0.0.1"])
        for each in cluster.nodes
    ]
    monkeypatch.setattr(
        "cachegate.client.asked.AskedStack",
        lambda *_: lambda: description(*forwards, endpoint=None),
    )


def test_there_is_a_program_for_each_library() -> None:
    used = re.findall(r"hello \w+ (?:a )?([\w-]+)", "".join(PROGRAMS))

    assert used == ["redis-py", "valkey-py", "valkey-glide", "live", "pymemcache"]


@pytest.mark.usefixtures("documented")
@pytest.mark.parametrize("program", PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
def test_it_greets(program: str, dialled: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    written = re.findall(r'b?"(hello [^"]*)"', program)

    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(program, "docs/client-helper.md", "exec"), names)  # noqa: S102 - our own page

    assert capsys.readouterr().out.splitlines() == written
    assert dialled == []


def test_the_documented_natmap_is_one(tmp_path: Path) -> None:
    from cachegate.client import Natmap

    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "natmap.json").write_text(shown)

    assert Natmap.load(tmp_path / "natmap.json").seeds == (("203.0.113.73", 6380),)
