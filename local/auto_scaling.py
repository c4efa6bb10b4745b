"""Instances of launch templates and Auto Scaling groups, where moto differs from AWS.

moto forgets a launch template's network interfaces and their tags, shows no groups of an instance
whose interface was given them, and wants the size of a volume that the image has.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instances import Instance, InstanceBackend

_IMAGE_GIB = 8  # of the root volume of Amazon Linux 2023's images
_run, _add_volume = InstanceBackend.run_instances, Instance.add_block_device


def register() -> None:
    """Let moto's EC2 heed launch templates; call before it runs any instance."""
    InstanceBackend.run_instances = _run_instances  # type: ignore[method-assign, assignment]
    Instance.add_block_device = _add_block_device  # type: ignore[method-assign]


def _run_instances(
    self: InstanceBackend, image_id: str, count: int, user_data: Any, groups: list[str],
    **more: Any,
) -> Any:  # fmt: skip
    """Run instances with the network interfaces of their launch template, their groups and tags.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-launch-template.html: the subnet is
    the Auto Scaling group's.
    """
    tags: dict[str, str] = {}
    if more.get("launch_template"):
        template = self._get_template_from_args(more["launch_template"])
        more["nics"] = [
            {**each, "SubnetId": more["subnet_id"]}
            for each in template.data.get("NetworkInterfaces", [])
        ]
        tags = _interface_tags(template.data)
    reservation = _run(self, image_id, count, user_data, groups, **more)
    for instance in reservation.instances:
        instance.security_groups = list(instance.nics[0].group_set)
        if tags:
            ec2: Any = self  # it is, among others, what keeps tags
            ec2.create_tags([nic.id for nic in instance.nics.values()], tags)
    return reservation


def _interface_tags(data: dict[str, Any]) -> dict[str, str]:
    return {
        tag["Key"]: tag["Value"]
        for each in data.get("TagSpecifications", [])
        if each["ResourceType"] == "network-interface"
        for tag in each["Tags"]
    }


def _add_block_device(self: Instance, size: int | None, *more: Any, **named: Any) -> None:
    _add_volume(self, size or _IMAGE_GIB, *more, **named)
