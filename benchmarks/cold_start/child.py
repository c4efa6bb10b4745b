"""One start, in a process of its own: import a handler's module and print what that took, as JSON.

`python child.py MODULE FOLDER...`: the folders are put onto the path in this order. With RECORD set
the clients that are made are printed too; such a start is for looking, not for measuring.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any


def start(module: str) -> dict[str, Any]:
    """Import the module; powertools first, to know their share."""
    began, cpu = time.perf_counter(), time.process_time()
    if module == "app":
        importlib.import_module("aws_lambda_powertools")
    shared = time.perf_counter()
    started = importlib.import_module(module)
    ended, cpu = time.perf_counter(), time.process_time() - cpu
    wired = getattr(started, "wired", None)
    if isinstance(wired, Exception):
        raise wired
    return {
        "wall": 1000 * (ended - began),
        "cpu": 1000 * cpu,
        "powertools": 1000 * (shared - began),
        "rss": _peak(),
        "modules": len(sys.modules),
        # Objects that no search for garbage goes through.
        "kept": gc.get_freeze_count(),
        "ours": sorted(name for name in sys.modules if name.split(".")[0] == "cachegate"),
        "files": {
            name: sys.modules[name].__file__
            for name in ("boto3", "botocore", "aws_lambda_powertools", "cachegate")
            if name in sys.modules
        },
        # Whether the interpreter found byte code, or compiled.
        "compiled": sorted(
            name
            for name, each in sys.modules.items()
            if name.split(".")[0] in {"botocore", "cachegate"}
            and os.path.exists(getattr(each, "__cached__", None) or "")  # noqa: PTH110 - started bare
        ),
    }


def _peak() -> float:
    """Return the most memory of this program, in MiB; getrusage has its parent's, if more."""
    with open("/proc/self/status") as file:  # noqa: PTH123 - started bare
        kib = next(line.split()[1] for line in file if line.startswith("VmHWM"))
    return int(kib) / 1024


def record(clients: list[Any]) -> None:
    """Keep the service and the settings of each client that is made from now on."""
    session = importlib.import_module("botocore.session").Session
    make = session.create_client

    def create_client(self: Any, service_name: str, *given: Any, **named: Any) -> Any:
        clients.append([service_name, vars(named["config"])["_user_provided_options"]])
        return make(self, service_name, *given, **named)

    session.create_client = create_client


if __name__ == "__main__":
    # Lambda gives a function a share of one core; and a start that moves to another takes longer.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sys.path[:0] = sys.argv[2:]
    made: list[Any] = []
    if "RECORD" in os.environ:
        record(made)
    print(json.dumps(start(sys.argv[1]) | {"clients": made}))
