"""CloudFormation asks whether NAT instances may be made somewhere, and is always answered."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.aws.stack_response import PHYSICAL_ID
from cachegate.domain.groups import Interface
from cachegate.domain.routes import Route, RouteTable, Subnet
from cachegate.errors import ConfigurationError, NotShownError
from cachegate.stack_events import NETWORK_ID
from tests.function import CONTEXT
from tests.unit.passes.entry import batch, counted, logged
from tests.unit.passes.fakes import VPC

if TYPE_CHECKING:
    from tests.unit.passes.fakes import FakeWorld

BOTH = pytest.mark.parametrize("request_type", ["Create", "Update"])


@pytest.fixture(autouse=True)
def public(world: FakeWorld) -> None:
    """Two public subnets in two availability zones."""
    for number in (1, 2):
        world.subnets.known[f"s-{number}"] = Subnet(
            subnet_id=f"s-{number}",
            vpc_id=VPC,
            zone=f"zone-{number}",
            network=IPv4Network(f"10.0.{number}.0/24"),
        )
    world.subnets.route_tables["rtb-1"] = RouteTable(
        table_id="rtb-1",
        vpc_id=VPC,
        main=True,
        subnet_ids=frozenset(),
        routes=(Route(destination=IPv4Network("0.0.0.0/0"), target="igw-1"),),
    )


def asked(request: str = "Create", *subnets: str, vpc: str = VPC) -> dict[str, Any]:
    return {
        "RequestType": request,
        "ResourceType": "Custom::CachegateNatNetwork",
        "ResponseURL": "https://example.com/answer",
        "ResourceProperties": {"Vpc": vpc, "Subnets": list(subnets or ("s-1", ""))},
    }


@BOTH
def test_a_public_subnet_is_taken_under_a_name_of_its_own(
    app: Any, world: FakeWorld, capsys: pytest.CaptureFixture[str], request_type: str
) -> None:
    assert app.handler(asked(request_type), CONTEXT) == {"ok": True}

    assert app.answers == [(request_type, None)]
    assert app.named == [NETWORK_ID]
    assert NETWORK_ID != PHYSICAL_ID
    assert (world.rechecks.asked, counted(capsys)) == ([], [])  # the first pass is asked elsewhere


@BOTH
def test_a_refusal_fails_the_deployment_with_its_sentence(
    app: Any, world: FakeWorld, request_type: str
) -> None:
    world.subnets.holding["s-1"] = (
        Interface(
            interface_id="eni-1",
            groups=frozenset(),
            addresses=frozenset(),
            description="ElastiCache cart-001",
            requester="amazon-elasticache",
        ),
    )

    assert app.handler(asked(request_type), CONTEXT) == {"ok": False}

    ((_, failure),) = app.answers
    assert failure.startswith("s-1 also holds cache nodes (eni-1 of ElastiCache cart-001)")


def test_all_refusals_are_in_the_answer(app: Any, world: FakeWorld) -> None:
    app.handler(asked("Create", "s-8", "s-9"), CONTEXT)

    ((_, failure),) = app.answers
    assert failure.count("there is no s-") == 2


@pytest.mark.parametrize(
    "properties", [None, {}, {"Vpc": VPC, "Subnets": "s-1"}, {"Vpc": VPC, "Subnets": []}]
)
def test_properties_that_name_no_place_are_refused_and_nothing_is_looked_at(
    app: Any, world: FakeWorld, properties: Any
) -> None:
    app.handler(asked() | {"ResourceProperties": properties}, CONTEXT)

    assert app.answers[0][1] is not None
    assert world.subnets.asked == 0


def test_what_aws_does_not_show_is_refused_with_the_reason(app: Any, world: FakeWorld) -> None:
    world.subnets.refusal = NotShownError("subnets are not known: UnauthorizedOperation")

    app.handler(asked(), CONTEXT)

    assert app.answers == [("Create", "subnets are not known: UnauthorizedOperation")]


def test_an_unexpected_error_is_raised_and_refused(app: Any, world: FakeWorld) -> None:
    world.subnets.known = None  # type: ignore[assignment]

    with pytest.raises(TypeError):
        app.handler(asked(), CONTEXT)

    assert app.answers == [("Create", "the check broke off; the function's log says where")]


def test_a_deletion_succeeds_without_a_look_and_takes_no_agent_off(
    app: Any, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.handler(batch(world, "a"), CONTEXT)
    held = dict(world.gateways.held)
    world.subnets.refusal = NotShownError("nothing is shown")

    app.handler(asked("Delete", vpc=""), CONTEXT)
    monkeypatch.setattr(app, "wired", ConfigurationError("no such port range: 9-1"))
    app.handler(asked("Delete"), CONTEXT)

    assert app.answers == [("Delete", None)] * 2
    assert world.gateways.held == held
    assert world.subnets.asked == 0


def test_a_wrong_setting_is_told_here_too(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "wired", ConfigurationError("no such port range: 9-1"))

    app.handler(asked(), CONTEXT)

    assert app.answers == [("Create", "no such port range: 9-1")]


def test_one_availability_zone_is_logged_as_a_warning_and_taken(
    app: Any, world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.subnets.known["s-2"] = replace(world.subnets.known["s-2"], zone="zone-1")

    app.handler(asked("Create", "s-1", "s-2"), CONTEXT)

    assert app.answers == [("Create", None)]
    warning, end = logged(capsys, "nat network")
    assert (warning["level"], end["level"]) == ("WARNING", "INFO")
    assert "both in zone-1" in warning["warning"]
