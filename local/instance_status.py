"""EC2's status checks of instances, which moto always passes.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidParameterValue
from moto.ec2.responses.instances import InstanceResponse

from local.ec2_base import Ec2Answers

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_IDS = 100
_RUNNING = "running"
# What each status says of the one check that there is.
_REACHABILITY = {"ok": "passed", "impaired": "failed"}
_FILTERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "availability-zone": lambda shape: shape["AvailabilityZone"],
    "instance-state-name": lambda shape: shape["InstanceState"]["Name"],
    "instance-state-code": lambda shape: str(shape["InstanceState"]["Code"]),
    "instance-status.status": lambda shape: shape["InstanceStatus"]["Status"],
    "system-status.status": lambda shape: shape["SystemStatus"]["Status"],
}


class InstanceStatusAnswers(Ec2Answers, InstanceResponse):
    """The status of instances, as a test says it is."""

    def describe_instance_status(self) -> ActionResult:
        """Answer DescribeInstanceStatus: of running instances, unless all are asked for."""
        self.error_on_dryrun()
        wanted = self._get_param("InstanceIds", [])
        if len(wanted) > _MOST_IDS:
            raise InvalidParameterValue(f"You may specify at most {_MOST_IDS} instance IDs")
        if wanted and self._get_param("MaxResults"):
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        shapes = [self._shape(each) for each in self._instances(wanted)]
        for name, values in self._filters_from_querystring().items():
            if name not in _FILTERS:
                raise InvalidParameterValue(f"The filter '{name}' is invalid")
            shapes = [each for each in shapes if _FILTERS[name](each) in values]
        page, token = self._page(shapes, 5, 1000)
        return ActionResult({"InstanceStatuses": page, "NextToken": token})

    def _instances(self, wanted: list[str]) -> list[Any]:
        instances = (
            self.ec2_backend.get_multi_instances_by_id(wanted)
            if wanted
            else self.ec2_backend.all_instances()
        )
        everyone = self._get_bool_param("IncludeAllInstances", if_none=False)
        return [each for each in instances if everyone or each.state == _RUNNING]

    def _shape(self, instance: Any) -> dict[str, Any]:
        return {
            "AvailabilityZone": instance.availability_zone,
            "InstanceId": instance.id,
            "InstanceState": {"Code": instance.state_code, "Name": instance.state},
            "InstanceStatus": _summary(instance, self.moods.instance_checks),
            "SystemStatus": _summary(instance, self.moods.system_checks),
        }


def _summary(instance: Any, checks: dict[str, str]) -> dict[str, Any]:
    if instance.state != _RUNNING:
        return {"Status": "not-applicable"}
    status = checks.get(instance.id, "ok")
    check = {"Name": "reachability", "Status": _REACHABILITY.get(status, status)}
    return {"Status": status, "Details": [check]}
