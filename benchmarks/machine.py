"""On what was measured: written beside the raw rows, and at the head of the page."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from benchmarks.programs import environment, find

# Each program of the run, and how it tells its version.
PROGRAMS = {
    "nft": ("nft", "--version"),
    "iptables": ("iptables", "--version"),
    "conntrack": ("conntrack", "--version"),
    "redis-server": ("redis-server", "--version"),
    "haproxy": ("haproxy", "-v"),
    "nginx": ("nginx", "-v"),
    "socat": ("socat", "-V"),
    "ssh": ("ssh", "-V"),
    "stunnel": ("stunnel", "-version"),
}
FILE = "run.json"


@dataclass(slots=True)
class Machine:
    """The machine, its programs, and how loaded it was while each section ran."""

    date: str
    cores: int
    processor: str
    linux: str
    python: str
    programs: dict[str, str]
    seconds: dict[str, float] = field(default_factory=dict)  # by section
    load: dict[str, float] = field(default_factory=dict)  # of the last minute, before each section
    quick: bool = False

    @classmethod
    def here(cls) -> Self:
        """Look at this machine."""
        return cls(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            cores=os.cpu_count() or 1,
            processor=_processor(),
            linux=platform.release().partition("-")[0],
            python=platform.python_version(),
            programs={
                name: version for name, asked in PROGRAMS.items() if (version := _version(asked))
            },
        )

    def save(self, folder: Path) -> None:
        """Write it as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def load_from(cls, folder: Path) -> Self:
        """Read what `save` wrote; raise FileNotFoundError where there is none."""
        return cls(**json.loads((folder / FILE).read_text()))

    def sentence(self) -> str:
        """Return all of it in words."""
        programs = ", ".join(f"{name} {version}" for name, version in self.programs.items())
        minutes = sum(self.seconds.values()) / 60
        busiest = max(self.load.values(), default=0.0)
        return (
            f"Measured {self.date} in {minutes:.0f} minutes on {self.cores} cores "
            f"({self.processor}), Linux {self.linux}, Python {self.python}, {programs}. "
            f"The load of the minute before a section was {busiest:.1f} at most."
        )


def _version(asked: tuple[str, ...]) -> str | None:
    program = find(asked[0])
    if program is None:
        return None
    done = subprocess.run(
        [program, *asked[1:]], capture_output=True, text=True, check=False, env=environment()
    )
    found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    return found.group() if found else None


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()
