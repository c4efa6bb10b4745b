"""The demo without network namespaces: what a pass would do, and the rules it would load.

AWS answers on loopback as always; the pass is planned by our own code from those answers, and the
agent renders the rule set without touching the kernel. No cache runs and no packet is sent.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import moto.ssm.urls

from cachegate.aws.addresses import Ec2Addresses
from cachegate.aws.asking import ask
from cachegate.aws.caches import CacheInventory
from cachegate.aws.dns import LambdaResolver
from cachegate.aws.events import EventBus
from cachegate.aws.gateways import SsmGateways
from cachegate.aws.group_rules import Ec2GroupRules
from cachegate.aws.guarded_caches import GuardedCaches
from cachegate.aws.ledgers import DynamoLedgers
from cachegate.aws.machines import Ec2Machines
from cachegate.aws.network import Ec2Network
from cachegate.aws.notifications import CacheNotifications
from cachegate.aws.rechecks import SqsRechecks
from cachegate.aws.subnets import Ec2Subnets
from cachegate.domain.agent import apply_payload, encode
from cachegate.observe import survey
from cachegate.prepare import prepare
from cachegate.protocols import Adapters
from cachegate.settings import SyncSettings
from local import ssm
from local.artefacts import ROOT
from local.aws_server import AwsServer, extend
from local.cache_world import EXPOSED
from local.caches import Options
from local.network import Network
from local.vpc import CLIENT

if TYPE_CHECKING:
    from rich.console import Console

    from cachegate.domain.plan import Plan

SETTINGS = {
    "CACHEGATE_STACK": "cachegate",
    "CACHEGATE_OWNER": "demo",
    "CACHEGATE_TABLE": "ledger",
    "CACHEGATE_DOCUMENT": "document",
    "CACHEGATE_QUEUE_URL": "none",
    "CACHEGATE_TOPIC": "none",
    "CACHEGATE_TRUSTED_CIDRS": f"{CLIENT}/32",
    "CACHEGATE_LISTEN_PORTS": "6379-8378",
}


def show(console: Console) -> None:
    """Plan a first pass for the demo's three caches, and render it."""
    with AwsServer() as aws:
        ssm.Responses.run_command = ssm.RunCommand()
        extend(moto.ssm.urls, ssm.Responses)
        network = Network(aws)
        network.create()
        network.run_instance(
            IPv4Address("10.0.0.10"), IPv4Address("203.0.113.73"), {"cachegate:nat": "cachegate"}
        )
        _create_caches(aws, network)
        plan = _plan(aws)
    out = console.file
    for change in plan.changes:
        if change.listen is None:
            out.write(f"{change.kind.value}: {change.reason}\n")
        else:
            targets = ", ".join(map(str, change.after))
            out.write(f"{change.kind.value} {change.listen}: {change.key} -> {targets}\n")
            out.write(f"    because {change.reason}\n")
    out.write("\nThe agent would load these rules:\n")
    out.write(_render(encode(apply_payload(plan.ledger, "demo"))) + "\n")


def _create_caches(aws: AwsServer, network: Network) -> None:
    fleet = aws.fleet
    sessions = [network.take_address() for _ in range(3)]
    fleet.create_group("sessions", [sessions], Options(tags=EXPOSED))
    fleet.create_cluster("cart", [network.take_address()], Options(engine="valkey", tags=EXPOSED))
    pages = [network.take_address() for _ in range(2)]
    fleet.create_cluster("pages", pages, Options(engine="memcached", tags=EXPOSED))
    for cluster in fleet.clusters.values():
        for node in cluster.nodes:
            network.add_interface(node.address, cluster.cluster_id)


def _plan(aws: AwsServer) -> Plan:
    dynamodb = aws.client("dynamodb")
    keys = {"vpc": "HASH", "part": "RANGE"}
    dynamodb.create_table(
        TableName="ledger", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    )  # fmt: skip
    settings = SyncSettings.from_env(SETTINGS)
    ec2 = aws.client("ec2")

    def lookup(name: str) -> frozenset[IPv4Address]:
        answer = aws.fleet.answer(name, time.monotonic())
        return frozenset(answer.addresses if answer else ())

    adapters = Adapters(
        inventory=CacheInventory(
            aws.client("elasticache"), aws.client("resourcegroupstaggingapi"), ec2
        ),
        caches=GuardedCaches(
            aws.client("elasticache"), aws.client("resourcegroupstaggingapi"), ec2, settings.stack
        ),
        network=Ec2Network(ec2),
        resolver=lambda _: LambdaResolver(3.0, lookup),
        ledgers=DynamoLedgers(dynamodb, "ledger"),
        gateways=SsmGateways(aws.client("ssm"), "document", lambda: 60.0),
        rechecks=SqsRechecks(aws.client("sqs"), "none"),
        bus=EventBus(aws.client("events")),
        notifications=CacheNotifications(aws.client("elasticache"), aws.client("sns"), "none"),
        addresses=Ec2Addresses(ec2, ec2),
        group_rules=Ec2GroupRules(ec2),
        subnets=Ec2Subnets(ec2),
        machines=Ec2Machines(ec2).machines,
        ask=ask,
        clock=time.time,
        new_token=lambda: "",
    )
    seen = survey(adapters, settings)
    (vpc_id,) = seen.observations
    # There is no agent that could be asked what it forwards, so go on without.
    return prepare(adapters, settings, vpc_id, seen, force=True).plan


def _render(payload: str) -> str:
    """Return the rules as the agent prints them; its last line is for programs."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "gateway" / "agent.py"), "render", "--payload", payload],
        capture_output=True, text=True, check=True,
        env=dict(os.environ) | {"CACHEGATE_BACKEND": "nftables"},
    )  # fmt: skip
    return done.stdout.rstrip().rsplit("\n", 1)[0]
