"""What ElastiCache says about node-based caches, to the one topic that a cache has.

Each notification is a small JSON object with the event's name as its key, as subscribers see it.
The names, and when ElastiCache lets go of a topic, are those of
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.aws_server import backend
from local.caches import ACCOUNT
from local.resource_policy import allows

if TYPE_CHECKING:
    from local.caches import Options


def announce(options: Options, event: str, subject: str) -> None:
    """Publish an event of a cache to its topic; one that does not take it becomes inactive."""
    if options.topic is None or options.topic_status != "active":
        return
    if not _takes(options.topic):
        options.topic_status = "inactive"
        return
    backend("sns").publish(json.dumps({f"ElastiCache:{event}": subject}), options.topic)


def _takes(topic_arn: str) -> bool:
    """Tell whether the topic exists, lies open, and lets the account's own caches publish."""
    topic = backend("sns").topics.get(topic_arn)
    if topic is None or topic.kms_master_key_id:
        return False
    context = {"AWS:SourceOwner": ACCOUNT}
    service = "elasticache.amazonaws.com"
    return allows(json.loads(topic.policy), service, "SNS:Publish", topic_arn, context)
