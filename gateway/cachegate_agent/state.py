"""What the agent remembers between two runs, and the lock that lets one action run at a time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, NamedTuple, Optional

from cachegate_agent import payload
from cachegate_agent.errors import AgentError, Failed

if TYPE_CHECKING:
    from cachegate_agent.rules import Rules

DEFAULT = Path("/var/lib/cachegate")
LOCK_SECONDS = 30.0  # an apply takes far less, so whoever holds it longer is stuck


class Saved(NamedTuple):
    """The last rule set that was applied and verified."""

    document: Dict[str, Any]  # as received, so that its digest can be checked again
    rules: Rules
    backend: str
    shape: str  # what Live.shape was right after
    instance: str  # EC2 instance id, "" where there was no answer
    boot: str  # the boot in which the instance id was asked for


class State:
    """The state directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "state.json"
        self._lock = folder / "lock"

    @property
    def is_default(self) -> bool:
        """Tell whether this is the directory that an installed agent uses."""
        return self.folder == DEFAULT

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; raise Failed("busy") where another action holds it too long."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = self._wait()
        except OSError as error:
            raise Failed("state_unusable", f"{self.folder}: {error.strerror}") from error
        try:
            yield
        finally:
            os.close(handle)

    def _wait(self) -> int:
        end = time.monotonic() + LOCK_SECONDS
        while True:
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _try(handle) and self._is_current(handle):
                return handle
            os.close(handle)
            if time.monotonic() > end:
                raise Failed("busy", "another action of the agent has not ended")
            time.sleep(0.01)
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _is_current(self, handle: int) -> bool:
        """Tell whether others will open this same file: remove may have deleted it."""
        try:
            return os.fstat(handle).st_ino == self._lock.stat().st_ino
        except FileNotFoundError:
            return False

    def load(self) -> Optional[Saved]:
        """Return what was saved, None where nothing was; raise Failed where it cannot be read."""
        try:
            text = self._file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Failed("state_unusable", f"{self._file}: {error.strerror}") from error
        try:
            held = payload.parse(text)
            return Saved(
                document=held["document"],
                rules=payload.rules_of(held["document"]),
                backend=held["backend"],
                shape=held["shape"],
                instance=held["instance"],
                boot=held["boot"],
            )
        except (AgentError, KeyError, TypeError, AttributeError) as error:
            raise Failed("state_unusable", f"{self._file}: {error}") from error

    def save(self, saved: Saved) -> None:
        """Write it so that after a crash either the old or the new state is there, whole."""
        held = {key: value for key, value in saved._asdict().items() if key != "rules"}
        scratch = self.folder / "state.json.new"
        with scratch.open("w", encoding="ascii") as file:
            file.write(json.dumps(held))  # json.dump takes ten times as long
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._file)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self) -> None:
        """Delete our files, and the directory where nothing else is in it."""
        for name in ("state.json", "state.json.new", "agent.pyz", "agent.pyz.new", "lock"):
            (self.folder / name).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
