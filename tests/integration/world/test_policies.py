"""A function may do what its role's policies allow, and nothing else."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.api_call import Call
from local.caches import ACCOUNT, REGION
from local.iam import (
    Grant,
    UnknownConditionError,
    allowing_grants,
    grants_of_all_roles,
    resource_type,
)
from local.nat_world import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.deploy import Stack
    from local.world import World


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
        ({"ForAnyValue:StringEquals": {"events:source": ["a", "b"]}}, {"a", "c"}, True),
        ({"ForAnyValue:StringEquals": {"events:source": "a"}}, {"c"}, False),
        ({"ForAnyValue:StringEquals": {"events:source": "a"}}, set(), False),
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


ON_RULES = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group-rule/*"
NEW_RULES_ONLY = {"StringEquals": {"ec2:CreateAction": "AuthorizeSecurityGroupIngress"}}
EXCUSES_ONLY = {
    "ForAllValues:StringEquals": {"aws:TagKeys": "cachegate:exempt"},
    "Null": {"aws:TagKeys": "false"},
}


@pytest.fixture
def may(world: World) -> Iterator[Callable[..., Any]]:
    """Return a way to get EC2's client for a role with these statements."""
    iam, name = world.aws.client("iam"), "rules-Tries-1"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")

    def client(*statements: dict[str, Any]) -> Any:
        allowed = [{"Effect": "Allow", **each} for each in statements]
        document = {"Version": "2012-10-17", "Statement": allowed}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        return world.aws.client("ec2", name)

    yield client
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)


def permission(port: int) -> list[dict[str, Any]]:
    ranges = [{"CidrIp": "198.51.100.0/24"}]
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}]


def tagged(kind: str, key: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": "v"}]}]


def test_a_rule_is_made_on_its_group_and_its_tags_are_a_permission_of_their_own(
    world: World, may: Callable[..., Any]
) -> None:
    group = world.aws.client("ec2").create_security_group(GroupName="made", Description="d")
    on_group = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group['GroupId']}"
    action = "ec2:AuthorizeSecurityGroupIngress"
    on_both = {"Sid": "Make", "Action": action, "Resource": [on_group, ON_RULES]}
    tag = {"Sid": "Tag", "Action": "ec2:CreateTags", "Resource": ON_RULES}
    asked = {"GroupId": group["GroupId"], "IpPermissions": permission(1)}
    with_tags = asked | {"TagSpecifications": tagged("security-group-rule", "k")}
    denied = "UnauthorizedOperation"

    one = may({"Action": action, "Resource": on_group}).authorize_security_group_ingress
    assert code(one, **asked) == denied
    one = may(on_both | {"Resource": [on_group + "0", ON_RULES]}).authorize_security_group_ingress
    assert code(one, **asked) == denied
    one = may(on_both, tag | {"Condition": EXCUSES_ONLY}).authorize_security_group_ingress
    assert code(one, **with_tags) == denied
    world.aws.gate.used.clear()
    may(on_both, tag | {"Condition": NEW_RULES_ONLY}).authorize_security_group_ingress(**with_tags)

    assert used(world) == {
        Grant("Tries", "Make", action, "ec2:security-group"),
        Grant("Tries", "Make", action, "ec2:security-group-rule"),
        Grant("Tries", "Tag", "ec2:CreateTags", "ec2:security-group-rule"),
    }


