"""The NAT instance of the lab, on which every way runs with the same clock."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.agent import FLAGS, carried_agent
from benchmarks.pipe import pipe
from benchmarks.updates.rule_sets import NODES
from tests.integration.gateway.lab import A, gateway, packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.integration.gateway.lab import Document

HERE = Path(__file__).parent


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


class Turned(NamedTuple):
    """One swap of one target, and the program alone with the same text; all in seconds."""

    swap: float
    program: float  # of the swap
    same: float


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
        (payload,) = self._payloads(document)
        script = self._folder / "script"
        steps = (str(HERE / "steps.py"), str(self._archive), str(script))
        done = self._python(backend, *steps, "apply", "--payload-file", payload)
        answer = json.loads(done.output.splitlines()[-1])
        if not answer["report"].get("changed"):
            raise RuntimeError(f"the agent did not change the kernel: {answer['report']}")
        return Applied(answer["seconds"], answer["ready"] - done.began, script.read_text())

    def turns(self, backend: str, turns: int, documents: list[Document]) -> list[Turned]:
        """Swap from the first document's rules to the second's and back, so many times."""
        files = self._payloads(*documents)
        script = (str(HERE / "turns.py"), str(self._archive), backend, str(turns))
        done = self._python(backend, *script, *files)
        return [Turned(*each) for each in json.loads(done.output)]

    def remove(self, backend: str) -> None:
        """Take the agent's rules and what it remembers away."""
        self._python(backend, str(self._archive), "remove")

    def clear(self) -> None:
        """Take everybody's rules away."""
        self.run("nft", "flush", "ruleset")

    def _payloads(self, *documents: Document) -> list[str]:
        """Write payloads, and return the names of their files."""
        files = [self._folder / f"payload{number}" for number in range(len(documents))]
        for file, document in zip(files, documents, strict=True):
            file.write_text(packed(document))
        return [str(file) for file in files]

    def _python(self, backend: str, *arguments: str) -> Timed:
        """Run Python as the document does."""
        state = {"CACHEGATE_STATE_DIR": str(self._folder / "state"), "CACHEGATE_BACKEND": backend}
        return self.run(sys.executable, *FLAGS, *arguments, environment=state)


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
