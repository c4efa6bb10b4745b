"""The NAT instance of the lab, on which every way runs with the same clock."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.pipe import pipe
from benchmarks.updates.rule_sets import NODES
from tests.integration.gateway.lab import A, gateway, packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.integration.gateway.lab import Document

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "gateway" / "document.yaml"


class Timed(NamedTuple):
    """A program that ended well."""

    began: float  # by the monotonic clock
    seconds: float
    output: str


class Applied(NamedTuple):
    """One apply of the agent, step by step as steps.py names them."""

    seconds: dict[str, float]
    start: float  # seconds from the start of Python to the agent's first line
    script: str  # what the swap gave to its program


class Instance:
    """The NAT instance, and a folder for what is run on it."""

    def __init__(self, folder: Path, stopwatch: subprocess.Popen[str]) -> None:
        self._folder, self._stopwatch = folder, stopwatch
        self._archive = folder / "agent.pyz"
        self._archive.write_bytes(carried_agent())

    def run(
        self, *command: str, text: str = "", environment: Mapping[str, str] | None = None
    ) -> Timed:
        """Run a program to its end; raise RuntimeError where it fails."""
        job = {"command": command, "text": text, "environment": environment or {}}
        to, back = pipe(self._stopwatch.stdin), pipe(self._stopwatch.stdout)
        to.write(f"{json.dumps(job)}\n")
        to.flush()
        done: dict[str, Any] = json.loads(back.readline())
        if done["code"] != 0:
            raise RuntimeError(f"{' '.join(command)}: {done['output'][-500:]}{done['error'][:500]}")
        return Timed(done["began"], done["seconds"], done["output"])

    def apply(self, backend: str, document: Document) -> Applied:
        """Let the agent apply a payload; raise RuntimeError where it changed nothing."""
        payload, script = self._folder / "payload", self._folder / "script"
        payload.write_text(packed(document))
        arguments = ("apply", "--payload-file", str(payload))
        steps = (str(HERE / "steps.py"), str(self._archive), str(script))
        done = self.run(
            sys.executable, "-I", "-S", *steps, *arguments, environment=self._environment(backend)
        )
        answer = json.loads(done.output.splitlines()[-1])
        if not answer["report"].get("changed"):
            raise RuntimeError(f"the agent did not change the kernel: {answer['report']}")
        return Applied(answer["seconds"], answer["ready"] - done.began, script.read_text())

    def remove(self, backend: str) -> None:
        """Take the agent's rules and what it remembers away."""
        environment = self._environment(backend)
        self.run(sys.executable, "-I", "-S", str(self._archive), "remove", environment=environment)

    def clear(self) -> None:
        """Take everybody's rules away."""
        self.run("nft", "flush", "ruleset")

    def _environment(self, backend: str) -> dict[str, str]:
        return {"CACHEGATE_STATE_DIR": str(self._folder / "state"), "CACHEGATE_BACKEND": backend}


@contextmanager
def instance() -> Iterator[Instance]:
    """Build the lab; every node's address answers there, if only by RST."""
    with TemporaryDirectory() as name, gateway(Path(name), "nftables") as lab:
        lab.a.run("ip", "route", "add", "local", NODES, "dev", "lo")
        lab.nat.run("ip", "route", "add", NODES, "via", A)
        command = (sys.executable, str(HERE / "stopwatch.py"))
        pipe = subprocess.PIPE
        with lab.nat.start(*command, stdin=pipe, stdout=pipe) as stopwatch:
            yield Instance(Path(name), stopwatch)


def carried_agent() -> bytes:
    """Return the agent as the SSM document carries it: what really runs on an instance."""
    _, _, rest = DOCUMENT.read_text("utf-8").partition("<<'AGENT'\n")
    return gzip.decompress(base64.b64decode(rest.partition("AGENT\n")[0]))
