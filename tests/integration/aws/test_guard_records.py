"""The guard's records on DynamoDB as moto plays it: conditions, paging, sizes, hostile items."""

from __future__ import annotations

import secrets
from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cachegate.aws.guard_records import DynamoRecords
from cachegate.domain.groups import SecurityGroup
from cachegate.domain.ingress import IngressRule
from cachegate.domain.revocation import Revocation, RevocationState
from cachegate.domain.traffic import Traffic
from cachegate.errors import ConfigurationError
from cachegate.guard.protocols import Book, Sweep
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "guard"
SWEEP = Sweep(at=1732275600.123456, mode="observe", trail="logs", groups=12)


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "group", "AttributeType": "S"},
                {"AttributeName": "part", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "group", "KeyType": "HASH"},
                {"AttributeName": "part", "KeyType": "RANGE"},
            ],
        )
        yield client


@pytest.fixture
def records(dynamodb: DynamoDBClient) -> DynamoRecords:
    return DynamoRecords(dynamodb, TABLE, clock=lambda: 0.0)


def revocation(number: int = 1, description: str = "office", **fields: Any) -> Revocation:
    made = Revocation(
        rule=IngressRule(
            rule_id=f"sgr-{number}",
            group_id="sg-1",
            traffic=Traffic(6, 6379, 6379),
            source=IPv4Network("0.0.0.0/0"),
            description=description,
        ),
        group=SecurityGroup(group_id="sg-1", name="web", vpc_id="vpc-1", owner="1"),
        caches=("sessions-001",),
        source_class="world",
        severity="high",
        reason="admits every IPv4 address",
        evidence=("eni-1 (i-1)",),
        recorded_at=float(number),
    )
    return replace(made, **fields)


def test_what_is_kept_is_loaded_oldest_first(records: DynamoRecords) -> None:
    records.record(revocation(2))
    records.record(revocation(1))
    records.keep_findings("sg-1", [{"rule": "sgr-3", "since": 1.5}, {"rule": "sgr-4"}])
    records.keep_sweep(SWEEP)

    assert records.load() == Book(
        revocations=(revocation(1), revocation(2)),
        findings={"sg-1": ({"rule": "sgr-3", "since": 1.5}, {"rule": "sgr-4"})},
        sweep=SWEEP,
    )


def test_an_empty_table_is_an_empty_book(records: DynamoRecords) -> None:
    assert records.load() == Book()


def test_a_record_that_is_not_proved_is_written_again(records: DynamoRecords) -> None:
    records.record(revocation(reason="first"))
    records.record(revocation(reason="second"))

    (kept,) = records.load().revocations
    assert kept.reason == "second"


@pytest.mark.parametrize("state", [RevocationState.REVOKED, RevocationState.RESTORED])
def test_a_record_of_what_was_done_is_never_written_over_by_an_intention(
    records: DynamoRecords, state: RevocationState
) -> None:
    done = revocation(state=state, revoked_at=7.0)
    records.record(revocation())
    records.settle(done)

    records.record(revocation(reason="again"))

    assert records.load().revocations == (done,)


def test_an_end_is_written_over_whatever_is_there(records: DynamoRecords) -> None:
    revoked = revocation(state=RevocationState.REVOKED, revoked_at=7.0)
    restored = replace(
        revoked, state=RevocationState.RESTORED, restored_at=8.0, restored_as="sgr-9"
    )

    records.settle(revoked)
    records.settle(restored)

    assert records.load().revocations == (restored,)


def test_a_proof_that_comes_late_is_not_written_over_what_was_given_back(
    records: DynamoRecords,
) -> None:
    revoked = revocation(state=RevocationState.REVOKED, revoked_at=7.0)
    restored = replace(
        revoked, state=RevocationState.RESTORED, restored_at=8.0, restored_as="sgr-9"
    )
    records.settle(restored)

    records.settle(replace(revoked, revoked_at=9.0))

    assert records.load().revocations == (restored,)


def test_a_later_proof_is_written_over_a_former_one(records: DynamoRecords) -> None:
    records.settle(revocation(state=RevocationState.REVOKED, revoked_at=7.0))
    later = revocation(state=RevocationState.REVOKED, revoked_at=9.0)

    records.settle(later)

    assert records.load().revocations == (later,)


