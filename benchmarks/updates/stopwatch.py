"""Run programs where this runs, and time them: one JSON object a line in, one a line out.

It stays in the NAT instance's namespace, so that nothing but the program is in the time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Answer each job, {"command", "text", "environment"}, with how it went, until stdin ends."""
    for line in sys.stdin:
        job = json.loads(line)
        began = time.monotonic()
        done = subprocess.run(
            job["command"],
            input=job["text"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | job["environment"],
        )
        seconds = time.monotonic() - began
        answer = {
            "began": began,
            "seconds": seconds,
            "code": done.returncode,
            "output": done.stdout,
            "error": done.stderr,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
