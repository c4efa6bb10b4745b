"""Programs that take each connection and open another: what a user would pick instead of us.

Each stands alone on a machine that does not route, so that nothing else carries what arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import programs
from benchmarks.data_path.site import PORT
from benchmarks.data_path.way import Way

if TYPE_CHECKING:
    from benchmarks.data_path.site import Machine, Site

_CARRIED = 2000  # connections at a time, more than the load has

_HAPROXY = """
global
  maxconn {carried}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen node
  bind {outer}:{port}
  server node {node}:{port}
"""
_NGINX = """
{module}
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr error;
user root;
events {{ worker_connections {carried}; }}
stream {{
  server {{
    listen {outer}:{port} backlog=1024;
    proxy_pass {node}:{port};
  }}
}}
"""


def haproxy(site: Site, name: str) -> Way:
    """Take connections by haproxy, as TCP."""
    machine = site.machine("haproxy", routes=False)
    text = _HAPROXY.format(carried=_CARRIED, outer=machine.outer, node=machine.node, port=PORT)
    site.start(machine.host, "haproxy", "-db", "-f", site.keep("haproxy.cfg", text))
    return _way(site, name, machine)


def nginx(site: Site, name: str) -> Way:
    """Take connections by nginx's module for TCP."""
    machine = site.machine("nginx", routes=False)
    unpacked = programs.PEERS / "usr/lib/nginx/modules/ngx_stream_module.so"
    text = _NGINX.format(
        module=f"load_module {unpacked};" if unpacked.exists() else "",
        folder=site.folder, carried=_CARRIED, outer=machine.outer, node=machine.node, port=PORT,
    )  # fmt: skip
    config = site.keep("nginx.conf", text)
    site.start(machine.host, "nginx", "-e", "stderr", "-p", str(site.folder), "-c", config)
    return _way(site, name, machine)


def socat(site: Site, name: str) -> Way:
    """Take connections by socat, one process for each."""
    machine = site.machine("socat", routes=False)
    site.start(
        machine.host, "socat",
        f"TCP-LISTEN:{PORT},bind={machine.outer},fork,reuseaddr,backlog=1024,nodelay",
        f"TCP:{machine.node}:{PORT},nodelay",
    )  # fmt: skip
    return _way(site, name, machine)


def _way(site: Site, name: str, machine: Machine) -> Way:
    site.wait_for(machine.host, PORT)
    return Way(name, machine.outer, PORT, seen=machine.inner, machine=machine, tracks=False)
