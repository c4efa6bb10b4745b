"""Entry point: any trigger runs one pass of the guard; a direct invocation runs one action."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from cachegate.aws.alerts import SnsAlerts
from cachegate.aws.clients import make_guard_clients
from cachegate.aws.dns import LambdaResolver
from cachegate.aws.events import EventBus
from cachegate.aws.guard_records import DynamoRecords
from cachegate.aws.guarded_caches import GuardedCaches
from cachegate.aws.network import Ec2Network
from cachegate.aws.rechecks import SqsRechecks
from cachegate.aws.security_groups import Ec2Groups
from cachegate.aws.trails import CloudTrails
from cachegate.domain.guard_trigger import read_guard_cause
from cachegate.entry import Outlet, Redelivery, made_to_stay
from cachegate.errors import CachegateError, ConfigurationError
from cachegate.guard.actions import GuardActions, refusal
from cachegate.guard.counts import FAILED, count_restored, count_sweep
from cachegate.guard.protocols import GuardAdapters
from cachegate.guard.report import report_broken, report_restored, report_sweep
from cachegate.guard.settings import GuardSettings
from cachegate.guard.sweep import sweep
from cachegate.guard.tell import tell, tell_restored
from cachegate.guard.triggers import asked, heed
from cachegate.triggers import Trigger, fewest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from cachegate.guard.restore import Restored
    from cachegate.guard.results import SweepResult

logger = Logger()
metrics = Metrics()
outlet = Outlet(logger, metrics)


def wire(environment: Mapping[str, str]) -> GuardActions:
    """Make the clients and adapters; raise ConfigurationError where a setting is wrong."""
    settings = GuardSettings.from_env(environment)
    clients = make_guard_clients()
    adapters = GuardAdapters(
        caches=GuardedCaches(clients.elasticache, clients.tagging, clients.ec2, settings.stack),
        groups=Ec2Groups(clients.ec2),
        network=Ec2Network(clients.ec2),
        resolver=LambdaResolver(settings.resolve_deadline),
        records=DynamoRecords(clients.dynamodb, settings.table),
        trails=CloudTrails(clients.cloudtrail, settings.region),
        alerts=SnsAlerts(clients.sns, settings.alert_topic),
        bus=EventBus(clients.events),
        queue=SqsRechecks(clients.sqs, settings.queue_url),
        clock=time.time,
        sleep=time.sleep,
    )
    return actions_on(adapters, settings)


def actions_on(adapters: GuardAdapters, settings: GuardSettings) -> GuardActions:
    """Let what people ask be told, logged and counted as what triggers ask."""
    return GuardActions(
        adapters,
        settings,
        partial(report, adapters, settings),
        partial(report_back, adapters, settings),
    )


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Tell the two callers apart: the queue, a person."""
    logger.set_correlation_id(context.aws_request_id)
    if not isinstance(event, dict) or "Records" not in event:
        return on_invocation(event)
    if isinstance(wired, ConfigurationError):
        raise wired
    return on_triggers(event["Records"], wired)


def on_invocation(event: Any) -> dict[str, Any]:
    """Answer a person; what was asked and refused is logged beside."""
    answer = refusal(wired) if isinstance(wired, ConfigurationError) else wired.answer(event)
    action = event.get("action") if isinstance(event, dict) else None
    logger.info("direct invocation", action=action, ok=answer["ok"], error=answer.get("error"))
    return answer


def on_triggers(records: list[dict[str, Any]], actions: GuardActions) -> dict[str, Any]:
    """Run the one pass of a batch. Where it fails, one message comes back for a retry."""
    adapters, settings = actions.adapters, actions.settings
    redelivery = Redelivery(adapters.queue, settings.retry)
    triggers = [Trigger.from_record(record, read_guard_cause) for record in records]
    heeded = heed(triggers, settings.role)
    outlet.write_triggers(heeded)
    asking = heeded.asking
    if not asking:
        return redelivery.hand_back(())
    with redelivery.raised_again(fewest(asking), logger):
        try:
            result = sweep(
                adapters,
                settings,
                asked(asking),
                partial(report, adapters, settings, asking=asking),
            )
        except CachegateError as error:
            outlet.write(report_broken(error, settings, asking))
            outlet.count(FAILED)
            return redelivery.hand_back(fewest(asking))
    return redelivery.hand_back(() if result.done else fewest(asking))


def report(
    adapters: GuardAdapters,
    settings: GuardSettings,
    result: SweepResult,
    asking: Sequence[Trigger] = (),
) -> SweepResult:
    """Tell people and programs what a pass did, log it, and count what alarms look at."""
    told = tell(result, adapters, settings)
    outlet.write(report_sweep(told, settings, asking))
    outlet.count(count_sweep(told))
    return told


def report_back(adapters: GuardAdapters, settings: GuardSettings, restored: Restored) -> None:
    """Tell programs of a rule that was given back, log it, and count it."""
    told = tell_restored(restored, adapters, settings)
    outlet.write(report_restored(told))
    outlet.count(count_restored(told))


# At init, where the CPU is. A wrong setting is kept: each caller gets its sentence, where an error
# here would only be told as one of the runtime.
wired: GuardActions | ConfigurationError
try:
    with made_to_stay():
        wired = wire(os.environ)
except ConfigurationError as error:
    wired = error
