"""A deployed guard, a cache whose group a web server has too, and what people do to the group."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.deploy import Stack
    from local.world import World

Rule = dict[str, Any]
WEB, PUBLIC = IPv4Address("10.0.0.80"), IPv4Address("203.0.113.80")
OFFICE = "198.51.100.27/32"
EXCUSE = {"owner": "data-team", "expires": "2999-12-31", "reason": "migration"}


class Guarded:
    """A cache `sessions` of the group `caches`; its group has a rule for an office."""

    def __init__(self, world: World, **parameters: str) -> None:
        self.world = world
        self.ec2 = world.aws.client("ec2", "alice")
        self.group = world.network.cache_group
        world.create_cluster("sessions")
        self.office = self.admit(OFFICE)
        self.stack: Stack = world.deploy(parameters=parameters)

    def share(self, public: IPv4Address | None = PUBLIC) -> str:
        """Run a web server with the caches' group."""
        return self.world.network.run_instance(WEB, public, {}, groups=[self.group])

    def admit(
        self, source: str, ports: tuple[int, int] = (6379, 6379), group: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Let a source in as a person does; return the rule's id."""
        permission: dict[str, Any] = {
            "IpProtocol": "tcp", "FromPort": ports[0], "ToPort": ports[1],
        }  # fmt: skip
        if source.startswith("pl-"):
            permission["PrefixListIds"] = [{"PrefixListId": source, "Description": "as asked"}]
        elif source.startswith("sg-"):
            permission["UserIdGroupPairs"] = [{"GroupId": source, "Description": "as asked"}]
        else:
            permission["IpRanges"] = [{"CidrIp": source, "Description": "as asked"}]
        pairs = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        more = (
            {"TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": pairs}]}
            if pairs
            else {}
        )
        answer = self.ec2.authorize_security_group_ingress(
            GroupId=group or self.group, IpPermissions=[permission], **more
        )
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def rules(self, group: str | None = None) -> dict[str, Rule]:
        """Return the ingress rules of a group, by id."""
        shown = self.ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [group or self.group]}]
        )["SecurityGroupRules"]
        return {each["SecurityGroupRuleId"]: each for each in shown if not each["IsEgress"]}

    def invoke(self, action: str, **fields: Any) -> dict[str, Any]:
        """Ask the guard as a person does."""
        answer: dict[str, Any] = self.world.invoke({"action": action} | fields, "GuardIngress")
        return answer

    def passes(self) -> list[dict[str, Any]]:
        """Return what the guard logged of its passes."""
        return self.world.logged("guard pass")

    def wait(self, true: Callable[[], Any], what: str, within_s: float = 30) -> Any:
        """Wait in this world."""
        return self.world.wait_until(true, within_s, what)

    def wait_gone(self, rule_id: str) -> None:
        """Wait until a rule is revoked, and the pass that did it is over."""
        self.wait(
            lambda: any(rule_id in each["revoked"] for each in self.passes()),
            f"{rule_id} is revoked",
        )
        assert rule_id not in self.rules()

    def wait_for_rest(self) -> None:
        """Wait until the guard has looked, and its queue is empty."""
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs, url = self.world.aws.client("sqs"), self.stack.outputs["GuardQueueUrl"]

        def rests() -> bool:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
            return bool(self.passes()) and all(found[count] == "0" for count in counts)

        self.wait(rests, "the guard's queue is empty")

    def steps(self) -> dict[str, str]:
        """Return what the guard would do now, by rule."""
        planned = self.invoke("plan")
        assert planned["ok"], planned
        return {each["rule"]: each["step"] for each in planned["findings"]}
