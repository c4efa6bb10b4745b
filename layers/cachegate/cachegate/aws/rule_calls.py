"""The calls on security-group rules that the guard's groups and the managed rules share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from cachegate.aws.failures import code, needed
from cachegate.aws.refusals import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, SecurityGroupRuleTypeDef

Answer = TypeVar("Answer")

PAGE = 1000  # rules; without a number EC2 sends all of them in one answer
# How EC2 says that a rule is gone, or its whole group is.
_GONE = frozenset(
    {
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidPermission.NotFound",
        "InvalidGroup.NotFound",
    }
)


def described(ec2: EC2Client, wanted: FilterTypeDef) -> Iterator[SecurityGroupRuleTypeDef]:
    """Yield the rules that a filter takes, of both directions."""
    for page in ec2.get_paginator("describe_security_group_rules").paginate(
        Filters=[wanted], PaginationConfig={"PageSize": PAGE}
    ):
        yield from page["SecurityGroupRules"]


def authorize(call: Callable[..., Answer], request: dict[str, Any], subject: str) -> Answer | None:
    """Ask for a rule; return the answer, None where there is one that lets the same through.

    Raise RuleRefusedError, naming the subject, where AWS does not take it, TransientError where it
    does not answer now.
    """
    with needed(subject):
        try:
            return call(**request)
        except ClientError as error:
            if code(error) == "InvalidPermission.Duplicate":
                return None
            refuse(subject, error)
            raise


@contextmanager
def gone_is_done() -> Iterator[None]:
    """Let a rule that is gone already count as removed."""
    try:
        yield
    except ClientError as error:
        if code(error) not in _GONE:
            raise
