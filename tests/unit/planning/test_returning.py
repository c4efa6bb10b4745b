"""A rule that comes back: what counts as the same one, and who is told to stop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cachegate.domain.groups import STACK_TAG
from cachegate.domain.revocation import RevocationState
from cachegate.planning.returning import Past, maker
from tests.unit.planning.guarded import AT, DAY, group, revocation
from tests.unit.planning.ingress import entries, rule

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule

RETURNED = rule("tcp 6379 0.0.0.0/0", number=9)
FORMER = rule("tcp 6379 0.0.0.0/0", number=1)
SINCE = AT - 30 * DAY


@pytest.mark.parametrize(
    ("former", "counts", "why"),
    [
        (revocation(FORMER), 1, "the same permission under a former id"),
        (revocation(replace(FORMER, description="x", tags={"a": "b"})), 1, "words change nothing"),
        (revocation(rule("6 6379-6379 1.2.3.4/0")), 1, "the same, spelled otherwise"),
        (revocation(FORMER, revoked_at=SINCE), 1, "just in time"),
        (revocation(FORMER, revoked_at=SINCE - 1), 0, "too long ago"),
        (revocation(FORMER, state=RevocationState.RESTORED), 0, "a person gave it back"),
        (revocation(FORMER, state=RevocationState.PENDING), 0, "it may never have gone"),
        (revocation(FORMER, revoked_at=None), 0, "not proved"),
        (revocation(RETURNED), 0, "the same id: EC2 answers late, ids are never reused"),
        (revocation(replace(FORMER, group_id="sg-2")), 0, "another group's"),
        (revocation(rule("tcp 6379 ::/0")), 0, "another source"),
        (revocation(rule("tcp 6379-6380 0.0.0.0/0")), 0, "another range"),
        (revocation(rule("-1 0.0.0.0/0")), 0, "another protocol"),
    ],
)
def test_what_counts_as_the_same_rule(former: object, counts: int, why: str) -> None:
    past = Past([former], SINCE)  # type: ignore[list-item]

    assert len(past.of(RETURNED)) == counts, why


def test_a_prefix_list_that_was_widened_meanwhile_is_the_same_source() -> None:
    former = revocation(rule("tcp 6379", entries("0.0.0.0/0"), number=1))

    past = Past([former], SINCE)

    assert past.of(rule("tcp 6379", entries("0.0.0.0/1 128.0.0.0/1"), number=9)) == [AT - DAY]


def test_times_are_told_in_their_order() -> None:
    ids = (rule("tcp 6379 0.0.0.0/0", number=number) for number in range(3))
    times = (AT - 2 * DAY, AT - 3 * DAY, AT - DAY)
    past = Past([revocation(of, revoked_at=at) for of, at in zip(ids, times, strict=True)], SINCE)

    assert past.of(RETURNED) == sorted(times)


@pytest.mark.parametrize(
    ("returned", "tags", "words"),
    [
        (RETURNED, {STACK_TAG: "shop"}, "the CloudFormation stack shop"),
        (replace(RETURNED, tags={STACK_TAG: "rules"}), {STACK_TAG: "shop"}, "stack rules"),
        (RETURNED, {}, "perhaps Terraform or a controller"),
    ],
)
def test_who_puts_it_back_is_named_as_far_as_tags_tell(
    returned: IngressRule, tags: dict[str, str], words: str
) -> None:
    assert words in maker(returned, group(tags=tags))
