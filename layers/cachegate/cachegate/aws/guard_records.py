"""The guard's records on DynamoDB: revocations, the findings of each group, and the last sweep."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cachegate.aws import record_body
from cachegate.aws.failures import code
from cachegate.domain.revocation import RevocationState
from cachegate.errors import ConfigurationError
from cachegate.guard.protocols import ALL_GROUPS, Book, Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from cachegate.domain.revocation import Revocation

    Item = dict[str, AttributeValueTypeDef]

REVOCATION, FINDINGS, SWEEP = "revocation#", "findings", "sweep"


class DynamoRecords:
    """The records of one table, whose key is `group` and `part`."""

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock

    def load(self) -> Book:
        """Return all that is kept; ConfigurationError for a record that cannot be read."""
        revocations: list[Revocation] = []
        findings: dict[str, Sequence[Mapping[str, Any]]] = {}
        left_out: dict[str, int] = {}
        sweep = None
        for item in self._items():
            group_id, part = item["group"]["S"], item["part"]["S"]
            name = f"{part} of {group_id}"
            record_body.check(item.get("schema", {"N": "none"})["N"], name)
            if part.startswith(REVOCATION):
                revocations.append(record_body.unpack(item["revocation"]["S"], name))
            elif part == FINDINGS:
                findings[group_id] = record_body.unpack_findings(item["body"]["B"])
                left_out[group_id] = int(item["left_out"]["N"])
            elif part == SWEEP:
                sweep = _sweep(item)
        return Book(
            revocations=tuple(sorted(revocations, key=_by_time)),
            findings=findings,
            left_out={group_id: count for group_id, count in left_out.items() if count},
            sweep=sweep,
        )

    def record(self, revocation: Revocation) -> None:
        """Write an undo record before its rule goes; one that is REVOKED or RESTORED stays."""
        self._put_over(revocation, RevocationState.PENDING)

    def settle(self, revocation: Revocation) -> None:
        """Write how a revocation ended, over its record.

        A proof that it is REVOKED comes too late for one that is RESTORED, which stays.
        """
        if revocation.state is RevocationState.RESTORED:
            self._put(self._revocation(revocation))
        else:
            self._put_over(revocation, RevocationState.PENDING, RevocationState.REVOKED)

    def _put_over(self, revocation: Revocation, *states: RevocationState) -> None:
        """Write a record where there is none, or one in these states."""
        values: Item = {f":{state}": {"S": state} for state in states}
        free = f"attribute_not_exists(#group) OR #state IN ({', '.join(values)})"
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=self._revocation(revocation),
                ConditionExpression=free,
                ExpressionAttributeNames={"#group": "group", "#state": "state"},  # reserved words
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise

    def keep_findings(self, group_id: str, findings: Sequence[Mapping[str, Any]]) -> None:
        """Replace the findings of a group, the gravest first; none deletes them.

        Those that do not fit into an item, thousands at least, are counted (`Book.left_out`).
        """
        if not findings:
            key: Item = {"group": {"S": group_id}, "part": {"S": FINDINGS}}
            self._dynamodb.delete_item(TableName=self._table, Key=key)
            return
        body, left_out = record_body.pack_findings(findings)
        self._put(
            self._item(group_id, FINDINGS)
            | {
                "body": {"B": body},
                "left_out": {"N": str(left_out)},
                "findings": {"N": str(len(findings))},  # for people who look at the table
            }
        )

    def keep_sweep(self, sweep: Sweep) -> None:
        """Replace what the last pass saw."""
        self._put(
            self._item(ALL_GROUPS, SWEEP)
            | {
                "at": {"N": repr(sweep.at)},
                "mode": {"S": sweep.mode},
                "trail": {"S": sweep.trail},
                "groups": {"N": str(sweep.groups)},
            }
        )

    def _items(self) -> Iterator[Item]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, ConsistentRead=True
        )
        try:
            for page in pages:
                yield from page["Items"]
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                raise ConfigurationError(f"there is no table {self._table}") from error
            raise

    def _revocation(self, revocation: Revocation) -> Item:
        return self._item(revocation.group.group_id, f"{REVOCATION}{revocation.rule.rule_id}") | {
            "revocation": {"S": record_body.pack(revocation)},
            "state": {"S": revocation.state},  # for the condition of `record`
            # For people who look at the table; nothing reads these back.
            "reason": {"S": revocation.reason},
            "recorded_at": {"S": _moment(revocation.recorded_at)},
            "give_back_by": {"S": record_body.command(revocation)},
        }

    def _item(self, group_id: str, part: str) -> Item:
        return {
            "group": {"S": group_id},
            "part": {"S": part},
            "schema": {"N": record_body.SCHEMA},
            "written_at": {"S": _moment(self._clock())},  # for people as well
        }

    def _put(self, item: Item) -> None:
        self._dynamodb.put_item(TableName=self._table, Item=item)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _by_time(revocation: Revocation) -> tuple[float, str]:
    return revocation.recorded_at, revocation.rule.rule_id


def _sweep(item: Item) -> Sweep:
    return Sweep(
        at=float(item["at"]["N"]),
        mode=item["mode"]["S"],
        trail=item["trail"]["S"],
        groups=int(item["groups"]["N"]),
    )
