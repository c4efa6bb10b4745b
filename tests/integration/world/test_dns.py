"""The stand-in resolver tells the truth, and lies only on request."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from dnslib import QTYPE, DNSRecord

from local.vpc import RESOLVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.dns import Resolver
    from local.world import World


@pytest.fixture
def resolver(world: World) -> Iterator[Resolver]:
    yield world.resolver
    world.resolver.lag_s, world.resolver.flap = 0, False
    world.resolver.lies.clear()
    world.resolver.faults.clear()


@pytest.fixture(scope="module")
def name(world: World) -> str:
    world.create_replication_group("sessions", replicas=2)
    return world.node("sessions-002").name


def addresses(name: str) -> set[str]:
    found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    return {str(each[4][0]) for each in found}


def test_programs_here_and_on_a_nat_instance_find_a_node(
    world: World, resolver: Resolver, name: str
) -> None:
    nat = world.add_nat_instance({})
    address = str(world.node("sessions-002").address)

    assert addresses(name) == {address}
    assert nat.host.run("getent", "ahostsv4", name).stdout.startswith(address)


def test_the_primary_is_an_alias_and_readers_are_all_replicas(
    world: World, resolver: Resolver, name: str
) -> None:
    group = world.aws.fleet.groups["sessions"]
    query = DNSRecord.question(group.primary_name)

    reply = DNSRecord.parse(query.send(str(RESOLVER), 53, timeout=2))

    assert [QTYPE[each.rtype] for each in reply.rr] == ["CNAME", "A"]
    assert all(each.ttl == resolver.ttl_s for each in reply.rr)
    assert addresses(group.reader_name) == {
        str(world.node(f"sessions-00{i}").address) for i in (2, 3)
    }


def test_a_lagging_answer_is_old_and_a_flapping_one_every_other_time(
    world: World, resolver: Resolver, name: str
) -> None:
    old = addresses(name)
    new = {str(world.replace_node("sessions-002"))}

    assert addresses(name) == new
    resolver.lag_s = 3600
    lagging = addresses(name)
    resolver.flap = True
    flapping = {frozenset(addresses(name)) for _ in range(3)}

    assert lagging != new
    assert old != new
    assert frozenset(new) in flapping
    assert len(flapping) == 2


def test_it_lies_on_request(resolver: Resolver, name: str) -> None:
    resolver.lies[name] = (IPv4Address("192.0.2.1"),)

    assert addresses(name) == {"192.0.2.1"}


@pytest.mark.parametrize("fault", ["nxdomain", "servfail", "timeout"])
def test_it_fails_on_request(resolver: Resolver, name: str, fault: str) -> None:
    resolver.faults[name] = fault

    with pytest.raises(socket.gaierror):
        addresses(name)


def test_a_name_that_was_never_made_does_not_exist(resolver: Resolver) -> None:
    with pytest.raises(socket.gaierror, match=r"not known|No address"):
        addresses("nothing.use1.cache.amazonaws.com")
