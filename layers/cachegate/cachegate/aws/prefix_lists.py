"""Managed prefix lists: whose they are, and what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cachegate.aws.batches import MOST_VALUES, batches
from cachegate.aws.failures import is_transient, needed
from cachegate.domain.ingress import PrefixList, ipv4_network, ipv6_network
from cachegate.errors import InvalidRuleError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import ManagedPrefixListTypeDef

    from cachegate.domain.ingress import Network

# For how many rules one of AWS's own lists counts, by the end of its name; they show no maximum
# (https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html).
_WEIGHTS = {
    "cloudfront.origin-facing": 55,
    "dynamodb": 1,
    "ec2-instance-connect": 2,
    "groundstation": 5,
    "route53-healthchecks": 25,
    "s3": 1,
    "s3express": 6,
    "vpc-lattice": 10,
}

PAGE = 100  # lists or entries, the most that EC2 sends at once
AWS = "AWS"  # the owner of AWS's own lists, in place of an account


def prefix_lists(ec2: EC2Client, list_ids: Iterable[str]) -> dict[str, PrefixList]:
    """Open lists; one that we cannot read has no entries (None), or is left out.

    AWS's own are told by their name alone, and not opened: their entries are AWS's to change.
    Raises TransientError where a call fails for now.
    """
    with needed("the prefix lists are not known"):
        return {shape["PrefixListId"]: _opened(ec2, shape) for shape in _shapes(ec2, list_ids)}


def weights(ec2: EC2Client, list_ids: Iterable[str]) -> dict[str, int]:
    """Return for how many rules of a group each list counts; one that EC2 hides is left out.

    A customer's own counts as the most entries that it may have
    (https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html).
    Raises TransientError where a call fails for now.
    """
    with needed("how much of the quota prefix lists take is not known"):
        return {shape["PrefixListId"]: _weight(shape) for shape in _shapes(ec2, list_ids)}


def _shapes(ec2: EC2Client, list_ids: Iterable[str]) -> list[ManagedPrefixListTypeDef]:
    paginator = ec2.get_paginator("describe_managed_prefix_lists")
    return [
        shape
        for ids in batches(list_ids, MOST_VALUES)
        for page in paginator.paginate(
            Filters=[{"Name": "prefix-list-id", "Values": ids}],
            PaginationConfig={"PageSize": PAGE},
        )
        for shape in page["PrefixLists"]
    ]


def _weight(shape: ManagedPrefixListTypeDef) -> int:
    if shape["OwnerId"] != AWS:
        return shape["MaxEntries"]
    name = shape["PrefixListName"]
    return next((value for end, value in _WEIGHTS.items() if name.endswith(f".{end}")), 1)


def _opened(ec2: EC2Client, shape: ManagedPrefixListTypeDef) -> PrefixList:
    list_id = shape["PrefixListId"]
    if shape["OwnerId"] == AWS:
        return PrefixList(list_id=list_id, aws_name=shape["PrefixListName"])
    return PrefixList(list_id=list_id, entries=_entries(ec2, list_id))


def _entries(ec2: EC2Client, list_id: str) -> tuple[Network, ...] | None:
    pages = ec2.get_paginator("get_managed_prefix_list_entries").paginate(
        PrefixListId=list_id, PaginationConfig={"PageSize": PAGE}
    )
    try:
        return tuple(_network(entry["Cidr"]) for page in pages for entry in page["Entries"])
    except InvalidRuleError:
        return None  # what cannot be read is not known: such a list is reported
    except ClientError as error:
        if is_transient(error):
            raise
        # Whatever AWS says of a list that was deleted, or is shared with us no more: it must not
        # hide the rules of other groups.
        return None


def _network(cidr: str) -> Network:
    return ipv6_network(cidr) if ":" in cidr else ipv4_network(cidr)
