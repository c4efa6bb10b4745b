"""A thousand random groups before and after: nothing goes that the verdict did not name."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.aws.alerts import SnsAlerts
from cachegate.aws.dns import LambdaResolver
from cachegate.aws.events import EventBus
from cachegate.aws.guard_records import DynamoRecords
from cachegate.aws.guarded_caches import GuardedCaches
from cachegate.aws.network import Ec2Network
from cachegate.aws.rechecks import SqsRechecks
from cachegate.aws.rule_shapes import read
from cachegate.aws.security_groups import Ec2Groups
from cachegate.aws.trails import CloudTrails
from cachegate.domain.finding import CARVED, EXEMPT, Step
from cachegate.domain.guard_policy import GuardPolicy
from cachegate.domain.judgement import SourceClass
from cachegate.domain.revocation import RevocationState
from cachegate.guard.look import look
from cachegate.guard.protocols import GuardAdapters
from cachegate.guard.restore import Restorer
from cachegate.guard.revoke import Asked
from cachegate.guard.settings import GuardSettings, Mode
from cachegate.guard.sweep import sweep
from cachegate.guard.tell import tell
from cachegate.planning.findings import find
from local.aws_server import AwsServer
from local.caches import ACCOUNT, REGION
from tests.integration.world.crowd import CROWD, HOLDING, STACK, WIDE, Crowd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from ipaddress import IPv4Address

    from cachegate.domain.finding import Finding
    from cachegate.guard.protocols import Book
    from cachegate.guard.results import SweepResult

SIZE, SEED, RESTORED = 1000, 4, 50

Shapes = dict[str, Any]  # rules as EC2 describes them, by id


@dataclass
class Swept:
    """A Region before and after a pass that enforces."""

    crowd: Crowd
    adapters: GuardAdapters
    settings: GuardSettings
    before: Shapes
    verdict: tuple[Finding, ...]  # made of the first look, apart from the pass
    result: SweepResult
    after: Shapes
    named: Mapping[str, Finding] = field(init=False)  # by rule: those that shall go
    gone: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.named = {each.rule.rule_id: each for each in self.verdict if each.step.acts}
        self.gone = frozenset(self.before.keys() - self.after.keys())


class Once(DynamoRecords):
    """The records, read once: the stand-in takes most of a second for a thousand groups' worth."""

    book: Book | None = None

    def load(self) -> Book:
        self.book = self.book or super().load()
        return self.book


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with AwsServer() as server:
        yield server


@pytest.fixture(scope="module")
def swept(aws: AwsServer) -> Swept:
    crowd = Crowd(aws, random.Random(SEED))  # noqa: S311
    crowd.fill(SIZE)
    settings = settings_on(aws)
    adapters = adapters_on(aws, settings)
    before = rules(aws)
    verdict = find(look(adapters).view, settings.policy)
    result = run(adapters, settings)
    return Swept(crowd, adapters, settings, before, verdict, result, rules(aws))


def settings_on(aws: AwsServer) -> GuardSettings:
    aws.client("dynamodb").create_table(
        TableName="guard", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "group", "KeyType": "HASH"},
                   {"AttributeName": "part", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"}
                              for name in ("group", "part")],
    )  # fmt: skip
    return GuardSettings(
        stack=STACK,
        table="guard",
        queue_url=aws.client("sqs").create_queue(QueueName="guard")["QueueUrl"],
        alert_topic=aws.client("sns").create_topic(Name="alerts")["TopicArn"],
        role="arn:role",
        policy=GuardPolicy(stack=STACK, account=ACCOUNT, carve_ranges=True, most_revocations=10**6),
        region=REGION,
        mode=Mode.ENFORCE,
        may_restore=True,
    )


def adapters_on(aws: AwsServer, settings: GuardSettings) -> GuardAdapters:
    """Return the function's own adapters; DNS alone is asked without a socket."""
    ec2 = aws.client("ec2")

    def lookup(name: str) -> frozenset[IPv4Address]:
        answer = aws.fleet.answer(name, time.monotonic())
        return frozenset(answer.addresses if answer else ())

    return GuardAdapters(
        caches=GuardedCaches(
            aws.client("elasticache"), aws.client("resourcegroupstaggingapi"), ec2, settings.stack
        ),
        groups=Ec2Groups(ec2),
        network=Ec2Network(ec2),
        resolver=LambdaResolver(30.0, lookup),
        records=DynamoRecords(aws.client("dynamodb"), settings.table),
        trails=CloudTrails(aws.client("cloudtrail"), settings.region),
        alerts=SnsAlerts(aws.client("sns"), settings.alert_topic),
        bus=EventBus(aws.client("events")),
        queue=SqsRechecks(aws.client("sqs"), settings.queue_url),
        clock=time.time,
        sleep=time.sleep,
    )


def run(adapters: GuardAdapters, settings: GuardSettings) -> SweepResult:
    return sweep(adapters, settings, Asked(), lambda result: tell(result, adapters, settings))


def rules(aws: AwsServer) -> Shapes:
    pages = aws.client("ec2").get_paginator("describe_security_group_rules").paginate()
    return {rule["SecurityGroupRuleId"]: rule
            for page in pages for rule in page["SecurityGroupRules"]}  # fmt: skip


