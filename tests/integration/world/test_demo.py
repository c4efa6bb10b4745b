"""The demo tells its story to the end, with traffic or (where that is impossible) without."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from local import demo, nodes, sandbox


def test_nodes_answer_at_their_old_address_and_an_open_rule_is_revoked() -> None:
    if not sandbox.inside() or nodes.missing():
        pytest.skip(f"needs `python -m local.sandbox` {' '.join(nodes.missing())}")

    done = subprocess.run(
        [sys.executable, "-m", "local.demo"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("   yes  ") == 6
    assert " 0 errors" in done.stdout
    assert "cachegate: 1 ingress rule revoked: 0.0.0.0/0 to tcp 6379 of cart" in done.stdout


def test_without_a_sandbox_one_line_says_why_and_the_plan_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(os.environ, sandbox.INSIDE, raising=False)
    monkeypatch.setattr(sandbox, "why_not", lambda: "the kernel does not allow it")
    monkeypatch.setattr(nodes, "missing", list)

    assert demo.main() == 0

    first, *rest = capsys.readouterr().out.splitlines()
    assert first == (
        "No traffic here: the kernel does not allow it. This is what a first pass would do."
    )
    assert any("sessions/sessions-002/0001 -> 10.0.1.231:6379" in line for line in rest)
    assert any("because PrimaryEndpoint and the role agree" in line for line in rest)
    assert "table ip cachegate {" in rest


def test_a_claim_that_did_not_come_true_fails_the_demo() -> None:
    story = demo.Story(Console(file=io.StringIO()))
    story.claim("this is true", true=True)
    story.claim("this is not", true=False)

    assert story.end() == 1
