"""What the template promises: lint, retention, timing, parameters and outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.forward import NEVER_LISTEN
from cachegate.domain.policy import Policy
from cachegate.environment import PREFIX
from cachegate.guard.settings import GuardSettings, Mode
from cachegate.retry import RECEIVES
from cachegate.settings import SyncSettings
from local.template import holding
from tests.template.parsed import (
    FUNCTIONS,
    PARAMETERS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    allows,
    environment,
    properties,
)
from tests.template.resolved import BODY, Deployment

if TYPE_CHECKING:
    from collections.abc import Callable

SYNC, GUARD = "SyncForwards", "GuardIngress"
SETTINGS: dict[str, Callable[[Any], Any]] = {
    SYNC: SyncSettings.from_env,
    GUARD: GuardSettings.from_env,
}
QUEUES = {SYNC: ("SyncQueue", "DeadLetterQueue"), GUARD: ("GuardQueue", "GuardDeadLetterQueue")}

each_function = pytest.mark.parametrize("function", FUNCTIONS)


def test_each_function_is_tested_here() -> None:
    assert sorted(SETTINGS) == sorted(QUEUES) == FUNCTIONS


def test_the_linters_find_nothing() -> None:
    program = str(Path(sys.executable).parent / "cfn-lint")
    command = [program, "--append-rules", "cfn_lint_serverless.rules"]

    done = subprocess.run(
        [*command, "--", "template.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


TABLES = sorted(n for n, each in RESOURCES.items() if each["Type"] == "AWS::DynamoDB::Table")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_outlives_the_stack_and_its_own_replacement(name: str) -> None:
    table = RESOURCES[name]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "TableName" not in table["Properties"]


@pytest.mark.parametrize(("table", "key"), [("LedgerTable", "vpc"), ("GuardTable", "group")])
def test_a_table_has_the_keys_that_its_adapter_uses(table: str, key: str) -> None:
    assert properties(table)["KeySchema"] == [
        {"AttributeName": key, "KeyType": "HASH"},
        {"AttributeName": "part", "KeyType": "RANGE"},
    ]


def test_the_document_has_no_fixed_name_and_is_included() -> None:
    document = properties("AgentDocument")

    assert "Name" not in document
    assert document["DocumentType"] == "Command"
    assert document["Content"]["Fn::Transform"] == {
        "Name": "AWS::Include",
        "Parameters": {"Location": "gateway/document.yaml"},
    }


@each_function
def test_a_trigger_is_hidden_for_six_times_the_functions_time(function: str) -> None:
    visibility = properties(QUEUES[function][0])["VisibilityTimeout"]

    assert visibility >= 6 * properties(function)["Timeout"]


@each_function
def test_a_trigger_lives_through_all_its_receives(function: str) -> None:
    name, given_up = QUEUES[function]
    queue = properties(name)
    receives = queue["RedrivePolicy"]["maxReceiveCount"]

    assert queue["MessageRetentionPeriod"] > receives * queue["VisibilityTimeout"]
    assert receives == RECEIVES
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": f"{given_up}.Arn"}
    assert properties(given_up)["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.mark.parametrize(
    ("function", "window", "size"), [(SYNC, (0, 2), 10), (GUARD, (30, 60), 100)]
)
def test_a_burst_is_one_batch_and_no_concurrency_is_reserved(
    function: str, window: tuple[int, int], size: int
) -> None:
    trigger = properties(function)["Events"]["Triggers"]["Properties"]

    assert "ReservedConcurrentExecutions" not in properties(function)
    assert trigger["Queue"] == {"Fn::GetAtt": f"{QUEUES[function][0]}.Arn"}
    assert trigger["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert trigger["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert window[0] <= trigger["MaximumBatchingWindowInSeconds"] <= window[1]
    assert trigger["BatchSize"] == size


@each_function
def test_a_function_runs_where_the_design_says_and_is_traced(function: str) -> None:
    found = properties(function)

    assert (found["Runtime"], found["Architectures"]) == ("python3.13", ["arm64"])
    assert found["Tracing"] == "Active"
    assert found["Role"] == {"Fn::GetAtt": f"{function}Role.Arn"}
    assert RESOURCES[function]["Metadata"]["SkipBuild"] is True
    assert RESOURCES["CachegateLayer"]["Metadata"]["BuildMethod"] == "makefile"


def test_deleting_the_stack_begins_with_the_detaching() -> None:
    """CloudFormation deletes in the reverse order of dependencies; detach needs all of these."""
    first = RESOURCES["FirstPass"]
    needed = _needs("FirstPass")

    assert first["Properties"]["ServiceToken"] == {"Fn::GetAtt": "SyncForwards.Arn"}
    assert {
        "SyncForwards",
        "SyncForwardsRole",
        "SyncForwardsLog",
        "CachegateLayer",
        "LedgerTable",
        "AgentDocument",
        "SyncQueue",
    } <= needed


def _needs(logical_id: str) -> set[str]:
    """Return what a resource depends on, directly or not."""
    found: set[str] = set()
    waiting = [logical_id]
    while waiting:
        resource = RESOURCES.get(waiting.pop(), {})
        new = (set(_names(resource)) & set(RESOURCES)) - found
        found |= new
        waiting += new
    return found


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        depends = value.get("DependsOn", [])
        own = [depends] if isinstance(depends, str) else list(depends)
        for key, each in value.items():
            if key == "Ref":
                own.append(each)
            elif key == "Fn::GetAtt":
                own.append(each.split(".")[0])
            else:
                own += _names(each)
        return own
    if isinstance(value, list):
        return [name for each in value for name in _names(each)]
    return []


@each_function
def test_a_functions_log_ends_with_its_retention_and_its_stack(function: str) -> None:
    log = RESOURCES[f"{function}Log"]

    assert log["Properties"]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{{function}}}"}
    assert log["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert log["DeletionPolicy"] == "Delete"


class Asked(dict[str, str]):
    """An environment that remembers which names were asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)


