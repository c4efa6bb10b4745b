"""The check-up as a whole: what it asks, and what becomes of it where nobody answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.agent import Reply
from cachegate.domain.routes import Route, RouteTable, Subnet
from cachegate.errors import CachegateError, NotShownError, TransientError
from tests.unit.passes.fakes import NAT, VPC
from tests.unit.passes.nat_side import (
    add_guarded_cluster,
    fail,
    hold_address,
    manage_groups,
    stop,
)
from tests.unit.passes.test_actions import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.unit.passes.fakes import FakeWorld

SAID = {
    "warnings": [],
    "drift": False,
    "installed": True,
    "sources": ["203.0.113.0/24"],
    "unreachable": [],
    "conntrack": {"used": 1, "limit": 131072},
}


def doctor(world: FakeWorld, *, probe: bool = False) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the lines by check and subject."""
    answer = ask(world, "doctor", probe=probe)
    assert (answer["ok"], answer["probe"], answer["at"]) == (True, probe, world.now)
    lines = {(line["check"], line["subject"]): line for line in answer["checks"]}
    assert len(lines) == len(answer["checks"])
    return lines


def not_passed(lines: dict[tuple[str, str], dict[str, Any]]) -> dict[str, str]:
    """Return the state of each check that did not pass."""
    return {line["check"]: line["state"] for line in lines.values() if line["state"] != "pass"}


@pytest.fixture
def served(world: FakeWorld) -> FakeWorld:
    """Return a world with one cache that is forwarded, by a NAT instance in a public subnet."""
    add_guarded_cluster(world, "cart", "10.0.1.5")
    manage_groups(world)
    world.gateways.report = dict(SAID)
    world.subnets.known["subnet-public"] = Subnet(
        subnet_id="subnet-public", vpc_id=VPC, zone="a", network=IPv4Network("10.0.255.0/24")
    )
    world.subnets.route_tables["rtb-1"] = RouteTable(
        table_id="rtb-1",
        vpc_id=VPC,
        main=True,
        subnet_ids=frozenset(),
        routes=(Route(destination=IPv4Network("0.0.0.0/0"), target="igw-1"),),
    )
    assert ask(world, "sync")["ok"]
    return world


# What a world of fakes does not show: EC2's counters, an ICMP rule, where notifications go.
UNSHOWN = {"conntrack-allowance": "unknown", "path-mtu": "unknown", "notifications": "unknown"}


def test_after_a_pass_everything_that_is_shown_is_in_order(served: FakeWorld) -> None:
    assert not_passed(doctor(served)) == UNSHOWN


def test_nothing_is_changed_and_agents_are_asked_to_inspect_alone(served: FakeWorld) -> None:
    served.gateways.calls.clear()
    before = (served.ledgers.writes, dict(served.group_rules.held), dict(served.ledgers.heartbeats))

    doctor(served, probe=True)

    after = (served.ledgers.writes, dict(served.group_rules.held), dict(served.ledgers.heartbeats))
    assert after == before
    assert served.gateways.calls == [(NAT, "inspect")]


def test_a_probe_tells_of_each_target(served: FakeWorld) -> None:
    served.gateways.report["unreachable"] = [6379]

    line = doctor(served, probe=True)["target", "cart/cart/0001"]

    assert (line["state"], line["vpc"]) == ("fail", VPC)
    assert "10.0.1.5:6379 does not answer" in line["says"]


REFUSED = NotShownError("DescribeX: UnauthorizedOperation: no")


def deny_subnets(world: FakeWorld) -> None:
    world.subnets.refusal = REFUSED


def deny_machines(world: FakeWorld) -> None:
    world.machines.refusal = REFUSED


def deny_rules(world: FakeWorld) -> None:
    def refuse(_group_ids: object) -> Any:
        raise REFUSED

    world.group_rules.rules = refuse  # type: ignore[method-assign,assignment]


