"""Who has a group: what one interface proves, and that a service's own proves nothing."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.domain.finding import Use
from cachegate.domain.groups import Interface
from cachegate.planning.sharing import NAMED, in_words, sharing
from tests.unit.planning.guarded import group, interface

CACHE = frozenset({ip_address("10.0.1.230"), ip_address("2600:1f14::5")})
MANAGED: dict[str, Any] = {"requester_managed": True}
ANOTHER = "444455556666"  # a service's own account, as EC2 shows requesters without a name

# Name, interface, whose the group is then.
INTERFACES = [
    ("a cache's address", interface("eni-1", "10.0.1.230"), "exclusive"),
    ("a cache's IPv6 address", interface("eni-1", "2600:1f14::5"), "exclusive"),
    ("a cache's address, managed", interface("eni-1", "10.0.1.230", **MANAGED), "exclusive"),
    ("made by ElastiCache", interface(requester="amazon-elasticache", **MANAGED), "exclusive"),
    ("attached to ElastiCache", interface(attached_to="amazon-elasticache"), "exclusive"),
    (
        "a service's, described as ElastiCache's",
        interface(description="ElastiCache sessions-001", requester=ANOTHER, **MANAGED),
        "exclusive",
    ),
    (
        "the same in lower case",
        interface(description="elasticache sessions-001", **MANAGED),
        "exclusive",
    ),
    (
        "a person's, described as ElastiCache's",
        interface(description="ElastiCache sessions-001"),
        "shared",
    ),
    (
        "a service's, described as something beside ElastiCache",
        interface(description="proxy before ElastiCache", **MANAGED),
        "doubtful",
    ),
    ("an instance's", interface(attached_to="i-1"), "shared"),
    (
        "an instance's with a cache's address: DNS is late, or lies",
        interface("eni-1", "10.0.1.230", attached_to="i-1"),
        "shared",
    ),
    (
        "an instance's that says ElastiCache",
        interface(attached_to="i-1", description="ElastiCache x", **MANAGED),
        "shared",
    ),
    ("a person's that is attached to nothing", interface(), "shared"),
    (
        "a function's",
        interface(kind="lambda", description="AWS Lambda VPC ENI-x", **MANAGED),
        "shared",
    ),
    ("a load balancer's", interface(requester="amazon-elb", **MANAGED), "shared"),
    ("a network load balancer's", interface(kind="network_load_balancer", **MANAGED), "shared"),
    ("a database's", interface(requester="amazon-rds", **MANAGED), "shared"),
    ("a NAT gateway's, as the model spells it", interface(kind="natGateway", **MANAGED), "shared"),
    ("a NAT gateway's, as documented", interface(kind="nat_gateway", **MANAGED), "shared"),
    ("a service's that we do not know", interface(requester=ANOTHER, **MANAGED), "doubtful"),
    (
        "an endpoint, as serverless caches have, of an address that we do not know",
        interface(kind="vpc_endpoint", requester=ANOTHER, **MANAGED),
        "doubtful",
    ),
    (
        "the same of a serverless cache's address",
        interface("eni-1", "10.0.1.230", kind="vpc_endpoint", requester=ANOTHER, **MANAGED),
        "exclusive",
    ),
    (
        "a kind that EC2 has yet to invent",
        interface(kind="quantum", requester=ANOTHER, **MANAGED),
        "doubtful",
    ),
]


@pytest.mark.parametrize(
    ("member", "use"), [case[1:] for case in INTERFACES], ids=[case[0] for case in INTERFACES]
)
def test_each_interface_tells_whose_the_group_is(member: Interface, use: str) -> None:
    found = sharing(group(), [member], CACHE)

    assert found.use == use
    assert found.others == ((member,) if use == "shared" else ())
    assert found.unknown == ((member,) if use == "doubtful" else ())


@pytest.mark.parametrize(
    ("member", "use", "why"),
    [
        (interface(), "doubtful", "its address may be one that DNS did not tell"),
        (interface(**MANAGED), "doubtful", "a service made it"),
        (interface("eni-1", "10.0.1.230"), "exclusive", "what is known is enough"),
        (interface(attached_to="i-1"), "shared", "no cache is attached to an instance of ours"),
        (interface(kind="lambda", **MANAGED), "shared", "no cache has that type"),
        (interface(requester="amazon-elb", **MANAGED), "shared", "no cache has that requester"),
    ],
)
def test_addresses_that_dns_did_not_tell_make_doubtful_what_nothing_else_tells(
    member: Interface, use: str, why: str
) -> None:
    assert sharing(group(), [member], CACHE, complete=False).use == use, why


def test_one_stranger_outweighs_any_number_that_nobody_knows() -> None:
    members = [interface("eni-1", **MANAGED), interface("eni-2", attached_to="i-1")]

    found = sharing(group(), members, CACHE)

    assert found.use is Use.SHARED
    assert [each.interface_id for each in found.unknown] == ["eni-1"]


@pytest.mark.parametrize(
    "members", [(), (interface("eni-1", "10.0.1.230"),), (interface(**MANAGED),)]
)
def test_a_default_group_is_shared_whoever_has_it_now(members: tuple[Interface, ...]) -> None:
    found = sharing(group(name="default"), members, CACHE)

    assert found.use is Use.SHARED
    assert "default group" in found.reason


@pytest.mark.parametrize("name", ["Default", "default-web", ""])
def test_a_name_that_only_looks_like_default_is_no_default_group(name: str) -> None:
    assert sharing(group(name=name), [], CACHE).use is Use.EXCLUSIVE


def test_the_evidence_names_who_and_where_the_internet_reaches_it_public_ones_first() -> None:
    members = [interface(f"eni-{n}", attached_to=f"i-{n}") for n in range(5)]
    members.append(interface("eni-9", attached_to="i-9", public="203.0.114.9 203.0.114.10"))

    found = sharing(group(), members, CACHE)

    assert found.reason.startswith(
        "eni-9 (i-9, public at 203.0.114.10, 203.0.114.9), eni-0 (i-0), eni-1 (i-1) and 3 more"
    )
    assert [each.interface_id for each in found.public] == ["eni-9"]


def test_evidence_is_in_the_order_of_ids_whatever_order_ec2_has() -> None:
    ids = ["eni-3", "eni-1", "eni-2"]
    others = [interface(each, attached_to="i-1") for each in ids]
    unknown = [interface(f"{each}0", **MANAGED) for each in ids]

    found = sharing(group(), [*others, *unknown], CACHE)

    assert [each.interface_id for each in found.others] == ["eni-1", "eni-2", "eni-3"]
    assert [each.interface_id for each in found.unknown] == ["eni-10", "eni-20", "eni-30"]


def test_a_public_address_of_what_may_be_a_caches_accuses_nobody() -> None:
    found = sharing(group(), [interface(public="203.0.114.9", **MANAGED)], CACHE)

    assert (found.use, found.public) == (Use.DOUBTFUL, ())


def test_a_default_group_names_its_strangers_too() -> None:
    found = sharing(group(name="default"), [interface("eni-1", attached_to="i-1")], CACHE)

    assert "eni-1 (i-1)" in found.reason


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (interface(attached_to="i-1", requester="x", description="y"), "eni-1 (i-1)"),
        (interface(requester="amazon-elb", description="y"), "eni-1 (amazon-elb)"),
        (interface(description="a spare"), "eni-1 (a spare)"),
        (interface(), "eni-1 (unattached)"),
    ],
)
def test_an_interface_is_named_by_what_tells_most(member: Interface, words: str) -> None:
    assert in_words(member) == words


def test_exactly_as_many_as_are_named_leave_no_rest() -> None:
    members = [interface(f"eni-{n}", attached_to=f"i-{n}") for n in range(NAMED)]

    assert "more" not in sharing(group(), members, CACHE).reason


any_interface = st.builds(
    lambda number, address, kind, words, requester, managed, attached: Interface(
        interface_id=f"eni-{number}",
        groups=frozenset({"sg-1"}),
        addresses=frozenset({ip_address(address)}),
        kind=kind,
        description=words,
        requester=requester,
        requester_managed=managed,
        attached_to=attached,
    ),
    st.integers(0, 9),
    st.sampled_from(["10.0.1.230", "10.0.0.7"]),
    st.sampled_from(["interface", "lambda", "vpc_endpoint", "quantum"]),
    st.sampled_from(["", "ElastiCache x", "RDSNetworkInterface"]),
    st.sampled_from(["", ANOTHER, "amazon-elasticache", "amazon-rds"]),
    st.booleans(),
    st.sampled_from(["", "i-1", "amazon-elasticache", "amazon-rds"]),
)


@given(st.lists(any_interface, max_size=6), st.booleans())
def test_who_has_a_group_does_not_hang_on_the_order_and_less_knowledge_accuses_nobody(
    members: list[Interface],
    default: bool,  # noqa: FBT001
) -> None:
    whose = group(name="default" if default else "web")

    found = sharing(whose, members, CACHE)
    less = sharing(whose, members, CACHE, complete=False)

    assert found.use is sharing(whose, members[::-1], CACHE).use
    assert set(less.others) <= set(found.others)
    assert set(found.others).isdisjoint(found.unknown)
    assert found.use is not Use.SHARED or found.others or default