def _role_arn(function: str) -> str:
    return f"arn:aws:iam::123456789012:role/cachegate-{function}Role-1A2B"


def resolved(function: str = SYNC, **chosen: str) -> dict[str, str]:
    """Return the environment as a deployment with these parameters would set it."""
    variables = BODY["Resources"][function]["Properties"]["Environment"]["Variables"]
    found: dict[str, str] = Deployment.of(**chosen).resolve(variables)
    return found


@each_function
def test_a_function_reads_each_name_that_the_template_gives(function: str) -> None:
    asked = Asked(resolved(function))

    SETTINGS[function](asked)

    ours = {name for name in environment(function) if name.startswith(PREFIX)}
    assert ours <= asked.names


@each_function
def test_what_the_template_leaves_out_has_a_default(function: str) -> None:
    """The intervals of the design: settings, not parameters."""
    asked = Asked(resolved(function))
    SETTINGS[function](asked)

    ours = {name for name in asked.names if name.startswith(PREFIX)}  # others Lambda itself sets
    for name in ours - set(environment(function)):
        with pytest.raises(Exception, match="not a number"):
            SETTINGS[function](resolved(function) | {name: "text"})


def test_the_defaults_make_a_deployment_that_admits_nobody() -> None:
    settings = SyncSettings.from_env(resolved())

    assert settings.policy.sources == ()
    assert (settings.policy.first_port, settings.policy.last_port) == (6379, 8378)
    assert (settings.resolve_on_instance, settings.adopt_owner, settings.peered) == (
        False,
        None,
        {},
    )


@pytest.mark.parametrize("days", PARAMETERS["QuarantineDays"]["AllowedValues"])
def test_quarantine_days_arrive_as_seconds(days: int) -> None:
    settings = SyncSettings.from_env(resolved(QuarantineDays=str(days)))

    assert settings.policy.quarantine == days * 24 * 3600


@pytest.mark.parametrize("choice", ["false", "true"])
def test_caches_are_enrolled_only_where_the_parameter_says_so(choice: str) -> None:
    assert choice in PARAMETERS["EnrolNotifications"]["AllowedValues"]
    assert PARAMETERS["EnrolNotifications"]["Default"] == "false"

    settings = SyncSettings.from_env(resolved(EnrolNotifications=choice))

    assert settings.enrol is (choice == "true")
    assert environment()["CACHEGATE_TOPIC"] == {"Ref": "NotificationTopic"}


