"""The registry of formats: what each is, and for which caches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cachegate_cli.connect import plain
from cachegate_cli.connect.nft import nft
from cachegate_cli.connect.snippet import snippet
from cachegate_cli.connect.table import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate.client.connection import Connection

REDIS = frozenset({"redis", "valkey"})
MEMCACHED = frozenset({"memcached"})
ALL = REDIS | MEMCACHED
# In each snippet this stands in the first line of its demonstration; what is before connects.
DEMONSTRATION = "Try it:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One thing that `connect` prints."""

    name: str
    says: str
    render: Callable[[Connection, str | None], str]  # the second is the user's name
    engines: frozenset[str] = ALL
    file: str | None = None  # a snippet's usual file name
    pure: bool = False  # read by programs, so that notes can only stand beside it

    @property
    def is_snippet(self) -> bool:
        """Tell whether it is a program."""
        return self.file is not None


def _snippet(name: str, says: str, template: str, file: str) -> Format:
    engines = MEMCACHED if name == "pymemcache" else REDIS
    return Format(
        name=name, says=says, render=partial(snippet, template), engines=engines, file=file
    )


FORMATS = {
    each.name: each
    for each in (
        Format(name="table", says="every listen port, for people", render=table),
        Format(name="json", says="all of it, for programs", render=plain.as_json),
        Format(name="env", says="variables, for a shell or an .env file", render=plain.env),
        Format(name="url", says="redis:// or rediss://", render=plain.url, pure=True),
        Format(
            name="natmap",
            says="JSON: where to connect instead of each inner host:port",
            render=plain.natmap,
            pure=True,
        ),
        Format(
            name="hosts",
            says="lines of a hosts file, so that TLS can verify names",
            render=plain.hosts,
        ),
        Format(
            name="nft",
            says="a mapping on the client's machine (Linux), for clients without an option",
            render=nft,
        ),
        _snippet("redis-py", "Python", "redis-py.py.j2", "client.py"),
        _snippet("redis-py-asyncio", "Python, asyncio", "redis-py-asyncio.py.j2", "client.py"),
        _snippet("valkey-py", "Python", "valkey-py.py.j2", "client.py"),
        _snippet("valkey-glide", "Python, asyncio", "valkey-glide.py.j2", "client.py"),
        _snippet("ioredis", "Node.js", "ioredis.mjs.j2", "client.mjs"),
        _snippet("node-redis", "Node.js", "node-redis.mjs.j2", "client.mjs"),
        _snippet("go-redis", "Go", "go-redis.go.j2", "main.go"),
        _snippet("lettuce", "Java", "lettuce.java.j2", "Client.java"),
        _snippet("jedis", "Java", "jedis.java.j2", "Client.java"),
        _snippet("stackexchange-redis", "C#", "stackexchange-redis.cs.j2", "Program.cs"),
        _snippet("redis-rs", "Rust", "redis-rs.rs.j2", "main.rs"),
        _snippet("phpredis", "PHP", "phpredis.php.j2", "client.php"),
        _snippet("redis-cli", "a shell", "redis-cli.sh.j2", "client.sh"),
        _snippet("pymemcache", "Python, Memcached", "pymemcache.py.j2", "client.py"),
    )
}
DEFAULT = "table"


def serving(engine: str) -> tuple[str, ...]:
    """Return the names of the formats for an engine."""
    return tuple(each.name for each in FORMATS.values() if engine in each.engines)
