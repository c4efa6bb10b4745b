"""The figures of the kernel's own table of connections are in the reports that passes read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.gateway.lab import CLIENT, A, forward, payload

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Document, Gateway

DOCUMENT = payload(1, forward(6379, A))


def kernel(gateway: Gateway, name: str) -> int:
    path = f"/proc/sys/net/netfilter/nf_conntrack_{name}"
    return int(gateway.nat.run("cat", path).stdout)


def reports(gateway: Gateway) -> list[Document]:
    return [gateway.apply(DOCUMENT), gateway.agent("inspect").answer]


def test_connections_in_use_and_their_limit_are_reported(gateway: Gateway) -> None:
    gateway.apply(DOCUMENT)
    for _ in range(5):
        assert gateway.ask(6379) == "A"

    told = [report["conntrack"] for report in reports(gateway)]

    assert {each["limit"] for each in told} == {kernel(gateway, "max")}
    # Each ask left an entry, and the probe of the target is one more.
    assert all(5 <= each["used"] <= kernel(gateway, "count") for each in told)


def test_an_interface_that_is_none_of_ec2s_has_no_allowances(gateway: Gateway) -> None:
    gateway.nat.run("ip", "route", "add", "default", "via", CLIENT)

    assert [report.get("allowances") for report in reports(gateway)] == [None, None]
