"""What to do when EC2 does not take a change of a security group's rules. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachegate.aws.failures import code, in_words
from cachegate.errors import RuleRefusedError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_GROUP_GONE = "it, or the group that the rule admits, is gone: there is nothing to open"
_LIST_GONE = "the prefix list is gone, or no longer shared with this account"
_FULL = (
    "the group is full: by default it holds 60 inbound rules for IPv4 and as many for IPv6, as "
    "many outbound ones, and a prefix list counts as its maximum of entries; remove a rule, or "
    "have the quota raised"
)
_RULE_GONE = "the rule is gone: list the rules of its group, an edited one keeps its id"
_DENIED = (
    "the function's role does not have this permission (has somebody changed it?), or a policy of "
    "the organisation denies it"
)
_NOT_TAKEN = "EC2 does not take it as it is: mend what it names, and add it by hand"
# The codes are those of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
# and others that were seen; EC2 spells some in two ways.
_ADVICE = {
    "AccessDenied": _DENIED,
    "UnauthorizedOperation": _DENIED,
    "RulesPerSecurityGroupLimitExceeded": _FULL,
    "InvalidGroup.NotFound": _GROUP_GONE,
    "InvalidSecurityGroupID.NotFound": _GROUP_GONE,
    "InvalidGroupId.Malformed": _GROUP_GONE,
    "InvalidPrefixListID.NotFound": _LIST_GONE,
    "InvalidPrefixListId.NotFound": _LIST_GONE,
    "InvalidSecurityGroupRuleId.NotFound": _RULE_GONE,
    "InvalidSecurityGroupRuleId.Malformed": _RULE_GONE,
    "InvalidID": _RULE_GONE,
    "TagLimitExceeded": "the rule has 50 tags, the most that AWS allows: take one away",
    "InvalidPermission.Malformed": _NOT_TAKEN,
    "InvalidParameter": _NOT_TAKEN,
    "InvalidParameterCombination": _NOT_TAKEN,
    "InvalidParameterValue": _NOT_TAKEN,
    "InvalidTagKey.Malformed": _NOT_TAKEN,
    "InvalidVpcPeeringConnectionID.NotFound": "the peering with the VPC of that group is gone",
    "MissingParameter": _NOT_TAKEN,
    "OperationNotPermitted": "EC2 does not permit it on this group, whoever asks",
    "UnsupportedOperation": "EC2 does not permit it on this group, whoever asks",
}


def refuse(subject: str, error: ClientError) -> None:
    """Raise RuleRefusedError with words on what to do, where an error is such a refusal."""
    advice = _ADVICE.get(code(error))
    if advice is not None:
        raise RuleRefusedError(f"{subject}: {in_words(error)}; {advice}") from error
