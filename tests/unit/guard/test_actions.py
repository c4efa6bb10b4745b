"""What a person may ask: every answer is JSON, and a bad question changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.finding import EXEMPT, Step
from cachegate.domain.revocation import RevocationState
from cachegate.errors import TransientError
from cachegate.guard.actions import GuardActions
from cachegate.guard.advice import AFTERMATH, NEW_ID
from cachegate.guard.settings import Mode
from tests.unit.guard.fakes import GROUP, WRITES, Crash, World

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.results import SweepResult

LONG = "x" * 300
NO_TEXTS: list[Any] = ["", "  ", None, 5, [], {}, "\n", "a\nb", "\ud800", "\x00", LONG]
EXCUSE: dict[str, Any] = {"owner": "me", "expires": "2999-01-01", "reason": "why"}
BAD: list[Any] = [
    None,
    [],
    "sweep",
    {},
    {"action": None},
    {"action": 7},
    {"action": ["sweep"]},
    {"action": {"sweep": 1}},
    {"action": "revoke"},
    {"action": "Sweep"},
    {"action": "\ud800"},
    {"action": "sweep", "rule": "RULE"},
    {"action": "sweep", "\ud800": 1},
    {"action": "plan", "force": True},
    {"action": "findings", "group": 7},
    {"action": "findings", "group": None},
    {"action": "findings", "group": ["sg-1"]},
    {"action": "findings", "group": "sg\n1"},
    {"action": "findings", "group": "web"},  # a name, of which nothing would be found
    {"action": "restore"},
    {"action": "restore", "rule": ""},
    {"action": "restore", "rule": " "},
    {"action": "restore", "rule": None},
    {"action": "restore", "rule": ["RULE"]},
    {"action": "restore", "rule": "sgr-unknown"},
    {"action": "restore", "rule": "\ud800"},
    {"action": "restore", "rule": "GONE"},
    {"action": "restore", "rule": "GONE", "force": "yes"},
    {"action": "restore", "rule": "GONE", "force": 1},
    {"action": "restore", "rule": "GONE", "force": None},
    {"action": "restore", "rule": "GONE", "exempt": "me"},
    {"action": "restore", "rule": "GONE", "exempt": []},
    {"action": "restore", "rule": "GONE", "exempt": False},
    {"action": "restore", "rule": "GONE", "exempt": {}},
    {"action": "restore", "rule": "GONE", "exempt": EXCUSE | {"until": "2999-01-01"}},
    {"action": "restore", "rule": "GONE", "exempt": EXCUSE | {"expires": "2020-01-01"}},
    {"action": "restore", "rule": "GONE", "owner": "me"},
    {"action": "exempt", "rule": "RULE"},
    {"action": "exempt", **EXCUSE},
    {"action": "exempt", "rule": "GONE", **EXCUSE},
    *(
        {"action": "exempt", "rule": "RULE"} | EXCUSE | {name: value}
        for name in EXCUSE
        for value in NO_TEXTS
    ),
    *(
        {"action": "exempt", "rule": "RULE"} | EXCUSE | {"expires": value}
        for value in ("tomorrow", "2999-1-1", "29990101", "2999-02-30", "2999-W01-1", "1-1-2999")
    ),
    {"action": "exempt", "rule": "RULE", **EXCUSE, "owner": "me|you"},
    {"action": "exempt", "rule": "RULE", **EXCUSE, "force": True},
]


class Room:
    """The actions over a world with one rule that was revoked, and one that is exempt."""

    def __init__(self) -> None:
        self.world = World()
        self.told: list[SweepResult] = []
        self.gone = self.world.add_rule("tcp 6379", "0.0.0.0/0", team="shop")
        self.ask(action="sweep")
        self.rule = self.world.add_rule("tcp 6379", "::/0", **{EXEMPT: "x|2999-01-01|y"})

    def tell(self, result: SweepResult) -> SweepResult:
        self.told.append(result)
        return replace(result, unpublished=("no bus today",))

    def ask(self, *args: Any, **event: Any) -> dict[str, Any]:
        actions = GuardActions(self.world.adapters, self.world.settings, self.tell, lambda _: None)
        answer = actions.answer(args[0] if args else event)
        json.dumps(answer).encode()
        json.dumps(answer, ensure_ascii=False).encode()
        return answer


@pytest.fixture
def room() -> Room:
    return Room()


def placed(value: Any, room: Room) -> Any:
    """Put the ids of the room's rules into an event."""
    if isinstance(value, dict):
        return {name: placed(each, room) for name, each in value.items()}
    return {"RULE": room.rule.rule_id, "GONE": room.gone.rule_id}.get(
        value if isinstance(value, str) else "", value
    )


