"""One sync pass: observe once, then each VPC on its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cachegate.beat import Beats
from cachegate.observe import survey
from cachegate.protocols import Heartbeat
from cachegate.results import SyncResult
from cachegate.vpc_pass import VpcPass

if TYPE_CHECKING:
    from cachegate.protocols import Adapters
    from cachegate.settings import SyncSettings

ALL_VPCS = "*"  # the heartbeat of whole passes


def sync(  # noqa: PLR0913 - each is one thing that a caller may ask, by keyword
    adapters: Adapters,
    settings: SyncSettings,
    *,
    force: bool = False,
    attach: bool = False,
    announced: bool = False,
    only: frozenset[str] | None = None,
    holder: str | None = None,
) -> SyncResult:
    """Run one pass. `force` releases the brake, `attach` ends a detachment.

    `holder` names the NAT instance that a person wants to have the address.

    `announced` says that a trigger told of a change: AWS may show it later, so re-checks follow
    also where nothing moves yet.

    A VPC that fails does not stop the others. An error that is none of ours is raised when all
    have ended.
    """
    seen = survey(adapters, settings, only)
    one_pass = VpcPass(
        adapters=adapters,
        settings=settings,
        force=force,
        attach=attach,
        beats=Beats(adapters=adapters, settings=settings, announced=announced, whole=only is None),
        holder=holder,
    )
    with ThreadPoolExecutor(max_workers=8) as pool:
        running = [pool.submit(one_pass.run, vpc_id, seen) for vpc_id in seen.observations]
    unexpected = [e for future in running if (e := future.exception()) is not None]
    if unexpected:
        raise BaseExceptionGroup("a pass met errors that it does not know", unexpected)
    result = SyncResult(
        began_at=seen.at,
        ended_at=adapters.clock(),
        vpcs=tuple(future.result() for future in running),
        problems=seen.problems,
        whole=only is None,
    )
    if result.whole and all(vpc.unproved is None for vpc in result.vpcs):
        whole = Heartbeat(began_at=seen.at, verified_at=adapters.clock())
        adapters.ledgers.beat(ALL_VPCS, whole)
    return result