def test_a_rule_that_exists_gets_only_the_tags_that_a_policy_names(
    world: World, may: Callable[..., Any]
) -> None:
    ec2 = world.aws.client("ec2")
    group = ec2.create_security_group(GroupName="tagged", Description="d")["GroupId"]
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission(2))
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    tag = {"Action": "ec2:CreateTags", "Resource": ON_RULES}
    excuse, other = ({"Key": key, "Value": "v"} for key in ("cachegate:exempt", "owner"))

    excusing = may(tag | {"Condition": EXCUSES_ONLY}).create_tags
    excusing(Resources=[rule], Tags=[excuse])
    for tags in ([other], [excuse, other]):
        assert code(excusing, Resources=[rule], Tags=tags) == "UnauthorizedOperation"
    instance = world.nat.instance_id
    for resources in ([instance], [rule, instance]):
        assert code(excusing, Resources=resources, Tags=[excuse]) == "UnauthorizedOperation"
    making = may(tag | {"Condition": NEW_RULES_ONLY}).create_tags
    assert code(making, Resources=[rule], Tags=[excuse]) == "UnauthorizedOperation"


def test_a_rule_is_revoked_by_the_permission_on_its_group(
    world: World, may: Callable[..., Any]
) -> None:
    ec2 = world.aws.client("ec2")
    group = ec2.create_security_group(GroupName="revoked", Description="d")["GroupId"]
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission(3))
    asked = {
        "GroupId": group,
        "SecurityGroupRuleIds": [made["SecurityGroupRules"][0]["SecurityGroupRuleId"]],
    }
    revoke = {"Action": "ec2:RevokeSecurityGroupIngress", "Resource": ON_RULES}

    denied = may(revoke).revoke_security_group_ingress
    assert code(denied, **asked) == "UnauthorizedOperation"
    on_groups = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/*"
    may(revoke | {"Resource": on_groups}).revoke_security_group_ingress(**asked)


BASE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
OURS = {"StringEquals": {"aws:ResourceTag/cachegate:nat": "tiny"}}


@pytest.fixture
def held(world: World) -> Iterator[tuple[str, str]]:
    """An Elastic IP and an instance that has our tag."""
    ec2, instance = world.aws.client("ec2"), world.nat.instance_id
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "cachegate:nat", "Value": "tiny"}])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    yield address, instance
    for left in ec2.describe_addresses()["Addresses"]:
        if "AssociationId" in left:
            ec2.disassociate_address(AssociationId=left["AssociationId"])
        ec2.release_address(AllocationId=left["AllocationId"])


def test_an_address_is_associated_by_a_permission_on_it_and_on_what_the_call_names(
    world: World, held: tuple[str, str], may: Callable[..., Any]
) -> None:
    address, instance = held
    action = "ec2:AssociateAddress"
    on_it = {"Sid": "It", "Action": action, "Resource": f"{BASE}elastic-ip/{address}"}
    on_ours = {"Sid": "Ours", "Action": action, "Resource": f"{BASE}instance/*", "Condition": OURS}
    asked = {"AllocationId": address, "InstanceId": instance}
    stranger = world.network.run_instance(IPv4Address("10.0.0.200"), None, {"Name": "stranger"})
    described = world.aws.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance]}]
    )
    interface = described["NetworkInterfaces"][0]["NetworkInterfaceId"]
    denied = "UnauthorizedOperation"

    assert code(may(on_it).associate_address, **asked) == denied
    assert code(may(on_ours).associate_address, **asked) == denied
    other = on_it | {"Resource": f"{BASE}elastic-ip/eipalloc-0"}
    assert code(may(other, on_ours).associate_address, **asked) == denied
    both = may(on_it, on_ours).associate_address
    assert code(both, AllocationId=address, InstanceId=stranger) == denied
    assert code(both, AllocationId=address, NetworkInterfaceId=interface) == denied
    world.aws.gate.used.clear()
    both(**asked)

    assert used(world) == {
        Grant("Tries", "It", action, "ec2:elastic-ip"),
        Grant("Tries", "Ours", action, "ec2:instance"),
    }


def test_an_address_is_taken_away_and_given_back_by_permissions_on_it(
    world: World, held: tuple[str, str], may: Callable[..., Any]
) -> None:
    address, instance = held
    ec2 = world.aws.client("ec2")
    spare = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=spare, InstanceId=instance)["AssociationId"]
    take = {"Action": "ec2:DisassociateAddress", "Resource": f"{BASE}elastic-ip/{spare}"}
    interfaces = {"Action": "ec2:DisassociateAddress", "Resource": f"{BASE}network-interface/*"}
    give_back = {"Action": "ec2:ReleaseAddress", "Resource": f"{BASE}elastic-ip/{spare}"}
    denied = "UnauthorizedOperation"

    for allowed in (take, interfaces):
        taking = may(allowed).disassociate_address
        assert code(taking, AssociationId=association) == denied
    may(take, interfaces).disassociate_address(AssociationId=association)
    assert code(may(give_back).release_address, AllocationId=address) == denied
    may(give_back).release_address(AllocationId=spare)


@pytest.mark.parametrize("direction", ["Ingress", "Egress"])
def test_the_tags_of_a_new_rule_are_known_of_the_rule_and_not_of_its_group(
    world: World, may: Callable[..., Any], direction: str
) -> None:
    group = world.aws.client("ec2").create_security_group(
        GroupName=direction, Description="d", VpcId=world.network.vpc_id
    )["GroupId"]
    action = f"ec2:AuthorizeSecurityGroup{direction}"
    ours = {"StringEquals": {"aws:RequestTag/cachegate:managed": "tiny"}}
    on_group = {"Action": action, "Resource": f"{BASE}security-group/*"}
    on_rule = {"Action": action, "Resource": ON_RULES, "Condition": ours}
    tag = {"Action": "ec2:CreateTags", "Resource": ON_RULES} | {
        "Condition": {"StringEquals": {"ec2:CreateAction": action.partition(":")[2]}}
    }
    tags = [{"Key": "cachegate:managed", "Value": "tiny"}]
    asked = {"GroupId": group, "IpPermissions": permission(4)}
    with_tags = asked | {
        "TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": tags}]
    }

    def authorize(*statements: dict[str, Any]) -> Any:
        return getattr(may(*statements), f"authorize_security_group_{direction.lower()}")

    denied = "UnauthorizedOperation"
    assert code(authorize(on_group, on_rule, tag), **asked) == denied
    assert code(authorize(on_group | {"Condition": ours}, on_rule, tag), **with_tags) == denied
    assert code(authorize(on_group, on_rule), **with_tags) == denied
    authorize(on_group, on_rule, tag)(**with_tags)


@pytest.mark.parametrize("direction", ["Ingress", "Egress"])
def test_rules_are_revoked_in_the_vpc_that_a_policy_names(
    world: World, may: Callable[..., Any], direction: str
) -> None:
    ec2 = world.aws.client("ec2")
    made = ec2.create_security_group(
        GroupName=f"in {direction}", Description="d", VpcId=world.network.vpc_id
    )["GroupId"]
    authorize = getattr(ec2, f"authorize_security_group_{direction.lower()}")
    (rule,) = authorize(GroupId=made, IpPermissions=permission(5))["SecurityGroupRules"]
    asked = {"GroupId": made, "SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]]}

    def revoke(vpc: str) -> Any:
        statement = {
            "Action": f"ec2:RevokeSecurityGroup{direction}",
            "Resource": f"{BASE}security-group/*",
            "Condition": {"ArnEquals": {"ec2:Vpc": f"{BASE}vpc/{vpc}"}},
        }
        return getattr(may(statement), f"revoke_security_group_{direction.lower()}")

    assert code(revoke("vpc-0"), **asked) == "UnauthorizedOperation"
    revoke(world.network.vpc_id)(**asked)


@pytest.mark.parametrize(
    "condition",
    [{"Bool": {"aws:SecureTransport": "true"}}, {"StringLike": {"events:source": "a*"}}],
)
def test_a_condition_that_cannot_be_judged_does_not_pass_unseen(condition: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}

    with pytest.raises(UnknownConditionError):
        list(allowing_grants([statement], Call("a-Role-1", "s3", "s3:GetObject", ("*",)), "*"))
