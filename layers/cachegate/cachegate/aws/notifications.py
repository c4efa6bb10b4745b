"""The topics of caches: whether they exist, and the one request that sets ours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from cachegate.aws.failures import CallError, code, in_words
from cachegate.domain.cache import CacheKind, Evidence
from cachegate.domain.enrolment import Existence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_sns import SNSClient

# https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
NO_SUCH_TOPIC: Final = "NotFound"
ACTIVE: Final = "active"


class CacheNotifications:
    """Where ElastiCache announces what happens to caches; `ours` is the ARN of our topic."""

    def __init__(self, elasticache: ElastiCacheClient, sns: SNSClient, ours: str) -> None:
        self._elasticache = elasticache
        self._sns = sns
        self._ours = ours

    def existing(self, topics: Iterable[str]) -> Mapping[str, Existence]:
        """Ask for each topic. Only AWS's own word for it makes one absent."""
        asked = sorted(topics)
        with ThreadPoolExecutor(max_workers=8) as pool:
            return dict(zip(asked, pool.map(self._existence, asked), strict=True))

    def _existence(self, topic: str) -> Existence:
        home = self._ours.rpartition(":")[0]  # partition, Region and account
        if topic.rpartition(":")[0] != home:
            return Existence(Evidence.UNKNOWN, "it is in another account or Region")
        try:
            self._sns.get_topic_attributes(TopicArn=topic)
        except CallError as error:
            if isinstance(error, ClientError) and code(error) == NO_SUCH_TOPIC:
                return Existence(Evidence.ABSENT)
            return Existence(Evidence.UNKNOWN, in_words(error))
        return Existence(Evidence.PRESENT)

    def enrol(self, kind: CacheKind, name: str) -> str | None:
        """Set our topic, and nothing else; return what AWS objects to, in its words.

        Never ApplyImmediately: it would also apply whatever else is pending, such as an upgrade
        of the engine that waits for its maintenance window
        (https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html).
        """
        try:
            if kind is CacheKind.REPLICATION_GROUP:
                self._elasticache.modify_replication_group(
                    ReplicationGroupId=name,
                    NotificationTopicArn=self._ours,
                    NotificationTopicStatus=ACTIVE,
                )
            else:
                self._elasticache.modify_cache_cluster(
                    CacheClusterId=name,
                    NotificationTopicArn=self._ours,
                    NotificationTopicStatus=ACTIVE,
                )
        except CallError as error:
            return in_words(error)
        return None
