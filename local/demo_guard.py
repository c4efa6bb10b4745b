"""The third act of the demo: a rule that opens caches to the world is revoked and given back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from local import scene

if TYPE_CHECKING:
    from local.demo import Story
    from local.world import World

Rule = dict[str, Any]
SAYS = "for the new office, just for today"
EXCUSE = {"owner": "alice", "expires": "2999-12-31", "reason": "the demo wants it"}


def play(world: World, story: Story) -> None:
    """Open the group, wait until the guard has closed it again, and give the rule back."""
    world.start_trail()
    before = _rules(world)
    told = len(world.published())
    opened = scene.open_to_anyone(world, SAYS)
    began = time.monotonic()
    story.tell(f"alice admits {scene.ANYONE} to port {scene.PORT} on the caches' security group, "
               f"which a web server at {scene.WEB} has, too")  # fmt: skip
    rule = _rules(world)[opened]
    world.wait_until(lambda: opened not in _rules(world), what=f"{opened} is revoked")
    seconds = time.monotonic() - began
    mails = world.wait_until(lambda: world.published()[told:], what="the mail of the guard")
    story.tell(f"CloudTrail tells of the call, and the guard revokes it; its mail says:\n{9 * ' '}"
               f"{mails[0].subject}")  # fmt: skip
    story.claim(
        f"that rule was revoked {seconds:.1f} s after the call (on AWS, CloudTrail alone may take "
        "minutes), and no other",
        true=_rules(world) == before and "1 ingress rule revoked" in str(mails[0].subject),
    )
    restored = world.invoke({"action": "restore", "rule": opened, "exempt": EXCUSE}, "GuardIngress")
    back = str(restored.get("restored", {}).get("restored_as"))
    story.tell("it was needed: `cachegate restore` gives it back, exempt from now on")
    left = world.invoke({"action": "sweep"}, "GuardIngress")
    steps = [(each["rule"], each["step"]) for each in left.get("findings", [])]
    story.claim(
        "it is back as it was, with its description, and the next pass leaves it",
        true=_says(_rules(world).get(back, {})) == _says(rule)
        and (back, "exempt") in steps
        and left.get("revoked") == [],
    )


def _rules(world: World) -> dict[str, Rule]:
    """Return the ingress rules of the caches' group, by id."""
    shown = world.aws.client("ec2", "alice").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [world.network.cache_group]}]
    )["SecurityGroupRules"]
    return {each["SecurityGroupRuleId"]: each for each in shown if not each["IsEgress"]}


def _says(rule: Rule) -> list[Any]:
    """Return what a rule admits and says."""
    names = ("IpProtocol", "FromPort", "ToPort", "CidrIpv4", "Description")
    return [rule.get(name) for name in names]
