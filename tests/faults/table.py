"""The ledger's table: DynamoDB's conditions, and its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.invocation import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.faults.invocation import Faults

Item = dict[str, Any]
ABSENT = "attribute_not_exists(vpc)"
VERSION = "version = :replacing"
TOKEN = "attribute_not_exists(vpc) OR #token = :replacing"  # noqa: S105 - DynamoDB's words


@dataclass
class Table:
    """One table with the keys vpc and part."""

    faults: Faults
    written: Callable[[Item], None]  # told of each item that was written
    items: dict[tuple[str, str], Item] = field(default_factory=dict)

    def get_item(self, *, Key: Mapping[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        self.faults.call("get_item")
        item = self.items.get((Key["vpc"]["S"], Key["part"]["S"]))
        return {"Item": item} if item else {}

    def put_item(self, *, Item: Item, **request: Any) -> dict[str, Any]:  # noqa: N803
        fault = self.faults.call(f"put {Item['part']['S']}")
        conditional = "ConditionExpression" in request
        if (fault == "conflict" and conditional) or not self._holds(Item, request):
            raise refusal("ConditionalCheckFailedException", "PutItem")
        self.items[Item["vpc"]["S"], Item["part"]["S"]] = Item
        self.written(Item)
        if fault == "written, answer lost" and conditional:  # asked again, it meets its own write
            raise refusal("ConditionalCheckFailedException", "PutItem")
        return {}

    def _holds(self, item: Item, request: Mapping[str, Any]) -> bool:
        condition = request.get("ConditionExpression")
        there = self.items.get((item["vpc"]["S"], item["part"]["S"]))
        if condition is None:
            return True
        if condition == ABSENT:
            return there is None
        replacing = request["ExpressionAttributeValues"][":replacing"]
        if condition == VERSION:
            return there is not None and there["version"] == replacing
        assert condition == TOKEN
        return there is None or there["token"] == replacing

    def get_paginator(self, operation: str) -> Table:
        assert operation == "scan"
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        """Scan for ledgers, which is all that is ever scanned for."""
        self.faults.call("scan")
        for (vpc_id, part), _item in sorted(self.items.items()):
            if part == "ledger":
                yield {"Items": [{"vpc": {"S": vpc_id}}]}
