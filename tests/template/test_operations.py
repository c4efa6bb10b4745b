"""What an operator sees: alarms and graphs look at what the code writes, and each is explained."""

from __future__ import annotations

import json
import re
import typing
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore import xform_name

from cachegate.domain.agent import Reply
from cachegate.metrics import Metric
from cachegate.report import Decision
from tests.function import CONTEXT
from tests.template.parsed import (
    FUNCTIONS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    environment,
    properties,
)
from tests.template.resolved import EVERY_CONDITION, PSEUDO, RESOLVED, Deployment
from tests.unit.passes.entry import batch, counted, entry_point
from tests.unit.passes.fakes import NAT, STACK, FakeWorld
from tests.unit.passes.nat_side import hold_address, manage_groups, rewire, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

ALARMS = sorted(n for n, each in RESOURCES.items() if each["Type"] == "AWS::CloudWatch::Alarm")
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
NAMESPACE = environment()["POWERTOOLS_METRICS_NAMESPACE"]
REPLACED = json.dumps({"ElastiCache:CacheNodeReplaceComplete": "cart"})
SNAPSHOT = json.dumps({"ElastiCache:SnapshotComplete": "cart"})
SCHEDULE = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "id": "1"})
COLUMNS = 24  # of a dashboard


@dataclass(frozen=True, slots=True)
class Series:
    """A metric as CloudWatch files it; None as a unit is any."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    unit: str | None = None

    @property
    def any_unit(self) -> Series:
        return Series(self.namespace, self.name, self.dimensions)


# What the guard's entry point writes; the others are sync's.
GUARD = frozenset(
    {
        Metric.ALERTS_NOT_SENT, Metric.FINDINGS_DANGEROUS, Metric.FINDINGS_EXEMPT,
        Metric.FINDINGS_OPEN, Metric.FINDINGS_REFUSED, Metric.GROUPS_GUARDED,
        Metric.GUARD_PASSES_FAILED, Metric.RULES_RESTORED, Metric.RULES_RETURNED,
        Metric.RULES_REVOKED, Metric.TRAILS_MISSING,
    }
)  # fmt: skip


def named(*metrics: Metric) -> set[Series]:
    """Return these metrics, or all, as the code writes them in a stack of the fakes' name."""
    return {
        Series(NAMESPACE, metric.value, frozenset({("service", STACK)}), metric.unit)
        for metric in metrics or Metric
    }


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> set[Series]:
    """Return what the entry point writes in passes where everything happens once."""
    world = FakeWorld()
    app = entry_point(world, monkeypatch)

    def send(*bodies: str) -> None:
        records = batch(world, *map(str, range(len(bodies))))["Records"]
        for record, body in zip(records, bodies, strict=True):
            record["body"] = body
        app.handler({"Records": records}, CONTEXT)
        world.now += 400

    world.add_cluster("cart", "10.0.1.5")
    send(REPLACED, "what is this", SNAPSHOT)
    world.bus.refusals = ("ThrottlingException: later",)
    world.move("cart", "10.0.1.6")
    send(SCHEDULE)
    world.gateways.report = {"changed": True, "flows_told": 2}
    send(SCHEDULE)
    world.inventory.caches.clear()
    send(SCHEDULE)
    world.gateways.failing[NAT] = Reply(instance_id=NAT, failure="lost")
    send(SCHEDULE)
    world.gateways.failing.clear()
    hold_address(world)
    manage_groups(world)
    rewire(app, world)
    for dropped in (1, 2):  # the first report is what the next one is measured by
        world.gateways.report = {
            "conntrack": {"used": 1, "limit": 2},
            "allowances": {"conntrack_allowance_exceeded": dropped},
        }
        send(SCHEDULE)
        stop(world, NAT)
        world.group_rules.held.clear()
    return {series for line in counted(capsys) for series in filed(line)}


def filed(line: dict[str, Any]) -> Iterator[Series]:
    """Read a line in CloudWatch's embedded metric format."""
    for each in line["_aws"]["CloudWatchMetrics"]:
        for names in each["Dimensions"]:
            dimensions = frozenset((name, line[name]) for name in names)
            for metric in each["Metrics"]:
                assert line[metric["Name"]], "a name without a value"
                yield Series(each["Namespace"], metric["Name"], dimensions, metric["Unit"])


def resolved(value: Any) -> str:
    """Return the text of a dimension in a stack that has the fakes' name."""
    return STACK if value == {"Ref": "AWS::StackName"} else str(value)


