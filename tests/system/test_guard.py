"""The guard end to end: a call that opens a shared group, the revocation, and the way back."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local import makers
from tests.system.guarding import EXCUSE, OFFICE, Guarded
from tests.system.heard import heard

if TYPE_CHECKING:
    from local.world import World

WORLD = "0.0.0.0/0"
EVENTS = Path(__file__).parents[2] / "events" / "guard"
HEARD: dict[str, tuple[str, str | None] | None] = {
    "authorize-ingress": ("AuthorizeSecurityGroupIngress", None),
    "authorize-ingress-flat": ("AuthorizeSecurityGroupIngress", None),
    "delete-exemption": ("DeleteTags", None),
    "failed-call": None,  # the rule's pattern leaves it out
    "modify-cache-cluster": ("ModifyCacheCluster", None),
    "modify-prefix-list": ("ModifyManagedPrefixList", None),
    "modify-rules": ("ModifySecurityGroupRules", None),
    "own-authorize": ("AuthorizeSecurityGroupIngress", "the guard itself made the call"),
    "run-instances": ("RunInstances", None),
}


def same_but_for_its_id(rule: dict[str, Any]) -> dict[str, Any]:
    """Return what a rule admits and says, without what EC2 makes anew for each rule."""
    made = {"SecurityGroupRuleId", "SecurityGroupRuleArn", "Tags"}
    tags = {tag["Key"]: tag["Value"] for tag in rule.get("Tags", [])}
    return {key: value for key, value in rule.items() if key not in made} | {"tags": tags}


def test_a_rule_that_opens_a_shared_group_is_revoked_told_and_given_back(world: World) -> None:
    world.start_trail()
    guarded = Guarded(world, GuardMode="enforce")
    guarded.admit(world.network.nat_group)
    guarded.share()
    guarded.wait_for_rest()

    too_wide = guarded.admit(WORLD, tags={"team": "shop"})
    before = guarded.rules()
    guarded.wait_gone(too_wide)

    after = guarded.rules()
    assert {key: each for key, each in before.items() if key != too_wide} == after
    (alert,) = world.published()
    assert alert.subject == f"cachegate: 1 ingress rule revoked: {WORLD} to tcp 6379 of sessions"
    for told in (too_wide, WORLD, "203.0.113.80", "sessions", "user/alice"):
        assert told in alert.text, told
    kept = guarded.invoke("findings")
    (revocation,) = kept["revocations"]
    assert (revocation["rule"], revocation["state"]) == (too_wide, "revoked")
    assert revocation["added_by"]["call"] == "AuthorizeSecurityGroupIngress"
    assert kept["trail"] == "logs"

    refused = guarded.invoke("restore", rule=too_wide)
    assert refused["error"]["code"] == "bad_request"
    assert "revoke again at once" in refused["error"]["message"]
    assert guarded.rules() == after

    restored = guarded.invoke("restore", rule=too_wide, exempt=EXCUSE)
    assert restored["ok"], restored
    back = guarded.rules()[restored["restored"]["restored_as"]]
    expected = same_but_for_its_id(before[too_wide])
    expected["tags"]["cachegate:exempt"] = "data-team|2999-12-31|migration"
    assert same_but_for_its_id(back) == expected
    assert guarded.invoke("restore", rule=too_wide, exempt=EXCUSE)["existed"] is True

    assert guarded.invoke("sweep")["ok"]
    assert guarded.steps() == {back["SecurityGroupRuleId"]: "exempt"}
    assert guarded.invoke("sweep")["ok"]
    (excused,) = world.published()[1:]
    assert "OPEN by an exemption" in (excused.subject or "")

    # CloudTrail told of the guard's own calls, and they started nothing.
    count = len(guarded.passes())
    world.trigger(queue="GuardQueueUrl")
    guarded.wait(lambda: len(guarded.passes()) > count, "the pass that was asked for")
    guarded.wait(
        lambda: any(
            "the guard itself" in each["why"]
            for line in world.logged("triggers")
            for each in line["ignored"]
        ),
        "the guard's own calls are ignored",
    )
    assert len(guarded.passes()) == count + 1


def test_observe_says_what_enforce_would_do_and_may_change_no_rule(world: World) -> None:
    guarded = Guarded(world)
    guarded.admit(world.network.nat_group)
    world.create_serverless("pages")
    guarded.share()
    too_wide, spill = guarded.admit(WORLD), guarded.admit("172.0.0.0/11", (11211, 11211))
    before = guarded.rules()

    world.tick()
    guarded.wait(guarded.passes, "the schedule asks for a pass")

    assert guarded.rules() == before
    assert guarded.steps() == {too_wide: "revoke", spill: "report"}
    (alert,) = world.published()
    assert "enforce would revoke it" in alert.text
    assert guarded.invoke("findings")["trail"] == "none"
    exempted = guarded.invoke("exempt", rule=too_wide, **EXCUSE)
    assert exempted["ok"], exempted
    assert guarded.steps() == {too_wide: "exempt", spill: "report"}
    assert guarded.invoke("restore", rule=too_wide)["error"]["code"] == "bad_request"

    guarded.ec2.revoke_security_group_ingress(
        GroupId=guarded.group, SecurityGroupRuleIds=[too_wide, spill]
    )
    assert guarded.invoke("sweep")["ok"]
    assert guarded.invoke("findings")["findings"] == []

    function = world.aws.client("ec2", guarded.stack.physical_ids["GuardIngressRole"])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        function.revoke_security_group_ingress(
            GroupId=guarded.group, SecurityGroupRuleIds=[guarded.office]
        )
    assert [call.action for call in world.aws.gate.denied] == ["ec2:RevokeSecurityGroupIngress"]
    world.aws.gate.denied.clear()


def test_each_event_of_the_guard_reaches_it_and_is_understood(world: World) -> None:
    stack = world.deploy()
    own = stack.physical_ids["GuardIngressRole"]
    sent = {}
    for path in sorted(EVENTS.glob("*.json")):
        event = json.loads(path.read_text().replace("cachegate-GuardIngressRole-1A2B3C4D5E6F", own))
        sent[path.stem] = event["id"] = str(uuid.uuid4())
        world.emit(event)

    understood = {what: said for what, said in HEARD.items() if said is not None}
    world.wait_until(
        lambda: {sent[what] for what in understood} <= heard(world, "GuardIngress").keys(),
        what="all that should arrive is heard",
    )

    found = heard(world, "GuardIngress")
    assert {
        what: (each.name, each.ignored) if (each := found.get(event_id)) else None
        for what, event_id in sent.items()
    } == HEARD


def test_the_only_way_of_the_nat_instance_is_not_cut_unless_it_gets_one_of_its_own(
    world: World,
) -> None:
    guarded = Guarded(world, GuardMode="enforce")
    guarded.share()
    too_wide = guarded.admit(WORLD, (6000, 7000), tags={"team": "shop"})

    refused = guarded.invoke("sweep")

    assert refused["ok"], refused
    assert guarded.steps() == {too_wide: "refuse"}
    (finding,) = refused["findings"]
    assert f"--group-id {guarded.group}" in finding["advice"]
    assert f"--source-group {world.network.nat_group}" in finding["advice"]
    assert too_wide in guarded.rules()

    guarded.stack.update({"AddOwnPath": "true", "CarveRanges": "true"})
    before = guarded.rules()
    swept = guarded.invoke("sweep")

    assert [each["rule"] for each in swept["revoked"]] == [too_wide], swept
    added = {key: each for key, each in guarded.rules().items() if key not in before}
    ranges = {
        (each["FromPort"], each["ToPort"], each.get("CidrIpv4")): each for each in added.values()
    }
    assert set(ranges) == {
        (6379, 6379, None), (6000, 6378, WORLD), (6381, 7000, WORLD),
    }  # fmt: skip
    path = ranges[6379, 6379, None]
    assert path["ReferencedGroupInfo"]["GroupId"] == world.network.nat_group
    assert {"Key": "cachegate:managed", "Value": "cachegate"} in path["Tags"]
    pieces = {rule_id for rule_id, each in added.items() if each.get("CidrIpv4") == WORLD}
    assert guarded.steps() == dict.fromkeys(pieces, "report")  # a web server may want them

    restored = guarded.invoke("restore", rule=too_wide, force=True)
    assert restored["ok"], restored
    assert len(restored["closed"]) == 2
    whole = [each for each in guarded.rules().values() if each.get("CidrIpv4") == WORLD]
    assert [same_but_for_its_id(each) for each in whole] == [same_but_for_its_id(before[too_wide])]


def test_a_prefix_list_that_grows_and_a_group_that_is_shared_later_are_noticed(
    world: World,
) -> None:
    world.start_trail()
    guarded = Guarded(world, GuardMode="enforce")
    guarded.admit(world.network.nat_group)
    offices = guarded.ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=5, AddressFamily="IPv4",
        Entries=[{"Cidr": OFFICE}],
    )["PrefixList"]["PrefixListId"]  # fmt: skip
    by_list = guarded.admit(offices)
    too_wide = guarded.admit(WORLD)
    guarded.wait(guarded.passes, "the guard looks at the rules that were added")
    assert guarded.steps() == {too_wide: "report"}  # caches alone have the group

    guarded.share(public=None)
    guarded.wait_gone(too_wide)
    assert {by_list, guarded.office} <= guarded.rules().keys()

    guarded.ec2.modify_managed_prefix_list(
        PrefixListId=offices, CurrentVersion=1, AddEntries=[{"Cidr": "13.0.0.0/8"}]
    )
    guarded.wait_gone(by_list)
    assert guarded.office in guarded.rules()


def test_a_rule_that_comes_back_is_fought_three_times_and_then_a_person_is_told(
    world: World,
) -> None:
    guarded = Guarded(world, GuardMode="enforce")
    guarded.admit(world.network.nat_group)
    guarded.share()
    world.network.tag(guarded.group, {"aws:cloudformation:stack-name": "shop"})
    for _ in range(3):
        too_wide = guarded.admit(WORLD)
        assert [each["rule"] for each in guarded.invoke("sweep")["revoked"]] == [too_wide]

    stays = guarded.admit(WORLD)
    swept = guarded.invoke("sweep")

    assert swept["revoked"] == []
    assert guarded.steps() == {stays: "refuse"}
    assert stays in guarded.rules()
    alert = world.published()[-1]
    assert "needs you" in (alert.subject or "")
    assert "the CloudFormation stack shop" in alert.text
    told = len(world.published())
    guarded.invoke("sweep")
    assert len(world.published()) == told


def test_a_revocation_that_ec2_only_claims_is_no_success_and_is_given_up_loudly(
    world: World,
) -> None:
    guarded = Guarded(world, GuardMode="enforce")
    guarded.admit(world.network.nat_group)
    guarded.share()
    too_wide = guarded.admit(WORLD)
    world.aws.moods.deaf.add(guarded.group)

    world.trigger(queue="GuardQueueUrl")

    dead = guarded.stack.outputs["GuardDeadLetterQueueUrl"]
    sqs = world.aws.client("sqs")
    guarded.wait(
        lambda: sqs.receive_message(QueueUrl=dead).get("Messages"), "the trigger is given up", 60
    )
    assert [each["decision"] for each in guarded.passes()] == ["failed"] * 4
    (revocation,) = guarded.invoke("findings")["revocations"]
    assert revocation["state"] == "pending"
    assert "could not be revoked" in world.published()[0].text

    world.aws.moods.deaf.clear()
    assert [each["rule"] for each in guarded.invoke("sweep")["revoked"]] == [too_wide]
    assert too_wide not in guarded.rules()


def test_a_group_of_another_account_and_a_doubtful_one_are_only_reported(world: World) -> None:
    guarded = Guarded(world, GuardMode="enforce")
    unknown = world.network.place_interface(makers.UNKNOWN, [guarded.group])
    too_wide = guarded.admit(WORLD)
    doubtful = guarded.invoke("sweep")
    assert guarded.steps() == {too_wide: "report"}
    assert unknown in doubtful["findings"][0]["reason"]

    guarded.share()
    world.network.give_away(guarded.group)
    assert guarded.steps() == {too_wide: "report"}
    assert guarded.invoke("sweep")["ok"]
    assert too_wide in guarded.rules()
