"""Lambda: functions run by AWS's own runtime client against a small Runtime API.

Each execution environment is a process of its own with a Runtime API of its own, kept warm and used
by one invocation at a time; a second one at the same time starts another environment, as on AWS.
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from local.caches import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOG_TAIL = 4096
INIT_WITHIN_S = 30.0
_VERSION = "/2018-06-01/runtime/"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation ended with: its payload, and whether that is an error."""

    payload: bytes
    failed: bool = False
    log: str = ""

    @property
    def result(self) -> Any:
        """The payload as a value."""
        return json.loads(self.payload or b"null")


class Ran(NamedTuple):
    """When one invocation was handed over, and when it had ended: seconds since the epoch."""

    began: float
    ended: float


@dataclass(slots=True, kw_only=True)
class Function:
    """A deployed function, and its warm environments."""

    name: str
    handler: str
    folder: Path
    path: tuple[Path, ...]  # the layer and the libraries that the managed runtime has
    logs: Path
    timeout_s: float = 3.0
    memory_mb: int = 128
    environment: Mapping[str, str] = field(default_factory=dict)
    idle: list[Environment] = field(default_factory=list)
    started: int = 0
    ran: list[Ran] = field(default_factory=list)  # as Lambda's own lines of the log tell
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"

    def invoke(self, payload: bytes) -> Outcome:
        """Run one invocation to its end, its error or its time limit."""
        began = time.time()
        environment = self._take()
        outcome = environment.invoke(payload)
        with self.lock:
            self.ran.append(Ran(began, time.time()))
            if environment.alive:
                self.idle.append(environment)
        return outcome

    def _take(self) -> Environment:
        """Return a warm environment that is still alive, or a new one."""
        with self.lock:
            while self.idle:
                environment = self.idle.pop()
                if environment.alive:
                    return environment
                environment.close()
            self.started += 1
            return Environment(self, self.started)

    def close(self) -> None:
        """End the warm environments."""
        with self.lock:
            while self.idle:
                self.idle.pop().close()


class Environment:
    """One process of a function."""

    def __init__(self, function: Function, number: int) -> None:
        """Start the Runtime API, then the process, which begins to ask it for work."""
        self.function = function
        self.work: queue.SimpleQueue[tuple[str, bytes, float]] = queue.SimpleQueue()
        self.outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self.init_error: bytes | None = None
        self.ready = threading.Event()  # initialised, or ended before that
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.log = function.logs / f"{function.name}-{number}.log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-S", "-m", "awslambdaric", function.handler],
                cwd=function.folder, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        threading.Thread(target=self._await_end, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process is there for another invocation."""
        return self.process.poll() is None

    def invoke(self, payload: bytes) -> Outcome:
        """Hand the process one event and wait; a time-out ends the process, as on AWS."""
        function, request_id = self.function, str(uuid.uuid4())
        before = self.log.stat().st_size
        self.ready.wait(INIT_WITHIN_S)  # the time limit counts from here, as on AWS
        self.work.put((request_id, payload, time.time() + function.timeout_s))
        try:
            outcome = self.outcomes.get(timeout=function.timeout_s)
        except queue.Empty:
            self.close()
            message = f"{request_id} Task timed out after {function.timeout_s:.2f} seconds"
            outcome = _error("Sandbox.Timedout", message)
        if outcome is None:
            self.close()
            message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            outcome = _error("Runtime.ExitError", message)
            if self.init_error is not None:
                outcome = Outcome(self.init_error, failed=True)
        tail = self.log.read_bytes()[before:][-LOG_TAIL:].decode(errors="replace")
        return Outcome(outcome.payload, outcome.failed, tail)

    def close(self) -> None:
        """End the process and its Runtime API."""
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()

    def _await_end(self) -> None:
        self.process.wait()
        self.ready.set()
        self.outcomes.put(None)

    def _environment(self) -> dict[str, str]:
        function = self.function
        path = os.pathsep.join(map(str, (function.folder, *function.path)))
        return {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stand-in",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "LAMBDA_TASK_ROOT": str(function.folder),
            "_HANDLER": function.handler,
            **function.environment,
        }


def _error(kind: str, message: str) -> Outcome:
    body = {"errorType": kind, "errorMessage": message}
    return Outcome(json.dumps(body).encode(), failed=True)


def _handler(environment: Environment) -> type[BaseHTTPRequestHandler]:
    """Return the Runtime API of one environment."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer `next`: wait for work."""
            environment.ready.set()
            request_id, payload, deadline = environment.work.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", environment.function.arn)
            self.send_header("Lambda-Runtime-Trace-Id", f"Root=1-{int(time.time()):x}-{'0' * 24}")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_POST(self) -> None:
            """Take a response, an error, or the news that the function could not be loaded."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if self.path == f"{_VERSION}init/error":
                environment.init_error = body
            else:
                failed = self.path.endswith("/error")
                environment.outcomes.put(Outcome(body, failed=failed))

        def log_message(self, *_: object) -> None:
            """Stay quiet: the function's own log says what happened."""

    return Handler