def watched(alarm: str) -> Series:
    found = properties(alarm)
    return Series(
        found["Namespace"],
        found["MetricName"],
        frozenset((each["Name"], resolved(each["Value"])) for each in found["Dimensions"]),
        found.get("Unit"),
    )


def dashboard(resources: dict[str, Any] = RESOLVED) -> dict[str, Any]:
    """Return the dashboard of a stack that has everything, or of one with these resources."""
    found: dict[str, Any] = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"])
    return found


def drawn() -> list[Series]:
    """Return what the dashboard of a stack draws that has the fakes' name."""
    stack = PSEUDO["AWS::StackName"]
    return [
        Series(row[0], row[1], frozenset({(row[2], STACK if row[3] == stack else row[3])}))
        for widget in dashboard()["widgets"]
        for row in widget["properties"].get("metrics", ())
    ]


def test_sync_writes_every_metric_that_is_its_own_under_its_unit(written: set[Series]) -> None:
    assert written == named(*(metric for metric in Metric if metric not in GUARD))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_namespace_and_dimension_are_the_same_for_each_function(function: str) -> None:
    assert environment(function)["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    assert environment(function)["POWERTOOLS_METRICS_NAMESPACE"] == NAMESPACE


def test_each_alarm_on_our_metrics_looks_at_one_that_the_code_names() -> None:
    ours = [series for series in map(watched, ALARMS) if series.namespace == NAMESPACE]

    assert len(ours) >= 9
    assert [series for series in ours if series not in named()] == []


def test_each_graph_of_our_metrics_draws_one_that_the_code_names() -> None:
    ours = {series for series in drawn() if series.namespace == NAMESPACE}

    assert ours == {series.any_unit for series in named()}  # and none is left out


@pytest.mark.parametrize("series", drawn(), ids=lambda series: f"{series.namespace} {series.name}")
def test_a_graph_of_aws_metrics_names_a_resource_of_the_stack(series: Series) -> None:
    ((dimension, value),) = series.dimensions
    kinds = {
        "AWS/EC2": "AWS::AutoScaling::AutoScalingGroup",
        "AWS/SQS": "AWS::SQS::Queue",
        "AWS/Lambda": "AWS::Serverless::Function",
    }
    names = {
        "AWS/EC2": "AutoScalingGroupName", "AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName",
        NAMESPACE: "service",
    }  # fmt: skip

    assert dimension == names[series.namespace]
    if series.namespace != NAMESPACE:
        resource = value.removesuffix(".QueueName")
        assert RESOURCES[resource]["Type"] == kinds[series.namespace]


CREATE = {"NatInstances": "create", "NatVpc": "vpc-0a1b2c3d", "NatSubnet": "subnet-0a1b2c3d"}


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        CREATE,
        CREATE | {"SecondNatSubnet": "subnet-1a1b2c3d"},
        CREATE | {"ManageSecurityGroups": "false"},
        {"ElasticIp": "eipalloc-0a1b2c3d", "NatVpc": "vpc-0a1b2c3d"},
        {"ManageSecurityGroups": "true"},
    ],
)
def test_the_dashboard_shows_every_alarm_and_its_widgets_do_not_overlap(
    chosen: dict[str, str],
) -> None:
    """It refers to what there is only: Deployment would not resolve anything else."""
    resources = Deployment.of(**chosen).resources()
    widgets = dashboard(resources)["widgets"]
    (alarms,) = [w["properties"]["alarms"] for w in widgets if w["type"] == "alarm"]

    assert sorted(alarms) == [f"{name}.Arn" for name in ALARMS if name in resources]
    cells = [
        {
            (column, row)
            for column in range(w["x"], w["x"] + w["width"])
            for row in range(w["y"], w["y"] + w["height"])
        }
        for w in widgets
    ]
    assert not [1 for one, other in combinations(cells, 2) if one & other]
    assert max(column for taken in cells for column, _ in taken) < COLUMNS


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_reaches_the_topic_and_ends_with_its_heading(alarm: str) -> None:
    found = properties(alarm)

    assert found["AlarmActions"] == found["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert found["AlarmDescription"].endswith(f" Runbook: docs/runbook.md#{alarm.lower()}")


def test_a_stack_with_everything_has_every_alarm() -> None:
    assert {name for name in ALARMS if name not in RESOLVED} == set()
    assert {RESOURCES[name].get("Condition") for name in ALARMS} - {None} <= EVERY_CONDITION


def test_each_alarm_has_its_heading_and_each_heading_its_alarm() -> None:
    headings = re.findall(r"^## (\w+Alarm)$", RUNBOOK, re.MULTILINE)

    assert sorted(headings) == ALARMS


def test_the_runbook_explains_each_decision_that_the_log_may_hold() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", RUNBOOK, re.MULTILINE)

    assert sorted(explained) == sorted(typing.get_args(Decision))


@pytest.mark.parametrize("alarm", ["NotVerifiedAlarm", "GuardSilentAlarm"])
def test_silence_is_an_alarm_but_not_before_the_stack_s_first_pass(alarm: str) -> None:
    """The custom resource writes a first value: until then all that is missing would breach."""
    assert properties(alarm)["TreatMissingData"] == "breaching"
    assert RESOURCES[alarm]["DependsOn"] == "FirstPass"


def test_the_guard_is_silent_when_four_of_its_schedules_made_no_value() -> None:
    """Whatever the value is: also a pass that finds nothing writes one."""
    alarm, schedule = properties("GuardSilentAlarm"), properties("GuardSchedule")

    assert schedule["ScheduleExpression"] == f"rate({alarm['Period'] // 60} minutes)"
    assert (alarm["Period"] * alarm["EvaluationPeriods"], alarm["Statistic"]) == (
        3600,
        "SampleCount",
    )
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "LessThanThreshold")


