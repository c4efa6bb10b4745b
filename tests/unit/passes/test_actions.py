"""Direct invocations: what each answers, and that only those that say so change something."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.actions import Actions
from cachegate.domain.agent import Reply
from cachegate.errors import LedgerConflictError
from cachegate.sync import sync
from tests.unit.passes.fakes import NAT, STACK, VPC

if TYPE_CHECKING:
    from cachegate.domain.ledger import Ledger
    from cachegate.protocols import Heartbeat, Record
    from cachegate.results import SyncResult
    from tests.unit.passes.fakes import FakeWorld


def ask(world: FakeWorld, action: str, **fields: Any) -> dict[str, Any]:
    reported: list[SyncResult] = []
    actions = Actions(world.adapters, world.settings, reported.append)
    answer = actions.answer({"action": action, **fields})
    assert len(reported) == (action == "sync" and not _refused(answer))
    return json.loads(json.dumps(answer))  # type: ignore[no-any-return]


def _refused(answer: dict[str, Any]) -> bool:
    return bool(answer.get("error", {}).get("code") == "bad_request")


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"action": "destroy"}, "unknown action 'destroy': one of plan, sync, describe"),
        ({"action": ["sync"]}, "unknown action"),
        ({}, "unknown action None"),
        ({"action": "sync", "forse": True}, "sync takes no field forse"),
        ({"action": "sync", "force": "yes"}, "force is true or false"),
        ({"action": "plan", "force": 1}, "force is true or false"),
        ({"action": "doctor", "probe": "yes"}, "probe is true or false"),
        ({"action": "doctor", "force": True}, "doctor takes no field force"),
        ({"action": "explain"}, "listen is a port"),
        ({"action": "explain", "listen": "6379"}, "listen is a port"),
        ({"action": "explain", "listen": True}, "listen is a port"),
        ({"action": "release", "listen": 70000}, "listen is a port"),
        (
            {"action": "explain", "listen": 6379},
            "no forward has the listen port 6379; none is in use",
        ),
        (
            {"action": "release", "listen": 6379},
            "no forward has the listen port 6379; none is in use",
        ),
    ],
)
def test_a_wrong_invocation_is_told_what_is_wrong(
    world: FakeWorld, event: dict[str, Any], says: str
) -> None:
    answer = Actions(world.adapters, world.settings, lambda _: None).answer(event)

    assert not answer["ok"]
    assert answer["error"]["code"] == "bad_request"
    assert says in answer["error"]["message"]


def test_plan_shows_what_a_pass_would_do_and_changes_nothing(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")

    answer = ask(world, "plan")

    assert answer["ok"]
    adds = [c for c in answer["vpcs"][0]["changes"] if c["change"] == "add"]
    assert [(c["key"], c["listen"], c["after"]) for c in adds] == [
        ("cart/cart/0001", 6379, ["10.0.1.5:6379"])
    ]
    assert adds[0]["reason"]
    assert world.ledgers.records == {}
    assert world.gateways.held == {}
    assert world.ledgers.heartbeats == {}


def test_sync_says_what_was_verified(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")

    answer = ask(world, "sync")

    assert answer["ok"]
    (vpc,) = answer["vpcs"]
    assert (vpc["vpc"], vpc["verified"], vpc["forwards"]) == (VPC, True, 1)
    assert vpc["nat_instances"][0]["state"] == "verified"


def test_sync_that_was_not_verified_is_no_success(world: FakeWorld) -> None:
    ask(world, "sync")
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="timed out on the instance")

    answer = ask(world, "sync")

    assert not answer["ok"]
    assert answer["error"]["code"] == "not_verified"
    assert "timed out on the instance" in answer["error"]["message"]


def test_sync_that_reached_no_running_instance_is_no_success(world: FakeWorld) -> None:
    world.add_instance("i-second", VPC)
    offline = {i: Reply(instance_id=i, unreached=True, failure="lost") for i in (NAT, "i-second")}
    ask(world, "sync")
    world.gateways.failing |= {NAT: offline[NAT]}

    assert ask(world, "sync")["ok"]  # the second one proved it
    world.gateways.failing |= offline
    answer = ask(world, "sync")

    assert not answer["ok"]
    assert answer["error"]["code"] == "not_verified"
    assert f"{NAT}, i-second" in answer["error"]["message"]


def test_describe_names_every_forward_and_every_cache_without_one(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.add_cluster("far", "10.9.1.5", vpc_id="vpc-far")
    ask(world, "sync")

    answer = ask(world, "describe")

    assert answer["stack"] == STACK
    (vpc,) = answer["vpcs"]
    (forward,) = vpc["forwards"]
    assert forward["listen"] == 6379
    assert forward["public_addresses"] == ["203.0.113.73"]
    assert forward["cache"] == "cart"
    assert forward["node"] == "cart/0001"
    assert forward["server_name"] == "cart.cache"
    assert forward["targets"] == ["10.0.1.5:6379"]
    assert forward["state"] == "forwarding"
    assert forward["tls"] is True
    assert vpc["verified_at"] == world.now
    assert [(p["cache"], p["code"]) for p in answer["not_forwarded"]] == [
        ("far", "no_nat_instance")
    ]


def test_explain_says_where_a_port_leads_since_when_and_why(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    first = world.now
    world.now += 50

    (forward,) = ask(world, "explain", listen=6379)["forwards"]

    assert forward["vpc"] == VPC
    assert forward["key"] == "cart/cart/0001"
    assert forward["targets"] == ["10.0.1.5:6379"]
    assert (forward["since"], forward["seconds"]) == (first, 50)
    assert forward["why"]


def rest(world: FakeWorld) -> None:
    """Bring a cache's port to rest: its tag is gone, and two passes agree."""
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    world.inventory.caches.clear()
    ask(world, "sync")
    world.now += world.settings.policy.agreement
    ask(world, "sync")


