"""What one key should lead to, before damping and the brake had their say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cachegate.domain.forward import Target


class Wish(NamedTuple):
    """Where a key may stay and where it should go.

    `kept` is what is safe to keep of the last good targets; `loss` says why the rest must go.
    `wanted` is None where this pass cannot tell; `hold` then says why, unless it was said before.
    """

    kept: tuple[Target, ...]
    loss: str = ""
    wanted: tuple[Target, ...] | None = None
    reason: str = ""  # why it wants them
    hold: str = ""
    sure: bool = False  # two sources agree: no damping
    disagreement: bool = False  # PrimaryEndpoint and the roles differ: look again soon
