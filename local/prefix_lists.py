"""EC2's calls about managed prefix lists, where moto differs from AWS.

https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, MissingParameter
from moto.ec2.responses.vpcs import VPCs

from local.ec2_base import Ec2Answers, tag_set

# What a list of AWS's own counts in a security group, by the end of its name
# (https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html).
_WEIGHTS = {
    "cloudfront.origin-facing": 55, "dynamodb": 1, "ec2-instance-connect": 2, "groundstation": 5,
    "route53-healthchecks": 25, "s3": 1, "s3express": 6, "vpc-lattice": 10,
}  # fmt: skip


def prefix_list(ec2: Any, list_id: str) -> Any:
    """Return a list of moto's; raise EC2's error where there is none."""
    found = ec2.managed_prefix_lists.get(list_id)
    if found is None:
        raise EC2ClientError(
            "InvalidPrefixListID.NotFound", f"The prefix list ID '{list_id}' does not exist"
        )
    return found


def weight(found: Any) -> int:
    """Return for how many rules a reference to it counts: as many as it may hold."""
    if found.owner_id != "AWS":
        return int(found.max_entries)
    return next(value for end, value in _WEIGHTS.items() if found.prefix_list_name.endswith(end))


def list_arn(found: Any) -> str:
    """Return the ARN of a list: AWS's own have `aws` where others have an account."""
    return str(found.prefix_list_arn).replace(":AWS:", ":aws:")


class PrefixListAnswers(Ec2Answers, VPCs):
    """Managed prefix lists; creation and deletion stay moto's."""

    def describe_managed_prefix_lists(self) -> ActionResult:
        """Answer DescribeManagedPrefixLists."""
        wanted = self._get_param("PrefixListIds", [])
        for list_id in wanted:
            prefix_list(self.ec2_backend, list_id)
        found = self.ec2_backend.describe_managed_prefix_lists(
            prefix_list_ids=wanted, filters=self._filters_from_querystring()
        )
        page, token = self._page(found, 1, 100)
        return ActionResult({"PrefixLists": [_shape(each) for each in page], "NextToken": token})

    def get_managed_prefix_list_entries(self) -> ActionResult:
        """Answer GetManagedPrefixListEntries, of the newest version unless one is named."""
        found = prefix_list(self.ec2_backend, self._get_param("PrefixListId"))
        if found.id in self.moods.unreadable:
            self._refuse_others("")
        version = self._get_param("TargetVersion") or max(found.entries, default=1)
        page, token = self._page(found.entries.get(int(version), []), 1, 100)
        return ActionResult({"Entries": page, "NextToken": token})

    def modify_managed_prefix_list(self) -> ActionResult:
        """Answer ModifyManagedPrefixList; entries change in a version of their own."""
        found = prefix_list(self.ec2_backend, self._get_param("PrefixListId"))
        self._refuse_others(found.owner_id)
        added, removed = self._get_param("AddEntries", []), self._get_param("RemoveEntries", [])
        maximum = int(self._get_param("MaxEntries") or found.max_entries)
        if added or removed:
            self._check_version(found)
            entries = {each["Cidr"]: each for each in found.entries.get(found.version, [])}
            for each in removed:
                entries.pop(each["Cidr"], None)
            entries |= {each["Cidr"]: each for each in added}
            if len(entries) > maximum:
                raise EC2ClientError(
                    "PrefixListMaxEntriesExceeded",
                    f"You've reached the maximum number of entries for the list: {maximum}",
                )
            found.version += 1
            found.entries[found.version] = list(entries.values())
        found.max_entries = maximum
        found.prefix_list_name = self._get_param("PrefixListName") or found.prefix_list_name
        found.state = "modify-complete"  # before anybody asks again
        return ActionResult({"PrefixList": _shape(found) | {"State": "modify-in-progress"}})

    def _check_version(self, found: Any) -> None:
        current = self._get_param("CurrentVersion")
        if current is None:
            raise MissingParameter("The request must contain the parameter CurrentVersion")
        if int(current) != found.version:
            raise EC2ClientError(
                "PrefixListVersionMismatch",
                f"The current version of the list is {found.version}, not {current}",
            )


def _shape(found: Any) -> dict[str, Any]:
    shape = {
        "PrefixListId": found.id,
        "AddressFamily": found.address_family,
        "State": found.state,
        "PrefixListArn": list_arn(found),
        "PrefixListName": found.prefix_list_name,
        "MaxEntries": found.max_entries,
        "Version": found.version,
        "Tags": tag_set(found),
        "OwnerId": found.owner_id,
    }
    return {key: value for key, value in shape.items() if value is not None}
