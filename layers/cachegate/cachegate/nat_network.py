"""The look at where a stack is asked to make its NAT instances, before it makes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cachegate.planning.nat_network import Ground, judge_network

if TYPE_CHECKING:
    from cachegate.planning.nat_network import Asked, Verdict
    from cachegate.protocols import Subnets


def check_network(subnets: Subnets, asked: Asked) -> Verdict:
    """Look and judge; raise NotShownError where AWS does not show all that it takes.

    The questions are asked at once, so that the slowest one alone decides when CloudFormation is
    answered: AWS clients give up within a minute, and the function lives for two.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        named = pool.submit(subnets.named, asked.subnet_ids)
        tables = pool.submit(subnets.tables, [asked.vpc_id])
        holding = {each: pool.submit(subnets.interfaces, each) for each in asked.subnet_ids}
    return judge_network(
        asked,
        Ground(
            subnets={subnet.subnet_id: subnet for subnet in named.result()},
            tables=tables.result(),
            interfaces={subnet_id: found.result() for subnet_id, found in holding.items()},
        ),
    )
