"""What can go wrong for a client; each message is one line and says what to do."""

from __future__ import annotations

from cachegate.errors import CachegateError


class UnknownCacheError(CachegateError):
    """The stack forwards no cache of that name."""

    code = "unknown_cache"


class SeveralCachesError(CachegateError):
    """Several VPCs forward a cache of that name, and none was chosen."""

    code = "several_caches"


class NotForwardedError(CachegateError):
    """The cache has listen ports, but nothing leads to it now."""

    code = "not_forwarded"


class NotToldError(CachegateError):
    """AWS did not answer for the cache just now; asking again may help."""

    code = "try_again"


class OutdatedStackError(CachegateError):
    """The stack's functions do not say what clients have to know."""

    code = "outdated_stack"


class NotAskedError(CachegateError):
    """The stack's function was not found, or did not answer."""

    code = "not_asked"


class NatmapError(CachegateError):
    """What was given as a natmap is none."""

    code = "bad_natmap"


class UnsupportedClientError(CachegateError):
    """A client library is built in another way than those that can be mended."""

    code = "unsupported_client"
