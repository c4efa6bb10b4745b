"""Entry point: any trigger runs one sync pass; a direct invocation runs one action."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from cachegate.actions import Actions, detach_answer
from cachegate.aws.caches import CacheInventory
from cachegate.aws.clients import make_clients
from cachegate.aws.dns import LambdaResolver
from cachegate.aws.events import EventBus
from cachegate.aws.gateways import SsmGateways
from cachegate.aws.instance_dns import InstanceResolver
from cachegate.aws.ledgers import DynamoLedgers
from cachegate.aws.network import Ec2Network
from cachegate.aws.notifications import CacheNotifications
from cachegate.aws.rechecks import SqsRechecks
from cachegate.aws.stack_response import respond
from cachegate.describe import describe_change, describe_enrolment, describe_problem
from cachegate.detach import detach
from cachegate.domain.enrolment import Notices
from cachegate.domain.plan import ChangeKind
from cachegate.domain.trigger import CauseKind
from cachegate.errors import ConfigurationError
from cachegate.heed import heed
from cachegate.metrics import Metric
from cachegate.protocols import Adapters
from cachegate.push import InstanceState
from cachegate.settings import SyncSettings
from cachegate.triggers import Trigger, answer, unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from cachegate.heed import Heeded
    from cachegate.protocols import Rechecks, Resolver
    from cachegate.results import SyncResult

RETRY_AFTER = 5  # seconds until a pass that was not verified is tried again

logger = Logger()
metrics = Metrics()


class Deadline:
    """When Lambda ends this invocation; set anew by each."""

    def __init__(self) -> None:
        self._ends = 0.0

    def set(self, context: LambdaContext) -> None:
        """Read it from the context."""
        self._ends = time.monotonic() + context.get_remaining_time_in_millis() / 1000

    def remaining(self) -> float:
        """Return the seconds that are left."""
        return self._ends - time.monotonic()


deadline = Deadline()


def wire(environment: Mapping[str, str]) -> Actions:
    """Make the clients and adapters; raise ConfigurationError where a setting is wrong."""
    settings = SyncSettings.from_env(environment)
    clients = make_clients()
    gateways = SsmGateways(clients.ssm, settings.document, deadline.remaining)

    def resolver(instance_ids: tuple[str, ...]) -> Resolver:
        if settings.resolve_on_instance:
            return InstanceResolver(gateways, instance_ids)
        return LambdaResolver(settings.resolve_deadline)

    former = settings.adopt_table
    adapters = Adapters(
        inventory=CacheInventory(clients.elasticache, clients.tagging, clients.ec2),
        network=Ec2Network(clients.ec2),
        resolver=resolver,
        ledgers=DynamoLedgers(clients.dynamodb, settings.table),
        gateways=gateways,
        bus=EventBus(clients.events),
        notifications=CacheNotifications(clients.elasticache, clients.sns, settings.topic),
        rechecks=SqsRechecks(clients.sqs, settings.queue_url),
        clock=time.time,
        new_token=lambda: uuid.uuid4().hex,
        former_ledgers=DynamoLedgers(clients.dynamodb, former) if former else None,
    )
    return Actions(adapters, settings, report)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tell the three callers apart: CloudFormation, the queue, a person."""
    deadline.set(context)
    if "ResponseURL" in event:
        return on_stack(event)
    if isinstance(wired, ConfigurationError):
        raise wired
    if "Records" in event:
        return on_triggers(event["Records"], wired)
    logger.info("direct invocation", action=event.get("action"))
    return wired.answer(event)


def on_triggers(records: list[dict[str, Any]], actions: Actions) -> dict[str, Any]:
    """Run the one pass of a batch. Where it fails, as few messages as do stay for the retry."""
    triggers = [Trigger.from_record(record) for record in records]
    rechecks = actions.adapters.rechecks
    ended = False
    try:
        heeded = heed(triggers, actions.adapters, actions.settings)
        count_triggers(heeded)
        result = answer(heeded.asking, actions.adapters, actions.settings)
        ended = True
    finally:
        if not ended:  # it raises, so Lambda hands back the whole batch
            retry_soon(triggers, rechecks)
    if result is None:
        logger.info("needless triggers", count=len(triggers))
        metrics.flush_metrics()
        return {"batchItemFailures": []}
    report(result)
    back = unanswered(heeded.asking, result)
    retry_soon(back, rechecks)
    return {"batchItemFailures": [{"itemIdentifier": trigger.message_id} for trigger in back]}


