"""How an answer to `describe` becomes what a client connects to."""

from __future__ import annotations

from typing import Any

import pytest

from cachegate.client import Natmap, connection_of
from cachegate.client.errors import (
    NotForwardedError,
    NotToldError,
    OutdatedStackError,
    SeveralCachesError,
    UnknownCacheError,
)
from tests.unit.client.described import PUBLIC, description, forward


def test_every_name_and_address_of_a_node_leads_to_its_listen_port() -> None:
    connection = connection_of(description(forward(6380), forward(6381)), "sessions")

    assert connection.natmap == {
        "clustercfg.h4sh.cache.example:6379": (PUBLIC, 6380),
        "node1.h4sh.cache.example:6379": (PUBLIC, 6380),
        "10.0.1.1:6379": (PUBLIC, 6380),
        "node2.h4sh.cache.example:6379": (PUBLIC, 6381),
        "10.0.1.2:6379": (PUBLIC, 6381),
    }


def test_with_tls_the_outer_place_has_the_nodes_own_name_and_the_hosts_lines_lead_it_out() -> None:
    connection = connection_of(description(forward(6380), tls=True), "sessions")

    assert connection.natmap == {
        "clustercfg.h4sh.cache.example:6379": ("clustercfg.h4sh.cache.example", 6380),
        "node1.h4sh.cache.example:6379": ("node1.h4sh.cache.example", 6380),
        "10.0.1.1:6379": ("node1.h4sh.cache.example", 6380),
    }
    assert connection.hosts == {
        "clustercfg.h4sh.cache.example": PUBLIC,
        "node1.h4sh.cache.example": PUBLIC,
    }


def test_a_tls_node_whose_name_is_not_told_keeps_its_listen_port() -> None:
    connection = connection_of(description(forward(6380, endpoint=None), tls=True), "sessions")

    assert connection.natmap["10.0.1.1:6379"] == (PUBLIC, 6380)


def test_role_ports_are_reached_by_their_endpoints_and_no_address_is_theirs() -> None:
    described = description(
        forward(6380, role="replica"),
        forward(6381, kind="primary", node=None, endpoint="primary.example:6379"),
        forward(6382, kind="readers", node=None, endpoint="reader.example:6379",
                targets=["10.0.1.1:6379", "10.0.1.9:6379"]),
        cluster_mode=False, endpoint=None,
    )  # fmt: skip

    natmap = connection_of(described, "sessions").natmap

    assert natmap["primary.example:6379"] == (PUBLIC, 6381)
    assert natmap["reader.example:6379"] == (PUBLIC, 6382)
    assert natmap["10.0.1.1:6379"] == (PUBLIC, 6380)
    assert "10.0.1.9:6379" not in natmap


def test_a_serverless_cache_has_its_two_ports_and_no_node() -> None:
    one, two = "sessions.serverless.example:6379", "sessions.serverless.example:6380"
    described = description(
        forward(6390, kind="endpoint", node=None, shard=None, endpoint=one),
        forward(6391, kind="endpoint", node=None, shard=None, endpoint=two),
        kind="serverless", cluster_mode=False, tls=True, endpoint=one,
    )  # fmt: skip

    connection = connection_of(described, "sessions")

    assert connection.natmap == {
        one: ("sessions.serverless.example", 6390),
        two: ("sessions.serverless.example", 6391),
    }
    assert connection.nodes == ()
    assert connection.clustered


@pytest.mark.parametrize("state", ["waiting", "withheld", "at_rest"])
def test_a_port_that_leads_nowhere_is_in_no_map(state: str) -> None:
    described = description(forward(6380), forward(6381, state=state), tls=True)

    connection = connection_of(described, "sessions")

    assert {port for _, port in connection.natmap.values()} == {6380}
    assert "node2.h4sh.cache.example" not in connection.hosts
    assert [each.listen for each in connection.nodes] == [6380]


def test_a_leaving_node_stays_in_the_map_while_its_port_leads_to_it_but_is_no_start() -> None:
    described = description(forward(6380, state="leaving"), forward(6381))

    connection = connection_of(described, "sessions")

    assert connection.natmap["10.0.1.1:6379"] == (PUBLIC, 6380)
    assert [each.listen for each in connection.nodes] == [6381]
    assert Natmap(connection.natmap).seeds[0] == (PUBLIC, 6381)


def test_a_forward_of_a_role_is_found_by_its_kind_where_it_leads_somewhere() -> None:
    primary = forward(6381, kind="primary", node=None, endpoint="primary.example:6379")
    readers = forward(6382, kind="readers", node=None, state="waiting", targets=[])

    connection = connection_of(description(forward(6380), primary, readers), "sessions")

    found = connection.of_kind("primary")
    assert found is not None
    assert connection.outer(found) == (PUBLIC, 6381)
    assert connection.of_kind("readers") is None


def test_forwards_come_in_the_order_of_their_listen_ports() -> None:
    connection = connection_of(description(forward(6382), forward(6380)), "sessions")

    assert [each.listen for each in connection.forwards] == [6380, 6382]


def test_of_several_nat_instances_one_may_be_chosen() -> None:
    described = description(forward(6380, public_addresses=["203.0.113.1", "203.0.113.2"]))

    assert connection_of(described, "sessions").public == "203.0.113.1"
    assert connection_of(described, "sessions", "203.0.113.2").public == "203.0.113.2"
    with pytest.raises(NotForwardedError, match=r"none of sessions's addresses: 203.0.113.1, 2"):
        connection_of(described, "sessions", "198.51.100.1")


