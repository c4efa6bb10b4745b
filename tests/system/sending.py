"""A deployed stack whose caches announce to its topic, and ways to send it every kind of event."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.client import Client
from tests.system.heard import heard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ipaddress import IPv4Address

    from local.world import World

Event = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "events"
EVENTS: dict[str, Event] = {
    path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")
}
INSTANCE = EVENTS["instance-running.json"]["detail"]["instance-id"]
RULE = "arn:aws:events:us-east-1:123456789012:rule/"


def changed(name: str, detail: Mapping[str, Any] | None = None, **envelope: Any) -> Event:
    """Return an event of events/ with other fields in its detail or its envelope."""
    event = EVENTS[name]
    others = {key.replace("_", "-"): value for key, value in envelope.items()}
    return event | {"detail": event["detail"] | dict(detail or {})} | others


class Deployed:
    """A deployed stack whose caches announce to its topic, and ways to send it events."""

    def __init__(self, world: World) -> None:
        world.create_replication_group("sessions", replicas=2)
        world.create_memcached("pages", nodes=1)
        stack = world.deploy()
        self.world, self.outputs, self.physical_ids = world, stack.outputs, stack.physical_ids
        self.topic = stack.outputs["NotificationTopicArn"]
        fleet = world.aws.fleet
        for cache in (fleet.groups["sessions"], fleet.clusters["pages"]):
            cache.options.topic = self.topic
        synced = world.invoke({"action": "sync"})
        assert synced["ok"], synced
        described = world.invoke({"action": "describe"})
        forwards = [forward for vpc in described["vpcs"] for forward in vpc["forwards"]]
        self.ports = {forward["key"]: forward["listen"] for forward in forwards}

    def emit(self, event: Event) -> str:
        """Let a service of AWS put an event on the bus, and return its new id.

        Where it names the instance of events/, it names the NAT instance.
        """
        told = json.dumps(event | {"id": str(uuid.uuid4())})
        event = json.loads(told.replace(INSTANCE, self.world.nat.instance_id))
        self.world.emit(event)
        return str(event["id"])

    def publish(self, message: str, topic: str | None = None) -> str:
        """Publish on the caches' topic, or another, and return the message's id."""
        sns = self.world.aws.client("sns")
        return str(sns.publish(TopicArn=topic or self.topic, Message=message)["MessageId"])

    def send(self, name: str) -> str:
        """Send what a file of events/ holds, as its source does, and return the id it then has."""
        event = EVENTS[name]
        if event.get("Type") == "Notification":
            return self.publish(event["Message"])
        if event["source"] == "aws.events":
            before = set(heard(self.world))
            self.world.tick()
            self.wait(lambda: self._schedules() - before, "the schedule is heard")
            return str((self._schedules() - before).pop())
        return self.emit(event)

    def _schedules(self) -> set[str]:
        return {key for key, each in heard(self.world).items() if each.kind == "schedule"}

    def wait(self, true: Callable[[], Any], what: str, within_s: float = 30) -> Any:
        """Wait in this world."""
        return self.world.wait_until(true, within_s, what)

    def wait_for_answer(
        self, key: str, address: object, *, through: IPv4Address | None = None
    ) -> None:
        """Wait until a client outside gets its answer at a key's listen port from this node.

        `through` is the public address of another NAT instance than the first.
        """
        port = self.ports[key]
        engine = "memcached" if key.startswith("pages/") else "redis"
        client = Client(self.world.client, through or self.world.nat.public_address, {port: engine})
        self.wait(lambda: client.who()[port] == str(address), f"{key} is answered by {address}")

    def wait_for_rest(self) -> None:
        """Wait until no re-check is under way, and no trigger in the queue or in work."""
        dynamodb, sqs = (self.world.aws.client(each) for each in ("dynamodb", "sqs"))
        counts = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        )

        def rests() -> bool:
            found = sqs.get_queue_attributes(
                QueueUrl=self.outputs["SyncQueueUrl"], AttributeNames=list(counts)
            )["Attributes"]
            items = dynamodb.scan(TableName=self.outputs["LedgerTableName"])["Items"]
            live = any(item.get("token", {}).get("S") for item in items)
            return not live and all(found[count] == "0" for count in counts)

        self.wait(rests, "the queue is empty and the chain of re-checks has ended")

    def arn(self, logical_id: str) -> str:
        """Return the ARN of a rule, or of the topic, of the stack."""
        physical = self.physical_ids[logical_id]
        return physical if physical.startswith("arn:") else f"{RULE}{physical}"

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Take what lies in a queue, which an output of the stack names."""
        sqs, url = self.world.aws.client("sqs"), self.outputs[queue]
        found = list(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found