def test_findings_are_replaced_and_none_deletes_them(records: DynamoRecords) -> None:
    records.keep_findings("sg-1", [{"rule": "sgr-1"}, {"rule": "sgr-2"}])
    records.keep_findings("sg-2", [{"rule": "sgr-3"}])
    records.record(revocation())

    records.keep_findings("sg-1", [{"rule": "sgr-2"}])
    records.keep_findings("sg-2", [])
    records.keep_findings("sg-3", [])

    book = records.load()
    assert book.findings == {"sg-1": ({"rule": "sgr-2"},)}
    assert book.revocations == (revocation(),)


def test_findings_that_were_too_many_to_keep_are_counted(records: DynamoRecords) -> None:
    records.keep_findings("sg-1", [{"rule": secrets.token_hex(1000)} for _ in range(1000)])

    book = records.load()
    assert book.left_out["sg-1"] > 0
    assert len(book.findings["sg-1"]) + book.left_out["sg-1"] == 1000


def test_a_person_who_looks_at_the_table_can_give_a_rule_back(
    dynamodb: DynamoDBClient, records: DynamoRecords
) -> None:
    records.record(revocation())

    item = dynamodb.get_item(
        TableName=TABLE, Key={"group": {"S": "sg-1"}, "part": {"S": "revocation#sgr-1"}}
    )["Item"]
    text = item.pop("revocation")["S"]
    assert '"CidrIpv4": "0.0.0.0/0"' in text
    assert item == {
        "group": {"S": "sg-1"},
        "part": {"S": "revocation#sgr-1"},
        "schema": {"N": "1"},
        "state": {"S": "pending"},
        "reason": {"S": "admits every IPv4 address"},
        "recorded_at": {"S": "1970-01-01T00:00:01+00:00"},
        "written_at": {"S": "1970-01-01T00:00:00+00:00"},
        "give_back_by": {
            "S": "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions "
            '\'[{"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "IpRanges": '
            '[{"CidrIp": "0.0.0.0/0", "Description": "office"}]}]\''
        },
    }


def test_more_records_than_a_page_holds_are_all_loaded(records: DynamoRecords) -> None:
    for number in range(60):  # a page of a scan ends after 1 MB
        records.record(revocation(number, evidence=("x" * 20_000,)))

    assert len(records.load().revocations) == 60


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": {"N": "2"}}, "record revocation#sgr-1 of sg-1 has the schema 2"),
        ({"schema": None}, "record revocation#sgr-1 of sg-1 has the schema none"),
        ({"revocation": {"S": "{}"}}, "record revocation#sgr-1 of sg-1 is damaged"),
        ({"part": {"S": "something"}, "schema": {"N": "2"}}, "record something of sg-1 has"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_and_not_skipped(
    dynamodb: DynamoDBClient, records: DynamoRecords, changes: dict[str, Any], words: str
) -> None:
    records.record(revocation())
    item = dynamodb.scan(TableName=TABLE)["Items"][0] | changes
    dynamodb.put_item(TableName=TABLE, Item={k: v for k, v in item.items() if v is not None})

    with pytest.raises(ConfigurationError, match=words):
        records.load()


def test_a_part_that_this_version_does_not_know_is_left_alone(
    dynamodb: DynamoDBClient, records: DynamoRecords
) -> None:
    other = {"group": {"S": "sg-1"}, "part": {"S": "something"}, "schema": {"N": "1"}}
    dynamodb.put_item(TableName=TABLE, Item=other)

    assert records.load() == Book()


def test_a_table_that_is_not_there_is_named(dynamodb: DynamoDBClient) -> None:
    with pytest.raises(ConfigurationError, match="there is no table former"):
        DynamoRecords(dynamodb, "former").load()


def test_the_read_is_consistent() -> None:
    """A pass that does not see a record of a moment ago would not know that a rule came back."""
    calls: list[Call] = []

    DynamoRecords(fake_client("dynamodb", {"Scan": lambda **_: {"Items": []}}, calls), TABLE).load()

    assert calls[0][1]["ConsistentRead"] is True


def test_any_other_error_of_the_table_rises_as_it_is() -> None:
    refused = failing(client_error("AccessDeniedException"))
    answers = {"Scan": refused, "PutItem": refused, "DeleteItem": refused}
    records = DynamoRecords(fake_client("dynamodb", answers), TABLE)

    for ask in (
        records.load,
        lambda: records.record(revocation()),
        lambda: records.settle(revocation()),
        lambda: records.keep_findings("sg-1", []),
        lambda: records.keep_findings("sg-1", [{}]),
        lambda: records.keep_sweep(SWEEP),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            ask()