def test_release_ends_the_quarantine_of_a_port_at_rest(world: FakeWorld) -> None:
    rest(world)
    assert ask(world, "explain", listen=6379)["forwards"][0]["state"] == "at_rest"

    assert ask(world, "release", listen=6379)["ok"]

    world.add_cluster("other", "10.0.1.6")
    ask(world, "sync")
    assert ask(world, "explain", listen=6379)["forwards"][0]["cache"] == "other"


def test_without_release_a_port_at_rest_goes_to_nobody_else(world: FakeWorld) -> None:
    rest(world)
    world.add_cluster("other", "10.0.1.6")
    ask(world, "sync")

    assert ask(world, "explain", listen=6380)["forwards"][0]["cache"] == "other"


def test_release_of_a_port_in_use_is_refused(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")

    answer = ask(world, "release", listen=6379)

    assert answer["error"]["code"] == "bad_request"
    assert "not at rest" in answer["error"]["message"]


def test_release_asks_which_vpc_where_two_have_the_port(world: FakeWorld) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    world.add_cluster("cart", "10.0.1.5")
    world.add_cluster("users", "10.1.1.5", vpc_id="vpc-2")
    ask(world, "sync")

    assert "name one as vpc" in ask(world, "release", listen=6379)["error"]["message"]
    assert "not at rest" in ask(world, "release", listen=6379, vpc=VPC)["error"]["message"]
    assert len(ask(world, "explain", listen=6379)["forwards"]) == 2


def test_detach_takes_the_agent_off_and_passes_push_nothing_until_a_sync(
    world: FakeWorld,
) -> None:
    world.add_instance("i-second", VPC)
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    del world.network.instances["i-second"]  # it lost its tag, and still forwards

    answer = ask(world, "detach")

    assert answer == {"ok": True, "removed": [NAT, "i-second"], "still_there": []}
    assert world.gateways.held == {}
    assert ask(world, "plan")["vpcs"][0]["detached"]
    assert ask(world, "sync")["ok"]
    assert world.gateways.held[NAT]["forwards"]


def test_detach_names_the_instances_that_could_not_be_reached(world: FakeWorld) -> None:
    world.add_instance("i-second", VPC)
    ask(world, "sync")
    world.gateways.failing["i-second"] = Reply(instance_id="i-second", failure="undelivered")

    answer = ask(world, "detach")

    assert answer["removed"] == [NAT]
    assert answer["still_there"] == [{"instance": "i-second", "reason": "undelivered"}]
    assert answer["error"]["code"] == "not_removed"


def test_detach_outlasts_a_pass_that_writes_meanwhile(world: FakeWorld) -> None:
    ask(world, "sync")
    world.ledgers.conflicts = 2

    assert ask(world, "detach")["ok"]
    assert world.ledgers.records[VPC].ledger.detached


def two_vpcs(world: FakeWorld) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    assert ask(world, "sync")["ok"]


def test_a_pass_that_ends_in_one_vpc_while_somebody_detaches_leaves_no_other_half_detached(
    world: FakeWorld,
) -> None:
    two_vpcs(world)
    beat = world.ledgers.beat

    def late(vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
        if vpc_id == VPC:
            raise LedgerConflictError(vpc_id)
        beat(vpc_id, heartbeat, replacing)

    world.ledgers.beat = late  # type: ignore[method-assign]

    answer = ask(world, "detach")

    assert answer["error"]["code"] == "ledger_conflict"
    assert answer["error"]["message"] == f"a pass ended meanwhile in {VPC}: detach again"
    assert world.gateways.held == {}
    left = {v: record.ledger.nat_instances for v, record in world.ledgers.records.items()}
    assert left == {VPC: (), "vpc-2": ()}
    assert world.ledgers.heartbeat("vpc-2").proved == ()

    world.ledgers.beat = beat  # type: ignore[method-assign]
    assert ask(world, "detach")["ok"]
    assert world.ledgers.heartbeat(VPC).proved == ()


def test_a_vpc_whose_ledger_cannot_be_marked_keeps_its_agent_and_the_others_are_detached(
    world: FakeWorld,
) -> None:
    two_vpcs(world)
    save = world.ledgers.save

    def late(ledger: Ledger, replacing: int | None) -> Record:
        if ledger.vpc_id == VPC:
            raise LedgerConflictError(VPC)
        return save(ledger, replacing)

    world.ledgers.save = late  # type: ignore[method-assign]

    answer = ask(world, "detach")

    assert answer["error"]["message"] == f"passes keep writing the ledger of {VPC}: detach again"
    assert set(world.gateways.held) == {NAT}
    ledgers = {v: record.ledger for v, record in world.ledgers.records.items()}
    assert (ledgers[VPC].detached, ledgers[VPC].nat_instances) == (False, (NAT,))
    assert (ledgers["vpc-2"].detached, ledgers["vpc-2"].nat_instances) == (True, ())


def detach_during_the_next_push(world: FakeWorld) -> None:
    """Let somebody detach when a pass has read the ledger and its command is under way."""
    run = world.gateways.run

    def late(instance_ids: Any, action: str, *rest: Any, **named: Any) -> Any:
        if action == "apply":
            world.gateways.run = run  # type: ignore[method-assign]
            assert ask(world, "detach")["ok"]
        return run(instance_ids, action, *rest, **named)

    world.gateways.run = late  # type: ignore[method-assign]


def test_a_pass_that_pushed_while_somebody_detached_takes_its_rules_off_again(
    world: FakeWorld,
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    detach_during_the_next_push(world)

    (vpc,) = sync(world.adapters, world.settings).vpcs

    assert world.gateways.held == {}
    assert vpc.failure is None
    assert vpc.plan is not None
    assert vpc.plan.ledger.detached


def test_a_pass_that_cannot_take_its_rules_off_again_says_so(world: FakeWorld) -> None:
    ask(world, "sync")
    detach_during_the_next_push(world)
    remove = world.gateways._one

    def stuck(instance_id: str, action: str, *rest: Any) -> Reply:
        removals = world.gateways.calls.count((instance_id, "remove"))
        if action == "remove" and removals > 1:
            return Reply(instance_id=instance_id, failure="undelivered")
        return remove(instance_id, action, *rest)

    world.gateways._one = stuck  # type: ignore[method-assign, assignment]

    (failure,) = sync(world.adapters, world.settings).failures

    assert "was detached meanwhile" in str(failure)
    assert f"{NAT}: undelivered" in str(failure)


def test_detaching_is_remembered_also_where_there_was_no_ledger_and_moves_no_port(
    world: FakeWorld,
) -> None:
    for name, address in (("cart", "10.0.1.5"), ("book", "10.0.1.6")):  # ports not in name order
        world.add_cluster(name, address)
        ask(world, "sync")
    world.ledgers.records.clear()

    assert ask(world, "detach")["ok"]
    sync(world.adapters, world.settings)
    assert world.gateways.held == {}

    ask(world, "sync")
    listens = {f["key"]: f["listen"] for f in world.gateways.held[NAT]["forwards"]}
    assert listens == {"cart/cart/0001": 6379, "book/book/0001": 6380}


def test_an_instance_that_was_taken_off_is_not_called_open_when_it_loses_its_tag(
    world: FakeWorld,
) -> None:
    world.add_instance("i-second", VPC)
    ask(world, "sync")
    world.gateways.failing["i-second"] = Reply(instance_id="i-second", failure="undelivered")
    ask(world, "detach")
    sync(world.adapters, world.settings)
    world.network.instances.clear()

    (vpc,) = sync(world.adapters, world.settings).vpcs

    assert [(i.instance_id, i.state.value) for i in vpc.instances] == [("i-second", "untagged")]


def test_detach_names_an_instance_that_is_stopped_for_it_restores_its_rules(
    world: FakeWorld,
) -> None:
    world.add_instance("i-second", VPC)
    ask(world, "sync")
    world.add_instance("i-second", VPC, state="stopped")
    world.network.runs.discard("i-second")

    answer = ask(world, "detach")

    assert answer["removed"] == [NAT]
    assert [each["instance"] for each in answer["still_there"]] == ["i-second"]
    assert "restores its rules when it starts" in answer["still_there"][0]["reason"]
    assert not answer["ok"]


@pytest.mark.parametrize(
    ("action", "problems"), [("describe", "not_forwarded"), ("plan", "problems")]
)
def test_a_vpc_that_cannot_be_planned_now_does_not_hide_the_others(
    world: FakeWorld, action: str, problems: str
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-new", "vpc-2")
    world.add_cluster("users", "10.1.1.5", vpc_id="vpc-2")
    starting = Reply(instance_id="i-new", unreached=True, failure="it is not registered with SSM")
    world.gateways.failing["i-new"] = starting

    answer = ask(world, action)

    assert [vpc["vpc"] for vpc in answer["vpcs"]] == [VPC]
    assert not answer["ok"]
    assert answer["error"]["code"] == "try_again"
    (problem,) = answer[problems]
    assert (problem["cache"], problem["code"]) == ("users", "try_again")
    assert "i-new (it is not registered with SSM)" in problem["message"]
