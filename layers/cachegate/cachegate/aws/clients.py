"""Make the AWS clients of each function, all with the same patience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elasticache import ElastiCacheClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from cachegate.aws.trails import CloudTrailClient

# Four tries with pauses of up to 1, 2 and 4 s outlast a burst of throttling, and a dead endpoint
# costs well under the function's time. The pool has room for one thread for each NAT instance.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=20,
)
# For what must not be done late: a call that has no answer by then is not made again.
ONCE = Config(
    retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=3, read_timeout=5
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """One client for each service that sync_forwards uses."""

    dynamodb: DynamoDBClient
    ec2: EC2Client
    mover: EC2Client  # for AssociateAddress
    elasticache: ElastiCacheClient
    events: EventBridgeClient
    sns: SNSClient
    sqs: SQSClient
    ssm: SSMClient
    tagging: ResourceGroupsTaggingAPIClient


def make_clients() -> Clients:
    """Make them from the environment that Lambda gives: credentials, Region, endpoints."""
    session = Session()
    return Clients(
        dynamodb=_client(session, "dynamodb"),
        ec2=_client(session, "ec2"),
        mover=_client(session, "ec2", ONCE),
        elasticache=_client(session, "elasticache"),
        events=_client(session, "events"),
        sns=_client(session, "sns"),
        sqs=_client(session, "sqs"),
        ssm=_client(session, "ssm"),
        tagging=_client(session, "resourcegroupstaggingapi"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardClients:
    """One client for each service that guard_ingress uses."""

    cloudtrail: CloudTrailClient
    dynamodb: DynamoDBClient
    ec2: EC2Client
    elasticache: ElastiCacheClient
    events: EventBridgeClient
    sns: SNSClient
    sqs: SQSClient
    tagging: ResourceGroupsTaggingAPIClient


def make_guard_clients() -> GuardClients:
    """Make them from the environment that Lambda gives: credentials, Region, endpoints."""
    session = Session()
    return GuardClients(
        cloudtrail=_client(session, "cloudtrail"),
        dynamodb=_client(session, "dynamodb"),
        ec2=_client(session, "ec2"),
        elasticache=_client(session, "elasticache"),
        events=_client(session, "events"),
        sns=_client(session, "sns"),
        sqs=_client(session, "sqs"),
        tagging=_client(session, "resourcegroupstaggingapi"),
    )


def _client(session: Session, service: str, config: Config = CONFIG) -> Any:
    """Make one client: the same that boto3 makes, without the import of what it has beside them."""
    return session.create_client(service, config=config)
