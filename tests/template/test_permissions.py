"""What the function may do, and nothing beyond.

That each permission is needed is proved by tests/system/test_permissions_used.py, that AWS knows
it as we write it by test_reference.py.
"""

from __future__ import annotations

import re

import pytest

from cachegate.happenings import SOURCE
from tests.template.parsed import RESOURCES, TEMPLATE, TEXT, actions, properties, statements


def test_no_action_is_a_wildcard() -> None:
    assert not [a for statement in statements() for a in actions(statement) if "*" in a]
    assert "ManagedPolicyArns" not in properties("SyncForwardsRole")


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
    policy = properties("SyncForwardsRole")["Policies"][1]["PolicyDocument"]["Statement"]
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


def test_events_are_published_in_our_own_name_only() -> None:
    (publish,) = [s for s in statements() if "events:PutEvents" in actions(s)]

    assert publish["Resource"]["Fn::Sub"].endswith(":event-bus/default")
    assert publish["Condition"] == {
        "ForAllValues:StringEquals": {"events:source": SOURCE},
        "Null": {"events:source": "false"},
    }


def test_only_our_rules_and_our_topic_may_send_triggers_from_outside() -> None:
    rules, topic = properties("QueuePolicy")["PolicyDocument"]["Statement"]
    ours = [name for name, each in RESOURCES.items() if each["Type"] == "AWS::Events::Rule"]

    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert topic["Principal"] == {"Service": "sns.amazonaws.com"}
    assert {rules["Action"], topic["Action"]} == {"sqs:SendMessage"}
    named = rules["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted(each["Fn::GetAtt"] for each in named) == sorted(f"{name}.Arn" for name in ours)
    assert topic["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "NotificationTopic"}}}


def test_the_role_is_for_lambda_in_this_account_alone() -> None:
    (statement,) = properties("SyncForwardsRole")["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