def test_without_a_choice_a_nat_instance_that_runs_is_taken_before_one_that_does_not() -> None:
    described = description(forward(6380, public_addresses=["203.0.113.1", "203.0.113.2"]))
    first = {"public_address": "203.0.113.1", "state": "stopping", "health": "ok"}
    second = {"public_address": "203.0.113.2", "state": "running", "health": "ok"}
    described["vpcs"][0]["nat_instances"] = [first, second]

    assert connection_of(described, "sessions").public == "203.0.113.2"
    assert connection_of(described, "sessions", "203.0.113.1").public == "203.0.113.1"

    first["state"], first["health"] = "running", "impaired"
    assert connection_of(described, "sessions").public == "203.0.113.2"

    second["state"] = "stopped"
    assert connection_of(described, "sessions").public == "203.0.113.1"


def _in_two_vpcs(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return an answer in which vpc-0, which comes first, has a cache of the same name."""
    described, other = description(second), description(first)
    described["vpcs"] = [other["vpcs"][0] | {"vpc": "vpc-0"}, *described["vpcs"]]
    return described


@pytest.mark.parametrize("state", ["waiting", "leaving", "withheld", "at_rest"])
def test_a_cache_made_again_in_another_vpc_is_the_one_that_is_forwarded(state: str) -> None:
    old = forward(6380, state=state, public_addresses=["203.0.113.1"], targets=["10.9.0.1:6379"])

    connection = connection_of(_in_two_vpcs(old, forward(6380)), "sessions")

    assert connection.public == PUBLIC
    assert "10.9.0.1:6379" not in connection.natmap


def test_of_two_caches_of_a_name_in_two_vpcs_none_is_taken_unless_it_is_chosen() -> None:
    one = forward(6380, public_addresses=["203.0.113.1"], targets=["10.9.0.1:6379"])
    described = _in_two_vpcs(one, forward(6380))

    with pytest.raises(SeveralCachesError, match=rf"vpc-0: 203.0.113.1; vpc-1: {PUBLIC}"):
        connection_of(described, "sessions")
    assert "10.9.0.1:6379" in connection_of(described, "sessions", "203.0.113.1").natmap
    assert "10.0.1.1:6379" in connection_of(described, "sessions", PUBLIC).natmap


def test_a_detached_vpc_leads_nowhere_whatever_its_ledger_has() -> None:
    described = description(forward(6380))
    described["vpcs"][0]["detached"] = True

    with pytest.raises(NotForwardedError, match=r"vpc-1 is detached; cachegate sync"):
        connection_of(described, "sessions")


def test_a_cache_that_nothing_leads_to_says_why() -> None:
    described = description(forward(6380, state="withheld", reason="it speaks plaintext"))

    with pytest.raises(NotForwardedError, match="nothing leads to sessions now: it speaks plain"):
        connection_of(described, "sessions")


def test_a_cache_without_forwards_yet_says_so() -> None:
    with pytest.raises(NotForwardedError, match="it has no forwards yet"):
        connection_of(description(), "sessions")


def test_no_public_address_is_said() -> None:
    with pytest.raises(NotForwardedError, match="no NAT instance has a public address"):
        connection_of(description(forward(6380, public_addresses=[])), "sessions")


def test_a_cache_that_aws_did_not_tell_about_is_asked_for_again_not_taken_for_plaintext() -> None:
    facts = ("kind", "cluster_mode", "tls", "auth", "endpoint")
    unknown: dict[str, Any] = dict.fromkeys(facts)

    with pytest.raises(NotToldError, match="ask again in a minute"):
        connection_of(description(forward(6380, endpoint=None), **unknown), "sessions")


def test_a_problem_of_the_cache_is_the_reason_where_it_is_not_among_the_caches() -> None:
    problem = {"cache": "legacy", "code": "no_vpc", "message": "it is in no VPC"}
    described = description(forward(6380), problems=(problem | {"forwarded": False},))

    with pytest.raises(UnknownCacheError, match="legacy is not forwarded: it is in no VPC"):
        connection_of(described, "legacy")


def test_an_unknown_cache_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(UnknownCacheError, match="knows no cache session; it forwards sessions"):
        connection_of(description(forward(6380)), "session")


def test_a_stack_without_caches_says_how_one_is_exposed() -> None:
    empty: dict[str, Any] = {"stack": "cachegate", "vpcs": [], "not_forwarded": []}

    with pytest.raises(UnknownCacheError, match=r"no cache yet \(a cache is exposed by its tag"):
        connection_of(empty, "sessions")


def test_functions_that_are_older_than_this_program_are_to_be_deployed_again() -> None:
    described = description(forward(6380))
    del described["vpcs"][0]["caches"]

    with pytest.raises(OutdatedStackError, match="deploy this version"):
        connection_of(described, "sessions")


@pytest.mark.parametrize("text", ["host", "host:", ":6379", "a b:6379", "h;rm:6379", "h\n:6379"])
def test_an_endpoint_that_is_none_ends_in_no_hosts_file(text: str) -> None:
    with pytest.raises(NotToldError, match="no host and port"):
        connection_of(description(forward(6380, endpoint=text)), "sessions")
