"""When a pass asks for topics: after its forwards are verified and the request is in the ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.actions import Actions
from cachegate.domain.agent import Reply
from cachegate.domain.cache import CacheKind, Evidence, Notified
from cachegate.domain.enrolment import Existence, Notices, Step
from cachegate.domain.ledger import Enrolling
from cachegate.sync import sync
from tests.unit.passes.fakes import NAT, TOPIC, VPC

if TYPE_CHECKING:
    from cachegate.results import VpcResult
    from tests.unit.passes.fakes import FakeWorld

OTHER = "arn:aws:sns:eu-west-1:123456789012:other"


def show(world: FakeWorld, topic: str | None, **fields: Any) -> None:
    """Let AWS show this topic for the cache."""
    shown: dict[str, Any] = {"status": "available", "topic_active": topic is not None} | fields
    notified = Notified(cluster_id="cart", topic=topic, **shown)
    world.inventory.caches["cart"] = replace(world.inventory.caches["cart"], notified=(notified,))


@pytest.fixture(autouse=True)
def _one_cache_without_a_topic(world: FakeWorld) -> None:
    world.settings = replace(world.settings, enrol=True)
    world.add_cluster("cart", "10.0.1.5")
    show(world, None)


def run(world: FakeWorld) -> VpcResult:
    (result,) = sync(world.adapters, world.settings).vpcs
    return result


def noted(world: FakeWorld) -> Enrolling | None:
    return world.ledgers.records[VPC].ledger.enrolling.get("cluster/cart")


def invoke(world: FakeWorld, action: str) -> dict[str, Any]:
    actions = Actions(world.adapters, world.settings, lambda _: None)
    return actions.answer({"action": action})


def test_a_pass_asks_once_and_notes_it_until_it_is_read_back(world: FakeWorld) -> None:
    assert run(world).verified
    run(world)
    assert world.notifications.asked == [(CacheKind.CLUSTER, "cart")]
    assert noted(world) == Enrolling(topic=TOPIC, attempts=1, asked_at=world.now)

    show(world, TOPIC)
    result = run(world)

    assert result.enrolments[0].notices is Notices.ENROLLED
    assert noted(world) is None
    assert len(world.notifications.asked) == 1


def test_the_request_is_in_the_ledger_before_it_is_made(world: FakeWorld) -> None:
    seen: list[Enrolling | None] = []

    def end() -> None:
        seen.append(noted(world))
        raise RuntimeError("the process ends here")

    world.notifications.meanwhile = end

    with pytest.raises(BaseExceptionGroup):
        run(world)

    assert [note.attempts for note in seen if note] == [1]
    assert run(world).verified  # the back-off holds: no second request
    assert len(seen) == 1


def test_forwards_are_pushed_before_anything_is_asked(world: FakeWorld) -> None:
    calls: list[tuple[str, str]] = []
    world.notifications.meanwhile = lambda: calls.extend(world.gateways.calls)

    run(world)

    assert (NAT, "apply") in calls


def test_a_failed_pass_asks_and_notes_nothing(world: FakeWorld) -> None:
    world.gateways.failing[NAT] = Reply(instance_id=NAT, report=None, failure="kernel_refused")
    world.ledgers.records.clear()
    show(world, OTHER)

    # There is no ledger, and the instance that is to be asked fails: no plan at all.
    assert run(world).enrolments == ()
    world.gateways.failing.clear()
    run(world)
    world.notifications.looks.clear()
    world.move("cart", "10.0.1.6")
    world.gateways.failing[NAT] = Reply(instance_id=NAT, report=None, failure="kernel_refused")
    show(world, None)
    result = run(world)

    assert result.failure is not None
    assert "this pass failed" in result.enrolments[0].reason
    assert (world.notifications.asked, world.notifications.looks) == ([], [])


def test_nothing_is_asked_while_detached(world: FakeWorld) -> None:
    run(world)
    show(world, TOPIC)
    run(world)
    assert invoke(world, "detach")["ok"]
    show(world, None)
    world.notifications.asked.clear()

    result = run(world)

    assert "detached" in result.enrolments[0].reason
    assert world.notifications.asked == []


@pytest.mark.parametrize("topic", [None, OTHER, TOPIC])
def test_switched_off_nothing_is_asked_and_no_topic_is_looked_at(
    world: FakeWorld, topic: str | None
) -> None:
    world.settings = replace(world.settings, enrol=False)
    show(world, topic)

    result = run(world)
    for action in ("plan", "describe"):
        assert invoke(world, action)["ok"]

    assert (world.notifications.asked, world.notifications.looks) == ([], [])
    assert result.enrolments[0].step is Step.NOTHING
    assert world.ledgers.writes == 1


def test_what_was_asked_is_remembered_while_it_is_switched_off(world: FakeWorld) -> None:
    run(world)
    before = noted(world)
    assert before is not None

    world.settings = replace(world.settings, enrol=False)
    run(world)

    assert noted(world) == before
    assert world.ledgers.writes == 2


def test_no_topic_is_looked_at_where_there_is_none_of_others(world: FakeWorld) -> None:
    run(world)
    show(world, TOPIC)
    run(world)

    assert world.notifications.looks == []


def test_a_refusal_is_a_problem_and_stays_in_the_ledger_and_the_pass_is_verified(
    world: FakeWorld,
) -> None:
    world.notifications.refusal = "ModifyCacheCluster: AccessDenied"

    first = run(world)
    world.notifications.refusal = None
    later = run(world)

    for result in (first, later):
        assert result.verified
        assert [p.code for p in result.problems if p.code != "plaintext"] == ["not_enrolled"]
        assert "AccessDenied" in str(result.problems)
    assert first.recheck_after is None or first.enrolments[0].recheck_after is None
    assert len(world.notifications.asked) == 1


def test_a_living_topic_of_others_is_reported_and_left(world: FakeWorld) -> None:
    show(world, OTHER)
    world.notifications.existence[OTHER] = Existence(Evidence.PRESENT)

    result = run(world)

    assert [p.code for p in result.problems] == ["other_topic"]
    assert world.notifications.asked == []
    assert world.notifications.looks == [frozenset({OTHER})]


def test_a_topic_that_is_gone_is_replaced_by_the_re_check(world: FakeWorld) -> None:
    show(world, OTHER)

    first = run(world)
    world.now += 60
    run(world)

    assert first.enrolments[0].recheck_after == 60.0
    assert world.notifications.asked == [(CacheKind.CLUSTER, "cart")]


def test_the_chain_of_re_checks_goes_on_until_the_topic_is_read_back(world: FakeWorld) -> None:
    run(world)
    for _ in range(3):
        world.now += 60
        assert run(world).recheck_after is not None

    show(world, TOPIC)
    world.now += 60
    run(world)
    world.now += 60

    assert run(world).recheck_after is None


def test_a_topic_that_has_time_does_not_delay_the_re_check_of_a_forward(world: FakeWorld) -> None:
    show(world, TOPIC)
    while run(world).recheck_after is not None:
        pass  # until nothing moves
    show(world, OTHER)
    world.gateways.report = {"unreachable": [6379]}
    world.move("cart", "10.0.1.6")

    result = run(world)

    assert result.enrolments[0].recheck_after == 60.0
    assert result.recheck_after == world.settings.policy.recheck


def test_another_pass_that_writes_meanwhile_is_left_to_ask(world: FakeWorld) -> None:
    run(world)
    show(world, TOPIC)
    run(world)
    show(world, None)
    world.notifications.asked.clear()
    world.ledgers.conflicts = 1

    result = run(world)

    assert result.verified
    assert world.notifications.asked == []
    assert "another pass" in result.enrolments[0].reason


def test_plan_and_describe_show_what_would_be_asked_and_ask_nothing(world: FakeWorld) -> None:
    planned = invoke(world, "plan")["vpcs"][0]["notifications"]
    described = invoke(world, "describe")["vpcs"][0]["notifications"]

    assert planned == described
    assert [(each["cache"], each["step"], each["noticed"]) for each in planned] == [
        ("cart", "enrol", "by_schedule")
    ]
    assert (world.notifications.asked, world.ledgers.writes) == ([], 0)


def test_describe_says_who_is_noticed_within_seconds(world: FakeWorld) -> None:
    show(world, TOPIC)

    (told,) = invoke(world, "describe")["vpcs"][0]["notifications"]

    assert (told["notifications"], told["noticed"]) == ("enrolled", "within_seconds")
    assert told["topics"] == [TOPIC]


def test_an_inactive_topic_is_among_the_warnings(world: FakeWorld) -> None:
    show(world, TOPIC, topic_active=False)

    warnings = invoke(world, "describe")["not_forwarded"]

    assert [(w["code"], w["forwarded"]) for w in warnings] == [("topic_inactive", True)]
