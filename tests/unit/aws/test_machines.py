"""Instances as machines, and questions whose answer may be missing."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.aws.asking import ask
from cachegate.aws.machines import Ec2Machines
from cachegate.domain.check import Unanswered
from cachegate.domain.machine import Card, Machine
from cachegate.errors import TransientError
from tests.unit.aws.fake_client import client_error, failing, fake_client, pages

if TYPE_CHECKING:
    from tests.unit.aws.fake_client import Call

OUTER, INNER = IPv4Address("10.0.0.10"), IPv4Address("10.0.1.10")


def card(index: int, address: IPv4Address, **more: Any) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": f"eni-{index}",
        "SubnetId": f"subnet-{index}",
        "Groups": [{"GroupId": "sg-2"}, {"GroupId": "sg-1"}],
        "PrivateIpAddresses": [{"PrivateIpAddress": str(address)}],
        "Attachment": {"DeviceIndex": index},
    } | more


def public(address: str, owner: str) -> dict[str, Any]:
    return {"Association": {"PublicIp": address, "IpOwnerId": owner}}


def look(*cards: dict[str, Any], calls: list[Call] | None = None) -> Machine:
    shape = {"InstanceId": "i-1", "InstanceType": "t4g.nano", "NetworkInterfaces": list(cards)}
    answer = pages("NextToken", "NextToken", {"Reservations": [{"Instances": [shape]}]})
    ec2 = fake_client("ec2", {"DescribeInstances": answer}, calls)
    return Ec2Machines(ec2).machines(["i-1", "i-gone"])["i-1"]


def test_an_instance_is_asked_for_by_filter_and_has_its_interfaces_in_their_order() -> None:
    calls: list[Call] = []

    found = look(card(1, INNER), card(0, OUTER, **public("203.0.113.9", "123456789012")),
                 calls=calls)  # fmt: skip

    assert [name for name, _ in calls] == ["DescribeInstances"]
    assert calls[0][1]["Filters"] == [{"Name": "instance-id", "Values": ["i-1", "i-gone"]}]
    assert (found.kind, [each.index for each in found.cards]) == ("t4g.nano", [0, 1])
    assert found.cards[0] == Card(
        interface_id="eni-0",
        index=0,
        subnet_id="subnet-0",
        groups=("sg-1", "sg-2"),
        addresses=frozenset({OUTER}),
        public_address=IPv4Address("203.0.113.9"),
        elastic=True,
    )


@pytest.mark.parametrize(
    ("more", "address", "elastic"),
    [
        (public("203.0.113.9", "amazon"), "203.0.113.9", False),
        (public("203.0.113.9", "123456789012"), "203.0.113.9", True),
        ({"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.11", **public("203.0.113.9", "1")}]},
         "203.0.113.9", True),
        ({}, "None", False),
    ],
    ids=["Amazon's", "Elastic IP", "of a second private address", "none"],
)  # fmt: skip
def test_an_address_is_elastic_where_it_is_not_amazons(
    more: dict[str, Any], address: str, *, elastic: bool
) -> None:
    (found,) = look(card(0, OUTER, **more)).cards

    assert (str(found.public_address), found.elastic) == (address, elastic)


def test_the_time_that_ec2_tracks_resting_connections_is_read_where_it_is_set() -> None:
    tracking = {"ConnectionTrackingConfiguration": {"TcpEstablishedTimeout": 350}}

    first, second = look(card(0, OUTER, **tracking), card(1, INNER)).cards

    assert (first.tcp_timeout, second.tcp_timeout) == (350, None)


def test_clients_reach_the_interface_with_a_public_address() -> None:
    inner, outer = card(0, INNER), card(1, OUTER, **public("203.0.113.9", "1"))

    assert look(inner, outer).outer == look(inner, outer).cards[1]
    assert look(inner).outer == look(inner).cards[0]
    assert look().outer is None


def test_of_several_interfaces_those_send_whose_addresses_are_sent_from() -> None:
    two = look(card(0, OUTER), card(1, INNER))

    assert two.sending(frozenset({INNER})) == two.cards[1:]
    assert two.sending(None) == ()
    assert look(card(0, OUTER)).sending(None) == look(card(0, OUTER)).cards


def test_a_question_that_aws_refuses_or_does_not_answer_is_unanswered_with_the_reason() -> None:
    denied = client_error("UnauthorizedOperation", 403)
    ec2 = fake_client("ec2", {"DescribeInstances": failing(denied)})

    def throttled() -> int:
        raise TransientError("throttled")

    found = ask(lambda: Ec2Machines(ec2).machines(["i-1"]))

    assert isinstance(found, Unanswered)
    assert "UnauthorizedOperation" in found.why
    assert ask(throttled) == Unanswered("throttled")
    assert ask(lambda: 7) == 7


def test_an_error_of_ours_in_the_code_is_no_missing_answer() -> None:
    def broken() -> int:
        raise KeyError("NetworkInterfaces")

    with pytest.raises(KeyError):
        ask(broken)
