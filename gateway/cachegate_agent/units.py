"""Install the agent on the instance: a boot unit that restores, and a timer that repairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Dict, List

from cachegate_agent import carry
from cachegate_agent.state import DEFAULT, State

UNITS = Path("/etc/systemd/system")
SYSTEMD = Path("/run/systemd/system")  # exists where systemd is the running init system
SECONDS = 30

# Whatever may flush or load rules at boot comes first: fck-nat and iptables-services flush what is
# not theirs.
BEFORE_US = (
    "nftables.service iptables.service netfilter-persistent.service firewalld.service ufw.service"
    " docker.service fck-nat.service"
)

RESTORE, REPAIR, TIMER = (
    "cachegate-restore.service",
    "cachegate-repair.service",
    "cachegate-repair.timer",
)


def texts(program: str) -> Dict[str, str]:
    """Return the unit files by name; program is the command line of the agent."""
    return {
        RESTORE: f"""\
[Unit]
Description=Restore the port forwards of cachegate
After=local-fs.target network-online.target {BEFORE_US}
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={program} restore

[Install]
WantedBy=multi-user.target
""",
        REPAIR: f"""\
[Unit]
Description=Repair the port forwards of cachegate where the kernel differs
After={RESTORE}

[Service]
Type=oneshot
ExecStart={program} repair
""",
        TIMER: """\
[Unit]
Description=Look every 30 s whether the port forwards of cachegate are in force

[Timer]
OnCalendar=*:*:0/30
AccuracySec=1s

[Install]
WantedBy=timers.target
""",
    }


def install(state: State) -> List[str]:
    """Install the running agent; return a warning where that cannot be done."""
    if not state.is_default:
        return [f"not installed: the state directory is not {DEFAULT}"]
    if not SYSTEMD.is_dir():
        return ["not installed: systemd does not run here, so nothing restores or repairs"]
    if not [path for path, content in _files(state).items() if _write(path, content)]:
        return []
    return (
        _systemctl("daemon-reload")
        + _systemctl("enable", RESTORE)
        + _systemctl("enable", "--now", TIMER)
    )


def is_current(state: State) -> bool:
    """Tell whether what is installed is the running agent, or nothing can be installed here."""
    if not state.is_default or not SYSTEMD.is_dir():
        return True
    return all(_holds(path, content) for path, content in _files(state).items())


def _files(state: State) -> Dict[Path, bytes]:
    """Return what an installation consists of."""
    place = state.folder / "agent.pyz"
    units = texts(f"{sys.executable} -I -S {place}")
    return {place: carry.running(), **{UNITS / name: text.encode() for name, text in units.items()}}


def uninstall(state: State) -> None:
    """Take the units away, where they are this agent's."""
    if not state.is_default or not (UNITS / TIMER).exists():
        return
    if SYSTEMD.is_dir():
        _systemctl("disable", "--now", TIMER)
        _systemctl("disable", RESTORE)
    for name in (RESTORE, REPAIR, TIMER):
        (UNITS / name).unlink(missing_ok=True)
    if SYSTEMD.is_dir():
        _systemctl("daemon-reload")


def _write(path: Path, content: bytes) -> bool:
    """Write a file whole, or not at all where it is the same; return whether it changed."""
    if _holds(path, content):
        return False
    scratch = path.with_name(f"{path.name}.new")
    scratch.write_bytes(content)
    scratch.chmod(0o600 if path.suffix == ".pyz" else 0o644)
    scratch.replace(path)
    return True


def _holds(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _systemctl(*arguments: str) -> List[str]:
    """Run systemctl; return a warning where it fails."""
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"systemctl {arguments[0]}: {error}"]
    return (
        [] if done.returncode == 0 else [f"systemctl {arguments[0]}: {done.stderr.strip()[:200]}"]
    )
