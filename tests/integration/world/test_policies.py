"""A function may do what its role's policies allow, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.caches import ACCOUNT, REGION
from local.iam import (
    Call,
    Grant,
    UnknownConditionError,
    allowing_grants,
    grants_of_all_roles,
    resource_type,
)
from local.world import World, WorldError

if TYPE_CHECKING:
    from local.deploy import Stack


@pytest.fixture
def role(stack: Stack) -> str:
    return stack.physical_ids["Role"]


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def used(world: World) -> set[Grant]:
    """Return what was used since the last clearing, but for what the queue's poller always does."""
    return {grant for grant in world.aws.gate.used if grant.sid != "Poll"}


def test_an_action_is_allowed_on_the_resources_that_a_policy_names(
    world: World, stack: Stack, role: str
) -> None:
    dynamodb, table = world.aws.client("dynamodb", role), stack.physical_ids["Table"]

    dynamodb.put_item(TableName=table, Item={"vpc": {"S": "a"}})
    dynamodb.list_tables()

    assert code(dynamodb.delete_table, TableName=table) == "AccessDeniedException"
    assert code(dynamodb.put_item, TableName="other", Item={}) == "AccessDeniedException"
    assert world.aws.gate.denied[-2].action == "dynamodb:DeleteTable"


def test_a_wait_in_vain_says_what_was_denied(world: World, stack: Stack, role: str) -> None:
    table = stack.physical_ids["Table"]
    code(world.aws.client("dynamodb", role).delete_table, TableName=table)

    with pytest.raises(WorldError, match="denied: dynamodb:DeleteTable"):
        world.wait_until(lambda: False, within_s=0)


def test_each_protocol_has_its_own_refusal(world: World, role: str) -> None:
    ec2, elasticache = world.aws.client("ec2", role), world.aws.client("elasticache", role)

    assert code(ec2.describe_instances) == "UnauthorizedOperation"
    assert code(elasticache.describe_cache_clusters) == "AccessDenied"


def test_a_command_needs_our_document_and_an_instance_with_our_tag(
    world: World, stack: Stack, role: str
) -> None:
    ssm, ours = world.aws.client("ssm", role), stack.physical_ids["Document"]
    instance = world.nat.instance_id

    def send(document: str, instance: str) -> Any:
        return ssm.send_command(
            DocumentName=document, InstanceIds=[instance], Parameters={}, TimeoutSeconds=30
        )

    world.aws.gate.used.clear()
    assert send(ours, instance)["Command"]["CommandId"]
    assert used(world) == {
        Grant("Role", "Send", "ssm:SendCommand", "ssm:document"),
        Grant("Role", "Reach", "ssm:SendCommand", "ec2:instance"),
    }
    assert code(send, document="AWS-RunShellScript", instance=instance) == "AccessDeniedException"
    world.network.untag(instance, "cachegate:nat")
    assert code(send, document=ours, instance=instance) == "AccessDeniedException"


def test_what_is_used_is_noted_by_statement_action_and_resource_type(
    world: World, stack: Stack, role: str
) -> None:
    dynamodb, table = world.aws.client("dynamodb", role), stack.physical_ids["Table"]
    world.aws.gate.used.clear()

    dynamodb.put_item(TableName=table, Item={"vpc": {"S": "a"}})
    code(dynamodb.delete_table, TableName=table)

    assert used(world) == {Grant("Role", "Put", "dynamodb:PutItem", "dynamodb:table")}
    assert used(world) < world.aws.gate.granted <= grants_of_all_roles()


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("*", "*"),
        ("arn:aws:dynamodb:eu-central-1:123456789012:table/ledger", "dynamodb:table"),
        ("arn:aws:elasticache:eu-central-1:123456789012:cluster:*", "elasticache:cluster"),
        ("arn:aws:events:eu-central-1:123456789012:event-bus/default", "events:event-bus"),
        ("arn:aws:sqs:eu-central-1:123456789012:cachegate-SyncQueue", "sqs"),
    ],
)
def test_an_arn_names_a_service_and_a_type(arn: str, expected: str) -> None:
    assert resource_type(arn) == expected


BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
OURS_ONLY = {
    "ForAllValues:StringEquals": {"events:source": "cachegate"},
    "Null": {"events:source": "false"},
}


@pytest.mark.parametrize(
    ("condition", "sources", "holds"),
    [
        (OURS_ONLY, {"cachegate"}, True),
        (OURS_ONLY, {"cachegate", "aws.ec2"}, False),
        (OURS_ONLY, {"aws.ec2"}, False),
        (OURS_ONLY, set(), False),
        ({"StringEquals": {"events:source": ["a", "b"]}}, {"a"}, True),
        ({"StringEquals": {"events:source": ["a", "b"]}}, {"c"}, False),
        ({"StringEquals": {"events:source": "a"}}, set(), False),
        ({"StringEquals": {"aws:RequestedRegion": REGION}}, set(), True),
        ({"StringEquals": {"aws:RequestedRegion": "ap-south-1"}}, set(), False),
    ],
)
def test_conditions_hold_as_iam_says(
    condition: dict[str, Any], sources: set[str], *, holds: bool
) -> None:
    action = "events:PutEvents"
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}
    context = {
        "events:source": frozenset(sources),
        "aws:RequestedRegion": frozenset({REGION}),
    }
    call = Call("a-Role-1", "events", action, (BUS,), context)

    assert bool(list(allowing_grants([statement], call, BUS))) == holds


@pytest.mark.parametrize(
    "condition",
    [{"Bool": {"aws:SecureTransport": "true"}}, {"StringLike": {"events:source": "a*"}}],
)
def test_a_condition_that_cannot_be_judged_does_not_pass_unseen(condition: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}

    with pytest.raises(UnknownConditionError):
        list(allowing_grants([statement], Call("a-Role-1", "s3", "s3:GetObject", ("*",)), "*"))