@pytest.mark.parametrize("event", BAD, ids=ascii)
def test_a_bad_question_is_answered_so_and_changes_nothing(room: Room, event: Any) -> None:
    before = dict(room.world.ec2.held), dict(room.world.store.revocations)
    room.world.wire.calls.clear()

    answer = room.ask(placed(event, room))

    assert answer["ok"] is False
    assert answer["error"]["code"] == "bad_request"
    assert answer["error"]["message"].isprintable()
    assert (room.world.ec2.held, room.world.store.revocations) == before
    assert WRITES.isdisjoint(room.world.wire.names())


def test_an_error_of_the_world_is_answered_with_its_code(room: Room) -> None:
    for action in ("plan", "sweep", "findings"):
        room.world.wire.fail("records.load", TransientError("no answer"))

        answer = room.ask(action=action)

        assert answer == {"ok": False, "error": {"code": "try_again", "message": "no answer"}}


def test_an_error_of_no_kind_of_ours_is_raised(room: Room) -> None:
    room.world.wire.fail("records.load", Crash())

    with pytest.raises(Crash):
        room.ask(action="findings")


def test_a_plan_tells_what_a_sweep_would_do_and_does_nothing(room: Room) -> None:
    rule = room.world.add_rule("tcp 6379", "13.0.0.0/8")
    room.world.wire.calls.clear()

    answer = room.ask(action="plan")

    assert answer["ok"]
    steps = {each["rule"]: each["step"] for each in answer["findings"]}
    assert steps == {rule.rule_id: Step.REVOKE, room.rule.rule_id: Step.EXEMPT}
    assert answer["groups"][GROUP]["shared"] == "shared"
    assert "i-web" in answer["groups"][GROUP]["why"]
    changes = [each for each in room.world.wire.names() if each.startswith("records.")]
    assert changes == ["records.load"]
    assert WRITES.isdisjoint(room.world.wire.names())


def test_a_sweep_tells_what_went_what_stands_and_what_becomes_of_connections(room: Room) -> None:
    rule = room.world.add_rule("tcp 6379", "13.0.0.0/8")

    answer = room.ask(action="sweep")

    assert answer["ok"]
    assert [each["rule"] for each in answer["revoked"]] == [rule.rule_id]
    assert [each["rule"] for each in answer["findings"]] == [room.rule.rule_id]
    assert answer["aftermath"] == AFTERMATH
    assert len(room.told) == 2


def test_a_sweep_that_removes_nothing_says_nothing_of_connections(room: Room) -> None:
    answer = room.ask(action="sweep")

    assert answer["ok"]
    assert "aftermath" not in answer


def test_a_sweep_that_could_not_prove_a_removal_is_no_success(room: Room) -> None:
    rule = room.world.add_rule("tcp 6379", "13.0.0.0/8")
    room.world.wire.lies = {"groups.revoke"}

    answer = room.ask(action="sweep")

    assert answer["ok"] is False
    assert answer["error"]["code"] == "not_verified"
    assert rule.rule_id in answer["error"]["message"]
    assert answer["failures"].keys() == {rule.rule_id}
    assert answer["revoked"] == []


def findings(room: Room, **event: Any) -> dict[str, str]:
    answer = room.ask(action="findings", **event)
    return {each["rule"]: each["since"] for each in answer["findings"]}


def add_wide(room: Room, traffic: str = "tcp 22") -> IngressRule:
    return room.world.add_rule(traffic, "0.0.0.0/0")


def test_findings_are_those_of_the_last_pass_with_the_time_of_the_first(room: Room) -> None:
    room.ask(action="sweep")
    first = findings(room)
    room.world.now += 3600
    rule = add_wide(room)
    assert findings(room) == first
    room.ask(action="sweep")
    room.world.now += 3600
    room.ask(action="sweep")

    later = findings(room)

    assert first == {room.rule.rule_id: "2027-01-15 08:00:00 UTC"}
    assert later == first | {rule.rule_id: "2027-01-15 09:00:00 UTC"}


def test_findings_that_vanish_are_taken_out(room: Room) -> None:
    rule = add_wide(room)
    room.ask(action="sweep")
    room.world.ec2.take(rule.rule_id)
    room.ask(action="sweep")

    assert findings(room).keys() == {room.rule.rule_id}

    room.world.ec2.take(room.rule.rule_id)
    room.ask(action="sweep")

    assert findings(room) == {}
    assert room.world.store.findings == {}


