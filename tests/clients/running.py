"""Programs of clients that run beside each other on a host, and what each of them met."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from tests.clients.drivers import drive
from tests.clients.programs import DRIVERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from local.namespaces import Host
    from tests.clients.programs import Program

READY_WITHIN_S = 30.0
ENDS_WITHIN_S = drive.GRACE_S + 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one client; times are time.monotonic of this machine."""

    ok: int = 0  # pairs of SET and GET, both answered well
    errors: int = 0
    texts: tuple[tuple[float, str], ...] = ()  # of the first errors
    longest_ms: float = 0.0  # from one good answer to the next, or to the end
    longest_at: float = 0.0  # when that began
    silent_ms: float = 0.0  # from the last good answer to the end
    hung: bool = False  # a request did not return after the end
    died: str = ""  # the last that it said, where it ended by itself

    @property
    def first_error(self) -> str:
        """Return how it failed first, or ""."""
        if self.died:
            return f"ended by itself: {self.died}"
        return self.texts[0][1] if self.texts else ""


@dataclass(slots=True)
class Running:
    """Several clients at once, each a process; leaving it ends them and makes their reports."""

    folder: Path
    programs: dict[str, tuple[Program, str, Host]]  # with the snippet and the host, by name
    environment: Mapping[str, str] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        try:
            for name, (program, snippet, host) in self.programs.items():
                self._start(name, program, snippet, host)
            self._await()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        died = {name for name, each in self._processes.items() if each.poll() is not None}
        ended = time.monotonic()
        for process in self._processes.values():
            if process.stdin is not None:
                process.stdin.close()
        while any(each.poll() is None for each in self._processes.values()):
            if time.monotonic() > ended + ENDS_WITHIN_S:
                break
            time.sleep(0.05)
        for name in self._processes:
            self.reports[name] = self._report(name, ended, died=name in died)
        self._kill()

    def _start(self, name: str, program: Program, snippet: str, host: Host) -> None:
        own = self.folder / name.replace(" ", "-")  # one library may run against several caches
        own.mkdir()
        command = program.command(program.write(snippet, own))
        environment = {"PYTHONPATH": str(DRIVERS), "CLIENT_NAME": program.name}
        with self._out(name).open("w") as out, self._said(name).open("w") as said:
            # A group of processes of its own, so that what it has started ends with it.
            self._processes[name] = host.start(
                "setsid", *command, stdin=subprocess.PIPE, stdout=out, stderr=said,
                env=dict(os.environ) | environment | dict(self.environment),
            )  # fmt: skip

    def _await(self) -> None:
        """Wait until each has had its first good answer, or has ended by itself."""
        deadline = time.monotonic() + READY_WITHIN_S
        waiting = set(self._processes)
        while waiting and time.monotonic() < deadline:
            for name in tuple(waiting):
                ready = "ready\n" in self._out(name).read_text()
                if ready or self._processes[name].poll() is not None:
                    waiting.remove(name)
            time.sleep(0.05)

    def _report(self, name: str, ended: float, *, died: bool) -> Report:
        lines = self._out(name).read_text().splitlines()
        if died or (self._processes[name].poll() not in (0, None)):
            said = self._said(name).read_text().split("\n")
            last = [line.strip() for line in (*lines, *said) if line.strip()]
            code = self._processes[name].poll()
            return Report(died=f"exit code {code}, after {last[-1][:300] if last else 'no word'}")
        if self.programs[name][0].language == "shell":
            return of_lines(lines, ended, hung=self._processes[name].poll() is None)
        last_line = lines[-1] if lines else ""
        if not last_line.startswith("{"):
            return Report(hung=True)
        row: dict[str, Any] = json.loads(last_line)
        return Report(**row | {"texts": tuple((at, text) for at, text in row["texts"])})

    def _kill(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def _out(self, name: str) -> Path:
        return self.folder / f"{name}.out"

    def _said(self, name: str) -> Path:
        return self.folder / f"{name}.err"


def of_lines(lines: list[str], ended: float, *, hung: bool) -> Report:
    """Count what drive.sh printed: when it was, what was asked for, what was said."""
    good: list[float] = []
    bad: list[tuple[float, str]] = []
    for line in lines:
        at, _, rest = line.partition(" ")
        number, _, said = rest.partition(" ")
        if not number.isdecimal():
            continue  # what the snippet itself printed
        if said == number:
            good.append(float(at))
        else:
            bad.append((float(at), said[:300]))
    moments = [*good, ended]
    gaps = [(after - before, before) for before, after in pairwise(moments)]
    longest, longest_at = max(gaps, default=(0.0, 0.0))
    return Report(
        ok=len(good), errors=len(bad), texts=tuple(bad[:5]), hung=hung,
        longest_ms=round(longest * 1000, 1), longest_at=longest_at,
        silent_ms=max(0.0, round(gaps[-1][0] * 1000, 1)) if gaps else 0.0,
    )  # fmt: skip
