"""What a stack consists of, read from the template, so that the page changes with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cachegate.metrics import Metric
from local.template import holding, translate

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

# What each pass over everything writes, also where it is 0; the others only when something happens.
STEADY = frozenset(
    {
        Metric.CONNTRACK_USED_PERCENT,
        Metric.FORWARDS,
        Metric.LISTEN_PORTS_LEFT,
        Metric.NAT_INSTANCES_OFFLINE,
        Metric.TARGETS_UNREACHABLE,
        Metric.TOPICS_INACTIVE,
        Metric.VERIFIED_AGE,
    }
)
OF_ADDRESS = frozenset({Metric.HOLDER_UNVERIFIED_AGE})
OF_GROUP_RULES = frozenset({Metric.GROUP_RULES_OPEN})
OF_GUARD = frozenset(
    {
        Metric.FINDINGS_DANGEROUS,
        Metric.FINDINGS_EXEMPT,
        Metric.FINDINGS_OPEN,
        Metric.FINDINGS_REFUSED,
        Metric.GROUPS_GUARDED,
        Metric.TRAILS_MISSING,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployment: what it has beside its traffic and its events. The guard's is told apart."""

    instances: int  # made by the stack
    instance_type: str
    holds_address: bool
    minutes: int  # from one scheduled pass to the next
    guard_minutes: int
    memory: int  # MB of either function
    guard_window: int  # seconds in which triggers of the guard become one pass
    alarms: int
    guard_alarms: int
    metrics: int
    guard_metrics: int
    dashboards: int


def stack(instances: int) -> Stack:
    """Read a stack that makes so many NAT instances; with 0 it is given some that exist."""
    body = _body()
    chosen = {"NatInstances": "create", "NatVpc": "vpc-0a1b2c3d", "NatSubnet": "subnet-0a1b2c3d"}
    second = {"SecondNatSubnet": "subnet-1a2b3c4d"} if instances == 2 else {}
    held = holding(body, chosen | second if instances else {})
    resources = {
        name: each.get("Properties", {}) | {"Type": each["Type"]}
        for name, each in body["Resources"].items()
        if each.get("Condition") in {None, *held}
    }
    # What an alarm that is computed from several metrics costs is not in the price list here.
    alarms = [name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"]
    if any("Metrics" in resources[name] for name in alarms):
        raise ValueError("an alarm over several metrics costs more than one alarm")
    of_guard = [name for name in alarms if _is_guards(resources[name])]
    own = STEADY | (OF_ADDRESS if "HoldsAddress" in held else frozenset())
    own |= OF_GROUP_RULES if "ManagesGroups" in held else frozenset()
    memories = {resources[name]["MemorySize"] for name in ("SyncForwards", "GuardIngress")}
    if len(memories) != 1:
        raise ValueError(f"both functions are taken to have as much memory: {memories}")
    schedule = resources["Schedule"]["ScheduleExpression"]
    return Stack(
        instances=sum(each["Type"] == "AWS::AutoScaling::AutoScalingGroup"
                      for each in resources.values()),
        instance_type=body["Parameters"]["NatInstanceType"]["Default"],
        holds_address="HoldsAddress" in held,
        minutes=minutes(_chosen(schedule, held)),
        guard_minutes=minutes(resources["GuardSchedule"]["ScheduleExpression"]),
        memory=memories.pop(),
        guard_window=resources["GuardIngressTriggers"]["MaximumBatchingWindowInSeconds"],
        alarms=len(alarms) - len(of_guard),
        guard_alarms=len(of_guard),
        metrics=len(own),
        guard_metrics=len(OF_GUARD),
        dashboards=sum(each["Type"] == "AWS::CloudWatch::Dashboard" for each in resources.values()),
    )  # fmt: skip


def minutes(expression: str) -> int:
    """Read how many minutes a schedule waits; raise ValueError where it is told otherwise."""
    found = re.fullmatch(r"rate\((\d+) minutes?\)", expression)
    if found is None:
        raise ValueError(f"{expression} is no rate in minutes")
    return int(found[1])


@cache
def _body() -> dict[str, Any]:
    return translate(TEMPLATE).body


def _chosen(value: Any, held: frozenset[str]) -> Any:
    """Follow Fn::If to the value that holds."""
    while isinstance(value, dict) and "Fn::If" in value:
        condition, there, otherwise = value["Fn::If"]
        value = there if condition in held else otherwise
    return value


def _is_guards(alarm: dict[str, Any]) -> bool:
    about = [alarm["MetricName"], *(each["Value"] for each in alarm.get("Dimensions", ()))]
    return alarm["MetricName"] in {*OF_GUARD, Metric.GUARD_PASSES_FAILED} or "Guard" in str(about)
