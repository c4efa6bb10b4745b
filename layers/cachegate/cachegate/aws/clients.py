"""Make the AWS clients of each function, all with the same patience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

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
    session = boto3.session.Session()
    return Clients(
        dynamodb=session.client("dynamodb", config=CONFIG),
        ec2=session.client("ec2", config=CONFIG),
        mover=session.client("ec2", config=ONCE),
        elasticache=session.client("elasticache", config=CONFIG),
        events=session.client("events", config=CONFIG),
        sns=session.client("sns", config=CONFIG),
        sqs=session.client("sqs", config=CONFIG),
        ssm=session.client("ssm", config=CONFIG),
        tagging=session.client("resourcegroupstaggingapi", config=CONFIG),
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
    session = boto3.session.Session()
    return GuardClients(
        cloudtrail=session.client("cloudtrail", config=CONFIG),
        dynamodb=session.client("dynamodb", config=CONFIG),
        ec2=session.client("ec2", config=CONFIG),
        elasticache=session.client("elasticache", config=CONFIG),
        events=session.client("events", config=CONFIG),
        sns=session.client("sns", config=CONFIG),
        sqs=session.client("sqs", config=CONFIG),
        tagging=session.client("resourcegroupstaggingapi", config=CONFIG),
    )