CREATE = {"NatInstances": "create", "NatVpc": "vpc-0a1b2c3d", "NatSubnet": "subnet-0a1b2c3d"}
NAMED = {"ElasticIp": "eipalloc-0a1b2c3d", "NatVpc": "vpc-0a1b2c3d"}
MADE = "NatAddress.AllocationId"


@pytest.mark.parametrize(
    ("chosen", "address", "then"),
    [
        ({}, None, set()),
        ({"NatVpc": "vpc-0a1b2c3d"}, None, set()),
        (NAMED, "eipalloc-0a1b2c3d", set()),
        (NAMED | {"KeepAddress": "false"}, "eipalloc-0a1b2c3d", set()),
        (NAMED | {"ManageSecurityGroups": "true"}, "eipalloc-0a1b2c3d", {"manages"}),
        (CREATE, MADE, {"manages"}),
        (CREATE | {"KeepAddress": "false"}, MADE, {"releases", "manages"}),
        (CREATE | {"ManageSecurityGroups": "false"}, MADE, set()),
        (CREATE | NAMED | {"KeepAddress": "false"}, "eipalloc-0a1b2c3d", {"manages"}),
    ],
)
def test_an_address_is_held_and_groups_are_changed_where_parameters_say_so(
    chosen: dict[str, str], address: str | None, then: set[str]
) -> None:
    """An address that a person named is never given back."""
    settings = SyncSettings.from_env(resolved(**chosen))

    assert settings.address == address
    assert settings.address is None or settings.address_vpc == "vpc-0a1b2c3d"
    assert settings.release_address is ("releases" in then)
    assert settings.manage_groups is ("manages" in then)


def test_who_may_reach_port_22_the_quota_and_the_width_arrive_as_settings() -> None:
    chosen = {
        "TrustedSshCidrs": "198.51.100.27/32",
        "RulesPerGroup": "100",
        "WidestPlaintext": "16",
    }

    settings = SyncSettings.from_env(resolved(**chosen))

    assert [str(each) for each in settings.ssh_sources] == ["198.51.100.27/32"]
    assert settings.policy.rules_per_group == 100
    assert settings.policy.widest_plaintext == 16
    assert SyncSettings.from_env(resolved()).ssh_sources == ()


def test_the_default_quota_and_width_are_those_of_the_policy() -> None:
    policy = Policy(stack="", sources=())

    assert PARAMETERS["RulesPerGroup"]["Default"] == policy.rules_per_group
    assert PARAMETERS["WidestPlaintext"]["Default"] == policy.widest_plaintext


def test_the_choices_of_resolution_are_those_of_the_settings() -> None:
    for choice in PARAMETERS["ResolveFrom"]["AllowedValues"]:
        SyncSettings.from_env(resolved(ResolveFrom=choice))


def test_the_guard_of_a_first_deployment_changes_nothing() -> None:
    settings = GuardSettings.from_env(resolved(GUARD))

    assert settings.mode is Mode.OBSERVE
    assert not settings.may_restore
    policy = settings.policy
    assert {policy.revoke_exclusive, policy.carve_ranges, policy.add_own_path} == {False}


def test_the_guards_defaults_are_those_of_its_policy() -> None:
    settings, policy = (
        GuardSettings.from_env(resolved(GUARD)),
        GuardSettings.from_env(NEEDED).policy,
    )

    assert settings.policy.judge == policy.judge
    assert settings.policy.most_revocations == policy.most_revocations
    assert settings.policy.peered == policy.peered


