"""What plan, describe and explain say of address, NAT instances and groups; nothing is changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.actions import Actions
from cachegate.describe_group_rules import describe_rule
from cachegate.domain.address import Holding
from cachegate.domain.agent import Reply
from cachegate.domain.group_rules import Direction, GroupRule, Opening
from cachegate.domain.ingress import GroupReference
from cachegate.domain.traffic import ALL, ICMP, TCP, Traffic
from cachegate.errors import RuleRefusedError, TransientError
from tests.unit.passes.fakes import NAT, STACK, VPC
from tests.unit.passes.nat_side import (
    ADDRESS,
    ALLOCATION,
    CACHE_GROUP,
    NAT_GROUP,
    SECOND,
    add_guarded_cluster,
    fail,
    fall_ill,
    give,
    hold_address,
    manage_groups,
    stop,
)

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld


def ask(world: FakeWorld, action: str, **fields: Any) -> dict[str, Any]:
    actions = Actions(world.adapters, world.settings, lambda _: None)
    answer: dict[str, Any] = json.loads(json.dumps(actions.answer({"action": action, **fields})))
    return answer


def vpc(answer: dict[str, Any]) -> dict[str, Any]:
    (found,) = answer["vpcs"]
    return dict(found)


def looked(world: FakeWorld, action: str = "describe") -> dict[str, Any]:
    """Ask, and be sure that nothing was changed."""
    before = (
        dict(world.ledgers.records),
        dict(world.ledgers.heartbeats),
        dict(world.group_rules.held),
        list(world.addresses.moves),
        dict(world.gateways.held),
    )
    answer = ask(world, action)
    assert before == (
        world.ledgers.records,
        world.ledgers.heartbeats,
        world.group_rules.held,
        world.addresses.moves,
        world.gateways.held,
    )
    return answer


def instances(world: FakeWorld) -> dict[str, dict[str, Any]]:
    return {each["instance"]: each for each in vpc(looked(world))["nat_instances"]}


# -- the address ----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["plan", "describe"])
def test_a_stack_without_an_address_and_managed_groups_says_so(
    world: FakeWorld, action: str
) -> None:
    ask(world, "sync")

    found = vpc(looked(world, action))

    assert (found["address"], found["groups"]) == (None, None)


@pytest.mark.parametrize("action", ["plan", "describe"])
def test_the_address_its_holder_and_why(world: FakeWorld, action: str) -> None:
    hold_address(world)
    ask(world, "sync")

    assert vpc(looked(world, action))["address"] == {
        "address": ADDRESS,
        "allocation": ALLOCATION,
        "holder": NAT,
        "state": "held",
        "reason": "it had the address already",
        "move_to": None,
        "since": world.now,
        "moved_from": None,
        "moved_at": None,
        "unheld_since": None,
    }


def test_a_move_that_a_pass_would_make_is_shown_with_its_grounds_and_not_made(
    world: FakeWorld,
) -> None:
    hold_address(world)
    ask(world, "sync")
    stop(world, NAT)

    address = vpc(looked(world, "plan"))["address"]

    assert (address["state"], address["holder"], address["move_to"]) == ("due", NAT, SECOND)
    assert address["reason"].startswith(f"{NAT}, the holder until then, ")
    assert "is stopped" in address["reason"]
    assert address["reason"].endswith(
        "(by the last proof: a pass proves the rule set anew before it decides)"
    )
    assert address["unheld_since"] is None  # no pass has seen it yet
    assert vpc(ask(world, "sync"))["address"]["holder"] == SECOND


def test_who_had_it_before_is_shown_after_a_move(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    stop(world, NAT)
    world.now += 100

    moved = vpc(ask(world, "sync"))["address"]
    address = vpc(looked(world))["address"]

    assert (moved["state"], moved["moved_from"], moved["error"]) == ("moved", NAT, None)
    assert (address["state"], address["holder"]) == ("held", SECOND)
    assert (address["moved_from"], address["moved_at"]) == (NAT, world.now)


def test_before_the_first_proof_nothing_is_foretold(world: FakeWorld) -> None:
    hold_address(world)

    address = vpc(looked(world, "plan"))["address"]

    assert (address["state"], address["holder"]) == ("unknown", NAT)
    assert "no pass has proved" in address["reason"]
    assert (address["since"], address["move_to"]) == (None, None)


def test_a_recorded_rule_set_that_nobody_proved_foretells_nothing(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    world.add_cluster("cart", "10.0.1.5")
    fail(world, NAT, SECOND)
    ask(world, "sync")
    stop(world, NAT)

    address = vpc(looked(world))["address"]

    assert (address["state"], address["move_to"]) == ("unknown", None)
    assert not any(each["verified"] for each in instances(world).values())


def test_a_holder_in_doubt_is_not_called_verified_by_an_older_proof(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    fail(world, NAT)
    ask(world, "sync")

    address = vpc(looked(world))["address"]

    assert address["state"] == "waiting"
    assert f"moves to {SECOND} if that lasts" in address["reason"]
    assert address["unheld_since"] == world.now
    assert {i: each["verified"] for i, each in instances(world).items()} == {
        NAT: False,
        SECOND: True,
    }


def test_an_instance_that_ssm_did_not_reach_is_not_called_verified(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    for each in (NAT, SECOND):
        world.gateways.failing[each] = Reply(instance_id=each, failure="lost", unreached=True)
    ask(world, "sync")

    assert not any(each["verified"] for each in instances(world).values())
    assert vpc(looked(world))["address"]["state"] == "stranded"


def test_an_ill_holder_is_shown_verified_and_ill(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    fall_ill(world, NAT)
    ask(world, "sync")

    holder = instances(world)[NAT]

    assert (holder["health"], holder["verified"], holder["state"]) == ("impaired", True, "running")
    assert "fails EC2's status checks" in vpc(looked(world))["address"]["reason"]


def test_an_instance_that_stopped_since_is_not_called_verified(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    stop(world, SECOND)

    assert instances(world)[SECOND]["verified"] is False


def test_an_address_that_somebody_gave_to_the_other_instance_is_shown_there(
    world: FakeWorld,
) -> None:
    hold_address(world)
    ask(world, "sync")
    give(world, SECOND)
    world.now += 100

    address = vpc(looked(world))["address"]

    assert (address["state"], address["holder"]) == ("held", SECOND)
    assert address["since"] == world.now
    assert address["reason"] == "it was given the address by someone else"


def test_a_move_that_nobody_lived_to_note_is_shown_as_done(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    record = world.ledgers.records[VPC]
    begun = Holding(
        instance_id=SECOND,
        since=world.now,
        reason="why",
        moved_from=NAT,
        fenced_until=world.now + world.settings.policy.fence,
    )
    world.ledgers.save(replace(record.ledger, holding=begun), record.version)
    give(world, SECOND)
    world.now += 100

    address = vpc(looked(world))["address"]

    assert (address["state"], address["holder"], address["move_to"]) == ("held", SECOND, None)
    assert (address["reason"], address["moved_from"]) == ("why", NAT)


def test_an_address_that_ec2_does_not_show_is_missing_and_no_forward_has_another(
    world: FakeWorld,
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    hold_address(world)
    world.addresses.addresses.clear()

    found = vpc(looked(world))

    assert (found["address"]["state"], found["address"]["address"]) == ("missing", None)
    assert [forward["public_addresses"] for forward in found["forwards"]] == [[]]


@pytest.mark.parametrize("action", ["plan", "describe"])
def test_an_ec2_that_does_not_answer_hides_nothing_and_is_no_success(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    world.add_cluster("cart", "10.0.1.5")
    hold_address(world)
    manage_groups(world)
    ask(world, "sync")
    stop(world, NAT)

    def silent(_asked: object) -> None:
        raise TransientError("Throttling")

    monkeypatch.setattr(world.addresses, "find", silent)
    monkeypatch.setattr(world.group_rules, "managed", silent)

    answer = looked(world, action)

    assert answer["error"] == {"code": "try_again", "message": "Throttling; Throttling"}
    assert not answer["ok"]
    address = vpc(answer)["address"]
    assert (address["state"], address["reason"]) == ("unknown", "Throttling")
    assert (address["holder"], address["moved_from"]) == (None, None)
    assert vpc(answer)["groups"] is None
    assert len(vpc(answer).get("forwards", [{}])) == 1


def test_a_detached_stack_leaves_address_and_rules_as_they_are(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    hold_address(world)
    manage_groups(world)
    ask(world, "sync")
    ask(world, "detach")
    stop(world, NAT)
    world.group_rules.held.pop("sgr-1", None)

    found = vpc(looked(world))

    assert (found["address"]["state"], found["address"]["holder"]) == ("detached", NAT)
    assert (found["groups"]["add"], found["groups"]["remove"]) == ([], [])


def test_an_address_of_another_vpc_is_none_of_this_ones(world: FakeWorld) -> None:
    hold_address(world)
    world.settings = replace(world.settings, address_vpc="vpc-2")
    ask(world, "sync")

    assert vpc(looked(world))["address"] is None
    assert vpc(ask(world, "sync"))["address"] is None


def test_a_vpc_without_an_address_that_is_named_holds_none(world: FakeWorld) -> None:
    world.settings = replace(world.settings, address_vpc=VPC)

    assert vpc(looked(world))["address"] is None


def test_a_move_that_ec2_does_not_show_done_is_an_error_of_the_pass(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")
    stop(world, NAT)
    world.addresses.deaf = True

    answer = ask(world, "sync")

    assert not answer["ok"]
    address = vpc(answer)["address"]
    assert (address["state"], address["holder"], address["moved_from"]) == ("waiting", NAT, None)
    assert address["error"] == f"EC2 does not show the address at {SECOND} yet"


# -- forwards and NAT instances -------------------------------------------------------------------


def test_clients_are_told_the_address_that_is_held_not_an_instances_own(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    world.add_instance(SECOND, VPC)
    ask(world, "sync")
    (forward,) = vpc(looked(world))["forwards"]
    assert forward["public_addresses"] == ["203.0.113.73"] * 2  # as each of them has one
    second = world.network.instances[SECOND]
    world.network.instances[SECOND] = replace(second, public_address=None)
    assert vpc(looked(world))["forwards"][0]["public_addresses"] == ["203.0.113.73"]
    hold_address(world)

    (forward,) = vpc(looked(world))["forwards"]

    assert forward["public_addresses"] == [ADDRESS]


def test_an_instance_shows_what_it_told_last_of_its_capacity(world: FakeWorld) -> None:
    manage_groups(world)
    ask(world, "sync")
    assert instances(world)[NAT]["capacity"] == {"conntrack": None, "allowances": {}}
    figures = {
        "conntrack": {"used": 12, "limit": 65536},
        "allowances": {"conntrack_allowance_exceeded": 3},
    }
    world.gateways.report = {**figures, "allowances": {**figures["allowances"], "odd": "x"}}
    told = vpc(ask(world, "sync"))["nat_instances"][0]["capacity"]
    fail(world, NAT)
    ask(world, "sync")

    (shown,) = instances(world).values()

    assert told == shown["capacity"] == figures
    assert shown["groups"] == [NAT_GROUP]
    assert shown["public_address"] == "203.0.113.73"


def test_instances_are_shown_in_the_order_of_their_ids(world: FakeWorld) -> None:
    world.add_instance("i-a", VPC)

    assert list(instances(world)) == ["i-a", NAT]


# -- groups ---------------------------------------------------------------------------------------


def rules(world: FakeWorld) -> dict[str, Any]:
    groups: dict[str, Any] = vpc(looked(world))["groups"]
    return groups


def test_rules_that_a_pass_would_add_are_shown_and_then_are_there(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)

    planned = vpc(looked(world, "plan"))["groups"]
    done = vpc(ask(world, "sync"))["groups"]
    shown = rules(world)

    assert planned == {"add": done["added"], "remove": []}
    assert done["in_place"] == len(done["added"]) == len(shown["rules"]) == 4
    assert vpc(ask(world, "sync"))["groups"] == done | {"added": []}
    assert {
        "group": CACHE_GROUP,
        "direction": "ingress",
        "peer": NAT_GROUP,
        "protocol": "tcp",
        "from_port": 6379,
        "to_port": 6379,
        "description": f"cachegate: NAT instances of {STACK} to caches",
        "vanished": False,
    } in planned["add"]
    ids = {rule.pop("rule") for rule in shown["rules"]}
    assert ids == set(world.group_rules.held)
    assert all({**rule, "vanished": False} in done["added"] for rule in shown["rules"])
    assert shown["caches"] == {"cart": [CACHE_GROUP]}
    assert (shown["add"], shown["remove"], shown["by_others"]) == ([], [], [])


def test_a_rule_that_vanished_is_shown_as_one_that_comes_back(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    ask(world, "sync")
    lost = world.group_rules.held.pop("sgr-1")

    (added,) = rules(world)["add"]

    assert (added["group"], added["vanished"]) == (lost.opening.group_id, True)
    assert [r["vanished"] for r in vpc(ask(world, "sync"))["groups"]["added"]] == [True]


def test_what_a_person_opened_is_told_apart_from_what_is_ours(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    ask(world, "sync")
    ours = world.group_rules.held["sgr-1"]
    world.group_rules.held["sgr-1"] = replace(ours, tags={})

    shown = rules(world)

    assert shown["by_others"] == [ours.opening.key]
    assert "sgr-1" not in {rule["rule"] for rule in shown["rules"]}
    assert shown["add"] == []


def test_rules_of_another_vpc_are_not_shown_here(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    ask(world, "sync")
    ours = world.group_rules.held["sgr-1"]
    opening = replace(ours.opening, group_id="sg-far")
    tags = {**ours.tags, "cachegate:vpc": "vpc-2"}
    far = replace(ours, rule_id="sgr-far", opening=opening, tags=tags)
    world.group_rules.held["sgr-far"] = far

    shown = rules(world)

    assert "sgr-far" not in {rule["rule"] for rule in (*shown["rules"], *shown["remove"])}


def test_a_rule_that_nothing_needs_any_more_is_shown_as_one_to_go(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    ask(world, "sync")
    sources = replace(world.settings.policy, sources=())
    world.settings = replace(world.settings, policy=sources)

    (gone,) = rules(world)["remove"]

    assert (gone["group"], gone["peer"]) == (NAT_GROUP, "203.0.113.0/24")
    assert gone["rule"] in world.group_rules.held
    removed = vpc(ask(world, "sync"))["groups"]["removed"]
    assert removed == [gone]


@pytest.mark.parametrize(("action", "place"), [("plan", "problems"), ("describe", "not_forwarded")])
def test_groups_that_are_not_ours_to_change_are_problems(
    world: FakeWorld, action: str, place: str
) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    world.group_rules.known.clear()

    found = looked(world, action)[place]

    assert {(p["cache"], p["forwarded"]) for p in found if p["code"] == "no_own_group"} == {
        (STACK, True)
    }


def test_a_group_without_room_is_a_problem(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    policy = replace(world.settings.policy, rules_per_group=1)
    world.settings = replace(world.settings, policy=policy)

    assert "group_full" in {problem["code"] for problem in looked(world, "plan")["problems"]}


def test_rules_that_aws_does_not_answer_for_are_errors_of_the_pass(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    world.group_rules.refused[CACHE_GROUP] = TransientError("Throttling")

    answer = ask(world, "sync")

    assert vpc(answer)["groups"]["errors"] == ["Throttling"]
    assert not answer["ok"]


@pytest.mark.parametrize(
    ("traffic", "protocol", "first", "last"),
    [
        (Traffic(TCP, 6379, 6380), "tcp", 6379, 6380),
        (Traffic(TCP, 0, 65535), "tcp", None, None),
        (Traffic(ALL), "-1", None, None),
        (Traffic(ICMP), "icmp", None, None),
    ],
)
def test_a_rule_is_described_in_the_words_of_the_guard(
    traffic: Traffic, protocol: str, first: int | None, last: int | None
) -> None:
    opening = Opening(
        group_id="sg-1", direction=Direction.EGRESS, traffic=traffic, peer=GroupReference("sg-2")
    )

    told = describe_rule(GroupRule(rule_id="sgr-1", opening=opening, description="why"))

    assert told == {
        "rule": "sgr-1",
        "group": "sg-1",
        "direction": "egress",
        "peer": "sg-2",
        "protocol": protocol,
        "from_port": first,
        "to_port": last,
        "description": "why",
    }


def test_what_aws_refuses_is_a_problem_of_sync_and_no_error(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    world.group_rules.refused[CACHE_GROUP] = RuleRefusedError("sg-cache is not open: Denied")

    answer = ask(world, "sync")

    assert answer["ok"]
    assert [(p["code"], p["message"], p["cache"]) for p in answer["problems"]] == [
        ("rule_refused", "sg-cache is not open: Denied", STACK)
    ]
    assert (vpc(answer)["groups"]["in_place"], vpc(answer)["groups"]["errors"]) == (3, [])


# -- explain and move -----------------------------------------------------------------------------


def explained(world: FakeWorld) -> Any:
    return ask(world, "explain", listen=6379)["forwards"][0]["address"]


def test_explain_says_why_the_address_is_where_it_is(world: FakeWorld) -> None:
    world.add_cluster("cart", "10.0.1.5")
    ask(world, "sync")
    assert explained(world) is None
    hold_address(world)
    ask(world, "sync")
    stop(world, NAT)
    ask(world, "sync")
    moved_at = world.now
    world.now += 50

    why = explained(world)

    assert (why["holder"], why["since"], why["seconds"]) == (SECOND, moved_at, 50)
    assert (why["moved_from"], why["moved_at"], why["pending"]) == (NAT, moved_at, [])
    assert why["why"].startswith(f"{NAT}, the holder until then, ")
    world.settings = replace(world.settings, address=None, address_vpc=None)
    assert explained(world) is None


def test_a_move_that_a_person_asked_for_tells_where_the_address_is(world: FakeWorld) -> None:
    hold_address(world)
    ask(world, "sync")

    moved = ask(world, "move", instance=SECOND)
    again = ask(world, "move", instance=SECOND)

    assert moved["ok"]
    assert vpc(moved)["address"]["moved_from"] == NAT
    assert vpc(moved)["address"]["reason"] == "a person asked for it"
    assert again["ok"]
    assert vpc(again)["address"]["state"] == "held"


def test_a_move_to_an_instance_that_is_not_verified_is_refused_with_the_state(
    world: FakeWorld,
) -> None:
    hold_address(world)
    ask(world, "sync")
    fail(world, SECOND)

    answer = ask(world, "move", instance=SECOND)

    assert answer["error"]["code"] == "not_moved"
    assert (vpc(answer)["address"]["holder"], world.addresses.moves) == (NAT, [])


def test_a_port_whose_target_did_not_answer_the_last_pass_is_told(world: FakeWorld) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    ask(world, "sync")
    assert vpc(looked(world))["unreachable"] == []

    world.gateways.report = {"unreachable": [6379, 7000]}  # 7000 is nobody's
    ask(world, "sync")
    assert vpc(looked(world))["unreachable"] == [6379]


def test_a_listen_port_that_no_forward_has_is_answered_with_those_that_are_used(
    world: FakeWorld,
) -> None:
    add_guarded_cluster(world, "cart", "10.0.1.5")
    ask(world, "sync")
    error = ask(world, "explain", listen=9999)["error"]
    assert error["message"] == "no forward has the listen port 9999; those in use are 6379"
