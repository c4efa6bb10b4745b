"""The programs that others would use instead of us, unpacked beside the build by `make peers`."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

PEERS = Path(__file__).parents[1] / "build" / "peers"
_FOLDERS = ("usr/sbin", "usr/bin", "sbin", "bin")


def environment() -> dict[str, str]:
    """Return an environment in which the unpacked programs are found, with their libraries."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    programs = [str(PEERS / folder) for folder in _FOLDERS]
    libraries = [str(PEERS / folder / multiarch) for folder in ("usr/lib", "lib")]
    return os.environ | {
        "PATH": os.pathsep.join([os.environ.get("PATH", ""), *programs]),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
    }


def find(name: str) -> str | None:
    """Return where a program is, installed or unpacked; None where it is neither."""
    return shutil.which(name, path=environment()["PATH"])
