"""Ways that encrypt between the client and the machine in the middle.

The client connects to a program on its own machine, which goes on to one in the middle. That one
stands alone on a machine that does not route, so that nothing else carries what arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.data_path.site import PORT
from benchmarks.data_path.way import Way

if TYPE_CHECKING:
    from benchmarks.data_path.site import Machine, Site

_SSH_ENTRANCE, _STUNNEL_ENTRANCE = 6379, 6380  # of the client's own machine
_OUTER = 4433

_STUNNEL = """
foreground = yes
syslog = no
pid =
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[node]
client = {client}
accept = {accept}
connect = {connect}
{certificate}
"""
_SSHD = """
Port {outer_port}
ListenAddress {outer}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
PermitRootLogin yes
UsePAM no
"""
# sshd wants a folder under /run and a user of its own; both are there for this process alone.
_SSHD_AT_HOME = """
set -e
cp /etc/passwd "$1/passwd"
id sshd >/dev/null 2>&1 || echo 'sshd:x:22222:65534::/run/sshd:/bin/false' >>"$1/passwd"
mount --bind "$1/passwd" /etc/passwd
mount -t tmpfs run /run
mkdir -m 755 /run/sshd
exec "$2" -D -e -f "$1/sshd.conf"
"""


def ssh(site: Site, name: str) -> Way:
    """Carry all connections in one of ssh's."""
    machine = site.machine("ssh", routes=False)
    folder = site.folder / "ssh"
    folder.mkdir()
    for key in ("host", "user"):
        site.run(site.client, "ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(folder / key))
    text = _SSHD.format(outer=machine.outer, outer_port=_OUTER, folder=folder)
    (folder / "sshd.conf").write_text(text)
    site.start(machine.host, "sh", "-c", _SSHD_AT_HOME, "sh", str(folder), site.program("sshd"))
    site.wait_for(machine.host, _OUTER)
    site.start(
        site.client, "ssh", "-N", "-F", "none", "-i", str(folder / "user"),
        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "ExitOnForwardFailure=yes", "-o", "LogLevel=ERROR", "-p", str(_OUTER),
        "-L", f"127.0.0.1:{_SSH_ENTRANCE}:{machine.node}:{PORT}", f"root@{machine.outer}",
    )  # fmt: skip
    return _way(site, name, machine, _SSH_ENTRANCE)


def stunnel(site: Site, name: str) -> Way:
    """Carry each connection in one of TLS."""
    machine = site.machine("stunnel", routes=False)
    outer = f"{machine.outer}:{_OUTER}"
    shown = site.authority.certificate("*.bench.cache.test")
    far = _STUNNEL.format(
        client="no", accept=outer, connect=f"{machine.node}:{PORT}",
        certificate=f"cert = {shown.chain}\nkey = {shown.key}",
    )  # fmt: skip
    near = _STUNNEL.format(
        client="yes", accept=f"127.0.0.1:{_STUNNEL_ENTRANCE}", connect=outer,
        certificate=f"CAfile = {shown.authority}\nverifyChain = yes",
    )  # fmt: skip
    site.start(machine.host, "stunnel", site.keep("stunnel-far.conf", far))
    site.wait_for(machine.host, _OUTER)
    site.start(site.client, "stunnel", site.keep("stunnel-near.conf", near))
    return _way(site, name, machine, _STUNNEL_ENTRANCE)


def _way(site: Site, name: str, machine: Machine, entrance: int) -> Way:
    site.wait_for(site.client, entrance)
    return Way(name, "127.0.0.1", entrance, seen=machine.inner, machine=machine, tracks=False)
