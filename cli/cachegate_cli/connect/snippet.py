"""Fill a snippet's template with one cache's connection."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from cachegate_cli.connect.entrance import entrance_of, inner
from cachegate_cli.connect.literals import FILTERS, Code, comment
from cachegate_cli.connect.notes import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Environment

    from cachegate.client.connection import Connection
    from cachegate_cli.connect.entrance import Entrance


class Named(NamedTuple):
    """A place in a template."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """Return it as most clients write it."""
        return f"{self.host}:{self.port}"


class Mapped(NamedTuple):
    """An inner place, and where to connect instead."""

    inner: Named
    outer: Named


def snippet(template: str, connection: Connection, user: str | None) -> str:
    """Return a whole program for one client library."""
    return _environment().get_template(template).render(_values(connection, user))


def _values(connection: Connection, user: str | None) -> dict[str, Any]:
    entrance = entrance_of(connection)
    readers = entrance.readers
    starts = [Named(*connection.outer(forward)) for forward in entrance.starts]
    return {
        "cache": connection.cache,
        "clustered": connection.clustered,
        "tls": connection.tls,
        "auth": connection.auth or user is not None,
        "user": user,
        "start": starts[0],
        "starts": starts,
        "readers": Named(*connection.outer(readers)) if readers else None,
        # Of clients that take a place for its inner name, wherever they connect to.
        "inner_start": Named(*inner(entrance.starts[0])),
        "inner_starts": [Named(*inner(forward)) for forward in entrance.starts],
        "inner_readers": Named(*inner(readers)) if readers else None,
        # Of clients whose machine maps inner addresses.
        "inner_address": Named(*entrance.starts[0].targets[0]),
        "inner_addresses": [Named(*forward.targets[0]) for forward in entrance.starts],
        "natmap": [_mapped(key, *outer) for key, outer in connection.natmap.items()],
        "by_address": list(_by_address(connection, entrance)),
        "about": lambda prefix, *, names: Code("\n".join(_about(connection, prefix, names=names))),
    }


def _by_address(connection: Connection, entrance: Entrance) -> Iterator[Mapped]:
    """Yield where the sockets of such clients go: to an address, so no hosts file is needed."""
    if connection.clustered:  # whatever nodes may announce
        for key, (_, port) in connection.natmap.items():
            yield _mapped(key, connection.public, port)
        return
    for forward in (*entrance.starts, *([entrance.readers] if entrance.readers else [])):
        yield Mapped(Named(*inner(forward)), Named(connection.public, forward.listen))


def _mapped(key: str, host: str, port: int) -> Mapped:
    inner_host, _, inner_port = key.rpartition(":")
    return Mapped(Named(inner_host, int(inner_port)), Named(host, port))


def _about(connection: Connection, prefix: str, *, names: bool) -> Iterator[str]:
    """Yield the comment at the head; `names` where the client needs the lines of a hosts file."""
    cache = comment(connection.cache)
    yield f"{prefix} Connect to {cache} ({kind_of(connection)}) by {comment(connection.public)}."
    yield f"{prefix} Made by cachegate connect {cache}"
    if connection.clustered or connection.engine == "memcached":
        yield f"{prefix} Make it again when nodes were added or replaced."
    if connection.tls:
        yield f"{prefix} TLS: CACHE_CA_FILE in the environment names a private CA, if it has one."
        if names:
            yield f"{prefix} Names are verified, so these have to be in this machine's hosts file:"
            for host, address in connection.hosts.items():
                yield f"{prefix}   {comment(address)} {comment(host)}"
    if connection.auth:
        yield f"{prefix} AUTH: CACHE_PASSWORD is the token, or the password of CACHE_USER."


def _only_code(value: Any) -> Any:
    """Let nothing into a snippet that no filter has made a literal or a comment."""
    if isinstance(value, Code) or type(value) is int:
        return value
    raise TypeError(f"{value!r} is no code: write it with a filter")


@functools.cache
def _environment() -> Environment:
    """Return what reads templates; help, completion and data do without jinja2."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("cachegate_cli.connect", "snippets"),
        autoescape=False,  # noqa: S701 no HTML; _only_code holds templates to their language's encoder
        finalize=_only_code,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS)
    return environment
