"""The product end to end: our template, the built function, the agent, real kernel and caches."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.world import World

ASK_REDIS = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
s.sendall(b"CONFIG GET replica-announce-ip\\r\\n")
print(s.recv(200).decode().split("\\r\\n")[-2])
"""


def ask(world: World, script: str, port: int, host: Any = None) -> str:
    """Connect from outside to a listen port and return what answers there."""
    done = (host or world.client).run(
        sys.executable, "-c", script, str(world.nat.public_address), str(port), check=False
    )
    return str(done.stdout.strip() or done.stderr.strip().splitlines()[-1])


def listens(world: World) -> dict[str, int]:
    """Return every listen port by key, as `describe` tells it."""
    described = world.invoke({"action": "describe"})
    assert described["ok"], described
    return {f["key"]: f["listen"] for vpc in described["vpcs"] for f in vpc["forwards"]}


def three_caches(world: World) -> dict[str, int]:
    world.create_replication_group("sessions", replicas=2)
    world.create_cluster("cart", engine="valkey")
    world.create_memcached("pages", nodes=2)
    world.deploy()
    synced = world.invoke({"action": "sync"})
    assert synced["ok"], synced
    return listens(world)


def zebra_before_ape(world: World) -> dict[str, int]:
    """Expose two caches whose ports are not in the order of their names, as a new ledger's are."""
    world.create_cluster("zebra")
    world.deploy()
    world.invoke({"action": "sync"})
    world.create_cluster("ape")
    world.invoke({"action": "sync"})
    ports = listens(world)
    assert ports["zebra/zebra/0001"] < ports["ape/ape/0001"]
    return ports


def test_a_lost_ledger_moves_no_port(world: World) -> None:
    before = zebra_before_ape(world)
    assert world.stack is not None
    table, db = world.stack.outputs["LedgerTableName"], world.aws.client("dynamodb")
    for item in db.scan(TableName=table)["Items"]:
        db.delete_item(TableName=table, Key={key: item[key] for key in ("vpc", "part")})

    assert world.invoke({"action": "sync"})["ok"]

    assert listens(world) == before
    assert ask(world, ASK_REDIS, before["ape/ape/0001"]) == str(world.node("ape").address)


def settle(world: World) -> None:
    """Wait until no trigger waits, none is in a pass, and no re-check is due."""
    assert world.stack is not None
    sqs, url = world.aws.client("sqs"), world.stack.outputs["SyncQueueUrl"]
    names = [f"ApproximateNumberOfMessages{each}" for each in ("", "NotVisible", "Delayed")]

    def counts() -> list[str]:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return list(found["Attributes"].values())

    world.wait_until(lambda: set(counts()) == {"0"}, within_s=60, what="the queue is empty")


def test_a_command_that_is_lost_is_sent_again_by_itself(world: World) -> None:
    ports = three_caches(world)
    settle(world)  # else another pass may lose the command, and the pass after it need none
    after = world.replace_node("cart")
    world.nat.managed.delivery.lost = 1

    world.trigger()

    world.wait_until(
        lambda: ask(world, ASK_REDIS, ports["cart/cart/0001"]) == str(after),
        within_s=90,
        what="a later command reached the NAT instance",
    )


def test_detach_leaves_no_rule_and_a_direct_sync_brings_them_back(world: World) -> None:
    ports = three_caches(world)
    cart = ports["cart/cart/0001"]
    rules = "nft list ruleset; iptables-save"

    assert world.invoke({"action": "detach"})["ok"]
    assert "cachegate" not in world.nat.host.run("sh", "-c", rules).stdout.lower()
    world.trigger()
    assert "refused" in ask(world, ASK_REDIS, cart)

    assert world.invoke({"action": "sync"})["ok"]
    assert ask(world, ASK_REDIS, cart) == str(world.node("cart").address)


def test_deleting_the_stack_takes_the_agents_off_and_keeps_the_ledger(world: World) -> None:
    three_caches(world)
    assert world.stack is not None

    world.stack.delete()

    rules = world.nat.host.run("sh", "-c", "nft list ruleset; iptables-save").stdout.lower()
    assert "cachegate" not in rules


def test_a_new_stack_adopts_the_ports_of_a_former_one(world: World) -> None:
    before = zebra_before_ape(world)
    former = world.stack
    assert former is not None
    former.stop()  # it is gone without a word: its rules still stand on the NAT instance

    world.deploy("second", {"AdoptFrom": former.stack_id})
    world.aws.client("ec2").create_tags(
        Resources=[world.nat.instance_id], Tags=[{"Key": "cachegate:nat", "Value": "second"}]
    )
    synced = world.invoke({"action": "sync"})

    assert synced["ok"], synced
    assert listens(world) == before


def test_a_new_stack_adopts_the_ledger_table_that_a_deleted_one_left_behind(world: World) -> None:
    before = zebra_before_ape(world)
    former = world.stack
    assert former is not None
    former.delete()  # it takes its rules along, so that only its table tells where the ports were

    table = former.outputs["LedgerTableName"]
    world.deploy("second", {"AdoptFrom": former.stack_id, "AdoptTable": table})
    world.aws.client("ec2").create_tags(
        Resources=[world.nat.instance_id], Tags=[{"Key": "cachegate:nat", "Value": "second"}]
    )
    synced = world.invoke({"action": "sync"})

    assert synced["ok"], synced
    assert listens(world) == before
    assert ask(world, ASK_REDIS, before["ape/ape/0001"]) == str(world.node("ape").address)
