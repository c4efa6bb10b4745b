"""The SSM agent on one instance: when a command reaches it, and how its script runs.

As amazon-ssm-agent does it: lines in a file run by `sh` as root, up to five commands at a time, the
exit code is the last command's, standard output is cut at 24,000 and standard error at 8,000
characters.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from local.ssm_document import AgentRefusalError, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.namespaces import Host

STDOUT_LIMIT, STDERR_LIMIT = 24_000, 8_000
WORKERS = 5


@dataclass(slots=True, kw_only=True)
class Delivery:
    """How commands reach an instance; each field can be changed between commands."""

    delay_s: float = 0.05
    lost: int = 0  # this many next commands never arrive
    doubled: int = 0  # this many next commands arrive twice
    late: int = 0  # this many next commands wait for `release_late`


@dataclass(slots=True)
class Result:
    """What a finished command leaves behind."""

    status: str
    details: str
    code: int = -1
    stdout: str = ""
    stderr: str = ""


@dataclass(slots=True)
class ManagedInstance:
    """One instance that SSM knows."""

    instance_id: str
    host: Host
    environment: Mapping[str, str]
    online: bool = True  # what SSM says
    # Whether the agent can be reached, which SSM notices later.
    connected: Callable[[], bool] = lambda: True
    delivery: Delivery = field(default_factory=Delivery)
    workers: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(WORKERS))
    late: list[Callable[[], None]] = field(default_factory=list)
    arriving: list[threading.Thread] = field(default_factory=list)

    def release_late(self) -> int:
        """Run the commands that were held back, oldest first, and tell how many there were."""
        held, self.late = self.late, []
        for run in held:
            run()
        return len(held)

    def finish(self) -> None:
        """Wait until what was brought has run, also the second of two that nobody waits for."""
        for each in tuple(self.arriving):
            each.join()

    def run(self, make_steps: Callable[[], list[Step]]) -> Result:
        """Run a command's steps to their end."""
        with self.workers:
            try:
                steps = make_steps()
            except AgentRefusalError as error:
                return Result("Failed", "Failed", stderr=str(error))
            result = Result("Success", "Success", code=0)
            for step in steps:
                self._run_step(step, result)
        return result

    def _run_step(self, step: Step, result: Result) -> None:
        """Run one step from a file, and end all that it started where it takes too long."""
        with tempfile.TemporaryDirectory(prefix="ssm-") as folder:
            script = Path(folder, "_script.sh")
            script.write_text(step.script)
            out, err = Path(folder, "stdout"), Path(folder, "stderr")
            with out.open("w") as stdout, err.open("w") as stderr:
                process = subprocess.Popen(
                    self.host.command("sh", str(script)),
                    stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                    env=dict(self.environment), start_new_session=True,
                )  # fmt: skip
                try:
                    result.code = process.wait(step.timeout_s)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    result.status, result.details = "TimedOut", "ExecutionTimedOut"
                    result.code = 137
            # Later steps run also where an earlier one failed; the command has failed all the same.
            if result.status == "Success" and result.code != 0:
                result.status, result.details = "Failed", "Failed"
            result.stdout = (result.stdout + out.read_text(errors="replace"))[:STDOUT_LIMIT]
            result.stderr = (result.stderr + err.read_text(errors="replace"))[:STDERR_LIMIT]


def deliver(
    instance: ManagedInstance,
    timeout_s: float,
    run: Callable[[], None],
    give_up: Callable[[], None],
) -> None:
    """Bring a command to its instance in the background, within its delivery timeout."""
    fate = instance.delivery
    if fate.lost > 0:
        fate.lost -= 1
        timer = threading.Timer(timeout_s, give_up)
        timer.daemon = True
        timer.start()
        return
    if fate.late > 0:
        fate.late -= 1
        instance.late.append(run)
        return
    times = 2 if fate.doubled > 0 else 1
    fate.doubled = max(0, fate.doubled - 1)
    instance.arriving = [each for each in instance.arriving if each.is_alive()]
    for _ in range(times):
        arrival = threading.Thread(
            target=_bring, args=(instance, timeout_s, run, give_up), daemon=True
        )
        instance.arriving.append(arrival)
        arrival.start()


def _bring(
    instance: ManagedInstance,
    timeout_s: float,
    run: Callable[[], None],
    give_up: Callable[[], None],
) -> None:
    deadline = time.monotonic() + timeout_s
    time.sleep(instance.delivery.delay_s)
    while not (instance.online and instance.connected()):
        if time.monotonic() >= deadline:
            give_up()
            return
        time.sleep(0.05)
    run()
