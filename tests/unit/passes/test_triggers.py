"""Which triggers start a pass, and over what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cachegate.batch import answer
from cachegate.sync import sync
from cachegate.triggers import Trigger
from tests.unit.passes.fakes import VPC

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld


def trigger(sent_at: float, body: object = "anything") -> Trigger:
    return Trigger.from_record(
        {
            "messageId": "m",
            "receiptHandle": "r",
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": {
                "SentTimestamp": str(int(sent_at * 1000)),
                "ApproximateReceiveCount": "1",
            },
        }
    )


@pytest.mark.parametrize("body", ["", "plain", "[]", "{}", '{"detail": 1}', '{"recheck": 7}', "{"])
def test_any_body_is_a_trigger(world: FakeWorld, body: str) -> None:
    assert answer([trigger(world.now, body)], world.adapters, world.settings) is not None


def test_a_trigger_from_long_before_the_last_verified_pass_is_dropped(world: FakeWorld) -> None:
    sync(world.adapters, world.settings)

    late = trigger(world.now - world.settings.stale_trigger - 1)
    young = trigger(world.now - world.settings.stale_trigger + 1)

    assert answer([late], world.adapters, world.settings) is None
    assert answer([late, young], world.adapters, world.settings) is not None


def test_a_recheck_with_the_live_token_passes_over_its_vpc_alone(world: FakeWorld) -> None:
    world.add_vpc("vpc-2", "10.1.0.0/16")
    world.add_instance("i-second", "vpc-2")
    world.gateways.report = {"unreachable": [6379]}
    sync(world.adapters, world.settings)
    token = world.ledgers.heartbeat(VPC).token

    result = answer(
        [trigger(world.now, {"recheck": VPC, "token": token})], world.adapters, world.settings
    )

    assert result is not None
    assert [vpc.vpc_id for vpc in result.vpcs] == [VPC]


def test_a_recheck_of_an_old_chain_is_dropped(world: FakeWorld) -> None:
    world.gateways.report = {"unreachable": [6379]}
    sync(world.adapters, world.settings)
    old = world.ledgers.heartbeat(VPC).token
    sync(world.adapters, world.settings)

    stale = trigger(world.now, {"recheck": VPC, "token": old})

    assert answer([stale], world.adapters, world.settings) is None
