"""How many nodes one VPC of a stack carries, and what refuses one more: found by trying."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from benchmarks.passes.estates import alike, unlike
from cachegate.aws.ledger_body import pack
from cachegate.aws.ledgers import LARGEST_BODY, DynamoLedgers
from cachegate.domain.agent import LARGEST_PAYLOAD, apply_payload, encode
from cachegate.domain.ledger import Ledger
from cachegate.domain.policy import Policy
from cachegate.errors import RuleSetTooLargeError
from cachegate.planning.plan import make_plan
from local.artefacts import ROOT
from local.template import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.rows import Rows
    from cachegate.domain.cache import Observation

ESTATES: Mapping[str, Callable[[int], Observation]] = {"alike": alike, "unlike": unlike}
OWNER = "arn:aws:cloudformation:eu-central-1:123456789012:stack/cachegate/00000000-0000-0000-0000"
ADVICE = "expose fewer caches"
CEILING, LIMIT = "most nodes", "limit"
COMMAND, ITEM, PORTS = "command", "ledger item", "listen ports"
MEMORY, TIME = "function's memory, MB", "function's time, s"
FIRST_TRY = 500  # nodes
ITEM_STEP = 100  # nodes: a ledger near its limit takes a second or two to make


def measure_ceilings(rows: Rows, policy: Policy) -> None:
    """Add the stated limits, and the most nodes that each allows; more are refused in words."""
    rows.add(LIMIT, COMMAND, 0, LARGEST_PAYLOAD)
    rows.add(LIMIT, ITEM, 0, LARGEST_BODY)
    function = translate(ROOT / "template.yaml").body["Resources"]["SyncForwards"]["Properties"]
    rows.add(LIMIT, MEMORY, 0, function["MemorySize"])
    rows.add(LIMIT, TIME, 0, function["Timeout"])
    rows.add(CEILING, PORTS, 0, _most_ports(Policy(stack="gate", sources=policy.sources)))
    for name, estate in ESTATES.items():
        make = partial(_ledger, estate, policy=policy)
        most = _most(make, characters, _carried, LARGEST_PAYLOAD)
        rows.add(CEILING, f"{COMMAND}, {name}", 0, most)
    make = partial(_ledger, unlike, policy=policy)
    most = _most(make, lambda ledger: len(pack(ledger)), _stored, LARGEST_BODY, ITEM_STEP)
    rows.add(CEILING, f"{ITEM}, unlike", 0, most)


def _most(
    make: Callable[[int], Ledger],
    length: Callable[[Ledger], int],
    taken: Callable[[Ledger], bool],
    limit: int,
    step: int = 1,
) -> int:
    low, high = around(lambda size: length(make(size)), limit)
    return edge(lambda size: taken(make(size)), low, high, step)


def around(length: Callable[[int], int], limit: int) -> tuple[int, int]:
    """Return sizes below and above the one whose length is the limit, by the length of a node.

    That is nearly the same at all sizes: where it was taken far off, it is taken once more nearby.
    """
    size = FIRST_TRY
    for _ in range(2):
        size = size * limit // length(size)
    return size - size // 20, size + size // 20


def edge(fits: Callable[[int], bool], low: int, high: int, step: int = 1) -> int:
    """Return a size that fits where one `step` larger at most does not; both were tried.

    Raise ValueError where `low` does not fit or `high` does.
    """
    if not fits(low) or fits(high):
        raise ValueError(f"the edge is not between {low} and {high}")
    while high - low > step:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def characters(ledger: Ledger) -> int:
    """Return how long the payload of `apply` is, also where it is refused for that."""
    try:
        return len(_encoded(ledger))
    except RuleSetTooLargeError as error:
        told = re.search(r"need (\d+) characters", str(error))
        if told is None:
            raise AssertionError(f"the refusal does not tell the size: {error}") from error
        return int(told.group(1))


def _encoded(ledger: Ledger) -> str:
    return encode(apply_payload(ledger, OWNER))


def _ledger(estate: Callable[[int], Observation], size: int, policy: Policy) -> Ledger:
    ledger = make_plan(Ledger(vpc_id="vpc-1"), estate(size), policy).ledger
    if len(ledger.leases) != size:
        raise AssertionError(f"{len(ledger.leases)} of {size} nodes have a listen port")
    return ledger


def _carried(ledger: Ledger) -> bool:
    return _taken(lambda: _encoded(ledger))


def _stored(ledger: Ledger) -> bool:
    return _taken(lambda: DynamoLedgers(cast("Any", _Table()), "ledgers").save(ledger, 1))


def _taken(attempt: Callable[[], object]) -> bool:
    """Say whether it is not refused; a refusal that does not say what to do is an error here."""
    try:
        attempt()
    except RuleSetTooLargeError as error:
        if ADVICE not in str(error):
            raise AssertionError(f"it does not say what to do: {error}") from error
        return False
    return True


class _Table:
    """Takes every item: the limit is ours, and lies below DynamoDB's."""

    def put_item(self, **request: object) -> None:
        """Take it."""


def _most_ports(policy: Policy) -> int:
    """Return the nodes that the default range has listen ports for; one more has a problem."""
    size = policy.last_port - policy.first_port + 1
    if make_plan(Ledger(vpc_id="vpc-1"), unlike(size), policy).problems:
        raise AssertionError(f"not {size} nodes in a range of as many listen ports")
    problems = make_plan(Ledger(vpc_id="vpc-1"), unlike(size + 1), policy).problems
    if [problem.code for problem in problems] != ["range_exhausted"]:
        raise AssertionError(f"one node more than listen ports: {problems}")
    if ADVICE not in problems[0].message:
        raise AssertionError(f"it does not say what to do: {problems[0].message}")
    return size
