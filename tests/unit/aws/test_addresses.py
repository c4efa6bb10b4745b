"""The adapter of Elastic IPs, against answers in EC2's own shapes."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from cachegate.aws.addresses import Ec2Addresses
from cachegate.domain.address import ElasticIp
from cachegate.errors import AddressRefusedError, TransientError
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client

if TYPE_CHECKING:
    from collections.abc import Callable

FREE = {"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.73", "Domain": "vpc"}
HELD = FREE | {
    "AssociationId": "eipassoc-1", "InstanceId": "i-1", "NetworkInterfaceId": "eni-1",
}  # fmt: skip
LATE = ReadTimeoutError(endpoint_url="https://ec2")


def ok(**_: Any) -> dict[str, Any]:
    return {}


def showing(*shapes: dict[str, Any]) -> Callable[..., Any]:
    return lambda **_: {"Addresses": list(shapes)}


def adapter(calls: list[Call] | None = None, **answers: Callable[..., Any]) -> Ec2Addresses:
    reads = {"DescribeAddresses": showing(HELD)} | answers
    moves = {"AssociateAddress": answers.get("AssociateAddress", ok)}
    return Ec2Addresses(fake_client("ec2", reads, calls), fake_client("ec2", moves, calls))


@pytest.mark.parametrize(
    ("shape", "instance_id", "interface_id"),
    [
        (FREE, None, None),
        (FREE | {"InstanceId": "", "NetworkInterfaceId": ""}, None, None),
        (HELD, "i-1", "eni-1"),
        (FREE | {"NetworkInterfaceId": "eni-2", "AssociationId": "a"}, None, "eni-2"),
    ],
)
def test_an_address_is_read_with_its_holder(
    shape: dict[str, Any], instance_id: str | None, interface_id: str | None
) -> None:
    calls: list[Call] = []

    found = adapter(calls, DescribeAddresses=showing(shape)).find("eipalloc-1")

    assert found == ElasticIp(
        allocation_id="eipalloc-1", address=IPv4Address("203.0.113.73"),
        instance_id=instance_id, interface_id=interface_id,
    )  # fmt: skip
    wanted = [{"Name": "allocation-id", "Values": ["eipalloc-1"]}]
    assert calls == [("DescribeAddresses", {"Filters": wanted})]


def test_an_address_that_ec2_does_not_show_is_none() -> None:
    assert adapter(DescribeAddresses=showing()).find("eipalloc-1") is None


def test_without_an_answer_it_is_not_known_who_has_the_address() -> None:
    with pytest.raises(TransientError, match="who has eipalloc-1 is not known"):
        adapter(DescribeAddresses=failing(LATE)).find("eipalloc-1")


def test_a_move_is_asked_for_once_by_id_and_from_whoever_has_it() -> None:
    calls: list[Call] = []

    adapter(calls).associate("eipalloc-1", "i-2")

    asked = {"AllocationId": "eipalloc-1", "InstanceId": "i-2", "AllowReassociation": True}
    assert calls == [("AssociateAddress", asked)]


def test_of_an_instance_with_several_interfaces_one_is_named_and_not_the_instance() -> None:
    calls: list[Call] = []

    adapter(calls).associate("eipalloc-1", "i-2", "eni-2")

    asked = {
        "AllocationId": "eipalloc-1",
        "NetworkInterfaceId": "eni-2",
        "AllowReassociation": True,
    }
    assert calls == [("AssociateAddress", asked)]


@pytest.mark.parametrize(
    "code",
    [
        "Gateway.NotAttached",
        "InvalidAllocationID.NotFound",
        "InvalidInstanceID",
        "InvalidInstanceID.NotFound",
        "IncorrectInstanceState",
        "UnauthorizedOperation",
    ],
)
def test_a_move_that_ec2_refuses_is_told_with_its_words(code: str) -> None:
    refusing = adapter(AssociateAddress=failing(client_error(code, operation="AssociateAddress")))

    with pytest.raises(AddressRefusedError, match=rf"moved to i-2: .*{code}: as told by the test"):
        refusing.associate("eipalloc-1", "i-2")


@pytest.mark.parametrize(
    "error", [LATE, client_error("RequestLimitExceeded", 503), client_error("InternalError", 500)]
)
def test_a_move_without_an_answer_may_have_been_done(error: Exception) -> None:
    with pytest.raises(TransientError, match="eipalloc-1 may not have moved to i-2"):
        adapter(AssociateAddress=failing(error)).associate("eipalloc-1", "i-2")


def test_an_address_is_taken_from_its_holder_before_it_is_given_back() -> None:
    calls: list[Call] = []

    adapter(calls, DisassociateAddress=ok, ReleaseAddress=ok).release("eipalloc-1")

    assert calls[1:] == [
        ("DisassociateAddress", {"AssociationId": "eipassoc-1"}),
        ("ReleaseAddress", {"AllocationId": "eipalloc-1"}),
    ]


def test_an_address_of_nobody_is_given_back_at_once_and_one_that_is_gone_is_no_error() -> None:
    calls: list[Call] = []

    adapter(calls, DescribeAddresses=showing(FREE), ReleaseAddress=ok).release("eipalloc-1")
    adapter(calls, DescribeAddresses=showing()).release("eipalloc-1")

    assert [name for name, _ in calls] == [
        "DescribeAddresses", "ReleaseAddress", "DescribeAddresses",
    ]  # fmt: skip


def test_what_somebody_else_did_meanwhile_is_done() -> None:
    calls: list[Call] = []
    taken = failing(client_error("InvalidAssociationID.NotFound"))
    released = failing(client_error("InvalidAllocationID.NotFound"))

    adapter(calls, DisassociateAddress=taken, ReleaseAddress=released).release("eipalloc-1")

    assert calls[-1][0] == "ReleaseAddress"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("InvalidIPAddress.InUse"), TransientError),
        (client_error("RequestLimitExceeded", 503), TransientError),
        (LATE, TransientError),
        (client_error("UnauthorizedOperation", 403), AddressRefusedError),
        (client_error("AuthFailure", 403), AddressRefusedError),
    ],
)
@pytest.mark.parametrize("call", ["DisassociateAddress", "ReleaseAddress"])
def test_an_address_that_stays_is_told_with_whether_it_may_go_later(
    call: str, error: Exception, expected: type[Exception]
) -> None:
    answers = {"DisassociateAddress": ok, "ReleaseAddress": ok} | {call: failing(error)}

    with pytest.raises(expected, match="eipalloc-1 is not given back"):
        adapter(**answers).release("eipalloc-1")


def test_what_only_a_person_can_mend_about_reading_is_raised_as_it_is() -> None:
    denied = failing(client_error("UnauthorizedOperation", 403))

    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        adapter(DescribeAddresses=denied).find("eipalloc-1")