def deny_ledger(world: FakeWorld) -> None:
    def refuse(_vpc_id: str) -> Any:
        raise REFUSED

    world.ledgers.load = refuse  # type: ignore[method-assign,assignment]
    world.ledgers.heartbeat = refuse  # type: ignore[method-assign,assignment]


def silence(world: FakeWorld) -> None:
    fail(world, NAT)


@pytest.mark.parametrize(
    ("deny", "unknown"),
    [
        (deny_subnets, {"public-subnet", "own-subnet"}),
        (deny_rules, {"nat-ingress", "nat-egress", "cache-ingress", "ssm-egress", "wide-ingress",
                      "ssh"}),
        (deny_ledger, {"rule-set", "last-pass", "nat-ingress", "nat-egress", "cache-ingress",
                       "wide-ingress"}),
        (deny_machines, {"public-subnet", "own-subnet", "elastic-ip", "nat-ingress", "nat-egress",
                         "cache-ingress", "ssm-egress", "idle-timeout", "wide-ingress", "ssh"}),
        (silence, {"ssm-online", "agent", "forwarding", "other-rules", "rule-set", "masquerade",
                   "conntrack", "sources"}),
    ],
)  # fmt: skip
def test_what_is_denied_leaves_unknown_what_needs_it_and_nothing_else(
    served: FakeWorld, deny: Callable[[FakeWorld], None], unknown: set[str]
) -> None:
    deny(served)

    lines = doctor(served)

    assert not_passed(lines) == UNSHOWN | dict.fromkeys(unknown, "unknown")
    assert all(line["fix"] for line in lines.values() if line["state"] != "pass")


def test_agents_of_all_vpcs_are_asked_together_since_each_may_hang_long(served: FakeWorld) -> None:
    served.add_vpc("vpc-2", "10.9.0.0/16")
    served.network.instances["i-two"] = replace(
        served.network.instances[NAT], instance_id="i-two", vpc_id="vpc-2"
    )
    asked, run = [], served.gateways.run

    def note(instance_ids: Iterable[str], action: str, *more: Any) -> Mapping[str, Reply]:
        asked.append((sorted(instance_ids), action))
        return run(asked[-1][0], action, *more)

    served.gateways.run = note  # type: ignore[method-assign,assignment]

    lines = doctor(served)

    assert asked == [(sorted([NAT, "i-two"]), "inspect")]
    assert {lines["ssm-online", each]["vpc"] for each in (NAT, "i-two")} == {VPC, "vpc-2"}


@pytest.mark.parametrize("error", [TransientError("throttled"), REFUSED])
def test_where_aws_shows_nothing_at_all_one_line_says_so(
    served: FakeWorld, error: CachegateError
) -> None:
    def refuse() -> Any:
        raise error

    served.network.nat_instances = refuse  # type: ignore[method-assign]

    ((key, line),) = doctor(served).items()

    assert key == ("look", "gate")
    assert (line["state"], str(error) in line["says"]) == ("unknown", True)


def test_an_instance_that_is_stopped_fails_and_its_agent_is_not_asked(served: FakeWorld) -> None:
    stop(served, NAT)
    served.gateways.calls.clear()

    lines = doctor(served)

    assert lines["running", NAT]["state"] == "fail"
    assert {lines[check, NAT]["state"] for check in ("ssm-online", "agent", "rule-set")} == {
        "unknown"
    }
    assert served.gateways.calls == []


def test_an_instance_that_ssm_does_not_reach_fails_with_that(served: FakeWorld) -> None:
    lost = Reply(instance_id=NAT, failure="SSM does not reach it: ConnectionLost", unreached=True)
    served.gateways.failing[NAT] = lost

    line = doctor(served)["ssm-online", NAT]

    assert (line["state"], "ConnectionLost" in line["says"]) == ("fail", True)


