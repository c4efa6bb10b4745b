"""The client libraries, and how a snippet of `connect` becomes a program that goes on asking."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
DRIVERS = HERE / "drivers"
MODULES = HERE / "node" / "node_modules"
DEMONSTRATION = "Try it:"  # stands in the line of a snippet where connecting ends
LEAST_NODE = 20  # what ioredis 6 and node-redis 6 ask for


@dataclass(frozen=True, slots=True)
class Language:
    """What runs a program of one language, and what follows the snippet in it."""

    suffix: str
    command: tuple[str, ...]
    goes_on: str


LANGUAGES = {
    "python": Language(".py", (sys.executable,), "from drive import go_on\n\ngo_on(globals())\n"),
    "node": Language(
        ".mjs", ("node",), f'import {{ drive }} from "{DRIVERS}/drive.mjs";\nawait drive(client);\n'
    ),
    "php": Language(".php", ("php",), f"require '{DRIVERS}/drive.php';\ndrive($client);\n"),
    "shell": Language(".sh", ("bash",), f". '{DRIVERS}/drive.sh'\ndrive\n"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One client library as its users meet it."""

    name: str  # also of `cachegate connect --format`
    language: str
    package: str  # of the language's registry, or the command
    memcached: bool = False
    # It cannot be told where to connect instead: in cluster mode its machine has to know.
    mapped_by_machine: bool = False
    # It also tries the places that it began with, whose listen ports stay: an old map does.
    goes_back_to_seeds: bool = False
    may_crash: bool = False  # it has been seen to, where a replaced node led again
    waits_for_ever: bool = False  # for a node that is gone: it has no time-out of its own

    def write(self, snippet: str, folder: Path, *, whole: bool = False) -> Path:
        """Write a program into a folder: the snippet up to its demonstration, which then goes on.

        With `whole` it is the snippet as it stands.
        """
        language = LANGUAGES[self.language]
        path = folder / f"client-{self.name}{language.suffix}"  # not a name to import
        path.write_text(snippet if whole else f"{_connecting(snippet)}\n{language.goes_on}")
        modules = folder / "node_modules"
        if self.language == "node" and not modules.exists():
            modules.symlink_to(MODULES)  # imports are looked for beside the program
        return path

    def command(self, path: Path) -> list[str]:
        """Return the command line that runs what was written."""
        return [*LANGUAGES[self.language].command, str(path)]

    def version(self) -> str | None:
        """Return the version that is installed, or None where it is not."""
        return _VERSIONS[self.language](self.package)


PROGRAMS = (
    Program(name="redis-py", language="python", package="redis"),
    Program(name="redis-py-asyncio", language="python", package="redis"),
    Program(name="valkey-py", language="python", package="valkey"),
    Program(
        name="valkey-glide", language="python", package="valkey-glide", goes_back_to_seeds=True
    ),
    Program(name="ioredis", language="node", package="ioredis"),
    Program(name="node-redis", language="node", package="redis"),
    Program(
        name="phpredis", language="php", package="redis", mapped_by_machine=True, may_crash=True
    ),
    Program(
        name="redis-cli",
        language="shell",
        package="redis-cli",
        mapped_by_machine=True,
        waits_for_ever=True,
    ),
    Program(name="pymemcache", language="python", package="pymemcache", memcached=True),
)
# One of each family for `make test`.
FAMILIES = ("redis-py", "valkey-glide", "ioredis", "phpredis", "redis-cli", "pymemcache")


def _connecting(snippet: str) -> str:
    """Return what is before the demonstration, whose end closes the client."""
    lines = snippet.splitlines(keepends=True)
    end = next((n for n, line in enumerate(lines) if DEMONSTRATION in line), None)
    if end is None:
        raise ValueError(f"no line of the snippet says {DEMONSTRATION!r}:\n{snippet}")
    return "".join(lines[:end])


def why_not(program: Program) -> str:
    """Return in one line why a client cannot run here; "" where it can."""
    if program.version() is not None:
        return ""
    return {
        "python": f"the Python package {program.package} is missing: make setup",
        "node": f"needs Node.js {LEAST_NODE} or later, and npm with its registry",
        "php": "needs PHP with phpredis: apt-get install php-cli php-redis",
        "shell": f"needs {program.package}: make packages",
    }[program.language]  # fmt: skip


def said_by(*command: str) -> str | None:
    """Return what a command prints; None where it is missing or fails."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _of_python(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _of_node(package: str) -> str | None:
    major = (said_by("node", "--version") or "v0").removeprefix("v").partition(".")[0]
    manifest = MODULES / package / "package.json"
    if int(major) < LEAST_NODE or not manifest.exists():
        return None
    return said_by("node", "--print", f"require('{manifest}').version")


def _of_php(package: str) -> str | None:
    return said_by("php", "-r", f"echo phpversion('{package}') ?: exit(1);")


def _of_command(command: str) -> str | None:
    said = said_by(command, "--version")
    return said.split()[1] if said else None


_VERSIONS = {"python": _of_python, "node": _of_node, "php": _of_php, "shell": _of_command}
