"""What the template promises: lint, retention, timing, parameters and outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cachegate.domain.forward import NEVER_LISTEN
from cachegate.environment import PREFIX
from cachegate.retry import RECEIVES
from cachegate.settings import SyncSettings
from tests.template.parsed import (
    PARAMETERS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    allows,
    environment,
    properties,
)


def test_the_linters_find_nothing() -> None:
    program = str(Path(sys.executable).parent / "cfn-lint")
    command = [program, "--append-rules", "cfn_lint_serverless.rules"]

    done = subprocess.run(
        [*command, "--", "template.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_ledger_outlives_the_stack_and_its_own_replacement() -> None:
    table = RESOURCES["LedgerTable"]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "TableName" not in table["Properties"]


def test_the_ledger_has_the_keys_that_the_adapter_uses() -> None:
    assert properties("LedgerTable")["KeySchema"] == [
        {"AttributeName": "vpc", "KeyType": "HASH"},
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


def test_a_trigger_is_hidden_for_six_times_the_functions_time() -> None:
    visibility = properties("SyncQueue")["VisibilityTimeout"]

    assert visibility >= 6 * properties("SyncForwards")["Timeout"]


def test_a_trigger_lives_through_all_its_receives() -> None:
    queue = properties("SyncQueue")
    receives = queue["RedrivePolicy"]["maxReceiveCount"]

    assert queue["MessageRetentionPeriod"] > receives * queue["VisibilityTimeout"]
    assert receives == RECEIVES
    assert properties("DeadLetterQueue")["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_messages_lie_encrypted() -> None:
    assert properties("SyncQueue")["SqsManagedSseEnabled"]
    assert properties("DeadLetterQueue")["SqsManagedSseEnabled"]


def test_a_burst_is_one_batch_and_no_concurrency_is_reserved() -> None:
    function = properties("SyncForwards")
    trigger = function["Events"]["Triggers"]["Properties"]

    assert "ReservedConcurrentExecutions" not in function
    assert trigger["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert trigger["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert trigger["MaximumBatchingWindowInSeconds"] <= 2


def test_the_function_runs_where_the_design_says_and_is_traced() -> None:
    function = properties("SyncForwards")

    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert function["Tracing"] == "Active"
    assert RESOURCES["SyncForwards"]["Metadata"]["SkipBuild"] is True
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


def test_the_functions_log_ends_with_its_retention_and_its_stack() -> None:
    log = RESOURCES["SyncForwardsLog"]

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


def resolved(**chosen: str) -> dict[str, str]:
    """Return the environment as a deployment with these parameters would set it."""
    values = {name: str(each["Default"]) for name, each in PARAMETERS.items()} | chosen
    found = {}
    for name, value in environment().items():
        if isinstance(value, str):
            found[name] = value
        elif "Fn::FindInMap" in value:
            mapping, key, field = value["Fn::FindInMap"]
            found[name] = TEMPLATE["Mappings"][mapping][values[key["Ref"]]][field]
        else:
            found[name] = values.get(value["Ref"], f"the {value['Ref']}")
    return found


def test_the_function_reads_each_name_that_the_template_gives() -> None:
    asked = Asked(resolved())

    SyncSettings.from_env(asked)

    ours = {name for name in environment() if name.startswith(PREFIX)}
    assert ours <= asked.names


def test_what_the_template_leaves_out_has_a_default() -> None:
    """The intervals of the design: settings, not parameters."""
    asked = Asked(resolved())
    SyncSettings.from_env(asked)

    for name in asked.names - set(environment()):
        with pytest.raises(Exception, match="not a number"):
            SyncSettings.from_env(resolved() | {name: "text"})


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


def test_the_choices_of_resolution_are_those_of_the_settings() -> None:
    for choice in PARAMETERS["ResolveFrom"]["AllowedValues"]:
        SyncSettings.from_env(resolved(ResolveFrom=choice))


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
    ],
)
def test_what_a_parameter_takes_the_function_takes(parameter: str, value: str) -> None:
    assert allows(parameter, value)

    SyncSettings.from_env(resolved(**{parameter: value}))


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


def test_outputs_name_what_a_person_needs_next() -> None:
    outputs = {name: str(output["Value"]) for name, output in TEMPLATE["Outputs"].items()}

    assert outputs["SyncFunctionName"] == str({"Ref": "SyncForwards"})
    assert outputs["LedgerTableName"] == str({"Ref": "LedgerTable"})
    assert '{"action": "sync"}' in outputs["SyncCommand"]
    assert '{"action": "describe"}' in outputs["DescribeCommand"]
    for name in ("OpenNatInstanceCommand", "OpenCacheCommand"):
        assert "aws ec2 authorize-security-group-ingress" in outputs[name]
    assert "--port ${ListenPorts} --cidr TRUSTED_CIDR" in outputs["OpenNatInstanceCommand"]
    assert "--source-group NAT_INSTANCE_GROUP_ID" in outputs["OpenCacheCommand"]


def test_ssh_cannot_be_taken_by_the_default_range() -> None:
    settings = SyncSettings.from_env(resolved())

    for port in NEVER_LISTEN:
        assert not settings.policy.first_port <= port <= settings.policy.last_port
