"""Ledgers on DynamoDB as moto plays it: conditions, consistent reads, sizes."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cachegate.aws.ledgers import LARGEST_BODY, DynamoLedgers
from cachegate.domain.capacity import Capacity, Tracking
from cachegate.domain.forward import ForwardKind
from cachegate.domain.ledger import Lease, Ledger
from cachegate.errors import ConfigurationError, LedgerConflictError, RuleSetTooLargeError
from cachegate.protocols import Heartbeat, Record
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "ledgers"


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "vpc", "AttributeType": "S"},
                {"AttributeName": "part", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "vpc", "KeyType": "HASH"},
                {"AttributeName": "part", "KeyType": "RANGE"},
            ],
        )
        yield client


def lease(key: str, listen: int, reason: str = "new") -> Lease:
    return Lease(
        key=key,
        cache="sessions",
        kind=ForwardKind.NODE,
        listen=listen,
        leased_at=1.5,
        changed_at=1.5,
        reason=reason,
    )


def ledger(vpc_id: str = "vpc-1") -> Ledger:
    return Ledger(vpc_id=vpc_id, generation=3, leases={"a": lease("a", 6379)})


def test_what_is_saved_is_loaded_with_the_version_of_the_next_write(
    dynamodb: DynamoDBClient,
) -> None:
    ledgers = DynamoLedgers(dynamodb, TABLE)

    first = ledgers.save(ledger(), None)
    second = ledgers.save(replace(ledger(), generation=4), first.version)

    assert ledgers.load("vpc-1") == second
    assert second.ledger.generation == 4


def test_a_vpc_without_ledger_has_none(dynamodb: DynamoDBClient) -> None:
    assert DynamoLedgers(dynamodb, TABLE).load("vpc-1") is None


@pytest.mark.parametrize("replacing", [None, 2, 0])
def test_a_write_over_another_passes_write_is_a_conflict(
    dynamodb: DynamoDBClient, replacing: int | None
) -> None:
    ledgers = DynamoLedgers(dynamodb, TABLE)
    ledgers.save(ledger(), None)

    with pytest.raises(LedgerConflictError, match="vpc-1"):
        ledgers.save(replace(ledger(), generation=99), replacing)

    assert ledgers.load("vpc-1") == Record(ledger(), 1)


def test_a_ledger_that_was_lost_meanwhile_is_a_conflict_not_a_new_one(
    dynamodb: DynamoDBClient,
) -> None:
    with pytest.raises(LedgerConflictError):
        DynamoLedgers(dynamodb, TABLE).save(ledger(), 1)


def test_a_ledger_too_large_for_an_item_is_refused_before_it_is_written(
    dynamodb: DynamoDBClient,
) -> None:
    noise = secrets.token_hex(LARGEST_BODY)  # hex halves at best: still above the limit
    large = Ledger(vpc_id="vpc-1", leases={"a": lease("a", 6379, reason=noise)})
    ledgers = DynamoLedgers(dynamodb, TABLE)

    with pytest.raises(RuleSetTooLargeError, match="expose fewer caches"):
        ledgers.save(large, None)

    assert ledgers.load("vpc-1") is None


def test_a_person_sees_in_the_table_what_the_ledger_holds(dynamodb: DynamoDBClient) -> None:
    DynamoLedgers(dynamodb, TABLE, clock=lambda: 0.0).save(ledger(), None)

    item = dynamodb.get_item(TableName=TABLE, Key={"vpc": {"S": "vpc-1"}, "part": {"S": "ledger"}})
    del item["Item"]["body"]
    assert item["Item"] == {
        "vpc": {"S": "vpc-1"},
        "part": {"S": "ledger"},
        "version": {"N": "1"},
        "generation": {"N": "3"},
        "digest": {"S": ledger().rule_set.digest},
        "forwards": {"N": "1"},
        "written_at": {"S": "1970-01-01T00:00:00+00:00"},
    }


def test_a_heartbeat_is_kept_beside_the_ledger_and_makes_none(dynamodb: DynamoDBClient) -> None:
    ledgers = DynamoLedgers(dynamodb, TABLE)
    beat = Heartbeat(began_at=1732275600.123456, verified_at=0.1, token="t", rechecks=3)  # noqa: S106

    assert ledgers.heartbeat("vpc-1") == Heartbeat()
    ledgers.beat("vpc-1", beat)

    assert ledgers.heartbeat("vpc-1") == beat
    item = {"vpc": {"S": "vpc-1"}, "part": {"S": "heartbeat"}}
    former = {"began_at": "1732275600.123456", "verified_at": "0.1", "rechecks": "3"}
    written = {name: {"N": value} for name, value in former.items()} | {"token": {"S": "t"}}
    dynamodb.put_item(TableName=TABLE, Item={**item, **written})
    assert ledgers.heartbeat("vpc-1") == beat  # as a version before `quiet` wrote it
    assert ledgers.load("vpc-1") is None
    assert ledgers.vpc_ids() == frozenset()


def test_a_heartbeat_remembers_what_was_told(dynamodb: DynamoDBClient) -> None:
    ledgers = DynamoLedgers(dynamodb, TABLE)
    told = Capacity(
        conntrack=Tracking(used=12, limit=65536),
        allowances={"conntrack_allowance_exceeded": 2**64 - 1},
    )
    beat = Heartbeat(
        unreachable=(6379,),
        offline=("i-2",),
        stranded=True,
        capacity={"i-1": told, "i-2": Capacity(allowances={"pps_allowance_exceeded": 3})},
    )

    ledgers.beat("vpc-1", beat)

    assert ledgers.heartbeat("vpc-1") == beat


def test_the_vpcs_with_a_ledger_are_known(dynamodb: DynamoDBClient) -> None:
    ledgers = DynamoLedgers(dynamodb, TABLE)
    for vpc_id in ("vpc-1", "vpc-2"):
        ledgers.save(ledger(vpc_id), None)
        ledgers.beat(vpc_id, Heartbeat())

    assert ledgers.vpc_ids() == {"vpc-1", "vpc-2"}


def test_a_former_table_that_is_not_there_is_named(dynamodb: DynamoDBClient) -> None:
    with pytest.raises(ConfigurationError, match="there is no table former"):
        DynamoLedgers(dynamodb, "former").load("vpc-1")


def test_every_read_is_consistent() -> None:
    """A pass that reads what was true a moment ago would end in needless conflicts, or worse."""
    calls: list[Call] = []
    answers: dict[str, Any] = {"GetItem": lambda **_: {}, "Scan": lambda **_: {"Items": []}}
    ledgers = DynamoLedgers(fake_client("dynamodb", answers, calls), TABLE)

    ledgers.load("vpc-1")
    ledgers.heartbeat("vpc-1")
    ledgers.vpc_ids()

    assert [parameters["ConsistentRead"] for _, parameters in calls] == [True, True, True]


def test_any_other_error_of_the_table_rises_as_it_is() -> None:
    refused = failing(client_error("AccessDeniedException"))
    answers = {"GetItem": refused, "PutItem": refused}
    ledgers = DynamoLedgers(fake_client("dynamodb", answers), TABLE)

    with pytest.raises(ClientError, match="AccessDenied"):
        ledgers.load("vpc-1")
    with pytest.raises(ClientError, match="AccessDenied"):
        ledgers.save(ledger(), None)
