"""What the functions may do, and nothing beyond.

That each permission is needed is proved by tests/system/test_permissions_used.py, that AWS knows
it as we write it by test_reference.py.
"""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from cachegate.domain.cache import NAT_TAG
from cachegate.domain.finding import EXEMPT
from cachegate.domain.group_rules import MANAGED_TAG
from cachegate.happenings import SOURCE
from local.iam import resource_type
from tests.template.parsed import (
    RESOURCES,
    ROLES,
    TEMPLATE,
    TEXT,
    actions,
    holding,
    policies,
    properties,
    statements,
)
from tests.template.resolved import role_statements

SYNC, GUARD, NAT = "SyncForwardsRole", "GuardIngressRole", "NatRole"

each_role = pytest.mark.parametrize("role", [SYNC, GUARD])


def test_no_action_is_a_wildcard() -> None:
    assert not [a for statement in statements() for a in actions(statement) if "*" in a]
    assert not [role for role in ROLES if "ManagedPolicyArns" in properties(role)]


def test_every_policy_is_of_a_role_that_is_looked_at_here() -> None:
    apart = [each for each in RESOURCES.values() if each["Type"] == "AWS::IAM::Policy"]

    assert sorted([GUARD, SYNC, NAT]) == ROLES
    assert sum(map(len, (properties(role)["Policies"] for role in ROLES))) + len(apart) == sum(
        1 for role in ROLES for _ in policies(role)
    )


def test_every_statement_allows_and_says_what_for() -> None:
    sids = [statement["Sid"] for statement in statements()]

    assert len(sids) == len(set(sids))
    assert {statement["Effect"] for statement in statements()} == {"Allow"}


def passage(sid: str) -> str:
    """Return a statement as it is written, with the comment above it."""
    lines = TEXT.splitlines()
    first = next(number for number, line in enumerate(lines) if re.search(rf"- Sid: {sid}\b", line))
    end = next(
        number
        for number, line in enumerate(lines[first + 1 :], first + 1)
        if len(line) - len(line.lstrip()) <= len(lines[first]) - len(lines[first].lstrip())
    )
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return "\n".join(lines[first:end])


@pytest.mark.parametrize("sid", [s["Sid"] for s in statements() if "*" in str(s["Resource"])])
def test_each_wildcard_in_a_resource_says_why(sid: str) -> None:
    assert "# " in passage(sid)


def test_what_stands_on_every_resource_is_held_to_this_region() -> None:
    on_everything = [statement for statement in statements() if statement["Resource"] == "*"]

    assert on_everything
    for statement in on_everything:
        assert statement["Condition"] == {
            "StringEquals": {"aws:RequestedRegion": {"Ref": "AWS::Region"}}
        }, statement["Sid"]


def test_commands_go_to_our_document_and_to_instances_with_our_tag_only() -> None:
    document, instances = [s for s in statements() if "ssm:SendCommand" in actions(s)]

    assert document["Resource"]["Fn::Sub"].endswith(":document/${AWS::StackName}-AgentDocument-*")
    assert "${AWS::AccountId}" in document["Resource"]["Fn::Sub"]
    assert "AgentDocument" in RESOURCES
    assert instances["Resource"]["Fn::Sub"].endswith(":${AWS::AccountId}:instance/*")
    assert instances["Condition"] == {
        "StringEquals": {"ssm:resourceTag/cachegate:nat": {"Ref": "AWS::StackName"}}
    }


@pytest.mark.parametrize("stack", ["cachegate", "AWS", "run"])
def test_no_stack_name_makes_the_prefix_cover_a_document_of_aws(stack: str) -> None:
    (document, _) = [s for s in statements() if "ssm:SendCommand" in actions(s)]
    prefix = document["Resource"]["Fn::Sub"].rsplit("/", 1)[1].rstrip("*")

    assert not "AWS-RunShellScript".startswith(prefix.replace("${AWS::StackName}", stack))


def test_another_stacks_table_may_only_be_read_and_only_where_it_is_named() -> None:
    policy = properties(SYNC)["Policies"][1]["PolicyDocument"]["Statement"]
    condition, statement, otherwise = policy[1]["Fn::If"]

    assert (condition, otherwise) == ("HasAdoptTable", {"Ref": "AWS::NoValue"})
    assert actions(statement) == ["dynamodb:GetItem"]
    assert statement["Resource"]["Fn::Sub"].endswith(":table/${AdoptTable}")


def test_caches_may_be_modified_only_where_they_are_enrolled_and_exposed() -> None:
    (modify,) = [s for s in statements() if "elasticache:ModifyReplicationGroup" in actions(s)]
    kinds = [
        resource["Fn::Sub"].partition("${AWS::AccountId}")[2] for resource in modify["Resource"]
    ]

    assert RESOURCES["EnrolPolicy"]["Condition"] == "EnrolsNotifications"
    assert TEMPLATE["Conditions"]["EnrolsNotifications"] == {
        "Fn::Equals": [{"Ref": "EnrolNotifications"}, "true"]
    }
    assert modify in properties("EnrolPolicy")["PolicyDocument"]["Statement"]
    assert kinds == [":cluster:*", ":replicationgroup:*"]
    assert modify["Condition"] == {
        "StringEquals": {"aws:ResourceTag/cachegate:expose": ["true", {"Ref": "AWS::StackName"}]}
    }