NEEDED = {
    PREFIX + name: "x"
    for name in ("STACK", "ACCOUNT", "GUARD_TABLE", "GUARD_QUEUE_URL", "ALERT_TOPIC")
} | {PREFIX + "GUARD_ROLE": _role_arn(GUARD)}
GUARD_CHOICES: list[tuple[str, str, Callable[[GuardSettings], object], object]] = [
    ("GuardMode", "enforce", lambda found: found.enforces, True),
    ("RevokeExclusive", "true", lambda found: found.policy.revoke_exclusive, True),
    ("CarveRanges", "true", lambda found: found.policy.carve_ranges, True),
    ("AddOwnPath", "true", lambda found: found.policy.add_own_path, True),
    ("AllowRestore", "true", lambda found: found.may_restore, True),
    ("WidestIpv4", "16", lambda found: found.policy.judge.wide_ipv4, 16),
    ("WidestIpv6", "48", lambda found: found.policy.judge.wide_ipv6, 48),
    ("MostRevocations", "5", lambda found: found.policy.most_revocations, 5),
    ("AllowedAwsPrefixLists", "com.amazonaws.a.s3, com.amazonaws.b",
     lambda found: found.policy.judge.aws_lists, {"com.amazonaws.a.s3", "com.amazonaws.b"}),
    ("PeeredVpcs", "vpc-0a1b2c3d=vpc-4e5f6a7b",
     lambda found: found.policy.peered, {"vpc-0a1b2c3d": "vpc-4e5f6a7b"}),
]  # fmt: skip


@pytest.mark.parametrize(("parameter", "value", "read", "expected"), GUARD_CHOICES)
def test_a_parameter_of_the_guard_arrives_as_its_setting(
    parameter: str, value: str, read: Callable[[GuardSettings], object], expected: object
) -> None:
    settings = GuardSettings.from_env(resolved(GUARD, **{parameter: value}))

    assert read(settings) == expected
    assert read(GuardSettings.from_env(resolved(GUARD))) != expected


