"""The world ends when its terminal closes, whatever runs in it and whom the kernel tells."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

WAITS = """
import time
from local.shell import _hang_up_with_terminal
_hang_up_with_terminal()
print("waits", flush=True)
time.sleep(60)
"""


def test_who_is_not_in_the_foreground_hears_that_the_terminal_closed() -> None:
    """As it is no process's controlling terminal, the kernel tells nobody."""
    ours, theirs = pty.openpty()
    waiting = subprocess.Popen([sys.executable, "-c", WAITS], stdin=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    assert waiting.stdout is not None
    with waiting, waiting.stdout:
        assert waiting.stdout.readline() == b"waits\n"
        assert waiting.poll() is None

        os.close(ours)

        assert waiting.wait(30) == -signal.SIGHUP