def count_triggers(heeded: Heeded) -> None:
    """Log what asked for this pass, and what was ignored and why."""
    unknown = sum(t.cause.kind is CauseKind.UNKNOWN for t in heeded.asking)
    logger.info(
        "triggers",
        asking=[asdict(trigger.cause) for trigger in heeded.asking],
        ignored=[asdict(each.trigger.cause) | {"why": each.reason} for each in heeded.ignored],
    )
    count(Metric.TRIGGERS_IGNORED, len(heeded.ignored))
    count(Metric.TRIGGERS_UNKNOWN, unknown)


def count(metric: Metric, value: float) -> None:
    """Add a value to what the next flush writes."""
    metrics.add_metric(metric.value, metric.unit, value)


def retry_soon(triggers: list[Trigger], rechecks: Rechecks) -> None:
    """Shorten the wait for a redelivery, which is as long as the queue's visibility timeout."""
    for trigger in triggers:
        rechecks.retry(trigger.receipt, RETRY_AFTER)


def on_stack(event: dict[str, Any]) -> dict[str, Any]:
    """Answer CloudFormation: a first pass is asked for, or the agents are taken off.

    A wrong setting fails the deployment with its sentence. Anything else is answered by success
    and raised: a stack must always be deletable, and the schedule makes the pass that could not be
    asked for.
    """
    request, failure = event["RequestType"], None
    try:
        if isinstance(wired, ConfigurationError):
            failure = None if request == "Delete" else str(wired)
        elif request == "Delete":
            detached = detach_answer(detach(wired.adapters, wired.settings))
            log = logger.info if detached["ok"] else logger.error
            log("stack deletion", detached=detached)
        else:
            wired.adapters.rechecks.ask(f"stack event {request}")
    finally:
        respond(event, failure=failure)
    return {"ok": failure is None}


def report(result: SyncResult) -> None:
    """Log every decision and count what alarms and dashboards look at."""
    for vpc in result.vpcs:
        for change in vpc.plan.changes if vpc.plan else ():
            logger.info("change", vpc=vpc.vpc_id, change=describe_change(change))
        for instance in vpc.instances:
            logger.info("nat instance", vpc=vpc.vpc_id, instance=asdict(instance))
        for enrolment in vpc.open_enrolments:
            logger.info("enrolment", vpc=vpc.vpc_id, enrolment=describe_enrolment(enrolment))
        if vpc.failure is not None:
            logger.error("not verified", vpc=vpc.vpc_id, reason=str(vpc.failure))
    for problem in result.all_problems:
        logger.warning("not forwarded as asked", problem=describe_problem(problem))
    instances = [instance for vpc in result.vpcs for instance in vpc.instances]
    plans = [vpc.plan for vpc in result.vpcs if vpc.plan]
    counts = {
        Metric.FORWARDS_CHANGED: sum(
            change.kind is not ChangeKind.HOLD for plan in plans for change in plan.changes
        ),
        Metric.CHANGES_HELD: sum(
            change.kind is ChangeKind.HOLD for plan in plans for change in plan.changes
        ),
        Metric.TARGETS_UNREACHABLE: sum(len(instance.unreachable) for instance in instances),
        Metric.NAT_INSTANCES_OFFLINE: sum(i.state is InstanceState.OFFLINE for i in instances),
        Metric.TOPICS_INACTIVE: sum(
            enrolment.notices is Notices.INACTIVE
            for vpc in result.vpcs
            for enrolment in vpc.enrolments
        ),
        Metric.FLOWS_TOLD: sum(instance.flows_told for instance in instances),
    }
    for metric, value in counts.items():
        count(metric, value)
    # Where nobody is to be asked, nothing is overdue.
    due = (vpc.verified_at for vpc in result.vpcs if not vpc.idle)
    oldest = min(due, default=time.time())
    count(Metric.VERIFIED_AGE, max(0.0, time.time() - oldest))
    metrics.flush_metrics()


# At init, where the CPU is. A wrong setting is kept for the answer to CloudFormation: an error here
# would leave it without one, and the stack waiting.
wired: Actions | ConfigurationError
try:
    wired = wire(os.environ)
except ConfigurationError as error:
    wired = error
