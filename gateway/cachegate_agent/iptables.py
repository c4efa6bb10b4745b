"""The iptables back-end: chains of our own in the tables raw, filter and nat, one jump to each.

Where a system has both kinds of iptables, nf_tables and legacy, the one that `iptables` names is
used, as every other program does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterable, Optional, Sequence

from cachegate_agent.backend import STAMPS
from cachegate_agent.errors import Failed
from cachegate_agent.iptables_read import live
from cachegate_agent.iptables_swap import held, removal, steps
from cachegate_agent.iptables_text import Found, parse
from cachegate_agent.iptables_trace import delete_empty, made_for_us

if TYPE_CHECKING:
    from cachegate_agent.backend import Live
    from cachegate_agent.rules import Rules

PROGRAMS = ("iptables", "iptables-save", "iptables-restore")
LOCK_WAIT_S = 10  # how long another program may hold the lock of legacy iptables
PROGRAM_TIMEOUT_S = 60

# Names the tables that legacy iptables has loaded. Asking the program itself would load the module.
LEGACY_TABLES = Path("/proc/net/ip_tables_names")


class Iptables:
    """Keeps the rule set in chains whose names begin with CACHEGATE."""

    name = "iptables"

    def why_not(self) -> str:
        """Return why this back-end cannot be used here, or "" where it can."""
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            return f"the program {missing[0]} is not installed"
        # Only root may look into the other kind's chains; nobody else can change any.
        other = _other_kind() if os.geteuid() == 0 else ""
        if other:
            return (
                f"our chains are in {other}, but iptables now is of the other kind:"
                " the action remove takes them away"
            )
        return ""

    def render(self, rules: Rules) -> str:
        """Return the input of iptables-restore --noflush for an empty kernel."""
        return _text(steps(rules, STAMPS[0], None, {}))

    def read(self) -> Optional[Live]:
        """Return what the kernel holds of ours, or None where it holds nothing."""
        if not _is_installed():
            return None
        found = _read("iptables-save")
        return live(found) if found else None

    def swap(self, rules: Rules, stamp: int, since: Optional[Live]) -> None:
        """Make the kernel hold exactly these rules; without `since` it is read first."""
        if since is None:
            found = _read("iptables-save")
            way = steps(rules, stamp, live(found) if found else None, found)
        else:
            way = steps(rules, stamp, since, held(since))
        _restore("iptables-restore", way)

    def remove(self) -> bool:
        """Take away everything of ours, from both kinds of iptables where the system has both."""
        if not _is_installed():
            return False
        kinds = ["iptables", *filter(None, [_other_kind()])]
        return sum(_remove(kind) for kind in kinds) > 0


def _is_installed() -> bool:
    return all(shutil.which(program) for program in PROGRAMS)


def _remove(kind: str) -> bool:
    found = _read(f"{kind}-save")
    made = made_for_us() if found and _is_nf_tables(kind) else []
    _restore(f"{kind}-restore", removal(found))
    delete_empty(made)
    return bool(found)


def _is_nf_tables(kind: str) -> bool:
    return "nf_tables" in _run([kind, "--version"])


def _other_kind() -> str:
    """Return the kind of iptables that `iptables` is not, where that holds anything of ours."""
    if _is_nf_tables("iptables"):
        # Absent from a kernel without legacy tables, and empty where none is loaded.
        loaded = LEGACY_TABLES.exists() and LEGACY_TABLES.read_text(encoding="ascii")
        other = "iptables-legacy" if loaded else ""
    else:
        other = "iptables-nft"
    if not other or shutil.which(f"{other}-save") is None:
        return ""
    try:
        return other if _read(f"{other}-save") else ""
    except Failed:
        return ""  # a kernel without nf_tables holds no chains of that kind


def _read(program: str) -> Dict[str, Found]:
    return parse(_run([program]))


def _restore(program: str, steps: Sequence[Sequence[str]]) -> None:
    """Give the transactions to the kernel, in one run of the program; without any, do nothing."""
    script = _text(steps)
    if script:
        _run([program, "--noflush", "--wait", str(LOCK_WAIT_S)], script)


def _text(steps: Iterable[Sequence[str]]) -> str:
    return "".join(f"{line}\n" for step in steps for line in step)


def _run(command: Sequence[str], text: str = "") -> str:
    """Run a program and return what it printed; raise Failed with its own words where it fails."""
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=PROGRAM_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed("kernel_refused", f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:500] or f"exit code {done.returncode}"
        raise Failed("kernel_refused", f"{command[0]}: {said}")
    return done.stdout