@pytest.mark.parametrize("what", ["group", "cache", "both"])
def test_findings_of_a_group_that_vanishes_are_taken_out(room: Room, what: str) -> None:
    add_wide(room)
    room.ask(action="sweep")
    if what != "cache":
        del room.world.ec2.known[GROUP]
        room.world.ec2.held.clear()
    if what != "group":
        room.world.rest.caches.clear()

    room.ask(action="sweep")

    assert findings(room) == {}


def test_a_finding_that_comes_to_nothing_else_is_not_written_again(room: Room) -> None:
    room.ask(action="sweep")
    room.world.wire.calls.clear()

    room.ask(action="sweep")

    assert "records.keep_findings" not in room.world.wire.names()


def test_a_rule_that_could_not_be_removed_stays_a_finding(room: Room) -> None:
    rule = room.world.add_rule("tcp 6379", "13.0.0.0/8")
    room.world.wire.lies = {"groups.revoke"}
    room.ask(action="sweep")

    assert rule.rule_id in findings(room)


def test_a_rule_that_was_removed_is_no_finding_any_more(room: Room) -> None:
    room.world.add_rule("tcp 6379", "13.0.0.0/8")
    room.ask(action="sweep")

    assert findings(room).keys() == {room.rule.rule_id}


def test_findings_can_be_asked_for_by_group(room: Room) -> None:
    room.world.add_group("sg-other")
    room.world.add_cache("users", "sg-other")
    room.world.add_instance("i-users", "sg-other")
    other = room.world.add_rule("tcp 22", "0.0.0.0/0", "sg-other")
    room.ask(action="sweep")

    assert findings(room, group="sg-other").keys() == {other.rule_id}
    assert findings(room, group=GROUP).keys() == {room.rule.rule_id}
    assert room.ask(action="findings", group="sg-other")["revocations"] == []
    assert len(room.ask(action="findings", group=GROUP)["revocations"]) == 1


def test_findings_before_any_pass_say_that_there_was_none(world: World) -> None:
    actions = GuardActions(world.adapters, world.settings, lambda result: result, lambda _: None)

    answer = actions.answer({"action": "findings"})

    assert (answer["ok"], answer["swept"], answer["trail"]) == (True, None, "unknown")
    assert (answer["findings"], answer["revocations"]) == ([], [])


def test_only_what_is_new_or_was_decided_anew_is_fresh(room: Room) -> None:
    room.world.set(mode=Mode.OBSERVE)
    rule = add_wide(room, "tcp 6379")
    room.ask(action="sweep")
    room.ask(action="sweep")
    world = room.world
    world.ec2.put(replace(rule, tags={EXEMPT: "x|2999-01-01|y"}))
    room.ask(action="sweep")

    fresh = [{each.rule.rule_id for each in result.fresh} for result in room.told[1:]]
    assert fresh == [{rule.rule_id, room.rule.rule_id}, set(), {rule.rule_id}]


def test_a_restored_rule_is_told_with_its_new_id(room: Room) -> None:
    answer = room.ask(action="restore", rule=room.gone.rule_id, exempt=EXCUSE)

    assert answer["ok"]
    assert answer["restored"]["state"] == "restored"
    assert answer["restored"]["restored_as"] in room.world.ec2.held
    assert answer["restored"]["tags"] == {"team": "shop"}
    assert answer["note"] == NEW_ID
    assert answer["existed"] is False


def test_a_rule_that_never_went_has_no_new_id(room: Room) -> None:
    rule = room.world.add_rule("tcp 6379", "13.0.0.0/8")
    room.world.wire.fail("groups.revoke", Crash())
    with pytest.raises(Crash):
        room.ask(action="sweep")

    answer = room.ask(action="restore", rule=rule.rule_id)

    assert (answer["ok"], answer["existed"]) == (True, True)
    assert answer["restored"]["state"] == RevocationState.PENDING
    assert "note" not in answer


def test_an_exemption_is_told_as_the_tag_that_it_is(room: Room) -> None:
    rule = room.world.add_rule("tcp 6379", "13.0.0.0/8")

    answer = room.ask(action="exempt", rule=f" {rule.rule_id} ", **EXCUSE)

    assert answer["ok"]
    assert answer["exempted"]["tags"] == {EXEMPT: "me|2999-01-01|why"}
    assert room.ask(action="sweep")["revoked"] == []
