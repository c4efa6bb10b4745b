"""Run a command where it may own the network: private mount, network and process namespaces.

Everything made inside (network namespaces, firewall rules, servers, mounts) ends with the
command, also when it is killed, and none of it is visible to the machine. Without root a user
namespace gives the same, where the kernel allows it.

Usage: python -m local.sandbox [--or-plain] COMMAND [ARGUMENT...]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import NoReturn

INSIDE = "CACHEGATE_SANDBOX"

# Named network namespaces live under /run/netns: a private one keeps two runs apart. A user
# namespace may not write to the machine's /run, so that is covered as a whole.
_PREPARE = """
set -e
mount --make-rprivate /
if [ "$(id -u)" = 0 ] && mkdir -p /run/netns 2>/dev/null; then mount -t tmpfs cachegate /run/netns
else mount -t tmpfs cachegate /run && mkdir -p /run/netns; fi
ip link set lo up
exec "$@"
"""


def inside() -> bool:
    """Tell whether this process runs in the sandbox already."""
    return os.environ.get(INSIDE) == "1"


def _unshare() -> list[str]:
    """Return the command that enters, by a user namespace where root is missing."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    # SIGKILL to every process inside when the outermost one ends, however it ends.
    return ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]


def why_not() -> str | None:
    """Return in one line why the sandbox cannot be entered here, or None where it can."""
    for tool in ("unshare", "ip", "mount"):
        if shutil.which(tool, path=_path()) is None:
            return f"the program {tool} is not installed"
    # The probe does all that a run will need, because a container may allow one half of it only.
    probe = "ip netns add probe && ip netns exec probe nft add table ip probe"
    if shutil.which("nft", path=_path()) is None:
        return "the program nft is not installed"
    command = [*_unshare(), "sh", "-c", _PREPARE, "sh", "sh", "-c", probe]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return f"the kernel does not allow network namespaces here ({lines[-1]})"


def enter(command: list[str]) -> NoReturn:
    """Replace this process by the command inside the sandbox; never returns."""
    argv = [*_unshare(), "sh", "-c", _PREPARE, "sh", *command]
    os.execvpe(argv[0], argv, _environment() | {INSIDE: "1"})  # noqa: S606 - no shell wanted


def _path() -> str:
    """Return PATH with the system folders that a plain user's PATH lacks on Debian."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"PATH": _path()}


def main(arguments: list[str]) -> int:
    """Enter and run; with --or-plain run outside where that is impossible, saying why."""
    or_plain = arguments[:1] == ["--or-plain"]
    command = arguments[1:] if or_plain else arguments
    if not command:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    reason = why_not()
    if reason is None:
        enter(command)
    sys.stderr.write(f"no sandbox: {reason}\n")
    return plain(command) if or_plain else 1


def plain(command: list[str]) -> NoReturn:
    """Replace this process by the command as it is, outside."""
    os.execvpe(command[0], command, _environment())  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
