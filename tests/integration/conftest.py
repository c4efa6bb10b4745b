"""AWS's stand-in with a VPC, one for each file of tests that needs no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.aws_server import AwsServer
from local.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ec2 import EC2Client


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with AwsServer() as server:
        yield server


@pytest.fixture(scope="module")
def network(aws: AwsServer) -> Network:
    network = Network(aws)
    network.create()
    return network


@pytest.fixture(scope="module")
def ec2(aws: AwsServer) -> EC2Client:
    client: EC2Client = aws.client("ec2")
    return client
