"""What our answers of EC2 have in common: paging, the account's limits, and what tests ask of them.

moto's own answers stand wherever they are AWS's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from moto.core.utils import aws_api_matches
from moto.ec2.exceptions import EC2ClientError, InvalidParameterValue
from moto.ec2.responses._base_response import EC2BaseResponse

from local.elasticache import page_of
from local.public_addresses import PublicAddresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(slots=True)
class Moods:
    """What EC2 does at times, and here when a test says so."""

    # Groups whose revocations are answered with success and do nothing, as a default VPC answers
    # where a rule's values do not match.
    deaf: set[str] = field(default_factory=set)
    # Seconds during which describes go on showing a rule that is gone: EC2 is eventually consistent
    # (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
    lag: float = 0.0
    unreadable: set[str] = field(default_factory=set)  # prefix lists whose entries are refused
    # Seconds until packets follow an Elastic IP to where it was moved, and seconds during which
    # DescribeAddresses goes on showing where it was.
    follow: float = 0.0
    old_holder: float = 0.0
    # Of instances that run, by id: what EC2's checks of the instance, and of what it runs on, say
    # (impaired, initializing, insufficient-data); "ok" where nothing is said.
    instance_checks: dict[str, str] = field(default_factory=dict)
    system_checks: dict[str, str] = field(default_factory=dict)


class Ec2Answers(EC2BaseResponse):
    """The base of our answers."""

    moods: ClassVar[Moods] = Moods()
    public: ClassVar[PublicAddresses] = PublicAddresses()

    def _page(
        self, everything: Sequence[Any], lowest: int, highest: int
    ) -> tuple[Sequence[Any], str | None]:
        """Return the page that is asked for, and the token of the next."""
        size = int(self._get_param("MaxResults") or highest)
        if not lowest <= size <= highest:
            raise InvalidParameterValue(
                f"Value ( {size} ) for parameter maxResults is invalid."
                f" Expecting a value between {lowest} and {highest}."
            )
        return page_of(everything, int(self._get_param("NextToken") or 0), size)

    def _refuse_others(self, owner: str) -> None:
        """Refuse a change of what another account, or AWS, owns."""
        if owner != self.current_account:
            raise EC2ClientError(
                "UnauthorizedOperation", "You are not authorized to perform this operation."
            )


def named_by(values: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether a filter with these values takes an id.

    moto tries each value on each resource as a pattern, which takes seconds for 200 values; only
    those with a wildcard are patterns
    (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html).
    """
    known = frozenset(values)
    patterns = [each for each in known if not {"*", "?"}.isdisjoint(each)]
    if not patterns:
        return known.__contains__
    return lambda name: name in known or any(aws_api_matches(each, name) for each in patterns)


def tag_set(resource: Any) -> list[dict[str, str]]:
    """Return the tags of a resource of moto's, as EC2 prints them."""
    return [{"Key": each["key"], "Value": each["value"]} for each in own_tags(resource)]


def own_tags(resource: Any) -> list[dict[str, str]]:
    """Return the tags of a resource as moto keeps them; it looks through those of all resources."""
    tags: dict[str, str] = resource.ec2_backend.tags.get(resource.id, {})
    return [{"key": key, "value": value} for key, value in tags.items()]