def test_of_an_address_that_the_stack_holds_one_line_tells(served: FakeWorld) -> None:
    hold_address(served, "i-web")

    lines = {key: line for key, line in doctor(served).items() if key[0] == "elastic-ip"}

    assert {key: line["state"] for key, line in lines.items()} == {
        ("elastic-ip", "eipalloc-1"): "fail"
    }


def test_a_stack_without_nat_instances_and_caches_says_how_to_begin(world: FakeWorld) -> None:
    del world.network.instances[NAT]

    ((key, line),) = doctor(world).items()

    assert key == ("nat-instance", "gate")
    assert "cachegate:nat,Value=gate" in line["fix"]


def test_a_vpc_that_lost_its_nat_instances_fails_by_what_its_caches_lack(served: FakeWorld) -> None:
    del served.network.instances[NAT]
    served.now += 5000

    lines = doctor(served, probe=True)

    assert lines["nat-instance", "cart"]["state"] == "fail"
    assert "cache-ingress" not in {check for check, _ in lines}


def test_a_vpc_that_the_stack_has_left_raises_no_alarm(served: FakeWorld) -> None:
    del served.network.instances[NAT]
    served.inventory.caches.clear()
    served.add_vpc("vpc-2", "10.9.0.0/16")
    served.add_instance("i-two", "vpc-2")
    served.now += 5000

    assert {line["vpc"] for line in doctor(served).values()} == {"vpc-2"}


def test_a_cache_without_a_nat_instance_in_its_vpc_fails(served: FakeWorld) -> None:
    served.add_cluster("far", "10.9.1.5", vpc_id="vpc-far")

    assert doctor(served)["nat-instance", "far"]["state"] == "fail"


def test_a_peered_cache_whose_way_is_not_there_fails_with_what_lacks(served: FakeWorld) -> None:
    served.add_vpc("vpc-far", "10.9.0.0/16")
    served.add_cluster("far", "10.9.1.5", vpc_id="vpc-far")
    served.settings = replace(served.settings, peered={"vpc-far": VPC})
    ask(served, "sync")

    line = doctor(served)["nat-instance", "far"]

    assert (line["state"], line["vpc"]) == ("fail", VPC)
    assert "create-vpc-peering-connection" in line["says"]


def test_the_documented_line_has_each_field() -> None:
    documented = (Path(__file__).parents[3] / "docs/invocation.md").read_text()
    section = documented.partition("\n## doctor\n")[2].partition("\n# ")[0]
    example = re.search(r"```json\n(.*?)```", section, re.DOTALL)

    assert example is not None
    answer = json.loads(example[1])
    assert set(answer) == {"ok", "stack", "at", "probe", "checks"}
    assert {frozenset(line) for line in answer["checks"]} == {
        frozenset({"check", "vpc", "subject", "state", "says", "fix"})
    }


def test_each_check_is_documented(served: FakeWorld) -> None:
    documented = (Path(__file__).parents[3] / "docs/invocation.md").read_text()
    section = documented.partition("\n## doctor\n")[2].partition("\n# ")[0]
    named = set(re.findall(r"^\| `([a-z-]+)`", section, re.MULTILINE))

    assert named == {line["check"] for line in doctor(served, probe=True).values()} | {"look"}


def test_private_addresses_of_both_interfaces_do_not_hide_a_shut_cache(served: FakeWorld) -> None:
    """The group of the interface that sends decides, by the address that the agent sends from."""
    machine = served.adapters.machines([NAT])[NAT]
    (card,) = machine.cards
    inner = replace(
        card, interface_id="eni-2", index=1, groups=("sg-inner",), public_address=None,
        addresses=frozenset({IPv4Address("10.0.254.10")}),
    )  # fmt: skip
    served.machines.said[NAT] = replace(machine, cards=(card, inner))
    served.gateways.report["senders"] = ["10.0.254.10"]

    lines = doctor(served)

    assert lines["cache-ingress", "cart"]["state"] == "fail"
    assert "sg-inner" in lines["nat-egress", NAT]["says"]
