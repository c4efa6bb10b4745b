"""The nftables back-end: one table of our own, changed in one transaction."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, List, Optional

from cachegate_agent import nftables_text as text
from cachegate_agent.backend import STAMPS
from cachegate_agent.errors import Failed
from cachegate_agent.nftables_listing import Listing

if TYPE_CHECKING:
    from cachegate_agent.backend import Live
    from cachegate_agent.rules import Rules

# Older ones crash on listings written by newer ones, or lack what we use.
OLDEST = (1, 0, 1)
GONE = "No such file or directory"
SECONDS = 60  # an nft that takes longer is stuck


class Nftables:
    """Satisfies backend.Backend."""

    name = "nftables"

    def why_not(self) -> str:
        """Return why this back-end cannot be used here, or "" where it can."""
        if shutil.which("nft") is None:
            return "the program nft is not installed"
        found = re.search(r"v(\d+)\.(\d+)\.(\d+)", _nft("--version").stdout)
        if found is None or tuple(map(int, found.groups())) < OLDEST:
            return f"nft is older than {'.'.join(map(str, OLDEST))}"
        return ""

    def render(self, rules: Rules) -> str:
        """Return the full text for an empty kernel."""
        return text.whole(rules, STAMPS[0])

    def read(self) -> Optional[Live]:
        """Return what the kernel holds of ours, or None where it holds nothing."""
        listing = _listing() if shutil.which("nft") else None
        return listing.live() if listing else None

    def swap(self, rules: Rules, stamp: int, since: Optional[Live]) -> None:
        """Make the kernel hold exactly these rules."""
        if since is not None:
            before = text.Content(since.sources, since.targets, since.stamp)
            _load(text.change(before, rules, stamp))
            idle = [listen for listen, targets in since.targets.items() if len(targets) > 1]
        else:
            idle = self._write_over(rules, stamp)
        now = rules.targets
        _delete_chains([f"{text.READERS}{port}" for port in idle if len(now.get(port, ())) < 2])

    def _write_over(self, rules: Rules, stamp: int) -> List[int]:
        """Write the whole table over what is there; return the ports that had a readers chain."""
        try:
            # Refused where there is a table: so an empty kernel need not be asked first.
            _load(f"create table {text.TABLE}\n{text.whole(rules, stamp)}")
        except Failed:
            listing = _listing()
            if listing is None:
                raise
        else:
            return []
        if listing.has_our_frame():
            try:
                _load(text.afresh(rules, stamp))
            except Failed:
                pass  # the way below needs nothing of what is there
            else:
                return listing.readers_chains()
        # Somebody made it something else: a moment without hooks is the lesser evil.
        _load(f"delete table {text.TABLE}\n{text.whole(rules, stamp)}")
        return []

    def remove(self) -> bool:
        """Take away the table; return whether there was one."""
        if shutil.which("nft") is None:
            return False
        done = _nft("delete", "table", *text.TABLE.split())
        if done.returncode != 0 and GONE not in done.stderr:
            raise _refused(done)
        return done.returncode == 0


def _listing() -> Optional[Listing]:
    """List our table alone: other tables may hold what this nft cannot print."""
    done = _nft("-j", "list", "table", *text.TABLE.split())
    if done.returncode == 0:
        return Listing.parse(done.stdout)
    if GONE in done.stderr:
        return None
    raise _refused(done)


def _load(script: str) -> None:
    done = _nft("-f", "-", stdin=script)
    if done.returncode != 0:
        raise _refused(done)


def _delete_chains(names: List[str]) -> None:
    """Delete chains that nothing refers to any more, after the transaction that dropped them.

    Kernels before 6.2 may call such a chain busy for a while, so this may fail: an empty chain
    without a reference sees no packet, does not count as a difference, and goes with a later swap.
    """
    if names:
        _nft("-f", "-", stdin="".join(f"delete chain {text.TABLE} {name}\n" for name in names))


def _nft(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["nft", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed("kernel_refused", f"nft: {error}") from error


def _refused(done: subprocess.CompletedProcess[str]) -> Failed:
    said = " ".join(done.stderr.split())[:500] or f"exit code {done.returncode}"
    return Failed("kernel_refused", f"nft: {said}")