def test_every_parameter_of_the_guard_is_a_setting() -> None:
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    (group,) = [
        group["Parameters"]
        for group in interface["ParameterGroups"]
        if group["Label"]["default"] == "Ingress that is too wide"
    ]

    assert {*group, "PeeredVpcs"} == {parameter for parameter, *_ in GUARD_CHOICES}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("TrustedCidrs", ""),
        ("TrustedCidrs", "198.51.100.27/32"),
        ("TrustedCidrs", "198.51.100.27/32,203.0.113.0/24"),
        ("TrustedCidrs", "198.51.100.27/32, 10.0.0.0/8"),
        ("ListenPorts", "1024-65535"),
        ("PeeredVpcs", "vpc-0a1b2c3d=vpc-4e5f6a7b"),
        ("PeeredVpcs", "vpc-0a1b2c3d4e5f6a7b8=vpc-4e5f6a7b, vpc-0a1b2c3e=vpc-4e5f6a7b"),
        ("AdoptFrom", "arn:aws:cloudformation:eu-central-1:123456789012:stack/cachegate/1a-2b"),
        ("AdoptFrom", "arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/cachegate/1a-2b"),
        ("AdoptTable", "cachegate-LedgerTable-1A2B3C"),
        ("AlertEmail", "people@example.com"),
        ("WidestPlaintext", "0"),
        ("WidestPlaintext", "32"),
        ("WidestIpv4", "1"),
        ("WidestIpv4", "24"),
        ("WidestIpv6", "1"),
        ("WidestIpv6", "64"),
        ("MostRevocations", "1"),
        ("AllowedAwsPrefixLists", ""),
        ("AllowedAwsPrefixLists", "com.amazonaws.global.cloudfront.origin-facing"),
        ("AllowedAwsPrefixLists", "com.amazonaws.eu-west-1.s3,com.amazonaws.eu-west-1.dynamodb"),
        ("AllowedAwsPrefixLists", "com.amazonaws.eu-west-1.s3, com.amazonaws.eu-west-1.dynamodb"),
        ("NatVpc", ""),
        ("NatVpc", "vpc-0a1b2c3d4e5f6a7b8"),
        ("NatSubnet", "subnet-0a1b2c3d"),
        ("SecondNatSubnet", "subnet-0a1b2c3d4e5f6a7b8"),
        ("NatInstanceType", "t4g.nano"),
        ("NatInstanceType", "c7gn.medium"),
        ("NatInstanceType", "im4gn.large"),
        ("NatInstanceType", "m6g.metal"),
        ("ElasticIp", "eipalloc-0a1b2c3d4e5f6a7b8"),
        ("TrustedSshCidrs", "198.51.100.27/32, 10.0.0.0/8"),
        ("RulesPerGroup", "1"),
        ("RulesPerGroup", "1000"),
    ],
)
def test_what_a_parameter_takes_the_functions_take(parameter: str, value: str) -> None:
    assert allows(parameter, value)

    for function, read in SETTINGS.items():
        read(resolved(function, **{"NatVpc": "vpc-0a1b2c3d", parameter: value}))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("TrustedCidrs", "0.0.0.0/0"),
        ("TrustedCidrs", "198.51.100.27/32,0.0.0.0/0"),
        ("TrustedCidrs", "0.0.0.0/1,128.0.0.0/1"),
        ("TrustedCidrs", "198.51.100.27"),
        ("TrustedCidrs", "198.51.100.27/33"),
        ("TrustedCidrs", "198.51.100.256/32"),
        ("TrustedCidrs", "198.51.100.27/32,"),
        ("TrustedCidrs", "2001:db8::/64"),
        ("ListenPorts", "6379"),
        ("ListenPorts", "0-10"),
        ("ListenPorts", "a-b"),
        ("PeeredVpcs", "vpc-0a1b2c3d"),
        ("PeeredVpcs", "vpc-0a1b2c3d=vpc-4e5f6a7b,"),
        ("AdoptFrom", "cachegate"),
        ("AdoptTable", "a table"),
        ("AlertEmail", "people"),
        ("WidestPlaintext", "33"),
        ("WidestPlaintext", "-1"),
        ("WidestIpv4", "0"),  # nothing but the whole Internet would be too wide
        ("WidestIpv4", "32"),  # a single address would be
        ("WidestIpv6", "0"),
        ("WidestIpv6", "128"),
        ("MostRevocations", "0"),
        ("AllowedAwsPrefixLists", "office"),
        ("AllowedAwsPrefixLists", "pl-0123456789abcdef0"),
        ("AllowedAwsPrefixLists", "com.amazonaws.eu-west-1.s3,"),
        ("AllowedAwsPrefixLists", "com.amazonaws.eu-west-1.s3,office"),
        ("NatVpc", "vpc-0A1B2C3D"),
        ("NatVpc", "subnet-0a1b2c3d"),
        ("NatVpc", "vpc-0a1b2c3d4"),
        ("NatSubnet", "vpc-0a1b2c3d"),
        ("SecondNatSubnet", "subnet-0a1b2c3d,subnet-1a1b2c3d"),
        ("NatInstanceType", "t3.nano"),  # no Graviton: the image would not start
        ("NatInstanceType", "a1.medium"),  # Amazon Linux 2023 does not start on the first Graviton
        ("NatInstanceType", "g5.xlarge"),
        ("NatInstanceType", "g4dn.xlarge"),
        ("NatInstanceType", "t4g"),
        ("ElasticIp", "203.0.113.73"),
        ("ElasticIp", "eipassoc-0a1b2c3d"),
        ("TrustedSshCidrs", "0.0.0.0/0"),
        ("TrustedSshCidrs", "198.51.100.27"),
        ("RulesPerGroup", "0"),
    ],
)
def test_what_would_not_work_is_refused_when_it_is_entered(parameter: str, value: str) -> None:
    assert not allows(parameter, value)


def test_every_parameter_is_grouped_labelled_described_and_has_a_default() -> None:
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(grouped) == sorted(PARAMETERS)
    assert interface["ParameterLabels"].keys() == PARAMETERS.keys()
    for name, parameter in PARAMETERS.items():
        assert parameter["Description"], name
        assert "Default" in parameter, name
        assert ("AllowedPattern" in parameter) == ("ConstraintDescription" in parameter), name


GUARD_COMMANDS = {
    "FindingsCommand": "findings",
    "GuardPlanCommand": "plan",
    "SweepCommand": "sweep",
    "RestoreCommand": "restore",
}


@each_function
def test_a_command_that_invokes_waits_as_long_as_the_function_may_run(function: str) -> None:
    commands = [
        each["Value"]["Fn::Sub"]
        for each in TEMPLATE["Outputs"].values()
        if f"--function-name ${{{function}}} " in str(each["Value"])
    ]

    assert commands
    for command in commands:
        waits = int(command.partition("--cli-read-timeout ")[2].split()[0])
        assert waits > properties(function)["Timeout"]