def admits(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that EC2 says of a rule but its name."""
    own = ("SecurityGroupRuleId", "SecurityGroupRuleArn")
    return {key: value for key, value in shape.items() if key not in own}


def may_go(shape: Mapping[str, Any], crowd: Crowd) -> bool:
    """Tell whether a rule is one of those that could be too wide at all, by the crowd's own words.

    Nothing of the guard is asked, nor of the standard library, for which all of IPv4 is private in
    some versions: a source that is narrow, private, a group or a list that nobody
    can read, traffic that reaches no port of a cache, and an excuse that holds, all are innocent.
    """
    if not crowd.may_change(shape["GroupId"]) or shape["IsEgress"]:
        return False
    if {"Key": EXEMPT, "Value": HOLDING} in shape["Tags"]:
        return False
    reaches = shape["IpProtocol"] == "-1" or (
        shape["IpProtocol"] == "tcp"
        and any(shape["FromPort"] <= port <= shape["ToPort"]
                for port in crowd.ports[shape["GroupId"]])
    )  # fmt: skip
    if "PrefixListId" in shape:
        return reaches and crowd.lists[shape["PrefixListId"]]
    cidr = shape.get("CidrIpv4") or shape.get("CidrIpv6")
    return reaches and cidr in {*WIDE, *CROWD}


def test_a_thousand_groups_hold_every_kind_of_finding_that_there_is(swept: Swept) -> None:
    judged = {each.judgement.source_class for each in swept.verdict}

    assert len(swept.crowd.uses) == SIZE
    assert {each.step for each in swept.verdict} == set(Step) - {Step.WAIT}
    assert judged == set(SourceClass) - {SourceClass.PUBLIC, SourceClass.PRIVATE, SourceClass.GROUP}
    assert len(swept.named) >= 150
    assert {each.step for each in swept.named.values()} == {Step.REVOKE, Step.CARVE}


def test_nothing_goes_that_the_verdict_did_not_name_and_all_that_it_named_goes(
    swept: Swept,
) -> None:
    assert swept.result.failures == {}
    assert swept.gone == swept.named.keys()
    assert swept.gone == {each.rule.rule_id for each in swept.result.revoked}


def test_nothing_goes_but_wide_ways_to_caches_on_shared_groups_of_ours(swept: Swept) -> None:
    innocent = [
        shape for rule_id, shape in swept.before.items()
        if rule_id in swept.gone and not may_go(shape, swept.crowd)
    ]  # fmt: skip

    assert innocent == []


def test_every_other_rule_is_just_as_it_was_and_only_carved_ports_are_new(swept: Swept) -> None:
    stayed = swept.before.keys() & swept.after.keys()
    pieces = [
        (finding.rule.group_id, traffic, str(finding.rule.source), finding.rule.description,
         {**finding.rule.tags, CARVED: rule_id})
        for rule_id, finding in swept.named.items() for traffic in finding.carved
    ]  # fmt: skip
    new = [
        (rule.group_id, rule.traffic, str(rule.source), rule.description, rule.tags)
        for rule in map(read, (swept.after[each] for each in swept.after.keys() - stayed))
    ]

    assert {each: swept.after[each] for each in stayed} == {
        each: swept.before[each] for each in stayed
    }
    assert all(each in pieces for each in new)
    # Of pieces that admit the same, or what a rule admits that was there, EC2 takes one.
    assert {each[:3] for each in pieces} <= {
        (rule.group_id, rule.traffic, str(rule.source)) for rule in map(read, swept.after.values())
    }


def test_every_rule_that_went_has_an_undo_record_of_all_that_it_was(swept: Swept) -> None:
    kept = {each.rule.rule_id: each for each in swept.adapters.records.load().revocations}

    assert kept.keys() == swept.gone
    assert {each.state for each in kept.values()} == {RevocationState.REVOKED}
    for rule_id, revocation in kept.items():
        was, rule = read(swept.before[rule_id]), revocation.rule
        assert (rule.group_id, rule.traffic, str(rule.source), rule.description, rule.tags) == (
            was.group_id, was.traffic, str(was.source), was.description, was.tags
        )  # fmt: skip


@pytest.fixture(scope="module")
def again(swept: Swept) -> SweepResult:
    return run(swept.adapters, swept.settings)


def test_a_second_pass_changes_nothing_and_finds_nothing_new(
    aws: AwsServer, swept: Swept, again: SweepResult
) -> None:
    assert (again.revoked, again.failures) == ((), {})
    assert rules(aws) == swept.after
    # Ports that stay open to too many are reported, as they were when they were part of a rule.
    assert {CARVED in each.rule.tags for each in again.fresh} == {True}


def test_any_rule_that_went_comes_back_just_as_it_was_and_alone(
    aws: AwsServer, swept: Swept, again: SweepResult
) -> None:
    assert again.looked.book.sweep is not None  # both passes are over
    # Each restoration asks for all records; that of one rule does not change with another's.
    once = Once(aws.client("dynamodb"), swept.settings.table)
    restorer = Restorer(replace(swept.adapters, records=once), swept.settings)
    chosen = random.Random(SEED).sample(sorted(swept.gone), RESTORED)  # noqa: S311

    done = {rule_id: restorer.restore(rule_id, force=True) for rule_id in chosen}

    now = rules(aws)
    back = {rule_id: each.revocation.restored_as or "" for rule_id, each in done.items()}
    closed = {piece for each in done.values() for piece in each.closed}
    assert [admits(now[back[each]]) for each in chosen] == [
        admits(swept.before[each]) for each in chosen
    ]
    assert {rule_id for rule_id, each in done.items() if each.existed} == set()
    assert now.keys() == (swept.after.keys() - closed) | set(back.values())
    assert {each: now[each] for each in now.keys() & swept.after.keys()} == {
        each: swept.after[each] for each in now.keys() & swept.after.keys()
    }
    assert any(swept.named[rule_id].step is Step.CARVE for rule_id in chosen)
