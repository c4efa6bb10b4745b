"""Entry point: any trigger runs one sync pass; a direct invocation runs one action."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from cachegate.aws.addresses import Ec2Addresses
from cachegate.aws.asking import ask
from cachegate.aws.caches import CacheInventory
from cachegate.aws.clients import make_clients
from cachegate.aws.dns import LambdaResolver
from cachegate.aws.events import EventBus
from cachegate.aws.gateways import SsmGateways
from cachegate.aws.group_rules import Ec2GroupRules
from cachegate.aws.guarded_caches import GuardedCaches
from cachegate.aws.instance_dns import InstanceResolver
from cachegate.aws.ledgers import DynamoLedgers
from cachegate.aws.machines import Ec2Machines
from cachegate.aws.network import Ec2Network
from cachegate.aws.notifications import CacheNotifications
from cachegate.aws.rechecks import SqsRechecks
from cachegate.aws.stack_response import respond
from cachegate.aws.subnets import Ec2Subnets
from cachegate.batch import answer, unanswered
from cachegate.counts import count_pass
from cachegate.entry import Outlet, Redelivery, made_to_stay
from cachegate.errors import ConfigurationError
from cachegate.heed import heed
from cachegate.protocols import Adapters
from cachegate.report import report_pass
from cachegate.settings import SyncSettings
from cachegate.triggers import Trigger, fewest
from cachegate.wired import Wired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from cachegate.protocols import Resolver
    from cachegate.results import SyncResult

logger = Logger()
metrics = Metrics()
outlet = Outlet(logger, metrics)


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


def wire(environment: Mapping[str, str]) -> Wired:
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
        caches=GuardedCaches(clients.elasticache, clients.tagging, clients.ec2, settings.stack),
        network=Ec2Network(clients.ec2, checks=settings.address is not None),
        resolver=resolver,
        ledgers=DynamoLedgers(clients.dynamodb, settings.table),
        gateways=gateways,
        bus=EventBus(clients.events),
        notifications=CacheNotifications(clients.elasticache, clients.sns, settings.topic),
        rechecks=SqsRechecks(clients.sqs, settings.queue_url),
        addresses=Ec2Addresses(clients.ec2, clients.mover),
        group_rules=Ec2GroupRules(clients.ec2),
        subnets=Ec2Subnets(clients.ec2),
        machines=Ec2Machines(clients.ec2).machines,
        ask=ask,
        clock=time.time,
        new_token=lambda: uuid.uuid4().hex,
        former_ledgers=DynamoLedgers(clients.dynamodb, former) if former else None,
    )
    return Wired(adapters, settings)


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Tell the three callers apart: CloudFormation, the queue, a person."""
    deadline.set(context)
    logger.set_correlation_id(context.aws_request_id)
    fields = event if isinstance(event, dict) else {}
    if "ResponseURL" in fields:
        return on_stack(fields)
    if isinstance(wired, ConfigurationError):
        raise wired
    if "Records" in fields:
        return on_triggers(fields["Records"], wired)
    return on_invocation(event, wired)


def on_invocation(event: Any, wired: Wired) -> dict[str, Any]:
    """Answer a person; what was asked and refused is logged beside."""
    # Nearly every start is a pass's: what only people ask for is loaded when somebody asks.
    from cachegate.actions import Actions  # noqa: PLC0415

    answer = Actions(wired.adapters, wired.settings, report).answer(event)
    action = event.get("action") if isinstance(event, dict) else None
    logger.info("direct invocation", action=action, ok=answer["ok"], error=answer.get("error"))
    return answer


def on_triggers(records: list[dict[str, Any]], wired: Wired) -> dict[str, Any]:
    """Run the one pass of a batch. Where it fails, as few messages as do come back for a retry."""
    redelivery = Redelivery(wired.adapters.rechecks, wired.settings.retry)
    triggers = [Trigger.from_record(record) for record in records]
    with redelivery.raised_again(fewest(triggers), logger):
        heeded = heed(triggers, wired.adapters, wired.settings)
    outlet.write_triggers(heeded)
    asking = heeded.asking
    with redelivery.raised_again(fewest(asking), logger):
        result = answer(asking, wired.adapters, wired.settings)
    if result is None:
        if asking:
            logger.info("no pass", reason="a later one saw it, or its chain of re-checks is over")
        return redelivery.hand_back(())
    report(result, asking)
    return redelivery.hand_back(unanswered(asking, result), result.due)


def on_stack(event: dict[str, Any]) -> dict[str, Any]:
    """Answer CloudFormation, also where a setting is wrong."""
    from cachegate.stack_events import StackEvents  # noqa: PLC0415 - as rare as people are

    return StackEvents(wired, outlet, respond).answer(event)


def report(result: SyncResult, asking: Sequence[Trigger] = ()) -> None:
    """Log every decision of a pass, and count what alarms and dashboards look at."""
    outlet.write(report_pass(result, asking))
    outlet.count(count_pass(result, asking))


# At init, where the CPU is. A wrong setting is kept for the answer to CloudFormation: an error here
# would leave it without one, and the stack waiting.
wired: Wired | ConfigurationError
try:
    with made_to_stay():
        wired = wire(os.environ)
except ConfigurationError as error:
    wired = error