def test_outputs_name_what_a_person_needs_next() -> None:
    outputs = {name: str(output["Value"]) for name, output in TEMPLATE["Outputs"].items()}

    assert outputs["SyncFunctionName"] == str({"Ref": "SyncForwards"})
    assert outputs["GuardFunctionName"] == str({"Ref": "GuardIngress"})
    assert outputs["GuardTableName"] == str({"Ref": "GuardTable"})
    for name, action in GUARD_COMMANDS.items():
        assert f'{{"action": "{action}"' in outputs[name]
        assert "--function-name ${GuardIngress} " in outputs[name]
    assert '"rule": "RULE_ID"' in outputs["RestoreCommand"]
    assert outputs["LedgerTableName"] == str({"Ref": "LedgerTable"})
    assert '{"action": "sync"}' in outputs["SyncCommand"]
    assert '{"action": "describe"}' in outputs["DescribeCommand"]
    assert outputs["NatGroupId"] == str({"Ref": "NatGroup"})
    assert outputs["Address"] == str({"Ref": "NatAddress"})
    assert "AllocationId" in outputs["AddressAllocationId"]
    for name in ("OpenNatInstanceCommand", "OpenCacheCommand"):
        assert "aws ec2 authorize-security-group-ingress" in outputs[name]
    assert "--port ${ListenPorts} --cidr TRUSTED_CIDR" in outputs["OpenNatInstanceCommand"]
    assert "--source-group NAT_INSTANCE_GROUP_ID" in outputs["OpenCacheCommand"]


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({}, {"NatInstanceTagCommand", "OpenNatInstanceCommand", "OpenCacheCommand"}),
        ({"ManageSecurityGroups": "true"}, {"NatInstanceTagCommand"}),
        (NAMED, {"AddressAllocationId", "NatInstanceTagCommand", "OpenNatInstanceCommand",
                 "OpenCacheCommand"}),
        (CREATE, {"Address", "AddressAllocationId", "NatGroupId", "RenewFirstCommand"}),
        (CREATE | NAMED, {"AddressAllocationId", "NatGroupId", "RenewFirstCommand"}),
        (CREATE | {"SecondNatSubnet": "subnet-1a1b2c3d", "ManageSecurityGroups": "false"},
         {"Address", "AddressAllocationId", "NatGroupId", "RenewFirstCommand",
          "RenewSecondCommand", "OpenNatInstanceCommand", "OpenCacheCommand",
          "OpenWayOutCommand"}),
    ],
)  # fmt: skip
def test_outputs_about_nat_instances_are_those_that_make_sense(
    chosen: dict[str, str], named: set[str]
) -> None:
    outputs = Deployment.of(**chosen).outputs()
    always = {name for name, each in TEMPLATE["Outputs"].items() if "Condition" not in each}

    assert outputs.keys() - always == named


@pytest.mark.parametrize(
    ("chosen", "broken"),
    [
        ({}, []),
        (CREATE, []),
        (NAMED, []),
        (CREATE | {"NatVpc": ""}, ["NatVpc"]),
        (CREATE | {"NatSubnet": ""}, ["NatSubnet"]),
        ({"NatInstances": "create"}, ["NatVpc", "NatSubnet"]),
        ({"ElasticIp": "eipalloc-0a1b2c3d"}, ["NatVpc"]),
    ],
)
def test_what_lacks_beside_a_choice_is_refused_before_anything_is_made(
    chosen: dict[str, str], broken: list[str]
) -> None:
    """By rules of the template, each with a sentence that names the parameter."""
    told = []
    for rule in TEMPLATE["Rules"].values():
        conditions = {
            "asked": rule["RuleCondition"],
            **{a["AssertDescription"]: a["Assert"] for a in rule["Assertions"]},
        }
        held = holding({"Parameters": PARAMETERS, "Conditions": conditions}, chosen)
        if "asked" in held:
            told += [text for text in conditions if text not in held]

    assert [text.partition(" needs ")[2].partition(":")[0] for text in told] == broken


def test_ssh_cannot_be_taken_by_the_default_range() -> None:
    settings = SyncSettings.from_env(resolved())

    for port in NEVER_LISTEN:
        assert not settings.policy.first_port <= port <= settings.policy.last_port
