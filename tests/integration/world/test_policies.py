"""A function may do what its role's policies allow, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.iam import Call, UnknownConditionError, allowed
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

    assert send(ours, instance)["Command"]["CommandId"]
    assert code(send, document="AWS-RunShellScript", instance=instance) == "AccessDeniedException"
    world.network.untag(instance, "cachegate:nat")
    assert code(send, document=ours, instance=instance) == "AccessDeniedException"


def test_a_condition_that_cannot_be_judged_does_not_pass_unseen() -> None:
    statement = {
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}},
    }  # fmt: skip

    with pytest.raises(UnknownConditionError):
        allowed([statement], Call("role", "s3", "s3:GetObject", ("*",)), "*")
