"""The formats that are data: json, env, url, natmap and hosts."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cachegate_cli.connect.entrance import entrance_of
from cachegate_cli.connect.literals import comment
from cachegate_cli.connect.notes import notes_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachegate.client.connection import ClientForward, Connection, Place


def as_json(connection: Connection, _user: str | None) -> str:
    """Return all of it for programs."""
    told = {
        "cache": connection.cache,
        "kind": connection.kind,
        "engine": connection.engine,
        "cluster_mode": connection.cluster_mode,
        "tls": connection.tls,
        "auth": connection.auth,
        "public_address": connection.public,
        "endpoint": _text(connection.endpoint),
        "forwards": [_forward(connection, forward) for forward in connection.forwards],
        "natmap": connection.natmap,
        "hosts": connection.hosts,
        "notes": notes_of(connection),
    }
    return json.dumps(told, indent=2) + "\n"


def env(connection: Connection, user: str | None) -> str:
    """Return variables; a shell, Docker and most loaders of .env files read them alike."""
    entrance = entrance_of(connection)
    host, port = connection.outer(entrance.starts[0])
    values = {
        "CACHE_HOST": host,
        "CACHE_PORT": str(port),
        "CACHE_TLS": "true" if connection.tls else "false",
    }
    if connection.engine != "memcached":
        values["CACHE_URL"] = _url(connection, (host, port), user)
    if len(entrance.starts) > 1:
        places = (connection.outer(forward) for forward in entrance.starts)
        values["CACHE_NODES"] = ",".join(filter(None, map(_text, places)))
    if entrance.readers:
        reader_host, reader_port = connection.outer(entrance.readers)
        values |= {"CACHE_READERS_HOST": reader_host, "CACHE_READERS_PORT": str(reader_port)}
    if user:
        values["CACHE_USER"] = user
    told = [f"# {comment(note)}" for note in notes_of(connection)]
    return _lines((*told, *(f"{key}={shlex.quote(value)}" for key, value in values.items())))


def url(connection: Connection, user: str | None) -> str:
    """Return a URL to begin with, a line for each node in cluster mode; never a password."""
    starts = entrance_of(connection).starts
    return _lines(_url(connection, connection.outer(forward), user) for forward in starts)


def natmap(connection: Connection, _user: str | None) -> str:
    """Return where to connect instead of each inner place."""
    return json.dumps(connection.natmap, indent=2) + "\n"


def hosts(connection: Connection, _user: str | None) -> str:
    """Return lines of a hosts file, between marks, so that they can be taken out again."""
    name = comment(connection.cache)
    return _lines(
        (
            f"# cachegate {name} begins: each name of the cache leads to the NAT instance",
            *(f"{address} {host}" for host, address in connection.hosts.items()),
            f"# cachegate {name} ends",
        )
    )


def _forward(connection: Connection, forward: ClientForward) -> dict[str, Any]:
    return {
        "listen": forward.listen,
        "connect_to": _text(connection.outer(forward)),
        "kind": forward.kind,
        "node": forward.node,
        "shard": forward.shard,
        "role": forward.role,
        "endpoint": _text(forward.endpoint),
        "targets": [_text(target) for target in forward.targets],
        "state": forward.state,
    }


def _url(connection: Connection, place: Place, user: str | None) -> str:
    if connection.engine == "memcached":
        return f"memcached://{_text(place)}"
    who = f"{quote(user, safe='')}@" if user else ""
    return f"redis{'s' if connection.tls else ''}://{who}{_text(place)}"


def _text(place: Place | None) -> str | None:
    return f"{place[0]}:{place[1]}" if place else None


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
