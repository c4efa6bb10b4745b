"""The durable records on DynamoDB: for each VPC one item for the ledger, a small one beside it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cachegate.aws.failures import code
from cachegate.aws.ledger_body import pack, unpack
from cachegate.domain.capacity import Capacity
from cachegate.errors import ConfigurationError, LedgerConflictError, RuleSetTooLargeError
from cachegate.protocols import Heartbeat, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutItemInputTypeDef

    from cachegate.domain.ledger import Ledger

LEDGER, HEARTBEAT = "ledger", "heartbeat"
# An item holds 400 KB at most, names and the attributes for people included
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html).
LARGEST_BODY = 350_000


class DynamoLedgers:
    """The ledgers of one table: this stack's own, or one that a former stack left behind."""

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock

    def vpc_ids(self) -> frozenset[str]:
        """Return the VPCs that have a ledger."""
        # A scan reads every item, bodies too; they are few, and a few KB each.
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="vpc",
            FilterExpression="part = :ledger",
            ExpressionAttributeValues={":ledger": {"S": LEDGER}},
            ConsistentRead=True,
        )
        return frozenset(item["vpc"]["S"] for page in pages for item in page["Items"])

    def load(self, vpc_id: str) -> Record | None:
        """Return the ledger, or None where there is none; ConfigurationError without a table."""
        item = self._get(vpc_id, LEDGER)
        if item is None:
            return None
        return Record(unpack(item["body"]["B"]), int(item["version"]["N"]))

    def save(self, ledger: Ledger, replacing: int | None) -> Record:
        """Write where the version is still `replacing` (None: where there is none).

        Raise LedgerConflictError where it is not, RuleSetTooLargeError above 350 KB.
        """
        body = pack(ledger)
        if len(body) > LARGEST_BODY:
            raise RuleSetTooLargeError(
                f"the ledger of {ledger.vpc_id} needs {len(body)} bytes for {len(ledger.leases)} "
                f"listen ports, an item may take {LARGEST_BODY}: expose fewer caches"
            )
        version = 1 if replacing is None else replacing + 1
        item: dict[str, AttributeValueTypeDef] = {
            "vpc": {"S": ledger.vpc_id},
            "part": {"S": LEDGER},
            "version": {"N": str(version)},
            "body": {"B": body},
            # For people who look at the table; nothing reads these back.
            "generation": {"N": str(ledger.generation)},
            "digest": {"S": ledger.rule_set.digest},
            "forwards": {"N": str(len(ledger.leases))},
            "written_at": {"S": datetime.fromtimestamp(self._clock(), UTC).isoformat()},
        }
        request: PutItemInputTypeDef = {"TableName": self._table, "Item": item}
        if replacing is None:
            request["ConditionExpression"] = "attribute_not_exists(vpc)"
        else:
            request["ConditionExpression"] = "version = :replacing"
            request["ExpressionAttributeValues"] = {":replacing": {"N": str(replacing)}}
        self._put(request, ledger.vpc_id)
        return Record(ledger, version)

    def heartbeat(self, vpc_id: str) -> Heartbeat:
        """Return the heartbeat of a VPC, all zero where there is none."""
        item = self._get(vpc_id, HEARTBEAT)
        if item is None:
            return Heartbeat()
        return _read(item)

    def beat(self, vpc_id: str, heartbeat: Heartbeat, replacing: str | None = None) -> None:
        """Write it where the token is still `replacing` (None: in any case).

        Raise LedgerConflictError where it is not: another pass goes on with the chain.
        """
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": {"vpc": {"S": vpc_id}, "part": {"S": HEARTBEAT}, **_written(heartbeat)},
        }
        if replacing is not None:
            request["ConditionExpression"] = "attribute_not_exists(vpc) OR #token = :replacing"
            request["ExpressionAttributeNames"] = {"#token": "token"}  # a reserved word
            request["ExpressionAttributeValues"] = {":replacing": {"S": replacing}}
        self._put(request, vpc_id)

    def _get(self, vpc_id: str, part: str) -> dict[str, AttributeValueTypeDef] | None:
        try:
            answer = self._dynamodb.get_item(
                TableName=self._table,
                Key={"vpc": {"S": vpc_id}, "part": {"S": part}},
                ConsistentRead=True,
            )
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                raise ConfigurationError(f"there is no table {self._table}") from error
            raise
        return answer.get("Item")

    def _put(self, request: PutItemInputTypeDef, vpc_id: str) -> None:
        try:
            self._dynamodb.put_item(**request)
        except ClientError as error:
            if code(error) == "ConditionalCheckFailedException":
                raise LedgerConflictError(f"another pass wrote the ledger of {vpc_id}") from error
            raise


def _written(heartbeat: Heartbeat) -> dict[str, AttributeValueTypeDef]:
    return {
        "began_at": {"N": repr(heartbeat.began_at)},
        "verified_at": {"N": repr(heartbeat.verified_at)},
        "token": {"S": heartbeat.token},
        "rechecks": {"N": str(heartbeat.rechecks)},
        "quiet": {"N": str(heartbeat.quiet)},
        "generation": {"N": str(heartbeat.generation)},
        "proved": {"L": [{"S": each} for each in heartbeat.proved]},
        "unreachable": {"L": [{"N": str(each)} for each in heartbeat.unreachable]},
        "offline": {"L": [{"S": each} for each in heartbeat.offline]},
        "stranded": {"BOOL": heartbeat.stranded},
        "capacity": {"S": json.dumps({i: asdict(told) for i, told in heartbeat.capacity.items()})},
    }


def _read(item: Mapping[str, AttributeValueTypeDef]) -> Heartbeat:
    return Heartbeat(
        began_at=float(item["began_at"]["N"]),
        verified_at=float(item["verified_at"]["N"]),
        token=item["token"]["S"],
        rechecks=int(item["rechecks"]["N"]),
        # A version before these wrote none of them.
        quiet=int(item.get("quiet", {"N": "0"})["N"]),
        generation=int(item.get("generation", {"N": "0"})["N"]),
        proved=tuple(each["S"] for each in item.get("proved", {"L": []})["L"]),
        unreachable=tuple(int(each["N"]) for each in item.get("unreachable", {"L": []})["L"]),
        offline=tuple(each["S"] for each in item.get("offline", {"L": []})["L"]),
        stranded=item.get("stranded", {"BOOL": False})["BOOL"],
        capacity={
            instance_id: Capacity.read(told)
            for instance_id, told in json.loads(item.get("capacity", {"S": "{}"})["S"]).items()
        },
    )
