"""The SSM document, run as the SSM agent would run it: by sh, after plain substitution."""

from __future__ import annotations

import base64
import gzip
import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.integration.gateway.lab import A, B, forward, packed, payload

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tests.integration.gateway.lab import Gateway

DOCUMENT = Path(__file__).parents[3] / "gateway" / "document.yaml"


def run(gateway: Gateway, path: str, action: str, given: str = "none") -> CompletedProcess[str]:
    """Run the document's script on the NAT instance."""
    content = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    (script,) = content["mainSteps"][0]["inputs"]["runCommand"]
    for name, value in {"Action": action, "Payload": given, "From": "0"}.items():
        script = script.replace(f"{{{{ {name} }}}}", value)
    environment = {
        "PATH": os.environ["PATH"],
        "CACHEGATE_STATE_DIR": str(gateway.folder / "state"),
        "CACHEGATE_BACKEND": gateway.backend,
        "TMPDIR": str(gateway.folder),
    }
    return gateway.nat.run("sh", "-s", text=f"PATH={path}\n{script}", env=environment, check=False)


def answer(done: CompletedProcess[str]) -> dict[str, Any]:
    """Read the last line."""
    document: dict[str, Any] = json.loads(
        gzip.decompress(base64.b64decode(done.stdout.splitlines()[-1]))
    )
    return document


def test_the_document_applies_inspects_and_removes(gateway: Gateway) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    before = set(gateway.folder.iterdir())

    applied = run(gateway, path, "apply", packed(payload(1, forward(6379, A), forward(6380, B))))
    reached = gateway.ask(6380)
    inspected = run(gateway, path, "inspect")
    removed = run(gateway, path, "remove")

    assert [done.returncode for done in (applied, inspected, removed)] == [0, 0, 0]
    assert answer(applied)["generation"] == 1
    assert reached == "B"
    assert [item["listen"] for item in answer(inspected)["forwards"]] == [6379, 6380]
    assert answer(removed)["changed"] is True
    assert set(gateway.folder.iterdir()) == before


def test_the_exit_code_and_the_error_of_the_agent_get_through(gateway: Gateway) -> None:
    done = run(gateway, "/usr/bin:/bin", "apply", "bm9uZQ==")

    assert done.returncode == 2
    assert answer(done)["error"]["code"] == "malformed"


def test_an_old_python_is_an_unsupported_platform(gateway: Gateway) -> None:
    tools = gateway.folder / "tools"
    tools.mkdir()
    for name in ("mktemp", "rm", "cat", "sh"):
        (tools / name).symlink_to(f"/bin/{name}")
    python = tools / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")  # what the question for its version ends with
    python.chmod(python.stat().st_mode | stat.S_IXUSR)

    done = run(gateway, str(tools), "apply", packed(payload(1)))

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "unsupported_platform"
    assert list(gateway.folder.iterdir()) == [tools]