@pytest.mark.parametrize(
    "alarm",
    [
        "ConntrackAlarm", "HolderAlarm", "IngressTooWideAlarm", "OfflineAlarm", "PortsAlarm",
        "RefusedAlarm", "TopicInactiveAlarm", "TrailMissingAlarm", "UnreachableAlarm",
    ],
)  # fmt: skip
def test_an_alarm_about_how_things_are_does_not_end_because_a_pass_is_late(alarm: str) -> None:
    """So it tells once; the code writes these metrics also where they are 0."""
    assert properties(alarm)["TreatMissingData"] == "ignore"


def commands() -> list[str]:
    """Return every AWS command of the runbook and of the outputs, on one line each."""
    blocks = re.findall(r"```sh\n(.*?)```|`(aws [^`]+)`", RUNBOOK, re.DOTALL)
    texts = ["".join(block).replace("\\\n", " ") for block in blocks]
    outputs = [each["Value"] for each in TEMPLATE["Outputs"].values()]
    texts += [each["Fn::Sub"] for each in outputs if "Fn::Sub" in each]
    found = (line for text in texts for line in text.splitlines())
    return sorted({line for line in found if line.startswith("aws ")})


def is_boolean(shape: Shape) -> bool:
    """Tell whether the command line has `--no-...` for it too."""
    return bool(shape.type_name == "boolean")


@pytest.mark.parametrize("command", commands())
def test_a_command_has_the_shape_that_the_aws_command_line_takes(command: str) -> None:
    """It is made from the same models: https://docs.aws.amazon.com/cli/latest/reference/."""
    _, service, operation, *rest = command.split()
    general = {"region", "cli-binary-format", "cli-read-timeout", "query", "output"}
    # Two options that the command line adds to ec2's own.
    general |= {"protocol", "port", "cidr", "source-group"} if service == "ec2" else set()
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    assert shape is not None
    members = {xform_name(name, "-"): name for name in shape.members}
    flags = {f"no-{flag}" for flag, name in members.items() if is_boolean(shape.members[name])}

    options = {option.removeprefix("--") for option in rest if option.startswith("--")}

    assert options - general - flags <= set(members)
    required = {name for flag, name in members.items() if name in shape.required_members}
    assert required <= {members.get(option) for option in options}


def test_what_was_given_up_is_moved_back_and_what_sqs_cannot_move_is_not() -> None:
    """SQS moves messages only out of a dead-letter queue of another SQS queue."""
    sources = [
        each["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
        for each in RESOURCES.values()
        if each["Type"] == "AWS::SQS::Queue" and "RedrivePolicy" in each["Properties"]
    ]
    moves = [command for command in commands() if " start-message-move-task " in command]

    assert sorted(sources) == ["DeadLetterQueue.Arn", "GuardDeadLetterQueue.Arn"]
    for source in sources:
        assert any(f"${{{source}}}" in command for command in moves)
    assert not any("Undelivered" in command or "UNDELIVERED" in command for command in moves)
