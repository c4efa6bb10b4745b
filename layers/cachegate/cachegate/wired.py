"""What the work of every caller of sync_forwards needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings


class Wired(NamedTuple):
    """The world as its entry point wired it, and the settings."""

    adapters: Adapters
    settings: SyncSettings
