"""Where to connect instead of each inner place that a cache may announce."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachegate.client.errors import NatmapError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cachegate.client.live import LiveNatmap

Place = tuple[str, int]  # a name or an address, and a port


class Natmap:
    """A natmap, callable as the `address_remap` of redis-py and valkey-py."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        """Take `{"<inner address or name>:<port>": (outer name or address, port), ...}`.

        Raises NatmapError where it is anything else.
        """
        self._outer = _checked(mapping)

    @classmethod
    def load(cls, path: str | Path) -> Natmap:
        """Read a file as `cachegate connect CACHE --format natmap` prints it.

        Raises NatmapError where there is none, or it holds anything else.
        """
        try:
            mapping = json.loads(Path(path).read_bytes())
        except OSError as error:
            raise NatmapError(f"natmap {path} cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:  # broken UTF-8 is a ValueError too
            raise NatmapError(f"natmap {path} is not JSON: {error}") from error
        try:
            return cls(mapping)
        except NatmapError as error:
            raise NatmapError(f"{path}: {error}") from error

    @staticmethod
    def live(
        cache: str,
        stack: str = "cachegate",
        *,
        session: Any = None,
        public: str | None = None,
        most_stale_s: float = 300.0,
        wait_s: float = 5.0,
    ) -> LiveNatmap:
        """Ask a stack through AWS, now and again whenever that helps: see LiveNatmap.

        Needs boto3, and permission for cloudformation:DescribeStacks and lambda:InvokeFunction;
        `session` is a boto3 session where the default one is not meant. Raises a CachegateError
        where the first look fails.
        """
        from cachegate.client.asked import AskedStack  # noqa: PLC0415 - most maps are files
        from cachegate.client.live import LiveNatmap  # noqa: PLC0415 - which builds on this one

        return LiveNatmap(
            cache,
            AskedStack(stack, session),
            public=public,
            most_stale_s=most_stale_s,
            wait_s=wait_s,
        )

    def __call__(self, place: Place) -> Place:
        """Return the outer place for an inner one; a place that is not known comes back."""
        return self._outer.get(place, place)

    def resolve(self, host: str, port: int) -> Place:
        """Do the same in the form that valkey-glide's `address_resolver` has."""
        return self((host, port))

    @property
    def seeds(self) -> tuple[Place, ...]:
        """Return the outer places, each once, for a cluster client to start from."""
        return tuple(dict.fromkeys(self._outer.values()))


def _checked(mapping: Any) -> dict[Place, Place]:
    if not isinstance(mapping, dict):
        raise NatmapError(f"a natmap is an object of places, not {_kind(mapping)}")
    return {_inner(key): _place(value, key) for key, value in mapping.items()}


def _inner(key: Any) -> Place:
    host, _, port = key.rpartition(":") if isinstance(key, str) else ("", "", "")
    if not host or not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        raise NatmapError(f"natmap: {_short(key)} is no inner place: write host:port")
    return host, int(port)


def _place(value: Any, key: str) -> Place:
    match value:
        case [str(host), int(port)] if host and not isinstance(port, bool) and 1 <= port <= 65535:
            return host, port
    raise NatmapError(f'natmap: {key} leads to {_short(value)}: write ["host", port]')


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
