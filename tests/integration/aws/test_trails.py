"""Trails on CloudTrail as moto plays it: made, started, given selectors, stopped.

Moto shows no selectors of a trail that was copied from another Region: tests/unit has that case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from cachegate.aws.trails import CloudTrails
from cachegate.guard.protocols import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE, ELSEWHERE = "eu-central-1", "us-east-1"


@pytest.fixture(autouse=True)
def _bucket() -> Iterator[None]:
    with mock_aws():
        boto3.client("s3", region_name=ELSEWHERE).create_bucket(Bucket="the-trails-of-a-test")
        yield


def start(region: str, **options: Any) -> Any:
    client: Any = boto3.client("cloudtrail", region_name=region)
    client.create_trail(Name="main", S3BucketName="the-trails-of-a-test", **options)
    client.start_logging(Name="main")
    return client


def state() -> Trail:
    client: Any = boto3.client("cloudtrail", region_name=HERE)
    return CloudTrails(client, HERE).state()


def test_a_trail_counts_from_its_start_to_its_end() -> None:
    assert state() is Trail.NONE

    client = start(HERE)
    assert state() is Trail.LOGS

    client.stop_logging(Name="main")
    assert state() is Trail.NONE


def test_a_trail_of_another_region_alone_does_not_count() -> None:
    start(ELSEWHERE)

    assert state() is Trail.NONE


def test_a_trail_of_data_events_alone_does_not_count() -> None:
    client = start(HERE)

    client.put_event_selectors(
        TrailName="main",
        EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": False}],
    )

    assert state() is Trail.NONE
