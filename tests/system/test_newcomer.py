"""What the README promises a newcomer, and that the world they started leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local import sandbox
from local.artefacts import ROOT
from tests.system.terminal import END, INTERRUPT, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GONE = "Interrupted; the embedded world is gone again."
PROMPT = "client outside AWS"
AS_INSIDE = (
    "cachegate connect orders --format nft | nft -f -; "
    "cachegate connect orders --format nft | sed -n 's/^#   //p' >/etc/hosts"
)
ADDRESS = "https://HOST/OWNER/cachegate"
# The newcomer's `make setup` would fetch all packages again: the clone gets ours instead.
HOOK = """#!/bin/sh
mkdir .venv && ln -s {venv}/* .venv/ && rm .venv/ready && touch .venv/ready
"""


@pytest.fixture
def place(_possible: None) -> Iterator[Path]:
    """Return a folder with a short name, since the path of a socket has 107 bytes at most."""
    if reason := sandbox.why_not():
        pytest.skip(f"needs a sandbox inside of this one: {reason}")
    with tempfile.TemporaryDirectory(prefix="new-") as folder:
        for name in ("empty", "tmp", "cache"):
            (Path(folder) / name).mkdir()
        yield Path(folder)


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """Return the environment of a person who has never been here."""
    others = {sandbox.INSIDE, "CACHEGATE_LOCAL", "CACHEGATE_STACK", "MAKEFLAGS", "MAKELEVEL"}
    left = {key: value for key, value in os.environ.items() if key not in others}
    return left | {
        "TERM": "dumb", "TMPDIR": str(place / "tmp"), "XDG_CACHE_HOME": str(place / "cache"),
    }  # fmt: skip


@pytest.fixture
def offered(place: Path) -> dict[str, str]:
    """Put this source where git finds it under the README's address; return git's settings."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git, and a checkout")
    git = (
        "git",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "-c",
        "init.defaultBranch=m",
    )
    source, template = place / "source", place / "template"
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        subprocess.run([*git, *command], cwd=source, check=True)
    hook = template / "hooks" / "post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(HOOK.format(venv=ROOT / ".venv"))
    hook.chmod(0o755)
    return {
        "GIT_TEMPLATE_DIR": str(template), "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{source}.insteadOf", "GIT_CONFIG_VALUE_0": ADDRESS,
    }  # fmt: skip


def commands() -> list[str]:
    """Return the README's first commands, as they stand there."""
    section = (ROOT / "README.md").read_text().partition("## See it work")[2]
    fence = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert fence is not None
    return fence[1].splitlines()


def nothing_left(place: Path) -> bool:
    """Tell whether neither files nor processes of a world are there."""
    files = [*(place / "tmp").iterdir(), *(place / "cache").rglob("*.sock")]
    running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(place) in _text(path)]
    return not files and not running


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


def test_two_commands_lead_from_an_empty_directory_to_a_ping_through_the_nat(
    place: Path, environment: dict[str, str], offered: dict[str, str]
) -> None:
    first, second = commands()
    with Terminal("sh", "-c", first, cwd=place / "empty", env=environment | offered) as newcomer:
        newcomer.wait_for(PROMPT)
        newcomer.type(f"{second}\r")
        newcomer.wait_for("PONG")

        # A program for a cluster with TLS and AUTH: its names, its CA and its password are set.
        newcomer.type("cachegate connect orders --format redis-py | python\r")
        newcomer.wait_for("hello")

        # A client that knows no map: the kernel has one, and names lead to inner addresses for it.
        newcomer.type(f"{AS_INSIDE}; cachegate connect orders --format redis-cli | sh\r")
        newcomer.wait_for("hello")

        # Another terminal.
        cachegate = [str(ROOT / ".venv/bin/cachegate"), "status", "--local", "--json"]
        status = subprocess.run(cachegate, env=environment, capture_output=True, check=True)
        assert {each["cache"] for each in json.loads(status.stdout)["vpcs"][0]["forwards"]} == {
            "cart", "orders", "pages", "sessions",
        }  # fmt: skip
        world = [sys.executable, "-m", "local.shell", "-c", "true"]
        another = subprocess.run(
            world, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert (another.returncode, another.stdout) == (2, "")
        assert "an embedded world runs already" in another.stderr

        # Ctrl-C is for what runs in the shell.
        newcomer.type("sleep 1000\r")
        newcomer.wait_for("sleep 1000")
        time.sleep(0.5)
        newcomer.type(INTERRUPT)
        newcomer.wait_for(PROMPT)
        newcomer.type("echo code $?\r")
        newcomer.wait_for("code 130")
        newcomer.wait_for(PROMPT)
        newcomer.type(END)
        newcomer.wait_for("gone again")
        assert newcomer.ended() == 0

    assert nothing_left(place)


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.3, 2.0])
def test_an_interrupt_before_the_first_word_ends_it_without_one(
    place: Path, environment: dict[str, str], seconds: float
) -> None:
    """Whenever it comes, while programs and modules are loaded or after it."""
    started = subprocess.Popen(
        [sys.executable, "-m", "local.shell"], cwd=ROOT, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    time.sleep(seconds)
    os.killpg(started.pid, signal.SIGINT)

    said, _ = started.communicate(timeout=60)

    assert started.returncode == 130
    assert said in {"", f"{GONE}\n"} or said.splitlines()[-1] == GONE
    assert "Traceback" not in said
    assert nothing_left(place)


@pytest.mark.parametrize(
    ("end", "number", "code"),
    [
        pytest.param(os.killpg, signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(os.killpg, signal.SIGHUP, 129, id="the terminal closes"),
        pytest.param(os.kill, signal.SIGTERM, 143, id="only who waits for the world is told"),
    ],
)
def test_who_ends_it_while_it_starts_leaves_nothing_behind(
    place: Path,
    environment: dict[str, str],
    end: Callable[[int, int], None],
    number: int,
    code: int,
) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "local.shell"], cwd=ROOT, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stderr is not None
    with started.stderr:
        assert "starting three caches" in started.stderr.readline()
        end(started.pid, number)
        started.stderr.read()

    assert started.wait(60) == code
    assert nothing_left(place)