def test_topics_of_this_account_and_region_alone_may_be_looked_at() -> None:
    (look,) = [s for s in statements() if "sns:GetTopicAttributes" in actions(s)]

    assert look in properties("EnrolPolicy")["PolicyDocument"]["Statement"]
    assert look["Resource"]["Fn::Sub"].endswith(":sns:${AWS::Region}:${AWS::AccountId}:*")


@each_role
def test_events_are_published_in_our_own_name_only(role: str) -> None:
    (publish,) = [s for s in statements(role) if "events:PutEvents" in actions(s)]

    assert publish["Resource"]["Fn::Sub"].endswith(":event-bus/default")
    assert publish["Condition"] == {
        "ForAllValues:StringEquals": {"events:source": SOURCE},
        "Null": {"events:source": "false"},
    }


def test_only_our_rules_and_our_topic_may_send_triggers_from_outside() -> None:
    """Each rule into its own queue, and into that of undelivered triggers."""
    sync, guard, topic = properties("QueuePolicy")["PolicyDocument"]["Statement"]
    ours = [name for name, each in RESOURCES.items() if each["Type"] == "AWS::Events::Rule"]
    queues = {name: properties(name)["Targets"][0]["Arn"]["Fn::GetAtt"] for name in ours}

    for rules, queue in ((sync, "SyncQueue.Arn"), (guard, "GuardQueue.Arn")):
        assert rules["Principal"] == {"Service": "events.amazonaws.com"}
        listed = rules["Condition"]["ArnEquals"]["aws:SourceArn"]
        named = [each.get("Fn::If", (None, each))[1] for each in listed]
        for each in listed:  # a rule that only some stacks have
            if "Fn::If" in each:
                rule = each["Fn::If"][1]["Fn::GetAtt"].removesuffix(".Arn")
                assert RESOURCES[rule]["Condition"] == each["Fn::If"][0]
        assert sorted(each["Fn::GetAtt"] for each in named) == sorted(
            f"{name}.Arn" for name in ours if queues[name] == queue
        )
        allowed = [each["Fn::GetAtt"] for each in rules["Resource"]]
        assert allowed == [queue, "UndeliveredQueue.Arn"]
    assert topic["Principal"] == {"Service": "sns.amazonaws.com"}
    assert {each["Action"] for each in (sync, guard, topic)} == {"sqs:SendMessage"}
    assert topic["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "NotificationTopic"}}}


def test_no_queue_has_two_policies() -> None:
    """The later one would replace the other: SetQueueAttributes knows one policy a queue."""
    named = [
        queue["Ref"]
        for each in RESOURCES.values()
        if each["Type"] == "AWS::SQS::QueuePolicy"
        for queue in each["Properties"]["Queues"]
    ]

    assert sorted(named) == ["GuardQueue", "SyncQueue", "UndeliveredQueue"]


CHANGES = {"ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"}


@pytest.mark.parametrize(
    ("parameters", "granted"),
    [
        ({}, set()),
        ({"RevokeExclusive": "true", "CarveRanges": "true", "AddOwnPath": "true"}, set()),
        ({"AllowRestore": "true"}, CHANGES),
        ({"GuardMode": "enforce"}, CHANGES),
        ({"GuardMode": "enforce", "AllowRestore": "true"}, CHANGES),
    ],
)
def test_rules_may_be_changed_only_where_a_parameter_says_so(
    parameters: dict[str, str], granted: set[str]
) -> None:
    found = statements(GUARD, conditions=holding(**parameters))

    assert {action for each in found for action in actions(each)} & CHANGES == granted


WRITES = {
    "dynamodb:DeleteItem", "dynamodb:PutItem", "ec2:CreateTags", "events:PutEvents", "sns:Publish",
    "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage",
    "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}  # fmt: skip
READS = re.compile(r"[a-z0-9]+:(Describe|Get|Scan)")


def test_a_guard_that_observes_writes_records_messages_and_excuses_only() -> None:
    granted = {a for each in statements(GUARD, conditions=holding()) for a in actions(each)}

    assert {action for action in granted if not READS.match(action)} == WRITES


CHANGING = re.compile(r"ec2:(?!Describe)")
NAT_CHOICES = [
    dict(zip(names, values, strict=True))
    for names in [("NatInstances", "ElasticIp", "KeepAddress", "ManageSecurityGroups")]
    for values in product(
        ("existing", "create"),
        ("", "eipalloc-0a1b2c3d"),
        ("true", "false"),
        ("auto", "true", "false"),
    )
]
ADDRESS = {"ec2:AssociateAddress"}
RELEASE = {"ec2:DisassociateAddress", "ec2:ReleaseAddress"}
GROUPS = {
    "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags",
    "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
}  # fmt: skip
OURS = {"Ref": "AWS::StackName"}


def changes(**chosen: str) -> set[str]:
    """Return what the sync may change of EC2 in a deployment with these parameters."""
    found = statements(SYNC, conditions=holding(**chosen))
    return {a for each in found for a in actions(each) if CHANGING.match(a)}


@pytest.mark.parametrize("chosen", NAT_CHOICES, ids=lambda each: " ".join(each.values()))
def test_the_sync_may_change_of_ec2_what_its_parameters_ask_for_and_no_more(
    chosen: dict[str, str],
) -> None:
    creates, named = chosen["NatInstances"] == "create", bool(chosen["ElasticIp"])
    manages = {"true": True, "false": False, "auto": creates}[chosen["ManageSecurityGroups"]]
    releases = creates and not named and chosen["KeepAddress"] == "false"

    assert changes(**chosen) == (
        (ADDRESS if creates or named else set())
        | (RELEASE if releases else set())
        | (GROUPS if manages else set())
    )


def test_with_the_defaults_the_sync_may_change_nothing_of_ec2() -> None:
    assert changes() == set()


@pytest.mark.parametrize(
    "statement",
    [each for each in statements(SYNC) if any(map(CHANGING.match, actions(each)))],
    ids=lambda each: each["Sid"],
)
def test_each_change_of_ec2_is_held_to_one_resource_or_to_our_tag(
    statement: dict[str, Any],
) -> None:
    """But for the groups: of a group that rules are added to or removed from, AWS knows no more."""
    (found,) = (each for each in role_statements() if each["Sid"] == statement["Sid"])
    resources = found["Resource"] if isinstance(found["Resource"], list) else [found["Resource"]]
    kinds = {resource_type(each) for each in resources}
    asked = statement.get("Condition", {}).get("StringEquals", {})

    if kinds == {"ec2:elastic-ip"}:
        assert [each for each in resources if "*" in each] == []
    elif statement["Sid"] == "ChangeGroups":
        assert kinds == {"ec2:security-group"}
    elif kinds == {"ec2:security-group-rule"}:
        assert asked[f"aws:RequestTag/{MANAGED_TAG}"] == OURS
    else:
        assert kinds <= {"ec2:instance", "ec2:network-interface"}
        assert asked == {f"ec2:ResourceTag/{NAT_TAG}": OURS}


def test_only_a_rule_that_does_not_exist_yet_can_be_made_ours() -> None:
    """Else a person's rule could get the tag, and be removed as one of ours."""
    (tagging,) = [each for each in statements(SYNC) if "ec2:CreateTags" in actions(each)]

    assert set(tagging["Condition"]["StringEquals"]["ec2:CreateAction"]) == {
        "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress",
    }  # fmt: skip
    assert tagging["Condition"]["StringEquals"][f"aws:RequestTag/{MANAGED_TAG}"] == OURS


@pytest.mark.parametrize("chosen", [{}, {"PeeredVpcs": "vpc-0a1b2c3d=vpc-4e5f6a7b"}])
def test_peerings_are_looked_at_only_where_they_matter(chosen: dict[str, str]) -> None:
    found = statements(SYNC, conditions=holding(**chosen))
    looks = {a for each in found for a in actions(each)}

    assert ("ec2:DescribeVpcPeeringConnections" in looks) == bool(chosen)


def test_the_check_of_the_network_may_look_at_routes_as_soon_as_the_function_exists() -> None:
    """What a policy of its own adds to a role, IAM may make known only seconds later."""
    inline = [
        action
        for policy in properties(SYNC)["Policies"]
        for each in policy["PolicyDocument"]["Statement"]
        if "Fn::If" not in each
        for action in actions(each)
    ]

    assert "ec2:DescribeRouteTables" in inline


def test_a_nat_instance_may_take_commands_and_nothing_else() -> None:
    """Above all not read parameters, open shells for others, or change anything."""
    (trust,) = properties(NAT)["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert {a for each in statements(NAT) for a in actions(each)} == {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel",
        "ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
        "ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply",
    }  # fmt: skip


def test_groups_and_rules_of_this_account_alone_are_changed() -> None:
    for each in statements(GUARD):
        if CHANGES & set(actions(each)) or "ec2:CreateTags" in actions(each):
            found = each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]]
            for resource in found:
                assert ":${AWS::Region}:${AWS::AccountId}:security-group" in resource["Fn::Sub"]


def test_a_rule_that_exists_gets_no_tag_but_an_exemption() -> None:
    excuse, new = (each for each in statements(GUARD) if "ec2:CreateTags" in actions(each))

    assert excuse["Condition"] == {
        "ForAllValues:StringEquals": {"aws:TagKeys": EXEMPT},
        "Null": {"aws:TagKeys": "false"},
    }
    assert new["Condition"] == {
        "StringEquals": {"ec2:CreateAction": "AuthorizeSecurityGroupIngress"}
    }


def test_the_guard_publishes_to_the_topic_for_people_only() -> None:
    (publish,) = [each for each in statements() if "sns:Publish" in actions(each)]

    assert publish["Resource"] == {"Ref": "AlarmTopic"}


@each_role
def test_the_role_is_for_lambda_in_this_account_alone(role: str) -> None:
    (statement,) = properties(role)["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
