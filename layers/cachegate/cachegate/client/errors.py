"""What can go wrong for a client; each message is one line and says what to do."""

from __future__ import annotations

from cachegate.errors import CachegateError


class UnknownCacheError(CachegateError):
    """The stack forwards no cache of that name."""

    code = "unknown_cache"


class NotForwardedError(CachegateError):
    """The cache has listen ports, but nothing leads to it now."""

    code = "not_forwarded"


class NatmapError(CachegateError):
    """What was given as a natmap is none."""

    code = "bad_natmap"


class UnsupportedClientError(CachegateError):
    """A client library is built in another way than those that can be mended."""

    code = "unsupported_client"
